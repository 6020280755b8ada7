"""The facts of us-ca: California and a few customers in the states around it, as its node serves them. Nobody here exists.

All numbers are 555-0100 to 555-0199, which the North American Numbering Plan keeps free for fiction, under real area codes.
"""

from deploy.places.languages import ENGLISH, SPANISH
from deploy.places.shapes import Country, Region, Speakers, cities, lines

UNITED_STATES = Country(
    code="US",
    weight=100,
    speakers=(
        Speakers(language=ENGLISH, weight=77, locales=("en_US",)),
        Speakers(language=SPANISH, weight=23, locales=("es_MX",), two_surnames=0.4),
    ),
    cities=cities(
        """
        Los Angeles | CA | 3820 | +1 213-555-01##, +1 323-555-01##, +1 310-555-01## | 90004 90012 90015 90024 90026 90034 90045
        San Diego | CA | 1390 | +1 619-555-01##, +1 858-555-01## | 92101 92103 92104 92109 92115 92122 92126 92130
        San Jose | CA | 970 | +1 408-555-01##, +1 669-555-01## | 95110 95112 95116 95123 95125 95128 95136
        San Francisco | CA | 810 | +1 415-555-01##, +1 628-555-01## | 94102 94103 94107 94109 94110 94114 94117 94122 94131
        Fresno | CA | 545 | +1 559-555-01## | 93702 93704 93711 93720 93722
        Sacramento | CA | 525 | +1 916-555-01##, +1 279-555-01## | 95811 95814 95816 95818 95822 95831
        Long Beach | CA | 450 | +1 562-555-01## | 90802 90803 90804 90807 90815
        Oakland | CA | 435 | +1 510-555-01##, +1 341-555-01## | 94601 94606 94607 94609 94610 94612 94618
        Bakersfield | CA | 410 | +1 661-555-01## | 93301 93304 93308 93309 93311
        Anaheim | CA | 345 | +1 714-555-01##, +1 657-555-01## | 92801 92804 92805 92806 92807
        Stockton | CA | 320 | +1 209-555-01## | 95202 95204 95207 95210 95219
        Riverside | CA | 315 | +1 951-555-01## | 92501 92503 92504 92506 92507
        Irvine | CA | 310 | +1 949-555-01## | 92602 92604 92606 92612 92614 92618 92620
        Santa Ana | CA | 310 | +1 714-555-01## | 92701 92703 92704 92705 92707
        Chula Vista | CA | 275 | +1 619-555-01## | 91910 91911 91913 91915
        Fremont | CA | 230 | +1 510-555-01## | 94536 94538 94539 94555
        San Bernardino | CA | 220 | +1 909-555-01## | 92401 92404 92405 92407 92410
        Modesto | CA | 218 | +1 209-555-01## | 95350 95351 95354 95355 95356
        Oxnard | CA | 200 | +1 805-555-01## | 93030 93033 93035 93036
        Santa Rosa | CA | 178 | +1 707-555-01## | 95401 95403 95404 95405 95409
        Pasadena | CA | 136 | +1 626-555-01## | 91101 91103 91104 91106 91107
        Berkeley | CA | 120 | +1 510-555-01## | 94702 94703 94704 94705 94707 94710
        Burbank | CA | 105 | +1 818-555-01##, +1 747-555-01## | 91501 91502 91504 91505 91506
        Redding | CA | 93 | +1 530-555-01## | 96001 96002 96003
        Santa Barbara | CA | 88 | +1 805-555-01## | 93101 93103 93105 93109
        Walnut Creek | CA | 70 | +1 925-555-01## | 94595 94596 94597 94598
        Palo Alto | CA | 67 | +1 650-555-01## | 94301 94303 94306
        Palm Springs | CA | 45 | +1 760-555-01## | 92262 92264
        Monterey | CA | 30 | +1 831-555-01## | 93940
        Las Vegas | NV | 280 | +1 702-555-01## | 89101 89104 89117 89128 89147
        Portland | OR | 210 | +1 503-555-01## | 97201 97205 97209 97214 97232
        Seattle | WA | 200 | +1 206-555-01## | 98101 98103 98109 98115 98122
        Phoenix | AZ | 220 | +1 602-555-01## | 85003 85006 85014 85018 85021 | America/Phoenix
        Denver | CO | 90 | +1 303-555-01## | 80202 80205 80209 80218 | America/Denver
        """,
        time_zone="America/Los_Angeles",
    ),
    mobiles=("+1 {area}-555-01##",),
    landline_share=0.35,
    mobile_share=0.85,
    streets=lines("""
        Main St
        Oak Ave
        Maple Dr
        2nd St
        Cedar Ln
        Washington Blvd
        Park Ave
        Elm St
        Lake View Dr
        Sunset Way
        Hillcrest Rd
        Mission St
        Pine St
        Orchard Ave
        Valencia Ct
        Laurel St
    """),
    address="{number} {street}",
    firms=("{name} Inc.", "{name} LLC", "{name} & {other} LLP", "{name} Supply Co.", "{name} Partners LLC", "{name} Group Inc."),
)

US_CA = Region(
    name="us-ca",
    currency="USD",
    price_level=1.2,
    time_zone="America/Los_Angeles",
    countries=(UNITED_STATES,),
    mail_domains=("example.com", "mail.example", "inbox.example"),
    order_prefix="US",
)

"""The facts of eu-de: Germany, Austria, the Netherlands and Luxembourg, as its node serves them. Nobody here exists.

German landlines and mobiles are those the Bundesnetzagentur keeps free for films and books (notice 148/2021). We know of none in
Austria, the Netherlands and Luxembourg: the numbers there are of the right form, out of one narrow block for each city.
"""

from deploy.places.languages import DUTCH, FRENCH, GERMAN
from deploy.places.shapes import Country, Region, Speakers, cities, lines

GERMANY = Country(
    code="DE",
    weight=78,
    speakers=(Speakers(language=GERMAN, weight=1, locales=("de_DE",)),),
    cities=cities(
        """
        Berlin | Berlin | 3700 | +49 30 23125### | 10115 10178 10243 10405 10585 10719 10827 10967 12043 12163 12435 13055 13187
        Hamburg | Hamburg | 1850 | +49 40 66969### | 20095 20099 20144 20253 20357 21073 22083 22303 22765
        München | Bayern | 1500 | +49 89 99998### | 80331 80469 80539 80634 80796 80992 81241 81369 81541 81667 81925
        Köln | Nordrhein-Westfalen | 1080 | +49 221 4710### | 50667 50674 50733 50825 50931 51063 51103
        Frankfurt am Main | Hessen | 770 | +49 69 90009### | 60311 60313 60318 60325 60385 60486 60594 65929
        Stuttgart | Baden-Württemberg | 630 | | 70173 70182 70197 70372 70469 70567
        Düsseldorf | Nordrhein-Westfalen | 620 | | 40210 40213 40219 40474 40545
        Leipzig | Sachsen | 610 | | 04103 04109 04177 04229 04275 04315
        Dortmund | Nordrhein-Westfalen | 590 | | 44135 44137 44263
        Essen | Nordrhein-Westfalen | 580 | | 45127 45130 45147
        Bremen | Bremen | 570 | | 28195 28203 28213
        Dresden | Sachsen | 560 | | 01067 01069 01097 01309
        Hannover | Niedersachsen | 540 | | 30159 30161 30449 30625
        Nürnberg | Bayern | 520 | | 90402 90403 90429 90461
        Duisburg | Nordrhein-Westfalen | 500 | | 47051 47057
        Bochum | Nordrhein-Westfalen | 360 | | 44787 44801
        Bonn | Nordrhein-Westfalen | 330 | | 53111 53113 53177
        Münster | Nordrhein-Westfalen | 320 | | 48143 48145 48149
        Mannheim | Baden-Württemberg | 310 | | 68159 68161 68165
        Karlsruhe | Baden-Württemberg | 310 | | 76131 76133 76185
        Augsburg | Bayern | 300 | | 86150 86152 86159
        Wiesbaden | Hessen | 280 | | 65183 65185 65187
        Kiel | Schleswig-Holstein | 250 | | 24103 24105 24114
        Magdeburg | Sachsen-Anhalt | 240 | | 39104 39106 39112
        Freiburg im Breisgau | Baden-Württemberg | 230 | | 79098 79100 79106
        Mainz | Rheinland-Pfalz | 220 | | 55116 55118 55131
        Erfurt | Thüringen | 210 | | 99084 99085 99096
        Rostock | Mecklenburg-Vorpommern | 210 | | 18055 18057 18059
        Potsdam | Brandenburg | 185 | | 14467 14469 14482
        Saarbrücken | Saarland | 180 | | 66111 66113 66119
        """,
        time_zone="Europe/Berlin",
    ),
    mobiles=("+49 171 39200##", "+49 176 040690##"),
    landline_share=0.8,
    mobile_share=0.3,
    streets=lines("""
        Hauptstraße
        Bahnhofstraße
        Gartenstraße
        Schillerstraße
        Goethestraße
        Lindenstraße
        Bergstraße
        Kirchgasse
        Mozartstraße
        Am Markt
        Rosenweg
        Ringstraße
        Birkenweg
        Beethovenstraße
        Mühlenweg
        Parkallee
        Uferstraße
        Feldstraße
        Sonnenallee
        Kastanienallee
        Ahornweg
        Wiesengrund
    """),
    address="{street} {number}",
    firms=("{name} GmbH", "{name} & {other} GmbH", "{name} AG", "{name} & Söhne KG", "{name} Handels GmbH", "{name} Technik GmbH"),
)
AUSTRIA = Country(
    code="AT",
    weight=12,
    speakers=(Speakers(language=GERMAN, weight=1, locales=("de_AT",)),),
    cities=cities(
        """
        Wien | Wien | 1980 | +43 1 55501## | 1010 1020 1030 1040 1050 1070 1080 1090 1100 1120 1150 1180 1200 1220
        Graz | Steiermark | 300 | +43 316 55501## | 8010 8020 8041 8051
        Linz | Oberösterreich | 210 | +43 732 55501## | 4020 4030 4040
        Salzburg | Salzburg | 157 | +43 662 55501## | 5020 5023
        Innsbruck | Tirol | 131 | +43 512 55501## | 6020
        Klagenfurt am Wörthersee | Kärnten | 104 | +43 463 55501## | 9020
        Villach | Kärnten | 65 | +43 4242 5501## | 9500
        Wels | Oberösterreich | 64 | +43 7242 5501## | 4600
        St. Pölten | Niederösterreich | 58 | +43 2742 5501## | 3100
        Dornbirn | Vorarlberg | 51 | +43 5572 5501## | 6850
        Eisenstadt | Burgenland | 16 | +43 2682 5501## | 7000
        """,
        time_zone="Europe/Vienna",
    ),
    mobiles=("+43 660 55501##", "+43 664 55501##"),
    landline_share=0.4,
    mobile_share=0.7,
    streets=lines("""
        Hauptstraße
        Wiener Straße
        Kirchengasse
        Schulgasse
        Bahnhofstraße
        Feldgasse
        Mariahilfer Gasse
        Lindengasse
        Am Anger
        Wiesengasse
        Mühlgasse
        Neubaugasse
    """),
    address="{street} {number}",
    firms=("{name} GmbH", "{name} & Co KG", "{name} Handels GmbH", "{name} AG"),
)
NETHERLANDS = Country(
    code="NL",
    weight=6,
    speakers=(Speakers(language=DUTCH, weight=1, locales=("nl_NL",)),),
    cities=cities(
        """
        Amsterdam | Noord-Holland | 920 | +31 20 55501## | 1012_?? 1016_?? 1053_?? 1072_?? 1091_??
        Rotterdam | Zuid-Holland | 660 | +31 10 55501## | 3011_?? 3012_?? 3022_?? 3039_??
        Den Haag | Zuid-Holland | 560 | +31 70 55501## | 2511_?? 2514_?? 2526_?? 2582_??
        Utrecht | Utrecht | 370 | +31 30 55501## | 3511_?? 3512_?? 3531_?? 3582_??
        Eindhoven | Noord-Brabant | 245 | +31 40 55501## | 5611_?? 5612_?? 5616_??
        Groningen | Groningen | 240 | +31 50 55501## | 9711_?? 9712_?? 9724_??
        Tilburg | Noord-Brabant | 229 | +31 13 55501## | 5011_?? 5038_?? 5041_??
        Nijmegen | Gelderland | 182 | +31 24 55501## | 6511_?? 6512_?? 6524_??
        Arnhem | Gelderland | 167 | +31 26 55501## | 6811_?? 6812_?? 6821_??
        Haarlem | Noord-Holland | 165 | +31 23 55501## | 2011_?? 2012_?? 2023_??
        Leiden | Zuid-Holland | 128 | +31 71 55501## | 2311_?? 2312_?? 2333_??
        Maastricht | Limburg | 125 | +31 43 55501## | 6211_?? 6212_?? 6221_??
        """,
        time_zone="Europe/Amsterdam",
    ),
    mobiles=("+31 6 555010##",),
    landline_share=0.4,
    mobile_share=0.7,
    streets=lines("""
        Dorpsstraat
        Kerkstraat
        Stationsweg
        Molenweg
        Schoolstraat
        Beatrixlaan
        Nieuwstraat
        Parkweg
        Julianalaan
        Oranjestraat
        Lindelaan
    """),
    address="{street} {number}",
    firms=("{name} B.V.", "{name} & Zonen B.V.", "{name} Groep B.V.", "{name} N.V."),
)
LUXEMBOURG = Country(
    code="LU",
    weight=4,
    speakers=(
        Speakers(language=FRENCH, weight=6, locales=("fr_FR", "de_LU")),
        Speakers(language=GERMAN, weight=4, locales=("de_LU",)),
    ),
    cities=cities(
        """
        Luxembourg | Luxembourg | 134 | +352 265501## | 1212 1511 1660 1855 2134 2449
        Esch-sur-Alzette | Esch-sur-Alzette | 37 | +352 265502## | 4010 4030 4132 4240
        Differdange | Esch-sur-Alzette | 30 | +352 265503## | 4501 4620
        Dudelange | Esch-sur-Alzette | 22 | +352 265504## | 3401 3510
        Ettelbruck | Diekirch | 10 | +352 265505## | 9010 9050
        Diekirch | Diekirch | 7 | +352 265506## | 9201 9260
        """,
        time_zone="Europe/Luxembourg",
    ),
    mobiles=("+352 621 5550##", "+352 691 5550##"),
    landline_share=0.4,
    mobile_share=0.7,
    streets=lines("""
        rue de la Gare
        Grand-Rue
        avenue de la Liberté
        rue des Prés
        route d'Arlon
        rue du Moulin
        rue de l'Église
        rue des Champs
    """),
    address="{number}, {street}",
    firms=("{name} S.à r.l.", "{name} S.A.", "{name} & Associés S.à r.l."),
)

EU_DE = Region(
    name="eu-de",
    currency="EUR",
    price_level=1.0,
    time_zone="Europe/Berlin",
    countries=(GERMANY, AUSTRIA, NETHERLANDS, LUXEMBOURG),
    mail_domains=("example.org", "post.example", "brief.example", "mail.post.example"),
    order_prefix="EU",
)

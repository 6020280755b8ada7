"""Draws a region's made-up trade: firms, orders, deals and conversations that fit its people. Nothing here is read from anyone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import exp
from random import Random

from deploy import terms
from deploy.people import HISTORY_DAYS, Person, ascii_word, draw_city, draw_country, draw_place, draw_speakers, name_lists
from deploy.places.shapes import Region
from deploy.terms import draw, fill, pick, stream

_CONSUMERS = 0.6
_RECENT_DAYS = 14
_CHURN_PAUSE = (60, 200)
_MAX_DEAL_CENTS = 12_000_000
_NOTED = 0.05
_ON_RECORD = 0.5
_CENTS = 100
Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """A company: its line of companies.csv and what its contacts inherit."""

    row: Row
    segment: str
    contacts: int
    country: str


def money(cents: int) -> str:
    """Minor units as decimal text of the major unit: 123450 reads `1234.50`."""
    return f"{cents // _CENTS}.{cents % _CENTS:02d}"


def draw_firms(seed: int, region: Region, *, count: int) -> list[Firm]:
    """So many firms, each of another name."""
    rng = stream(seed, "firms", region.name)
    sizes = draw(rng, terms.SIZE_BANDS, count)
    industries = draw(rng, terms.INDUSTRIES, count)
    named: set[str] = set()
    return [_draw_firm(rng, region, number=n + 1, size=sizes[n], industry=industries[n], named=named) for n in range(count)]


def _draw_firm(rng: Random, region: Region, *, number: int, size: str, industry: str, named: set[str]) -> Firm:
    country = draw_country(rng, region)
    families = name_lists(pick(rng, draw_speakers(rng, country).locales))[2]
    city = draw_city(rng, country)
    name = pick(rng, country.firms).format(name=families.draw(rng), other=families.draw(rng))
    while name in named:
        name = f"{families.draw(rng)} {name}"
    named.add(name)
    low, high = terms.EMPLOYEES[size]
    employees = int(low + (high - low) * rng.random() ** 2)
    revenue = int(employees * rng.lognormvariate(11.5, 0.6) * region.price_level) * _CENTS
    row = {
        "external_id": f"{region.name}-c-{number:05d}",
        "name": name,
        "website": f"https://www.{ascii_word(name)}.example",
        "phone": fill(rng, pick(rng, city.landlines)) if city.landlines else "",
        **draw_place(rng, country, city),
        "country": country.code,
        "industry": industry,
        "size_band": size,
        "employees": str(employees),
        "annual_revenue": money(revenue),
        "currency": region.currency,
        "owner": f"sales-{1 + number % 6}",
    }
    segment = "public_sector" if industry in terms.PUBLIC_INDUSTRIES else terms.SEGMENT_OF_SIZE[size]
    return Firm(row=row, segment=segment, contacts=terms.CONTACTS[size], country=country.code)


def employ(seed: int, region: Region, people: list[Person], firms: list[Firm]) -> None:
    """Give two people in five a firm of their own country where there is one, a job there, and its segment."""
    rng = stream(seed, "jobs", region.name)
    by_country = {f.country: [g for g in firms if g.country == f.country] for f in firms}
    weights = {country: [f.contacts for f in hiring] for country, hiring in by_country.items()}
    for person in people:
        hiring = by_country.get(person.country)
        if rng.random() < _CONSUMERS or not hiring:
            continue
        firm = rng.choices(hiring, weights=weights[person.country])[0]
        person.company = firm.row["external_id"]
        person.segment = firm.segment
        person.row["company_external_id"] = person.company
        person.row["job_title"] = pick(rng, person.language.jobs)


def churn(seed: int, region: Region, people: list[Person], *, today: date) -> None:
    """Set when those who left were last active and when they left; who came too lately to have left is a customer."""
    rng = stream(seed, "churn", region.name)
    for person in people:
        if person.stage != "churned":
            continue
        pause = rng.randint(*_CHURN_PAUSE)
        room = (today - person.acquired).days - pause
        if room < _CHURN_PAUSE[0]:
            person.stage = person.row["lifecycle_stage"] = "customer"
            continue
        person.active_until = person.acquired + timedelta(days=int(room * (0.2 + 0.8 * rng.random())))
        person.row["churned_at"] = (person.active_until + timedelta(days=pause)).isoformat()


def _spread(rng: Random, people: list[Person], count: int) -> list[Person]:
    """So many picks, each person once while there are enough, the rest by a long-tailed taste."""
    if not people:
        return []
    once = people[:count]
    appetite = [rng.lognormvariate(0, 0.9) for _ in people]
    return once + rng.choices(people, weights=appetite, k=count - len(once))


def _day(rng: Random, person: Person) -> date:
    span = (person.active_until - person.acquired).days
    return person.acquired + timedelta(days=int(rng.random() * (span + 1)))


def draw_orders(seed: int, region: Region, people: list[Person], *, count: int, today: date) -> list[Row]:
    """Orders of the buyers; what each has paid is added to their lifetime value."""
    rng = stream(seed, "orders", region.name)
    placed = sorted(
        (
            (_day(rng, person), n, person)
            for n, person in enumerate(_spread(rng, [p for p in people if p.stage in terms.BUYERS], count))
        ),
        key=lambda order: order[:2],
    )
    products = rng.choices(terms.PRODUCTS, weights=terms.PRODUCT_WEIGHTS, k=len(placed))
    channels = draw(rng, terms.ORDER_CHANNELS, len(placed))
    closed = draw(rng, terms.CLOSED_ORDER_STATUSES, len(placed))
    under_way = draw(rng, terms.OPEN_ORDER_STATUSES, len(placed))
    rows = []
    for n, (day, _, person) in enumerate(placed):
        price = terms.PRICES[products[n]] * terms.ORDER_FACTOR[person.segment] * region.price_level
        cents = round(price * rng.lognormvariate(0, 0.35) * _CENTS)
        status = under_way[n] if (today - day).days < _RECENT_DAYS else closed[n]
        if status in terms.PAID_STATUSES:
            person.spent_cents += cents
        person.last_activity = max(person.last_activity, day)
        rows.append(
            {
                "external_id": f"{region.name}-o-{n + 1:06d}",
                "number": f"{region.order_prefix}-{day.year}-{n + 1:06d}",
                "notes": pick(rng, person.language.notes) if rng.random() < _NOTED else "",
                "country": person.country,
                "status": status,
                "channel": channels[n],
                "product": products[n],
                "amount": money(cents),
                "currency": region.currency,
                "ordered_at": day.isoformat(),
                "person_external_id": person.row["external_id"],
                "company_external_id": person.company,
            }
        )
    return rows


def draw_deals(seed: int, region: Region, people: list[Person], firms: list[Firm], *, count: int, today: date) -> list[Row]:
    """Deals with the contacts at firms: two in ten still open, three in five of the others won."""
    rng = stream(seed, "deals", region.name)
    names = {firm.row["external_id"]: firm.row["name"] for firm in firms}
    contacts = [p for p in people if p.company] or people
    outcomes = draw(rng, {"open": 22, "won": 47, "lost": 31}, count)
    rows = []
    for n, person in enumerate(rng.choices(contacts, k=count)):
        product = rng.choices(terms.PRODUCTS, weights=terms.PRODUCT_WEIGHTS)[0]
        value = rng.lognormvariate(8.0, 0.7) * terms.DEAL_FACTOR[person.segment] * region.price_level
        rows.append(
            {
                "external_id": f"{region.name}-d-{n + 1:06d}",
                "name": f"{names.get(person.company, person.row['family_name'])}: {product.replace('_', ' ')}",
                "notes": pick(rng, person.language.notes) if rng.random() < _NOTED else "",
                "country": person.country,
                "pipeline": "renewal" if person.stage in terms.BUYERS and rng.random() < 0.2 else "sales",  # noqa: PLR2004 - one in five
                **_deal_course(rng, person, status=outcomes[n], today=today),
                "product": product,
                "source": person.row["lead_source"],
                "amount": money(min(round(value * _CENTS), round(_MAX_DEAL_CENTS * region.price_level))),
                "currency": region.currency,
                "person_external_id": person.row["external_id"],
                "company_external_id": person.company,
                "owner": person.row["owner"],
            }
        )
    return rows


def _deal_course(rng: Random, person: Person, *, status: str, today: date) -> Row:
    cycle = timedelta(days=min(700, max(1, round(rng.lognormvariate(3.7, 0.6)))))
    opened = _day(rng, person)
    if status == "open":
        opened = max(person.acquired, today - timedelta(days=1 + int(rng.random() * 120)))
        stage = pick(rng, terms.OPEN_STAGES)
        closed = ""
    else:
        stage = status
        opened = min(opened, today - cycle)
        closed = (opened + cycle).isoformat()
    return {
        "stage": stage,
        "status": status,
        "probability": terms.PROBABILITIES[stage],
        "opened_at": opened.isoformat(),
        "expected_close_at": (opened + timedelta(days=45)).isoformat(),
        "closed_at": closed,
    }


def draw_activities(seed: int, region: Region, people: list[Person], *, count: int) -> list[Row]:
    """Conversations and tasks with everyone, most with those who buy or are about to."""
    rng = stream(seed, "activities", region.name)
    partners = _spread(rng, people, count)
    kinds = draw(rng, terms.ACTIVITY_KINDS, count)
    rows = []
    for n, person in enumerate(partners):
        kind, day = kinds[n], _day(rng, person)
        person.last_activity = max(person.last_activity, day)
        moment = datetime.combine(day, time(7, 0), tzinfo=UTC) + timedelta(minutes=int(rng.random() * 12 * 60))
        rows.append(
            {
                "external_id": f"{region.name}-a-{n + 1:06d}",
                "subject": pick(rng, person.language.subjects),
                "notes": pick(rng, person.language.notes) if rng.random() < _NOTED else "",
                "country": person.country,
                "kind": kind,
                "channel": draw(rng, terms.ACTIVITY_CHANNELS[kind], 1)[0],
                "direction": draw(rng, terms.ACTIVITY_DIRECTIONS[kind], 1)[0],
                "outcome": draw(rng, terms.ACTIVITY_OUTCOMES[kind], 1)[0],
                "occurred_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "person_external_id": person.row["external_id"],
                "company_external_id": person.company if rng.random() < _ON_RECORD else "",
                "owner": person.row["owner"],
            }
        )
    return rows


def settle(seed: int, region: Region, people: list[Person], *, today: date) -> None:
    """Write onto each person what their trade has come to: lifetime value, tier, scores, last activity."""
    rng = stream(seed, "scores", region.name)
    for person in people:
        euros = person.spent_cents / _CENTS / region.price_level
        idle = (today - person.last_activity).days
        risk = 1 - exp(-idle / (HISTORY_DAYS / 6)) + rng.gauss(0, 0.06)
        if person.stage == "churned":
            risk = 0.9 + rng.random() * 0.1
        person.row["segment"] = person.segment
        person.row["lifetime_value"] = money(person.spent_cents)
        person.row["loyalty_tier"] = next((tier for floor, tier in terms.LOYALTY_FLOORS if euros >= floor), "none")
        person.row["lead_score"] = str(round(min(100, max(0, terms.SCORES[person.stage] + rng.gauss(0, 11)))))
        person.row["churn_risk"] = f"{min(0.99, max(0.01, risk)):.3f}"
        person.row["last_activity_at"] = person.last_activity.isoformat()

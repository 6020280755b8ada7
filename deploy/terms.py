"""The closed words of the made-up trade, with how often each is used. Nothing here draws anything.

They are the published catalogue's words: a test compares the two, because this folder imports no floor of the house.
"""

from collections.abc import Sequence
from random import Random

PIPELINES = ("sales", "renewal")
OPEN_STAGES = ("prospecting", "qualification", "proposal", "negotiation")
STAGES = (*OPEN_STAGES, "won", "lost")
PROBABILITIES = {
    "prospecting": "0.100",
    "qualification": "0.250",
    "proposal": "0.500",
    "negotiation": "0.750",
    "won": "1.000",
    "lost": "0.000",
}

PRICES = {"desk": 420, "chair": 260, "shelf": 140, "lamp": 75, "coffee_machine": 390, "coffee_beans": 28, "service_plan": 99}
"""Products and their usual price in euros."""
PRODUCT_WEIGHTS = (8, 12, 10, 14, 6, 40, 10)
PRODUCTS = tuple(PRICES)

LIFECYCLE = {"customer": 46, "lead": 16, "subscriber": 10, "churned": 9, "qualified": 8, "opportunity": 7, "evangelist": 4}
BUYERS = frozenset({"customer", "evangelist", "churned"})
SCORES = {"subscriber": 15, "lead": 35, "qualified": 60, "opportunity": 75, "customer": 70, "evangelist": 88, "churned": 25}
LEAD_SOURCES = {"web": 40, "referral": 17, "event": 10, "partner": 9, "phone": 8, "advertising": 12, "import": 4}

SEGMENT_OF_SIZE = {
    "1-9": "small_business",
    "10-49": "small_business",
    "50-249": "mid_market",
    "250-999": "mid_market",
    "1000+": "enterprise",
}
SIZE_BANDS = {"1-9": 45, "10-49": 30, "50-249": 15, "250-999": 7, "1000+": 3}
EMPLOYEES = {"1-9": (1, 9), "10-49": (10, 49), "50-249": (50, 249), "250-999": (250, 999), "1000+": (1000, 14_000)}
CONTACTS = {"1-9": 1, "10-49": 2, "50-249": 5, "250-999": 9, "1000+": 18}
"""How much likelier a contact works at a firm of that size than at the smallest."""
ORDER_FACTOR = {"consumer": 1.0, "small_business": 1.4, "mid_market": 1.8, "enterprise": 2.2, "public_sector": 1.5}
DEAL_FACTOR = {"consumer": 0.4, "small_business": 1.0, "mid_market": 2.2, "enterprise": 4.5, "public_sector": 2.0}
PUBLIC_INDUSTRIES = frozenset({"government", "education"})
INDUSTRIES = {
    "retail": 14,
    "professional_services": 13,
    "manufacturing": 11,
    "construction": 10,
    "technology": 9,
    "hospitality": 8,
    "health": 8,
    "transport": 6,
    "finance": 5,
    "education": 4,
    "agriculture": 3,
    "media": 3,
    "government": 3,
    "energy": 2,
    "entertainment": 2,
    "telecommunications": 1,
}

OPEN_ORDER_STATUSES = {"placed": 3, "paid": 4, "shipped": 5}
CLOSED_ORDER_STATUSES = {"delivered": 91, "returned": 5, "cancelled": 4}
PAID_STATUSES = frozenset({"paid", "shipped", "delivered"})
"""The orders that count towards a lifetime value."""
ORDER_CHANNELS = {"web": 58, "store": 17, "phone": 9, "email": 5, "partner": 6, "social": 4, "chat": 1}

ACTIVITY_KINDS = {"email": 34, "call": 22, "web": 16, "chat": 10, "meeting": 8, "note": 4, "task": 3, "visit": 3}
ACTIVITY_CHANNELS = {
    "email": {"email": 1},
    "call": {"phone": 1},
    "web": {"web": 9, "social": 1},
    "chat": {"chat": 8, "social": 2},
    "meeting": {"web": 5, "store": 3, "phone": 2},
    "note": {"other": 1},
    "task": {"other": 1},
    "visit": {"store": 1},
}
ACTIVITY_DIRECTIONS = {
    "email": {"outbound": 6, "inbound": 4},
    "call": {"outbound": 6, "inbound": 4},
    "web": {"inbound": 1},
    "chat": {"inbound": 8, "outbound": 2},
    "meeting": {"outbound": 5, "inbound": 5},
    "note": {"internal": 1},
    "task": {"internal": 1},
    "visit": {"inbound": 1},
}
ACTIVITY_OUTCOMES = {
    "email": {"completed": 90, "bounced": 3, "reached": 7},
    "call": {"reached": 55, "no_answer": 25, "left_message": 15, "scheduled": 5},
    "web": {"completed": 1},
    "chat": {"completed": 8, "scheduled": 2},
    "meeting": {"completed": 8, "scheduled": 2},
    "note": {"completed": 1},
    "task": {"completed": 7, "scheduled": 3},
    "visit": {"completed": 1},
}
LOYALTY_FLOORS = ((4000, "platinum"), (1500, "gold"), (600, "silver"), (150, "bronze"))
"""From how many euros of lifetime value a tier is reached."""


def draw(rng: Random, weights: dict[str, int], count: int) -> list[str]:
    """So many words, each as often as its weight says."""
    return rng.choices(list(weights), weights=list(weights.values()), k=count)


def stream(seed: int, *names: str) -> Random:
    """A stream of its own for each purpose, the same in every run: adding one draw never shifts another stream."""
    return Random(f"{seed}/{'/'.join(names)}")  # noqa: S311 - made-up people must be the same every time; no secret is drawn here


def fill(rng: Random, template: str) -> str:
    """The template with a digit for each `#` and a letter for each `?`."""
    return "".join(_FILLERS[mark](rng) if mark in _FILLERS else mark for mark in template)


def _digit(rng: Random) -> str:
    return _DIGITS[int(rng.random() * 10)]


def _letter(rng: Random) -> str:
    return _LETTERS[int(rng.random() * len(_LETTERS))]


def pick(rng: Random, choices: Sequence[str]) -> str:
    """One of them, each as likely."""
    return choices[int(rng.random() * len(choices))]


_DIGITS = "0123456789"
_LETTERS = "ABCDEGHJKLMNPRTVWXZ"
_FILLERS = {"#": _digit, "?": _letter}

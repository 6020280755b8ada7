"""Finds every class of requests that two bundles decide differently, and a request for each. It takes no verdict itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from policies.engine.difference import Cause, Direction
from policies.engine.request import TransferRequest
from policies.engine.symbolic.compared import directions, suspects
from policies.engine.symbolic.concrete import decode
from policies.engine.symbolic.days import boundaries, candidates, on_days, present
from policies.engine.symbolic.library import Expr, every, negated, some, z3
from policies.engine.symbolic.model import Model
from policies.engine.symbolic.space import OTHER
from policies.engine.symbolic.verdict import PARTIES, law_flag
from policies.engine.vocabulary import Kind, Outcome

PATIENCE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One class as the solver sees it: the request, its day, what it expects of both sides, and which suspects are the cause."""

    direction: Direction
    causes: tuple[Cause, ...]
    request: TransferRequest
    at: date
    expected: tuple[Outcome, Outcome]


class Search:
    """One kind of request under two bundles."""

    def __init__(self, model: Model, at: date | None, most: int) -> None:
        self.model = model
        self._most = most
        self.bounded: list[str] = []
        bundles = [side.policies for side in model.sides]
        self.days = [at.toordinal()] if at is not None else candidates(bundles, model.kind, model.space)
        self._solver = z3.Solver()
        self._solver.set("timeout", PATIENCE_MS)
        self._suspects = [(z3.Bool(f"suspect {number}"), suspect) for number, suspect in enumerate(suspects(model))]
        self._solver.add(*model.space.rules, model.space.tidy(), *self._plain(), *on_days(model.space, self.days))
        self._solver.add(*(flag == suspect.when for flag, suspect in self._suspects))
        self._wishes = self._preferences(model.kind) if at is None else [[self._at_home(), self._told()], [self._at_home()], []]

    def _plain(self) -> list[Expr]:
        """No counts of a node, no unknown law, no unknown category: a witness states what decides it."""
        flags = self.model.space.flags
        unknown = (law_flag(OTHER), f"fields.{OTHER}", f"data.categories+{OTHER}")
        return [negated(flag) for name, flag in flags.items() if name.startswith("counters.") or name in unknown]

    def _at_home(self) -> Expr:
        """One law alone attaches: that of the exporter."""
        space = self.model.space
        named = [flag for name, flag in space.flags.items() if name.startswith("laws.")]
        return every([negated(some(named)), *(negated(space.raws[path].stated) for path in PARTIES[1:])])

    def _told(self) -> Expr:
        """Nothing that decides is left unsaid, on either side."""
        open_ends = [
            every([side.verdicts.attached[law], section.heard, rule.untold])
            for side in self.model.sides
            for law, section in side.sections.items()
            for rule in section.rules
        ]
        return negated(some(open_ends))

    def _preferences(self, kind: Kind) -> list[list[Expr]]:
        """What a witness had better be, the best first: simple, on the day on which something changes, else now."""
        day = self.model.space.day
        old, new = (side.policies for side in self.model.sides)
        moved = boundaries(old, kind) ^ boundaries(new, kind)
        today = present([side.policies for side in self.model.sides])
        then = [some([day == one for one in sorted(moved)])] if moved else []
        now = [day == today] if today is not None else []
        home, told = self._at_home(), self._told()
        best = [[home, told, when] for when in (*then, *now)]
        return [*best, *([home, when] for when in (*then, *now)), *([when] for when in (*then, *now)), [home], []]

    def leads(self) -> Iterator[Lead]:
        """Every class, direction by direction, until nothing is left or the bound is reached."""
        for direction, when in directions(self.model).items():
            self._solver.push()
            self._solver.add(when)
            for count in range(self._most + 1):
                found = self._next(direction)
                if found is None:
                    break
                if count == self._most:
                    self.bounded.append(f"{self.model.kind.value}, {direction.value}: more than {self._most} classes")
                    break
                lead, flags = found
                yield lead
                self._solver.add(z3.Not(z3.And(flags)) if flags else z3.BoolVal(val=False))
            self._solver.pop()

    def _next(self, direction: Direction) -> tuple[Lead, list[Expr]] | None:
        wishes = next((wish for wish in self._wishes if self._check(wish)), None)
        if wishes is None:
            if self._solver.check() == z3.unknown:
                self.bounded.append(f"{self.model.kind.value}, {direction.value}: the solver gave up")
            return None
        solved = self._solver.model()
        guilty = self._guilty(solved)
        for suspect in list(guilty):
            innocent = [negated(flag) for flag, _ in self._suspects if not any(flag.eq(g) for g in guilty) or flag.eq(suspect)]
            if any(flag.eq(suspect) for flag in guilty) and self._check([*wishes, *innocent]):
                solved = self._solver.model()
                guilty = self._guilty(solved)
        return self._lead(direction, solved, guilty), guilty

    def _check(self, assumed: list[Expr]) -> bool:
        return bool(self._solver.check(*assumed) == z3.sat)

    def _guilty(self, solved: Expr) -> list[Expr]:
        return [flag for flag, _ in self._suspects if z3.is_true(solved.eval(flag, model_completion=True))]

    def _lead(self, direction: Direction, solved: Expr, guilty: list[Expr]) -> Lead:
        space = self.model.space

        def assigned(name: str) -> int | bool:
            if name in space.flags:
                return bool(z3.is_true(solved.eval(space.flags[name], model_completion=True)))
            return int(solved.eval(space.number(name), model_completion=True).as_long())

        request, at = decode(space, self.model.kind, assigned)
        names = {flag.decl().name() for flag in guilty}
        causes = tuple(suspect.cause for flag, suspect in self._suspects if flag.decl().name() in names)
        first, second = (self._outcome(solved, side.verdicts.outcomes) for side in self.model.sides)
        return Lead(direction=direction, causes=causes, request=request, at=at, expected=(first, second))

    def _outcome(self, solved: Expr, outcomes: Mapping[Outcome, Expr]) -> Outcome:
        return next(o for o, when in outcomes.items() if z3.is_true(solved.eval(when, model_completion=True)))

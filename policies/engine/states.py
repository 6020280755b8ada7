"""State graphs for whatever lives across a network, declared as a class and checked when it is made. Nothing here keeps a state.

`class Door(StateGraph)` with `OPEN = State(initial=True)`, `SHUT = State(final=True)`, and then `OPEN.to(SHUT)` or
`OPEN.times_out_to(SHUT, after=timedelta(minutes=5))`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from policies.engine.errors import Code, DomicileError


class GraphError(TypeError):
    """A state graph that does not hold together: a fault of the program, raised when the class is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Where a state goes by itself once it has lasted `after`."""

    target: "State"
    after: timedelta


class State:
    """One state. Declare where it may go with `.to()`, and where time takes it with `.times_out_to()`."""

    def __init__(self, *, initial: bool = False, final: bool = False) -> None:
        self.name = ""
        self.initial = initial
        self.final = final
        self.targets: list[State] = []
        self.timeout: Timeout | None = None

    def to(self, *targets: "State") -> None:
        """Declare that an act may take this state to each of `targets`."""
        self.targets.extend(targets)

    def times_out_to(self, target: "State", *, after: timedelta) -> None:
        """Declare that time alone takes this state to `target`. One state has one timeout."""
        if self.timeout is not None:
            raise GraphError("a state has one timeout")
        if after <= timedelta(0):
            raise GraphError("a timeout lies in the future")
        self.timeout = Timeout(target=target, after=after)

    def leads_to(self) -> list["State"]:
        """Every state that may follow this one."""
        return [*self.targets, *([self.timeout.target] if self.timeout else [])]

    def __repr__(self) -> str:
        return f"State({self.name})"


class StateGraph:
    """Base of a graph. Making a subclass checks it: one start, no state out of reach, none that leads nowhere unless final."""

    states: ClassVar[dict[str, State]]

    def __init_subclass__(cls) -> None:
        """Name the states and check the graph. Raises GraphError."""
        cls.states = {name: value for name, value in vars(cls).items() if isinstance(value, State)}
        for name, state in cls.states.items():
            if state.name:
                what = f"{cls.__name__}.{name} belongs to another graph or has two names"
                raise GraphError(what)
            state.name = name
        _check(cls.__name__, list(cls.states.values()))

    @classmethod
    def start(cls) -> State:
        """The state in which everything begins."""
        return next(state for state in cls.states.values() if state.initial)

    @classmethod
    def state(cls, name: str) -> State:
        """The state of that name. Raises INPUT_UNKNOWN."""
        if name not in cls.states:
            what = f"unknown state `{name[:40]}`"
            raise DomicileError(what, remedy=f"use one of: {', '.join(cls.states)}", code=Code.INPUT_UNKNOWN)
        return cls.states[name]

    @classmethod
    def move(cls, current: str, target: State, *, where: str = "") -> str:
        """The name of `target` when an act may take `current` there. Raises RECORD_CONFLICT when it may not."""
        state = cls.state(current)
        if target not in state.targets:
            allowed = ", ".join(t.name.lower() for t in state.targets) or "nothing, it is final"
            what = f"`{state.name.lower()}` cannot become `{target.name.lower()}`"
            raise DomicileError(
                what,
                where=where,
                remedy=f"from here it can become: {allowed}",
                code=Code.RECORD_CONFLICT,
            )
        return target.name

    @classmethod
    def settled(cls, current: str, *, since: datetime, at: datetime) -> str:
        """What the state is by now, given that it has been `current` since then: timeouts followed as far as they have run."""
        state = cls.state(current)
        while state.timeout is not None and at - since >= state.timeout.after:
            since, state = since + state.timeout.after, state.timeout.target
        return state.name


def _check(graph: str, states: list[State]) -> None:
    starts = [state for state in states if state.initial]
    if len(starts) != 1:
        what = f"{graph} must have one initial state, it has {len(starts)}"
        raise GraphError(what)
    for state in states:
        foreign = [target for target in state.leads_to() if target not in states]
        if foreign:
            what = f"{graph}.{state.name} leads out of the graph"
            raise GraphError(what)
        if state.final and state.leads_to():
            what = f"{graph}.{state.name} is final, it leads nowhere"
            raise GraphError(what)
        if not state.final and not state.leads_to():
            what = f"{graph}.{state.name} leads nowhere: declare it final or say where it goes"
            raise GraphError(what)
    lost = [state.name for state in states if state not in _reached(starts[0])]
    if lost:
        what = f"{graph}: out of reach: {', '.join(lost)}"
        raise GraphError(what)
    for state in states:
        if _waits_in_a_circle(state):
            what = f"{graph}.{state.name}: time alone leads in a circle"
            raise GraphError(what)


def _reached(start: State) -> list[State]:
    found = [start]
    for state in found:
        found.extend(target for target in dict.fromkeys(state.leads_to()) if target not in found)
    return found


def _waits_in_a_circle(start: State) -> bool:
    seen: list[State] = []
    state = start
    while state.timeout is not None:
        if state in seen:
            return True
        seen.append(state)
        state = state.timeout.target
    return False

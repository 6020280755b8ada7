"""State graphs: one that does not hold together cannot be declared, and what it does not allow cannot be done."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.engine.errors import Code, DomicileError
from policies.engine.states import GraphError, State, StateGraph

AT = datetime(2026, 11, 22, tzinfo=UTC)


class Door(StateGraph):
    OPEN = State(initial=True)
    SHUT = State()
    LOCKED = State()
    GONE = State(final=True)
    OPEN.to(GONE)
    OPEN.times_out_to(SHUT, after=timedelta(minutes=1))
    SHUT.to(OPEN)
    SHUT.times_out_to(LOCKED, after=timedelta(minutes=2))
    LOCKED.to(OPEN, GONE)


def test_an_act_moves_where_the_graph_leads_and_nowhere_else() -> None:
    assert Door.start() is Door.OPEN
    assert Door.move("SHUT", Door.OPEN) == "OPEN"
    with pytest.raises(DomicileError) as caught:
        Door.move("SHUT", Door.GONE, where="front")
    assert caught.value.code is Code.RECORD_CONFLICT
    assert str(caught.value) == "front: `shut` cannot become `gone`; from here it can become: open"
    with pytest.raises(DomicileError, match="unknown state"):
        Door.move("AJAR", Door.OPEN)


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "OPEN"), (59, "OPEN"), (60, "SHUT"), (179, "SHUT"), (180, "LOCKED"), (9999, "LOCKED")]
)
def test_time_alone_moves_through_every_timeout_that_has_run(seconds: int, state: str) -> None:
    assert Door.settled("OPEN", since=AT, at=AT + timedelta(seconds=seconds)) == state


def test_a_graph_that_does_not_hold_together_cannot_be_declared() -> None:
    with pytest.raises(GraphError, match="one initial state"):

        class Startless(StateGraph):
            A = State(final=True)

    with pytest.raises(GraphError, match="leads nowhere"):

        class Stuck(StateGraph):
            A = State(initial=True)

    with pytest.raises(GraphError, match="out of reach: B"):

        class Lost(StateGraph):
            A = State(initial=True, final=True)
            B = State(final=True)

    with pytest.raises(GraphError, match="is final"):

        class Unending(StateGraph):
            A = State(initial=True, final=True)
            A.to(A)

    with pytest.raises(GraphError, match="out of the graph"):

        class Straying(StateGraph):
            A = State(initial=True)
            A.to(State())

    with pytest.raises(GraphError, match="in a circle"):

        class Circling(StateGraph):
            A = State(initial=True)
            B = State()
            A.times_out_to(B, after=timedelta(1))
            B.times_out_to(A, after=timedelta(1))

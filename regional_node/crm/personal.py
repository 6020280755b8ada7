"""A value about a person that cannot print itself. The only way out is `.reveal()`; logs, reprs and errors show `Personal(…)`."""

from typing import Generic, NoReturn, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Personal(Generic[T_co]):
    """Wraps one personal value. Equal to another with the same value, never formatted, never pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: T_co) -> None:
        self._value = value

    def reveal(self) -> T_co:
        """The value itself; every call stands where policy or role has said yes."""
        return self._value

    def __repr__(self) -> str:
        return "Personal(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str, /) -> str:
        return "Personal(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Personal) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("Personal", self._value))

    def __reduce__(self) -> NoReturn:
        msg = "a personal value is not pickled"
        raise TypeError(msg)

"""Opening the index's store for a command that works on it directly, apart so that commands that only ask start at once."""

from global_index.bootstrap import House, open_house
from global_index.cli.commands import Place


def house_of(place: Place) -> House:
    """The house of a place, opened."""
    return open_house(place.home, place.settings())

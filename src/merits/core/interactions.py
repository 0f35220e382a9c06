"""What was chosen, as inputs, targets and answers of recommendations hold it. Knows nothing about how it is ranked.

A run of events is a mapping of columns that go together: `items`, oldest first, and where they are known `times`
(numbers that rise) and `ratings`. An input is such a run (what a user chose so far) with `user`, and with `again: true`
where what was chosen before may be chosen again; a target is a run too (what the user chose next). An answer is a list
of items, the best first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merits.core.identity import JSON

__all__ = ["Run", "items_of", "n_events", "picked", "ratings_of"]

Run = Mapping[str, JSON]
_COLUMNS = ("items", "times", "ratings")
_LARGEST = 10**18  # of a number that is an item's name; Python writes out none of more than 4,300 digits
_NAMES = ("item", "id", "title", "name")


def items_of(value: JSON) -> list[str]:
    """The items of a run, or of a list of items, in order and each once; [] where there is none.

    An item of a list is a text, a number, or a mapping that names it under `item` (beside its score). Anything else
    names no item.

    >>> items_of({"user": "7", "items": ["Alien", "Brazil"], "times": [1.0, 2.0]})
    ['Alien', 'Brazil']
    >>> items_of([{"item": "Alien", "score": 0.9}, "Brazil", "Alien", 12])
    ['Alien', 'Brazil', '12']
    """
    listed = value.get("items") if isinstance(value, Mapping) else value
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return []
    return list(dict.fromkeys(name for name in map(_name, listed) if name))


def ratings_of(value: JSON) -> dict[str, float]:
    """The rating of each item of a run; 1 for each where there are no ratings.

    >>> ratings_of({"items": ["Alien", "Brazil"], "ratings": [5, 3]}), ratings_of(["Alien"])
    ({'Alien': 5.0, 'Brazil': 3.0}, {'Alien': 1.0})
    """
    ratings = value.get("ratings") if isinstance(value, Mapping) else None
    items = value.get("items") if isinstance(value, Mapping) else None
    if not isinstance(ratings, Sequence) or not isinstance(items, Sequence) or len(ratings) != len(items):
        return dict.fromkeys(items_of(value), 1.0)
    return {_name(item): float(rating) for item, rating in zip(items, ratings, strict=True)}  # type: ignore[arg-type]


def n_events(run: Run) -> int:
    """How many events a run has.

    >>> n_events({"user": "7", "items": ["Alien", "Brazil"], "times": [1.0, 2.0]})
    2
    """
    items = run.get("items")
    return len(items) if isinstance(items, Sequence) and not isinstance(items, str) else 0


def picked(run: Run, places: Sequence[int]) -> dict[str, JSON]:
    """The run with the events at these places only; what is no column of events (the user) stays.

    >>> picked({"user": "7", "items": ["Alien", "Brazil"], "times": [1.0, 2.0]}, [1])
    {'user': '7', 'items': ['Brazil'], 'times': [2.0]}
    """
    columns = {name: run[name] for name in _COLUMNS if name in run}
    return {**run, **{name: [column[at] for at in places] for name, column in columns.items()}}  # type: ignore[index]


def _name(item: JSON) -> str:
    if isinstance(item, Mapping):
        item = next((item[name] for name in _NAMES if name in item), None)
    if isinstance(item, str):
        return item
    is_number = isinstance(item, int) and not isinstance(item, bool) and abs(item) < _LARGEST
    return str(item) if is_number else ""

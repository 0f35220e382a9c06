"""The door that plug-ins come through: entry points by name, the same for the built-in ones.

Knows nothing about what is registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from merits.core.errors import UsageError
from merits.core.validate import did_you_mean

__all__ = ["names", "plugin"]


_every = functools.cache(entry_points)  # of all that is installed: read once, it takes 15 ms for 180 packages


@functools.cache
def _points(group: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in _every().select(group=group)}


def names(group: str) -> tuple[str, ...]:
    """The names that are registered in a group of entry points, sorted. Imports none of them.

    >>> "label" in names("merits.scorers")
    True
    """
    return tuple(sorted(_points(group)))


def plugin(group: str, name: str, what: str, *, unknown: type[UsageError], broken: type[UsageError]) -> object:
    """What is registered under a name, imported now. `what` is what the reader calls such a thing.

    Raises `unknown` with the near miss when there is no such name, and `broken` when it cannot be imported.
    """
    points = _points(group)
    if name not in points:
        raise unknown(f"there is no {what} {name!r}.", did_you_mean(name, points))
    try:
        return points[name].load()
    except ImportError as problem:
        raise broken(f"the {what} {name!r} cannot be imported: {problem}.", "Install what its package asks for.") from (
            problem
        )

"""Names of what is made of others: short enough to be read, and none twice in one search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

__all__ = ["listed", "short", "unused"]

_LONGEST = 24


def short(name: str) -> str:
    """The name, cut in the middle where it is longer than 24 letters: both its ends tell it from others.

    >>> short("naive-bayes"), short("cascade from vader-rules to naive-bayes")
    ('naive-bayes', 'cascade from…naive-bayes')
    """
    if len(name) <= _LONGEST:
        return name
    half = (_LONGEST - 1) // 2
    return f"{name[: _LONGEST - 1 - half].rstrip()}…{name[-half:].lstrip()}"


def listed(names: Sequence[str]) -> str:
    """The names in words, each shortened; of many the first ones only.

    >>> listed(["a", "b"]), listed(list("abcdef"))
    ('a and b', 'a, b and 4 more')
    """
    some = [*map(short, names)] if len(names) <= 3 else [*map(short, names[:2]), f"{len(names) - 2} more"]
    return " and ".join(filter(None, [", ".join(some[:-1]), some[-1]]))


def unused(name: str, taken: Collection[str]) -> str:
    """The name, or the next one like it that is not taken.

    >>> unused("vote", {"vote", "vote (2)"})
    'vote (3)'
    """
    return next(one for n in count(1) if (one := name if n == 1 else f"{name} ({n})") not in taken)

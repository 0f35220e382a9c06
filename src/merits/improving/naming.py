"""Names of what is made of others: short enough to be read, and none twice in one search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import count

from merits.core.candidate import Candidate

__all__ = ["listed", "short", "unused"]

_LONGEST = 24
_SHOWN = 3
_OF_MANY = frozenset({"cascade", "router", "vote", "stack"})  # whose own names are long


def short(name: str) -> str:
    """The name, cut in the middle where it is longer than 24 letters: both its ends tell it from others.

    >>> short("naive-bayes"), short("cascade from vader-rules to naive-bayes")
    ('naive-bayes', 'cascade from…naive-bayes')
    """
    if len(name) <= _LONGEST:
        return name
    half = (_LONGEST - 1) // 2
    return f"{name[: _LONGEST - 1 - half].rstrip()}…{name[-half:].lstrip()}"


def listed(parts: Sequence[Candidate]) -> str:
    """Candidates in words: single ones by name, each shortened, then so many cascades and votes; of many the first.

    >>> some = [Candidate(name=name, kind="constant") for name in "abcdef"]
    >>> listed(some[:2]), listed(some)
    ('a and b', 'a, b and 4 more')
    >>> listed([Candidate(name="a to b, no loss", kind="cascade"), *some[:2]])
    'a, b and a cascade'
    """
    single = [short(part.name) for part in parts if part.kind not in _OF_MANY]
    kinds = Counter(part.kind for part in parts if part.kind in _OF_MANY)
    words = [*single, *(f"a {kind}" if n == 1 else f"{n} {kind}s" for kind, n in kinds.items())]
    if len(words) > _SHOWN:
        first = words[: _SHOWN - 1]
        words = [*first, f"{len(parts) - len(first)} more" if len(single) >= len(first) else "others"]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def unused(name: str, taken: Collection[str]) -> str:
    """The name, or the next one like it that is not taken.

    >>> unused("vote", {"vote", "vote (2)"})
    'vote (3)'
    """
    return next(one for n in count(1) if (one := name if n == 1 else f"{name} ({n})") not in taken)

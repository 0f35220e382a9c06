"""Which candidates cannot be told apart: groups such that two share one exactly when neither is certainly better."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["tied_groups"]

_MOST = 60  # groups; a comparison that falls into more is not shown by groups


def tied_groups(members: Sequence[int], differ: Callable[[int, int], bool]) -> tuple[tuple[int, ...], ...] | None:
    """The groups, each in the order of `members` and themselves in the order of their first; None for too many.

    Being told apart is no equivalence: A and B, B and C may be tied where A and C are not, so a candidate can be in
    several groups. Two that differ share none, two that do not share one, and no group lies within another. The letters
    of a compact letter display, by insertion and absorption: Piepho (2004), doi:10.1198/1061860043515.

    >>> tied_groups([0, 1, 2], lambda i, j: abs(i - j) == 2)
    ((0, 1), (1, 2))
    """
    groups = [frozenset(members)] if members else []
    for place, i in enumerate(members):
        for j in members[place + 1 :]:
            if differ(i, j):
                groups = _split(groups, i, j)
                if len(groups) > _MOST:
                    return None
    ordered = (tuple(k for k in members if k in group) for group in groups)
    return tuple(sorted(ordered, key=lambda group: [members.index(k) for k in group]))


def _split(groups: list[frozenset[int]], i: int, j: int) -> list[frozenset[int]]:
    """The groups so that none holds both i and j."""
    whole = [group for group in groups if not {i, j} <= group]
    parts = [group - {k} for group in groups if {i, j} <= group for k in (i, j)]
    found = list(dict.fromkeys([*whole, *parts]))
    return [group for group in found if not any(group < other for other in found)]

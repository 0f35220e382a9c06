"""How many calls at once a provider bears, found from its refusals where it tells nothing of it.

A limit of calls at once refuses what is begun past it, and nothing else. So answers and refusals of calls that were
begun with more in flight than were ever borne are weighed against each other; those of others say nothing here. Where
the refusals win, one more is tried seldom; each time that one more is borne, the next is tried after half as many
answers, until the level doubles with every round trip again. A refusal by chance costs little that way.

Knows nothing about rates, headers and who is asked.
"""

from __future__ import annotations

__all__ = ["FoundAtOnce"]

_WEIGHT = 8  # answers that outweigh a refusal
_PROVEN, _DISPROVEN = 2, -2 * _WEIGHT
_DOUBT = 3  # the same, where it was borne before
_SELDOM, _MOST_SELDOM = 16.0, 64.0  # answers before one more is tried: that many to one refusal


class FoundAtOnce:
    """`borne` calls at once are known to be borne; `answers_per_step` is how many answers allow one more.
    An answer below `borne` is worth telling only while that is `doubted`.

    >>> found = FoundAtOnce()
    >>> for _ in range(4):
    ...     found.let_through(n=4)
    >>> found.refused(n=5), found.refused(n=5), found.refused(n=3)
    (True, True, False)
    >>> found.borne, found.answers_per_step
    (4, 16.0)
    """

    def __init__(self) -> None:
        self.borne = 1  # who is alone is not refused for being one too many
        self.answers_per_step = 1.0
        self._weight, self._tried = 0, 0
        self._doubt, self.doubted = 0, False

    def let_through(self, n: int) -> None:
        """Takes note of the answer to a call that was begun as the `n`-th in flight."""
        self.doubted = False
        if n <= self.borne:
            self._doubt = max(0, self._doubt - (n == self.borne))
            return
        self._weight += 1
        self._tried = n if self._tried == 0 else min(self._tried, n)
        if self._weight >= _PROVEN:
            self.borne, self._weight, self._tried = self._tried, 0, 0
            self.answers_per_step = max(1.0, self.answers_per_step / 2)

    def refused(self, n: int) -> bool:
        """Takes note of a refusal with `n` in flight; whether it may be due to their number."""
        if n <= self.borne:
            self._doubt += 0 if self.doubted else _DOUBT  # refusals in a row are one piece of news
            self.doubted = True
            if self._doubt > _DOUBT:  # it was borne by chance
                self.borne, self._doubt = max(1, self.borne - 1), 0
            return False
        self._weight -= _WEIGHT
        if self._weight + n - 1 - self.borne <= _DISPROVEN:  # others past it are in flight, and not refused yet
            self.answers_per_step = min(_MOST_SELDOM, max(_SELDOM, self.answers_per_step * 2))
            self._weight = -_WEIGHT
        return True

    def forget(self, level: float) -> None:
        """After a cut for another reason no more than the level counts as borne."""
        self.borne = max(1, min(self.borne, int(level)))

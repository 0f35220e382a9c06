"""What a run counts while it asks, beside the answers themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts of a run by the candidates' numbers, for its progress and for the facts of how it was run.

    `done` and `failed` are rows, also of earlier runs; `asked` are questions and `seconds` what asking them took;
    `taught` are the tokens that training was paid for; `collected` names the batches whose results were fetched;
    `unmade` says, by question, why an input could not be perturbed; `n_stored` questions were answered before.

    >>> tally = Tally.of(2)
    >>> tally.asked[1] += 3
    >>> tally.n_asked
    3
    """

    done: list[int]
    failed: list[int]
    asked: list[int]
    seconds: list[float]
    n_stored: int = 0
    given_up: dict[int, str] = field(default_factory=dict)
    taught: dict[int, int] = field(default_factory=dict)
    collected: dict[int, list[str]] = field(default_factory=dict)
    unmade: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, n_candidates: int) -> Tally:
        """Nothing was counted yet."""
        return cls([0] * n_candidates, [0] * n_candidates, [0] * n_candidates, [0.0] * n_candidates)

    @property
    def n_asked(self) -> int:
        """Questions asked of all candidates together."""
        return sum(self.asked)

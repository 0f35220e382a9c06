"""What an evaluation would ask, and what it would take from the store."""

from __future__ import annotations

from dataclasses import dataclass

from merits.evaluating.forecast import Forecast

__all__ = ["Part", "Plan"]


@dataclass(frozen=True)
class Part:
    """One candidate's part of a plan, in rows (example times repeat).

    `version` names the exact thing that answers; its answers are stored under it. `n_stored` rows keep what is stored.
    `n_failed_before` rows failed in the last run that asked them (or were refused, where those are asked again): they
    are among `n_to_ask`, and so are the `n_in_flight` questions whose answers are on their way in batches. `n_left_out`
    rows have no answer and are not asked for either. What is `ruled_out`, for the reason given there, is asked nothing.
    `tutor` is the version of whoever it learns from, "" if nobody.
    """

    candidate: str
    version: str
    n_rows: int
    n_stored: int
    n_failed_before: int
    ruled_out: str = ""
    n_left_out: int = 0
    n_in_flight: int = 0
    tutor: str = ""

    @property
    def n_to_ask(self) -> int:
        """Rows that are asked."""
        return 0 if self.ruled_out else self.n_rows - self.n_stored - self.n_left_out


@dataclass(frozen=True)
class Plan:
    """The parts of all candidates, in their order, and what asking is likely to cost (None: nothing is paid for).

    `notes` are what is worth knowing before: whose price is unknown, and why. `judges` are the parts of judges, in
    calls: what they are asked of answers that are stored or to come.

    >>> print(Plan((Part("a", "v", n_rows=100, n_stored=40, n_failed_before=2),)))
    a: 60 to ask (2 of them failed before), 40 stored
    """

    parts: tuple[Part, ...]
    forecast: Forecast | None = None
    notes: tuple[str, ...] = ()
    judges: tuple[Part, ...] = ()

    @property
    def n_to_ask(self) -> int:
        """Rows to ask, of all candidates, and calls of judges."""
        return sum(part.n_to_ask for part in (*self.parts, *self.judges))

    def __str__(self) -> str:
        return "\n".join(map(_line, (*self.parts, *self.judges)))


def _line(part: Part) -> str:
    before = f" ({part.n_failed_before:,} of them failed before)" if part.n_failed_before else ""
    left_out = f", {part.n_left_out:,} left out" if part.n_left_out else ""
    return f"{part.candidate}: {part.n_to_ask:,} to ask{before}, {part.n_stored:,} stored{left_out}"

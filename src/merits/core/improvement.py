"""What a search for better candidates did: what was tried, what that showed on dev, and what is left of it on test."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.candidate import Candidate
from merits.core.estimate import Estimate

__all__ = ["MEMORISED", "Ended", "Gain", "Improvement", "TechniqueRecord", "TrialRecord"]

MEMORISED = "memorised on dev"
"""In a candidate's metadata: by how much its quality on dev is too good, for it learned from these very rows."""

Ended: TypeAlias = Literal["done", "time", "money", "stopped", "failed", "skipped"]


class TrialRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One candidate that was tried on dev, `at_s` seconds after the search began.

    `value` is what candidates are ranked by (net value of a case where a solved one has a worth, else quality, less
    what is known to be MEMORISED), None where nothing could be told. `cost` is of one case. `n_rows` were asked of it:
    fewer than there are where it was given up early. `failed` says why it could not be evaluated; "" if it could.
    `ruled_out`: by dev it certainly misses a requirement. Of what was searched, the best look better on dev than they
    are.
    """

    number: int
    technique: str
    candidate: Candidate
    at_s: float
    quality: Estimate | None = None
    cost: Estimate | None = None
    latency_s: Estimate | None = None
    net_value: Estimate | None = None
    value: float | None = None
    n_rows: int = 0
    failed: str = ""
    kept: bool = False
    ruled_out: bool = False


class TechniqueRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One technique: what it does (`title`), why it was left out (`skipped`), or how far it came and what it kept."""

    name: str
    title: str
    effort: str
    ended: Ended
    skipped: str = ""
    notes: tuple[str, ...] = ()
    n_trials: int = 0
    n_failed: int = 0
    seconds: float = 0.0
    kept: tuple[str, ...] = ()


class Gain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the best found candidate brings against the best given one. Both were chosen on dev, before test was seen.

    `goal` is what it was chosen for. `on_dev` is the difference in quality that it was chosen by, which is too good,
    for it was searched for; `on_test` is what is left of it, with `cost_on_test` (of a case) and `value_on_test` (net
    value of a case, None without a worth). The level of the intervals on test is corrected for how many gains are
    looked at. `holds` is what they certainly show. `pays_back_after` is how many cases bring in what the search cost.
    """

    goal: Literal["better", "cheaper"]
    given: str
    found: str
    on_dev: Estimate
    on_test: Estimate
    cost_on_dev: Estimate | None = None
    cost_on_test: Estimate | None = None
    cost_given: Estimate | None = None
    cost_found: Estimate | None = None
    holds: Literal["better", "cheaper at no loss", "not shown", "worse"] = "not shown"
    margin: float = 0.0
    pays_back_after: Estimate | None = None
    text: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether test shows for certain what was hoped for."""
        return self.holds in ("better", "cheaper at no loss")


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """A whole search. `seconds` and `spent` are those of this run; `cost` is that of all answers to dev, of all runs.

    `best_given` was the best of what was given, on dev. `gains` is empty where nothing was found that was worth trying
    on test. `n_searched` candidates were compared on dev, `n_finalists` of them went to test.
    """

    task: str
    task_name: str
    objective: Literal["quality", "net value"]
    best_given: str
    techniques: tuple[TechniqueRecord, ...]
    trials: tuple[TrialRecord, ...]
    gains: tuple[Gain, ...]
    importances: dict[str, dict[str, float]]
    seconds: float
    spent: float | None
    cost: float | None
    currency: str
    budget: str
    stopped: Literal["done", "budget", "interrupted"]
    n_searched: int
    n_finalists: int
    text: str = ""

"""What the evidence says to do, with every number it rests on."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.economics import Economics
from merits.core.estimate import Estimate
from merits.core.identity import content_hash
from merits.core.needs import Needs, Requirement
from merits.core.step import Step

__all__ = ["Decision", "Met", "RaceResult", "RaceRunner", "Reason", "RequirementResult", "Standing", "Verdict"]

Verdict: TypeAlias = Literal["adopt", "keep", "none worth it", "undecided", "recheck"]
Met: TypeAlias = Literal["met", "not met", "not yet known"]


class RequirementResult(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement for one candidate: the estimate it was judged on, and what would settle it if it is open.

    `found` says what a fact was judged on ("licence: MIT"), or why there is no estimate. `more_examples` is about how
    many more examples (groups, where examples depend on each other) settle it with 80 % power; None where it is
    settled, or no number can be told.
    """

    requirement: Requirement
    met: Met
    estimate: Estimate | None
    settle: str = ""
    found: str = ""
    more_examples: int | None = None

    @property
    def evidence(self) -> str:
        """What it was judged on, in words: an estimate with its interval, a fact, or that there is no record."""
        return self.found or "no record" if self.estimate is None else str(self.estimate)

    @property
    def evidence_text(self) -> str:
        """The same without the number of examples, to stand in a sentence."""
        return self.found or "no record" if self.estimate is None else self.estimate.text()


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why, with a stable code that programs can test, a sentence for people, and the candidate it speaks of."""

    code: str
    text: str
    candidate: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one candidate came out. Money is in the decision's currency; None means there is no record.

    `quality` counts failures as not solved; `quality_answered` leaves them out. `behind` is the leader's quality (or
    net value) minus this candidate's on the same examples, with a simultaneous interval; `p_value` is adjusted for
    the number of candidates. `relation` is to the leader; "dropped" is who left a race and is not shown to be worse
    besides. `quality_assisted` is the quality over all examples of a candidate that was asked some of them, with the
    help of those that were asked all; `assisted_variance` is its variance over the plain one's (None: not tried), and
    above 0.9 the help is not used. `p_best` is the probability of being the best of those that may be chosen,
    `expected_regret` what choosing it loses a case on average; their intervals are the error of the draws that they
    are counted from.
    """

    candidate: str
    candidate_id: str
    relation: Literal["leader", "tied", "worse", "dropped", "not assessed"]
    quality: Estimate | None
    quality_answered: Estimate | None
    behind: Estimate | None = None
    p_value: float | None = None
    requirements: tuple[RequirementResult, ...] = ()
    cost_per_1000: Estimate | None = None
    cost_per_solved: Estimate | None = None
    net_value_per_case: Estimate | None = None
    net_value_per_month: Estimate | None = None
    latency_p50_s: Estimate | None = None
    latency_p95_s: Estimate | None = None
    quality_assisted: Estimate | None = None
    assisted_variance: float | None = None
    n_scored: int = 0
    n_failed: int = 0
    n_unscored: int = 0
    n_missing: int = 0
    p_best: Estimate | None = None
    expected_regret: Estimate | None = None


class RaceRunner(msgspec.Struct, frozen=True, kw_only=True):
    """How far one candidate came in a race: how many questions and units it was asked, and whether it was dropped.

    `may_be_best_here` is meant of these examples, `may_be_best_ahead` of future traffic.
    """

    candidate: str
    n_asked: int
    n_units: int
    dropped: bool
    may_be_best_here: bool
    may_be_best_ahead: bool


class RaceResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a race went. `n_asked` questions of `n_without` were asked, on at most `n_units` units (groups of rows).

    `label` says how sure it is: "certified" bounds the probability `delta` of having dropped the best, whenever one
    looks; "calibrated, not certified" was only measured to keep it. `would_shrink` says what would tell apart those
    that may be the best on future traffic.
    """

    mode: Literal["certified", "economy"]
    label: str
    target: Literal["examples", "traffic"]
    delta: float
    stopped: Literal["decided", "exhausted", "budget"]
    n_asked: int
    n_without: int
    n_units: int
    runners: tuple[RaceRunner, ...]
    would_shrink: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, whom it names, why, and what would change it. Made by `merits.decide`, a pure function.

    `candidate` is "" where the verdict names none. `summary` is the paragraph for a manager. `policies` are the
    verdicts when failures count as wrong and when they are left out; where they differ the verdict is "undecided".
    `n_compared` and `test_looks` say how often the evidence was used to choose. `race` is how the candidates raced,
    where not everybody was asked everything. `steps` is the chain of reasoning: the questions that the rule asked, in
    order, each with its answer and the numbers it rests on. `p_right` is the probability that the
    named one is the best, or, where others are tied with it, that none is better by more than the tie margin.
    `economics` is all else about money; None where no price is known.
    """

    verdict: Verdict
    candidate: str
    candidate_id: str
    summary: str
    reasons: tuple[Reason, ...]
    standings: tuple[Standing, ...]
    what_would_change_it: str
    next_step: str
    policies: dict[str, str]
    objective: Literal["quality", "net value"]
    needs: Needs
    task: str
    task_name: str
    split: str
    currency: str
    n_examples: int
    n_compared: int
    test_looks: int
    level: float
    race: RaceResult | None = None
    steps: tuple[Step, ...] = ()
    p_right: Estimate | None = None
    economics: Economics | None = None
    id: str = ""

    def __post_init__(self) -> None:
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "id"}
        msgspec.structs.force_setattr(self, "id", content_hash(fields))

    def standing(self, name: str) -> Standing:
        """The standing of one candidate by its name; KeyError when there is none."""
        for standing in self.standings:
            if standing.candidate == name:
                return standing
        raise KeyError(f"no candidate {name!r}; there are {', '.join(s.candidate for s in self.standings)}")

    def __str__(self) -> str:
        return self.summary

"""What the rule asked and found on its way: made from the same assessment that it decides on, step by step.

Knows no rule. What is asked next, and what follows, is `verdict.rule`'s; it notes each step here as it takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from merits.core.decision import RequirementResult
from merits.core.estimate import Estimate
from merits.core.step import Evidence, Step
from merits.deciding.amounts import listed
from merits.deciding.assessment import Assessment
from merits.deciding.economics import cost_per_case, net_value
from merits.deciding.raced import race_result, race_sentences
from merits.deciding.standings import share_solved
from merits.stats.means import mean

__all__ = ["QUESTIONS", "Trace"]

QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        "compared": "Who has outcomes that can be judged and compared?",
        "raced": "Who was asked how much, and who may be the best by that?",
        "solved": "Did anybody who may be used solve anything?",
        "required": "Who meets what is required?",
        "leader": "Who does best of those that do not certainly miss a requirement?",
        "tied": "Who cannot be told apart from the best?",
        "sure": "Who of these certainly meets all that is required?",
        "choice": "Which of these is taken?",
        "incumbent": "Is there reason to replace the candidate in use?",
        "open-loss": "Is the loss that taking it leaves open within the tie margin?",
        "verdict": "What follows?",
        "policies": "Is that the same however failures are counted?",
    }
)
"""Code of a step -> the question that the rule asks there."""


@dataclass
class Trace:
    """The steps of one ruling, in the order in which they were taken."""

    assessment: Assessment
    steps: list[Step] = field(default_factory=list)

    def note(self, code: str, answer: str, evidence: Sequence[Evidence] = ()) -> None:
        """Adds a step; KeyError for a code that is not in the table."""
        self.steps.append(Step(code=code, question=QUESTIONS[code], answer=answer, evidence=tuple(evidence)))

    def compared(self) -> None:
        """Who is compared, and by what; who is not, and why."""
        assessment = self.assessment
        members = assessment.members
        out = [k for k in range(len(assessment.names)) if k not in members]
        why = [f"{assessment.names[k]} ({self._why_out(k)})" for k in out]
        compared = self._listed(members) if members else "nobody"
        by = f", by {assessment.compared.objective}" if assessment.comparison is not None else ""
        pairs = assessment.compared.n_pairs if assessment.comparison is not None else 0
        over = f"; claims are corrected for {pairs} pairs" if pairs > 1 else ""
        self.note("compared", f"{compared}{by}{over}.{f' Not compared: {listed(why)}.' if why else ''}")
        race = race_result(assessment) if members else None
        if race is not None:
            self.note("raced", race_sentences(race))

    def solved(self, *, anything: bool, useful: bool) -> None:
        """Whether there is anything to use at all."""
        self.note("solved", "Yes." if useful else "Only some that may not be used did." if anything else "Nobody did.")

    def required(self) -> None:
        """Every requirement for every candidate that was judged."""
        results = self.assessment.results
        judged = [k for k in results if results[k]]
        if not judged:
            self.note("required", "Nothing is required.")
            return
        words = {word: self._listed([k for k in judged if self.assessment.meets(k) == word]) for word in _MEETS}
        said = [f"{_MEETS[word]} {names}" for word, names in words.items() if names != "none"]
        evidence = [self._requirement(k, result) for k in judged for result in results[k]]
        text = "; ".join(said)
        self.note("required", f"{text[0].upper()}{text[1:]}.", evidence)

    def leader(self) -> None:
        """The best by what candidates are compared by, and how the others do."""
        assessment = self.assessment
        leader = assessment.leader
        among = assessment.eligible or assessment.members
        ranked = sorted(among, key=lambda k: (k != leader, -assessment.compared.means[k]))
        evidence = [
            Evidence(candidate=assessment.names[k], what=self._objective, estimate=self._mean(k)) for k in ranked
        ]
        self.note("leader", "Nobody." if leader is None else f"{assessment.names[leader]}.", evidence)

    def tied(self) -> None:
        """The comparison of the best with each of the others."""
        assessment, leader = self.assessment, self.assessment.leader
        if leader is None:
            return
        others = [k for k in assessment.members if k != leader]
        rest = [k for k in assessment.tied if k != leader]
        answer = f"{self._listed(rest)}." if rest else "Nobody." if others else "There is no other to compare it with."
        found = {k: assessment.relation(k) if k in assessment.standing else "out of the race" for k in others}
        self.note("tied", answer, [self.difference(leader, k, found[k]) for k in others])

    def sure(self, sure: Sequence[int]) -> None:
        """Those of the tied that may be named."""
        self.note("sure", f"{self._listed(sure)}." if sure else "Nobody yet.")

    def choice(self, sure: Sequence[int], chosen: int, why: str) -> None:
        """Which one is taken, by which rule, at which costs."""
        rule = _CHOICES.get(why, "it is the only one")
        evidence = [evidence for k in sure for evidence in self._spent(k, why)]
        self.note("choice", f"{self.assessment.names[chosen]}: {rule}.", evidence)

    def incumbent(self, answer: str, pairs: Sequence[tuple[int, int]]) -> None:
        """Who was tried against the candidate in use, and whether it is replaced."""
        self.note("incumbent", answer, [self.difference(new, old) for new, old in pairs])

    def open_loss(self, answer: str, pair: tuple[int, int] | None = None) -> None:
        """What taking a candidate leaves open, against the margin."""
        self.note("open-loss", answer, () if pair is None else [self.difference(*pair)])

    def difference(self, i: int, j: int, found: str = "") -> Evidence:
        """Candidate i minus candidate j, as it was compared."""
        compared, names = self.assessment.compared, self.assessment.names
        return Evidence(
            candidate=names[j],
            what=f"{names[i]} minus {names[j]}",
            estimate=compared.difference(i, j),
            p_value=compared.p_value(i, j),
            found=found,
        )

    @property
    def _objective(self) -> str:
        return "share solved" if self.assessment.compared.objective == "quality" else "net value per case"

    def _mean(self, k: int) -> Estimate | None:
        cases, needs = self.assessment.cases, self.assessment.needs
        if self.assessment.compared.objective == "quality":
            return share_solved(cases, k, needs.confidence)
        return net_value(cases, k, needs, needs.confidence)

    def _requirement(self, k: int, result: RequirementResult) -> Evidence:
        found = f"{result.met} ({result.found})" if result.found else str(result.met)
        return Evidence(
            candidate=self.assessment.names[k], what=str(result.requirement), estimate=result.estimate, found=found
        )

    def _spent(self, k: int, why: str) -> list[Evidence]:
        """What the choice among equals was made by."""
        cases, level, name = self.assessment.cases, self.assessment.needs.confidence, self.assessment.names[k]
        if why == "cheapest-of-the-tied":
            cost = cost_per_case(cases, k, level)
            found = "" if cost is not None else "no price, so it cannot be the cheapest"
            estimate = None if cost is None else cost.times(1000)
            return [Evidence(candidate=name, what="cost per 1,000 cases", estimate=estimate, found=found)]
        if why == "worthiest-of-the-tied":
            return [Evidence(candidate=name, what="net value per case", estimate=self._mean(k))]
        if why == "fastest-of-the-tied":
            answered = cases.asked[k] & ~cases.failed[k]
            seconds = cases.evaluation.machine_s[k][answered]
            estimate = mean(seconds, cases.groups_at(answered), level, unit="seconds")
            return [Evidence(candidate=name, what="machine time per case", estimate=estimate)]
        return []

    def _why_out(self, k: int) -> str:
        return "no price, so no net value" if k in self.assessment.cases.assessed else "no scored answer"

    def _listed(self, members: Sequence[int]) -> str:
        return listed([self.assessment.names[k] for k in members])


_MEETS = {"met": "all is met by", "not met": "something is certainly missed by", "not yet known": "open for"}
_CHOICES = {
    "only-one-sure-of-the-tied": "it alone of the tied certainly meets what is required",
    "cheapest-of-the-tied": "it costs least, or at most 5 % more and does better",
    "worthiest-of-the-tied": "it brings most by what was measured, its price included",
    "fastest-of-the-tied": "none has a price, and it takes the least machine time, or at most 5 % more and does better",
    "best-of-the-tied": "none has a price, and it does best",
}

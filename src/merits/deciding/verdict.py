"""The rule: what the evidence says to do, under one policy on failures.

no scored outcome, nobody priced for a net value, nothing to judge one by   undecided
nobody solved anything                                                      none worth it
everybody certainly misses a requirement or loses money                     none worth it
of the tied with the leader, nobody certainly meets the requirements        undecided
else of the tied that do, the cheapest (of a case with a worth: what brings most) is named, and
    the candidate in use stays, unless beaten or matched for less           keep
    the loss that taking it leaves open is above the tie margin             undecided
    otherwise                                                               adopt
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from merits.core.decision import Reason, RequirementResult, Verdict
from merits.core.facts import ruled_out
from merits.core.step import Step
from merits.deciding.amounts import ODDS, about_more, listed
from merits.deciding.assessment import Assessment
from merits.deciding.economics import gain_if_free
from merits.deciding.limits import refusals
from merits.deciding.reasons import because
from merits.deciding.trace import Trace

__all__ = ["Ruling", "rule"]

_TELLING_ZERO = 59  # as many failures in a row leave less than 5 % for a share solved above 5 %
_SAME_COST = 0.05  # costs within 5 % of each other are equal: measured seconds vary by more from run to run


@dataclass(frozen=True)
class Ruling:
    """A verdict, whom it names, why, and what would settle or change it."""

    verdict: Verdict
    chosen: int | None
    reasons: tuple[Reason, ...]
    next_step: str
    headline: str = ""
    steps: tuple[Step, ...] = ()


def rule(assessment: Assessment) -> Ruling:
    """The verdict under one policy, with the steps that led to it."""
    trace = Trace(assessment)
    ruling = _ruled(assessment, trace)
    trace.note("verdict", _said(ruling, assessment))
    return replace(ruling, steps=tuple(trace.steps))


def _ruled(assessment: Assessment, trace: Trace) -> Ruling:
    trace.compared()
    early = _nothing_to_go_by(assessment)
    if early is not None:
        return early
    trace.required()
    solved = any(assessment.cases.solved[k].any() for k in assessment.members)
    useful = any(assessment.cases.solved[k].any() for k in assessment.eligible)
    trace.solved(anything=solved, useful=useful)
    if not solved:
        return _nothing_solved(assessment)
    if not useful:
        return _nobody_of_use(assessment) if assessment.eligible else _nobody(assessment)
    trace.leader()
    trace.tied()
    sure = _sure(assessment)
    trace.sure(sure)
    if not sure:
        return _requirements_open(assessment)
    chosen, why = _cheapest(assessment, sure)
    trace.choice(sure, chosen, why)
    if assessment.incumbent is not None and assessment.meets(assessment.incumbent) != "not met":
        return _against_incumbent(assessment, chosen, why, trace)
    return _left_open(assessment, chosen, trace) or _adopt(assessment, chosen, why)


def _said(ruling: Ruling, assessment: Assessment) -> str:
    """The verdict in a few words."""
    if ruling.chosen is not None:
        return f"{ruling.verdict.capitalize()} {assessment.names[ruling.chosen]}."
    return f"{ruling.verdict.capitalize()}{f': {ruling.headline}' if ruling.headline else ''}."


def _nothing_to_go_by(assessment: Assessment) -> Ruling | None:
    if not assessment.cases.assessed:
        candidates = assessment.cases.evaluation.candidates
        if candidates and all(ruled_out(candidate, assessment.needs) for candidate in candidates):
            return _nobody_allowed(assessment)
        text = "No candidate has a scored outcome."
        step = _given_up_on(assessment) or "Run the evaluation again; `merits check` shows what may be wrong."
        if any(judge.deciding and judge.given_up for judge in assessment.cases.evaluation.judged):
            step = "Change the judge, as is said above, and run again: the candidates' answers are stored."
        return Ruling("undecided", None, (because("no-outcomes", text),), step, "there is nothing to decide on yet")
    if not assessment.members:
        text = "No candidate has a price, so no net value is known."
        step = "Give prices in the recipes (price:) or in a price table; nothing is asked again for it."
        return Ruling("undecided", None, (because("unknown-price", text),), step, "no candidate has a price")
    if len(assessment.members) == 1 and not assessment.results[assessment.members[0]]:
        name = assessment.names[assessment.members[0]]
        text = f"{name} is the only candidate with outcomes, and there is no requirement to judge it by."
        more = "Add a second candidate (the commonest answer is free), a requirement, or the worth of a solved case."
        step = _given_up_on(assessment) or more
        return Ruling("undecided", None, (because("nothing-to-compare", text),), step, "there is nothing to compare")
    return None


def _given_up_on(assessment: Assessment) -> str:
    """The next step where candidates could not be asked: they are there already, and out of reach; "" elsewhere."""
    names = [reason.candidate for reason in refusals(assessment)]
    return f"Mend what keeps {listed(names)} from being asked (the reasons say what), and run again." if names else ""


def _nobody_allowed(assessment: Assessment) -> Ruling:
    """None: what the candidates say of themselves rules all of them out, so nobody was asked."""
    text = f"Every one of the {len(assessment.names)} candidates is ruled out by what it says of itself."
    step = "Add candidates that may be used, or change a requirement that is not needed."
    return Ruling("none worth it", None, (because("all-fail", text),), step)


def _nothing_solved(assessment: Assessment) -> Ruling:
    """None is worth it once 5 % solved can be excluded (0.95 to the power of 59 is under 0.05)."""
    n = min(int(assessment.cases.counted[k].sum()) for k in assessment.members)
    text = f"No candidate solved a single one of {n:,} cases."
    step = "Look at the hardest examples in the report: is the target, the scorer or the prompt what it should be?"
    certain = n >= _TELLING_ZERO or not assessment.eligible
    verdict: Verdict = "none worth it" if certain else "undecided"
    return Ruling(verdict, None, (because("nothing-solved", text),), step, "nothing was solved, in too few cases")


def _nobody_of_use(assessment: Assessment) -> Ruling:
    """Undecided: whoever solved something certainly misses a requirement, and the rest solved nothing."""
    names = listed([assessment.names[k] for k in assessment.eligible])
    text = f"All that solved anything certainly miss a requirement; {names} may meet them but solved nothing."
    step = "Add better candidates, or lower a bar that is not needed; deciding again asks nothing again."
    return Ruling("undecided", None, (because("nothing-solved", text),), step, "nothing that solves cases may be used")


def _nobody(assessment: Assessment) -> Ruling:
    n = len(assessment.members)
    text = (
        f"Every one of the {n} candidates certainly misses a requirement or loses money."
        if n > 1
        else (f"{assessment.names[assessment.members[0]]} certainly misses a requirement or loses money.")
    )
    step = "Add better candidates, or lower a bar that is not needed; deciding again asks nothing again."
    unpriced = [k for k in assessment.cases.assessed if k not in assessment.members and _may_pay(assessment, k)]
    if unpriced:
        names = listed([assessment.names[k] for k in unpriced])
        price = because("unknown-price", f"{names} may be worth it: without a price nobody knows.")
        step = f"Give the price of {names}."
        return Ruling("undecided", None, (price,), step, f"all that have a price fail, and {names} has none")
    return Ruling("none worth it", None, (because("all-fail", text),), step)


def _may_pay(assessment: Assessment, k: int) -> bool:
    """Whether candidate k, which has no price, could be worth more than nothing if it cost nothing."""
    free = gain_if_free(assessment.cases, k, assessment.needs, assessment.needs.confidence)
    return assessment.meets(k) != "not met" and (free is None or free.high is None or free.high > 0.0)


def _requirements_open(assessment: Assessment) -> Ruling:
    """Undecided; the next step is for the tied candidate that is nearest to being settled."""
    open_ones = [(k, result) for k in assessment.tied for result in assessment.results[k] if result.met != "met"]
    reasons = tuple(
        because("requirement-open", _open_text(assessment, k, result), assessment.names[k]) for k, result in open_ones
    )
    hardest = {k: _hardest(assessment, k) for k, _ in open_ones}
    nearest = min(hardest, key=lambda k: (hardest[k][0], -assessment.compared.means[k]))
    return Ruling(
        "undecided", None, reasons, hardest[nearest][1], "no candidate is certain yet to meet what is required"
    )


def _hardest(assessment: Assessment, k: int) -> tuple[float, str]:
    """How many more examples the requirement takes that takes most of them, and what would settle it."""
    found = []
    for result in assessment.results[k]:
        if result.met == "not yet known":
            more = result.more_examples
            found.append((math.inf if more is None else float(more), result.settle))
    return max(found)


def _open_text(assessment: Assessment, k: int, result: RequirementResult) -> str:
    return f"{assessment.names[k]}: {result.requirement} is not yet known ({result.evidence})."


def _cheapest(assessment: Assessment, sure: Sequence[int]) -> tuple[int, str]:
    """The candidate to take among equals, and the code of why.

    By net value where a case has a worth, for the price is part of that; else by price, by machine time, by looks.
    """
    if len(assessment.tied) == 1:
        return sure[0], ""
    if len(sure) == 1:
        return sure[0], "only-one-sure-of-the-tied"
    if assessment.compared.objective == "net value":
        return _best_of_least(assessment, dict.fromkeys(sure, 0.0)), "worthiest-of-the-tied"
    costs = {k: assessment.cases.mean_cost(k) for k in sure}
    known = {k: cost for k, cost in costs.items() if cost is not None}
    if known:
        return _best_of_least(assessment, known), "cheapest-of-the-tied"
    seconds = {k: assessment.cases.mean_machine_s(k) for k in sure}
    if all(second > 0 for second in seconds.values()):
        return _best_of_least(assessment, seconds), "fastest-of-the-tied"
    return _best_of_least(assessment, dict.fromkeys(sure, 0.0)), "best-of-the-tied"


def _best_of_least(assessment: Assessment, spent: dict[int, float]) -> int:
    """The best-looking of those that take the least, or at most 5 % more than the least."""
    most = min(spent.values()) * (1.0 + _SAME_COST)
    least = [k for k, amount in spent.items() if amount <= most]
    return max(least, key=lambda k: (k == assessment.leader, assessment.compared.means[k], -k))


def _against_incumbent(assessment: Assessment, chosen: int, why: str, trace: Trace) -> Ruling:
    """Adopt what is certainly better than the candidate in use, or as good within the margin and cheaper; else keep."""
    incumbent = assessment.incumbent
    leader = assessment.leader
    if incumbent is None or leader is None:
        return _adopt(assessment, chosen, why)
    tried = [new for new in dict.fromkeys((chosen, leader)) if new != incumbent and assessment.meets(new) == "met"]
    for new in tried:
        better = assessment.compared.better(new, incumbent)
        if better or _matches_for_less(assessment, new, incumbent):
            how = "is better" if better else "is as good within the tie margin, and cheaper"
            trace.incumbent(f"Yes: {assessment.names[new]} {how}.", [(new, incumbent)])
            return _left_open(assessment, new, trace) or _adopt(assessment, new, why if new == chosen else "")
    trace.incumbent("No.", [(new, incumbent) for new in tried])
    text = f"{assessment.names[incumbent]} is in use, and no candidate was shown to be better, or as good and cheaper."
    reasons = (because("incumbent-stays", text, assessment.names[incumbent]), *_met(assessment, incumbent))
    return Ruling("keep", incumbent, reasons, _what_could_replace(assessment, incumbent))


def _matches_for_less(assessment: Assessment, new: int, old: int) -> bool:
    new_cost, old_cost = assessment.cases.mean_cost(new), assessment.cases.mean_cost(old)
    cheaper = new_cost is not None and old_cost is not None and new_cost < old_cost
    if assessment.compared.objective == "net value":  # the price is part of it
        cheaper = cheaper and assessment.compared.difference_of(new, old) >= 0.0
    return cheaper and assessment.compared.open_loss(old, new) <= assessment.margin


def _what_could_replace(assessment: Assessment, incumbent: int) -> str:
    """The cheapest step that could still unseat the candidate in use."""
    steps = []
    for k in assessment.tied:
        if k == incumbent or assessment.compared.means[k] <= assessment.compared.means[incumbent]:
            continue
        total = assessment.compared.examples_to_tell(k, incumbent)
        if total is not None:
            steps.append((total - assessment.compared.n_common(k, incumbent), assessment.names[k]))
    if not steps:
        return f"Keep {assessment.names[incumbent]}; nothing measured here speaks for a change."
    more, name = min(steps)
    return (
        f"{about_more(more, assessment.cases)} would show {ODDS} that {name} is better than "
        f"{assessment.names[incumbent]}, if the difference stays as it is."
    )


def _left_open(assessment: Assessment, chosen: int, trace: Trace) -> Ruling | None:
    """Undecided, where taking the named one leaves open a loss above the tie margin."""
    leader = assessment.leader
    if leader is None:
        return None
    if chosen != leader:
        return _above_margin(assessment, leader, chosen, "tie-too-wide", trace)
    others = [k for k in assessment.members if k != chosen]
    if not others:
        return None
    if any(assessment.relation(k) in ("worse", "dropped") for k in others):
        trace.open_loss("That is not asked of the one that does best once others were shown to be worse.")
        return None
    rivals = [k for k in assessment.tied if k != chosen]
    widest = max(rivals, key=lambda k: assessment.compared.open_loss(k, chosen), default=None)
    if widest is None:
        return None
    return _above_margin(assessment, widest, chosen, "too-few-examples", trace)


def _above_margin(assessment: Assessment, better: int, chosen: int, code: str, trace: Trace) -> Ruling | None:
    inside = assessment.compared.open_loss(better, chosen) <= assessment.margin
    difference = assessment.compared.difference(better, chosen)
    margin = difference.number(assessment.margin).lstrip("+")
    side = "within" if inside else "above"
    answer = f"{'Yes' if inside else 'No'}: the most that may be lost is {side} the margin of {margin}."
    trace.open_loss(answer, (better, chosen))
    return None if inside else _margin_ruling(assessment, better, chosen, code)


def _margin_ruling(assessment: Assessment, better: int, chosen: int, code: str) -> Ruling:
    """Undecided: `better` may still be better than `chosen` by more than the margin."""
    names, compared = assessment.names, assessment.compared
    difference = compared.difference(better, chosen)
    most = difference.number(difference.high)
    text = (
        f"{names[better]} and {names[chosen]} cannot be told apart ({names[better]} minus {names[chosen]}: "
        f"{difference}), and {names[better]} may be better by as much as {most}, which is more than the tie margin."
    )
    if difference.high is None:
        text = f"{names[better]} and {names[chosen]} were not answered on enough of the same examples to compare them."
    step = _narrowing(assessment, better, chosen)
    return Ruling("undecided", None, (because(code, text, names[chosen]),), step, _HEADLINES[code])


def _narrowing(assessment: Assessment, better: int, chosen: int) -> str:
    """What the fewest examples would show of two: which is better, or only that little is lost by taking either."""
    names, compared = assessment.names, assessment.compared
    tell = compared.examples_to_tell(better, chosen)
    bound = compared.examples_to_bound(better, chosen, assessment.margin)
    known = [total for total in (tell, bound) if total is not None]
    if not known:
        return "No number of examples can be promised to settle it; a wider tie margin or a price would."
    many = about_more(min(known) - compared.n_common(better, chosen), assessment.cases)
    looks_better, other = (better, chosen) if compared.difference_of(better, chosen) >= 0 else (chosen, better)
    shown = f"that {names[looks_better]} is better than {names[other]}"
    if tell is None or (bound is not None and bound < tell):
        shown = f"that {names[better]} is not better than {names[chosen]} by more than the tie margin"
    return f"{many} would show {ODDS} {shown}, if the difference stays as it is."


_HEADLINES = {
    "tie-too-wide": "the cheapest candidate may be as good as the best, or clearly worse",
    "too-few-examples": "the examples are too few to tell any candidate from another",
}


def _adopt(assessment: Assessment, chosen: int, why: str) -> Ruling:
    name = assessment.names[chosen]
    reasons: list[Reason] = []
    if why:
        reasons.append(because(why, _why_text(assessment, chosen, why), name))
    for k in assessment.members:
        if k != chosen and assessment.compared.better(chosen, k):
            ahead = assessment.compared.difference(chosen, k)
            reasons.append(because("better", f"{name} is better than {assessment.names[k]}: {ahead}.", name))
    reasons.extend(_met(assessment, chosen))
    verdict: Verdict = "keep" if name == assessment.needs.incumbent else "adopt"
    return Ruling(verdict, chosen, tuple(reasons), _after_adopting(assessment, chosen, verdict))


def _why_text(assessment: Assessment, chosen: int, why: str) -> str:
    name = assessment.names[chosen]
    others = listed([assessment.names[k] for k in assessment.tied if k != chosen])
    how = {
        "only-one-sure-of-the-tied": f"{name} is the only one of them that certainly meets what is required",
        "cheapest-of-the-tied": f"{name} is the cheapest of them, or as cheap and better-looking",
        "worthiest-of-the-tied": f"{name} brings most by what was measured, its price included",
        "fastest-of-the-tied": f"none of them has a price, and {name} takes the least machine time",
        "best-of-the-tied": f"none of them has a price, and {name} looks best",
    }[why]
    sure = _sure(assessment)
    some = why != "only-one-sure-of-the-tied" and len(sure) < len(assessment.tied)
    whom = f"of {listed([assessment.names[k] for k in sure])}, which certainly meet what is required, " if some else ""
    return f"{name} and {others} cannot be told apart on these examples; {whom}{how}."


def _sure(assessment: Assessment) -> tuple[int, ...]:
    """Those of the tied that certainly meet what is required and solved anything at all."""
    return tuple(k for k in assessment.tied if assessment.meets(k) == "met" and assessment.cases.solved[k].any())


def _met(assessment: Assessment, k: int) -> list[Reason]:
    name = assessment.names[k]
    return [
        because("requirement-met", f"{name} meets {result.requirement}: {result.evidence}.", name)
        for result in assessment.results[k]
        if result.met == "met"
    ]


def _after_adopting(assessment: Assessment, chosen: int, verdict: Verdict) -> str:
    unpriced = [k for k in assessment.cases.assessed if not assessment.cases.evaluation.priced[k]]
    rivals = [k for k in unpriced if k != chosen and assessment.may_beat_unpriced(k)]
    if rivals and assessment.cases.evaluation.priced[chosen]:
        return f"Give the price of {listed([assessment.names[k] for k in rivals])}: it may be the better buy."
    if chosen in unpriced and assessment.tied != (chosen,):
        return "Give prices: then the cheapest of the tied is named, not the one that is quickest or looks best."
    verb = "Keep" if verdict == "keep" else "Use"
    return f"{verb} {assessment.names[chosen]}; this choice needs nothing more to be measured."

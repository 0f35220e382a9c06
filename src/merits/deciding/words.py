"""The verdict as a paragraph that a manager can read: which, how sure, at what price, why not the others.

Every number comes with its interval and the number of examples it rests on.
"""

from __future__ import annotations

from merits.core.decision import Standing
from merits.core.estimate import Estimate, cases_to_hold
from merits.deciding.amounts import listed, pieces
from merits.deciding.assessment import Assessment
from merits.deciding.limits import budget_sentence, lost_sentence
from merits.deciding.raced import race_result, race_sentences
from merits.deciding.unpriced import why_unpriced
from merits.deciding.verdict import Ruling
from merits.stats.powered import METHOD

__all__ = ["summarised", "what_would_change"]


def summarised(
    ruling: Ruling, assessment: Assessment, standings: tuple[Standing, ...], change: str, money: str = ""
) -> str:
    """Four to nine sentences; `money` are those on how probable the choice is right and what would turn it."""
    parts = [_headline(ruling, assessment)]
    subject = ruling.chosen if ruling.chosen is not None else assessment.leader
    if subject is not None:
        parts += [_quality(assessment, standings, subject, named=ruling.chosen is not None)]
        parts += [_others(assessment, subject), _money(assessment, standings[subject])]
        parts += [_bars(standings, subject if ruling.chosen is not None else None)]
    if ruling.chosen is None:
        parts += [_missed(standings, subject) or ruling.reasons[0].text]
    race = race_result(assessment)
    if race is not None:
        parts.append(race_sentences(race))
    else:
        parts.append(budget_sentence(assessment))
    parts += [lost_sentence(assessment), _failures(standings), money if ruling.chosen is not None else "", change]
    return " ".join(part for part in parts if part)


def what_would_change(ruling: Ruling, assessment: Assessment, standings: tuple[Standing, ...]) -> str:
    """What would turn the verdict: a price, a difference, a bar; for "undecided", the step that would settle it."""
    if ruling.chosen is None:
        return ruling.next_step
    return (
        _dearer(ruling.chosen, assessment, standings)
        or _overtaken(ruling.chosen, assessment)
        or _higher_bar(standings[ruling.chosen])
        or "A new candidate, a new requirement or new examples could change this; nothing measured here does."
    )


def _headline(ruling: Ruling, assessment: Assessment) -> str:
    if ruling.chosen is not None:
        verb = {"adopt": "Adopt", "keep": "Keep"}[ruling.verdict]
        return f"{verb} {assessment.names[ruling.chosen]}."
    if ruling.verdict == "none worth it":
        n = len(assessment.members)
        return f"None of the {n} candidates is worth using." if n > 1 else "The candidate is not worth using."
    return f"Undecided: {ruling.headline}."


def _quality(assessment: Assessment, standings: tuple[Standing, ...], k: int, *, named: bool) -> str:
    standing = standings[k]
    quality = standing.quality
    if quality is None:
        return ""
    size = assessment.cases.examples_a_group
    rests_on = f"{pieces(quality.n, size)}{_labelled(quality)}"
    shown = f"{quality.text()} of the cases ({100 * quality.level:g} % interval, {rests_on})"
    if named:
        return f"It solves {shown}."
    looks = "looks best so far: it solves" if len(assessment.members) > 1 else "solves"
    return f"{standing.candidate} {looks} {shown}."


def _others(assessment: Assessment, k: int) -> str:
    """Who is worse than the subject, who cannot be told apart from it, who is out anyway."""
    compared = assessment.compared
    rest = [j for j in assessment.members if j != k]
    worse = [j for j in rest if compared.better(k, j)]
    out = [j for j in rest if j not in worse and (assessment.meets(j) == "not met" or assessment.misses_gate(j))]
    dropped = [j for j in rest if j not in worse and j not in out and j not in assessment.standing]
    level = [j for j in rest if j not in worse and j not in out and j not in dropped]
    parts = [part for part in (_ahead(assessment, k, worse), _level(assessment, k, level)) if part]
    sentences = []
    if parts:
        many = f", corrected for {compared.n_pairs} comparisons" if compared.n_pairs > 1 else ""
        sentences.append(f"It {' and '.join(parts)}, on the same examples{many}.")
    if dropped:
        be, them = ("are", "them") if len(dropped) > 1 else ("is", "it")
        sure = "cannot be" if _certified(assessment) else f"{be} hardly"
        names = listed([assessment.names[j] for j in dropped])
        sentences.append(f"{names} {sure} the best: the race dropped {them}.")
    if out:
        sentences.append(f"{listed([assessment.names[j] for j in out])} certainly {_verb(out)} what is required.")
    return " ".join(sentences)


def _certified(assessment: Assessment) -> bool:
    raced = assessment.cases.evaluation.raced
    return raced is not None and raced.mode == "certified"


def _ahead(assessment: Assessment, k: int, worse: list[int]) -> str:
    if not worse:
        return ""
    nearest = max(worse, key=lambda j: assessment.compared.means[j])
    gap = _gap(assessment, k, nearest)
    beside = f"the nearest, {assessment.names[nearest]}, by {gap}" if len(worse) > 1 else f"by {gap}"
    return f"is better than {listed([assessment.names[j] for j in worse])} ({beside})"


def _level(assessment: Assessment, k: int, level: list[int]) -> str:
    if not level:
        return ""
    looks = max(level, key=lambda j: assessment.compared.means[j])
    ahead = _gap(assessment, looks, k)
    beside = (
        f"the best-looking, {assessment.names[looks]}, differs by {ahead}" if len(level) > 1 else f"differs by {ahead}"
    )
    return f"cannot be told apart from {listed([assessment.names[j] for j in level])} ({beside})"


def _gap(assessment: Assessment, a: int, b: int) -> str:
    """How much better a is than b, in points or in money for each case."""
    unit = " a case" if assessment.compared.objective == "net value" else ""
    return f"{assessment.compared.difference(a, b).text()}{unit}"


def _verb(members: list[int]) -> str:
    return "misses" if len(members) == 1 else "miss"


def _money(assessment: Assessment, standing: Standing) -> str:
    if standing.cost_per_solved is None or standing.cost_per_1000 is None:
        evaluation = assessment.cases.evaluation
        why = why_unpriced(evaluation, evaluation.names.index(standing.candidate), assessment.needs)
        return f"What {standing.candidate} costs is unknown: it {why}."
    solved, cases = standing.cost_per_solved, standing.cost_per_1000.times(1 / 1000)
    if solved.value is None:
        price = f"Nothing was solved, so a solved case costs at least {solved.number(solved.low)} (n = {solved.n:,})"
    else:
        many = cases_to_hold(solved.value)
        subject = "A solved case costs" if many == 1 else f"{many:,} solved cases cost"
        most = max(1_000, many)
        price = f"{subject} {solved.times(many).text()}, {most:,} cases {cases.times(most).text()} (n = {solved.n:,})"
    month = standing.net_value_per_month
    if month is not None:
        return f"{price}; what is left over is {month.text()} a month."
    case = standing.net_value_per_case
    return f"{price}; what is left over is {case.text()} a case." if case is not None else f"{price}."


def _bars(standings: tuple[Standing, ...], k: int | None) -> str:
    if k is None or not standings[k].requirements:
        return ""
    met = [result for result in standings[k].requirements if result.met == "met"]
    shown = [f"{result.requirement} ({result.evidence_text})" for result in met]
    return f"It meets {listed(shown)}." if shown else ""


def _missed(standings: tuple[Standing, ...], subject: int | None) -> str:
    """By how much the best-looking one misses what is required, where it certainly does."""
    results = () if subject is None else standings[subject].requirements
    missed = [f"{r.requirement} ({r.evidence_text})" for r in results if r.met == "not met"]
    return f"Even so it certainly misses {listed(missed)}." if missed else ""


def _failures(standings: tuple[Standing, ...]) -> str:
    failed = [
        f"{s.n_failed:,} of {_n_rows(s):,} of {s.candidate} failed"
        + (f" and {s.n_missing:,} were therefore never asked" if s.n_missing else "")
        for s in standings
        if s.n_failed
    ]
    return f"Not every question could be asked: {listed(failed)}; they count as not solved here." if failed else ""


def _n_rows(standing: Standing) -> int:
    return standing.n_scored + standing.n_failed + standing.n_unscored + standing.n_missing


def _dearer(chosen: int, assessment: Assessment, standings: tuple[Standing, ...]) -> str:
    """At which price of the named one another of the tied would be the cheapest."""
    if assessment.compared.objective == "net value":
        return ""
    own = assessment.cases.mean_cost(chosen)
    rivals = [(assessment.cases.mean_cost(k), k) for k in assessment.tied if k != chosen]
    dearer = [(cost, k) for cost, k in rivals if cost is not None and own is not None and cost > own]
    if not dearer:
        return ""
    _, k = min(dearer)
    price = standings[k].cost_per_1000
    if price is None:
        return ""
    name, rival = assessment.names[chosen], assessment.names[k]
    return f"{rival}, at {price.text()} per 1,000 cases, would be named instead if {name} cost more than that."


def _overtaken(chosen: int, assessment: Assessment) -> str:
    """By how much the nearest other candidate would have to improve."""
    rest = [
        k
        for k in assessment.members
        if k != chosen and assessment.compared.means[k] <= assessment.compared.means[chosen]
    ]
    if not rest:
        return ""
    nearest = max(rest, key=lambda k: assessment.compared.means[k])
    names, gap = assessment.names, _gap(assessment, chosen, nearest)
    if assessment.compared.objective == "net value":
        return f"{names[nearest]} would draw level if {names[chosen]} became dearer by {gap}."
    return f"{names[nearest]} would have to gain {gap} to draw level."


def _higher_bar(standing: Standing) -> str:
    """The requirement that is met with the least to spare."""
    for result in standing.requirements:
        if result.met == "met" and result.estimate is not None:
            end = result.estimate.low if result.requirement.op == ">=" else result.estimate.high
            side = "above" if result.requirement.op == ">=" else "below"
            return (
                f"A bar {side} {result.estimate.number(end)} for {result.requirement.subject} would no longer be met."
            )
    return ""


def _labelled(quality: Estimate) -> str:
    """What must be said of the number of examples that a corrected figure rests on."""
    return " labelled by people" if quality.method.startswith(METHOD) else ""

"""Is the decision still right? Reads a decision that was made again, on live outcomes or at today's prices.

It is no longer right where the one that serves certainly misses a requirement, or another is certainly better, or as
good for less. Knows nothing about how the decision was made.
"""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.decision import Decision, RequirementResult, Standing
from merits.core.estimate import Estimate, cases_to_hold
from merits.core.identity import JSON
from merits.core.live import Alert
from merits.core.release import Release
from merits.monitoring.alerts import alert_id
from merits.monitoring.looks import Look

__all__ = ["DECISION", "at_new_prices", "on_live"]

DECISION = "decision"
"""The stream that says whether the decision is right."""


def on_live(release: Release, decision: Decision, champion: str, look: Look, *, since: float, at: float) -> list[Alert]:
    """What a decision on live outcomes says against the release that serves (named `champion` there).

    `since` is from when on outcomes were looked at, part of the alerts' ids: what was found once is found once.
    """
    standing = next((one for one in decision.standings if one.candidate == champion), None)
    if standing is None:
        return []
    found = [
        _missed(release, result, look, since=since, at=at)
        for result in standing.requirements
        if result.met == "not met"
    ]
    if decision.verdict in ("adopt", "keep") and decision.candidate not in ("", champion):
        found.append(_another(release, decision, champion, look, since=since, at=at))
    return found


def at_new_prices(release: Release, then: Decision, decision: Decision, *, since: float, at: float) -> list[Alert]:
    """What the stored test outcomes say against the release once they are paid at today's prices.

    `then` is the decision that it was made by: only what it did not say already counts. Nothing but prices changed, so
    nothing is asked of chance: what was certain of the outcomes is.
    """
    name = release.candidate.name
    if (then.verdict, then.candidate) == (decision.verdict, decision.candidate):
        return []
    standing = next((one for one in decision.standings if one.candidate == name), None)
    if standing is None:
        return []
    missed = [result for result in standing.requirements if result.met == "not met"]
    if missed:
        text = f"At today's prices {name} certainly misses {missed[0].requirement}: {missed[0].evidence}."
    elif decision.verdict in ("adopt", "keep") and decision.candidate not in ("", name):
        text = f"At today's prices the decision is another one: {decision.verdict} {decision.candidate}."
    else:
        return []
    evidence: dict[str, JSON] = {
        "verdict": decision.verdict,
        "candidate": decision.candidate,
        "decision": decision.id,
    }
    next_step = "merits run && merits release"
    return [_alarm(release, "prices", text, next_step, evidence, event="prices", since=since, at=at)]


def _missed(release: Release, result: RequirementResult, look: Look, *, since: float, at: float) -> Alert:
    promised = _promised(release.promise.requirements, result)
    was = "" if promised is None else f" It was {promised.text()} when it was released."
    kind = "requirement-not-met"
    text = f"{release.model} no longer meets {result.requirement}: {result.evidence_text} on live traffic.{was}"
    next_step = "merits retrain (on the fresh labels), or merits rollback; merits improve searches for a better one"
    evidence: dict[str, JSON] = {
        "requirement": str(result.requirement),
        "found": _plain(result.estimate),
        "promised": _plain(promised),
        **_of(look),
    }
    event = f"{kind}: {result.requirement}"
    return _alarm(release, kind, text, next_step, evidence, event=event, since=since, at=at)


def _another(release: Release, decision: Decision, champion: str, look: Look, *, since: float, at: float) -> Alert:
    ours, theirs = decision.standing(champion), decision.standing(decision.candidate)
    cheaper = ours.quality is not None and theirs.relation != "leader"
    margin = 100.0 * decision.needs.tie_margin
    tied = cheaper or ours.relation == "tied"
    how = f"cheaper, at a loss of {margin:g} points at most," if tied else "better"
    text = f"{decision.candidate} is certainly {how} than {champion} on live traffic: {_beside(theirs, ours)}."
    evidence: dict[str, JSON] = {
        "candidate": decision.candidate,
        "decision": decision.summary,
        "quality": _plain(theirs.quality),
        "quality of the champion": _plain(ours.quality),
        "cost per 1000": _plain(theirs.cost_per_1000),
        "cost per 1000 of the champion": _plain(ours.cost_per_1000),
        **_of(look),
    }
    event = f"another: {decision.candidate}"
    return _alarm(
        release, "another-is-better", text, "merits rollout --promote", evidence, event=event, since=since, at=at
    )


def _alarm(
    release: Release,
    kind: str,
    text: str,
    next_step: str,
    evidence: dict[str, JSON],
    *,
    event: str,
    since: float,
    at: float,
) -> Alert:
    """An alarm about the decision; `event` and `since` are what its id tells it from others by."""
    return Alert(
        id=alert_id(release.task_name, event, DECISION, release.version, since),
        task=release.task_name,
        at=at,
        kind=kind,
        stream=DECISION,
        severity="alarm",
        text=text,
        next_step=next_step,
        evidence=evidence,
        group=DECISION,
        release=release.version,
    )


def _of(look: Look) -> dict[str, JSON]:
    return {"look": look.number, "level": look.level, "n": look.n}


def _beside(theirs: Standing, ours: Standing) -> str:
    """What one solves and costs, beside the other."""
    said = []
    if theirs.quality is not None and ours.quality is not None:
        said.append(f"it solves {theirs.quality.text()} against {ours.quality.text()}")
    if theirs.cost_per_1000 is not None and ours.cost_per_1000 is not None:
        n = cases_to_hold((ours.cost_per_1000.value or 0.0) / 1_000)
        costs = [one.times(n / 1_000).text() for one in (theirs.cost_per_1000, ours.cost_per_1000)]
        said.append(f"{n:,} case{'' if n == 1 else 's'} cost {costs[0]} against {costs[1]}")
    return "; ".join(said) or "see the evidence"


def _promised(results: Sequence[RequirementResult], found: RequirementResult) -> Estimate | None:
    same = (one.estimate for one in results if str(one.requirement) == str(found.requirement))
    return next(same, None)


def _plain(estimate: Estimate | None) -> JSON:
    return None if estimate is None else str(estimate)

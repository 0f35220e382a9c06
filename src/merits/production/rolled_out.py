"""A challenger beside the release that serves: begun, looked at as often as one likes, and ended, each with its reason.

    start_rollout(task, 2, mode="canary", share=0.1)
    print(rollout_status(task).verdict.text)
    conclude_rollout(task)                        promotes, takes back, or leaves it: as the evidence says

What may be concluded when is in `monitoring.rollout_tests`; servers follow the live store within about a second.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from merits.core.doors import LiveStore
from merits.core.errors import UsageError
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.core.live import LOOP, LiveRecord, Rollout, Served, of_candidate
from merits.core.release import Release
from merits.core.task import Task
from merits.evaluating.live import live_evaluation, live_name, said_by
from merits.evaluating.work import scorers_of
from merits.monitoring.rollout_tests import Bounds, RolloutVerdict, judge_rollout
from merits.opening import opened_live, rollout_in_force, whoever
from merits.serving.clock import plausible_now
from merits.store.since import feedback_on_all, served_since

__all__ = [
    "RolloutCost",
    "RolloutStatus",
    "conclude_rollout",
    "must_be_alone",
    "rollout_cost",
    "rollout_status",
    "start_rollout",
]

Trial: TypeAlias = Literal["shadow", "canary", "a/b"]
_DAY_S = 86_400.0
_TWICE, _LEAST_SLOW_S = 2.0, 1.0  # times the promised p95; less is a trifle unless the needs say otherwise
How: TypeAlias = Literal["as the evidence says", "promote", "stop"]


@dataclass(frozen=True)
class RolloutStatus:
    """The rollout in force, and what its outcomes say so far; `verdict` is None where nobody challenges, or nothing was
    served yet. `evaluation` is what the verdict rests on; of `n_left_out` requests only users spoke, which does not
    count.
    """

    rollout: Rollout
    verdict: RolloutVerdict | None
    evaluation: Evaluation | None
    n_left_out: int = 0


def start_rollout(
    task: Task,
    challenger: int,
    *,
    mode: Trial = "canary",
    share: float | None = None,
    margin: float = 0.02,
    alpha: float = 0.05,
    live: LiveStore | str | Path | None = None,
    reason: str = "",
    by: str = "",
    dry_run: bool = False,
) -> Rollout:
    """The rollout by which a release answers a share of the requests from now on, beside the one that serves.

    In the shadow it answers silently, all requests unless a `share` is given; in a canary a tenth, in an A/B test half
    of the users (of the requests, where nobody is named). `margin` is the loss of quality that a promotion may risk,
    and `alpha` the probability of ever deciding wrongly; both hold until it ends. With `dry_run` nothing begins. Raises
    UsageError where no release serves, the challenger is none or is the one that serves, or a comparison goes on
    already.
    """
    share = {"shadow": 1.0, "canary": 0.1, "a/b": 0.5}[mode] if share is None else share
    _check(share, margin, alpha)
    with opened_live(live, task) as memory:
        now = rollout_in_force(memory, task)
        known = [release.version for release in memory.releases(task.name)]
        if challenger not in known:
            there = ", ".join(map(str, known))
            raise UsageError(
                f"{task.name!r} has no release {challenger}; there are: {there}.",
                "merits release --no-activate makes one that does not serve yet.",
            )
        if challenger == now.champion:
            raise UsageError(f"release {challenger} is the one that serves.", "Name another: merits releases")
        must_be_alone(now)
        begun = Rollout(
            task=task.name,
            at=plausible_now(memory),
            champion=now.champion,
            challenger=challenger,
            mode=mode,
            share=share,
            previous=now.previous,
            reason=(reason or f"release {challenger} is compared with {now.champion}")
            + _begun_again(memory, now, alpha),
            by=by or whoever(),
            seed=secrets.token_hex(8),
            margin=margin,
            alpha=alpha,
        )
        if not dry_run:
            memory.add([begun])
        return begun


def must_be_alone(rollout: Rollout) -> None:
    """Raises UsageError where a release is being compared with the one that serves: one comparison at a time."""
    if rollout.challenger is not None:
        raise UsageError(
            f"release {rollout.challenger} is being compared with {rollout.champion} already.",
            "End that first: merits rollout --stop, or --promote.",
        )


@dataclass(frozen=True)
class RolloutCost:
    """What a challenger's answers are likely to cost a day, if the day is like the last one (`n_requests`).

    By what its release promised of its cost. `saved` is what the one that serves then costs less, for it is not asked
    where a canary answers. None where there is no price.
    """

    n_requests: int
    n_answers: float
    spent: Estimate | None
    saved: Estimate | None


def rollout_cost(
    task: Task,
    rollout: Rollout,
    *,
    live: LiveStore | str | Path | None = None,
    clock: Callable[[], float] = time.time,
) -> RolloutCost:
    """What the answers of a rollout's challenger are likely to cost in a day."""
    with opened_live(live, task) as memory:
        costs = {one.version: one.promise.cost_per_1000 for one in memory.releases(task.name)}
        n = len({one.request for one in served_since(memory, task.name, clock() - _DAY_S)})
    answers = n * rollout.share
    instead = () if rollout.mode == "shadow" else (rollout.champion,)
    spent, saved = (
        None if not version or (cost := costs.get(version)) is None else cost.times(answers / 1_000)
        for version in (rollout.challenger, *(instead or (None,)))
    )
    return RolloutCost(n, answers, spent, saved)


def rollout_status(
    task: Task, *, live: LiveStore | str | Path | None = None, dearer: float | None = None, users: bool = False
) -> RolloutStatus:
    """The rollout in force and what its outcomes say; may be asked at any time. UsageError where no release serves.

    An answer that a fallback had to give counts as a failure. Slow is what misses a requirement on `p95_latency`, else
    what takes twice as long as the p95 that the one that serves was released with, and at least a second. `dearer` is
    the share by which the challenger may cost more per request, failed answers and those of fallbacks included: within
    that it must certainly be to be promoted.

    Labels and judges, whose requests chance draws, tell what was solved. Users correct what was wrong: among those
    requests the one that serves is wrong by selection, and a worse challenger would win. With `users` their word counts
    all the same.
    """
    with opened_live(live, task) as memory:
        rollout = rollout_in_force(memory, task)
        if rollout.challenger is None:
            return RolloutStatus(rollout, None, None)
        releases = {one.version: one for one in memory.releases(task.name)}
        pair = [releases[version] for version in (rollout.champion, rollout.challenger)]
        served = _compared(memory, rollout)
        if {one.release for one in served} != {rollout.champion, rollout.challenger}:
            return RolloutStatus(rollout, None, None)
        said = feedback_on_all(memory, list({one.request: None for one in served}))
    feedback = said if users else said_by(said, ("label", "judge"))
    evaluation = live_evaluation([of_candidate(one) for one in served], feedback, pair, scorers_of(task))
    champion, challenger = (live_name(task.name, one.version) for one in pair)
    bounds = Bounds(margin=rollout.margin, alpha=rollout.alpha, slow_s=_slow_from(pair[0]), dearer=dearer)
    verdict = judge_rollout(evaluation, champion, challenger, paired=rollout.mode == "shadow", bounds=bounds)
    left_out = sum(bool(every) and not feedback[request] for request, every in said.items())
    return RolloutStatus(rollout, verdict, evaluation, left_out)


def conclude_rollout(
    task: Task,
    how: How = "as the evidence says",
    *,
    ask: Callable[[str], bool] | None = None,
    live: LiveStore | str | Path | None = None,
    dearer: float | None = None,
    users: bool = False,
    reason: str = "",
    by: str = "",
    also: Sequence[LiveRecord] = (),
) -> Rollout | None:
    """The rollout that ends a comparison: the challenger serves, or serves no more; None where it goes on.

    By default as `rollout_status` says; "promote" and "stop" whatever it says, and the reason says that too. `ask` is
    told what is about to happen and why; where it says no, nothing does. `also` are records that are added with it, all
    of them or none. UsageError where nobody challenges.
    """
    with opened_live(live, task) as memory:
        status = rollout_status(task, live=memory, dearer=dearer, users=users)
        now, said = status.rollout, status.verdict
        if now.challenger is None:
            raise UsageError(
                f"no release challenges {now.champion} of {task.name!r}.", "Begin: merits rollout --challenger N"
            )
        if how == "as the evidence says" and (said is None or said.verdict == "go on"):
            return None
        promotes = how == "promote" or (how != "stop" and said is not None and said.verdict == "promote")
        evidence = "nothing was compared yet" if said is None else said.text
        by_hand = "" if how == "as the evidence says" or by == LOOP else "by hand; "
        why = "; ".join(filter(None, (reason, f"{by_hand}{evidence}")))
        what = (
            f"Release {now.challenger} {'serves instead of' if promotes else 'is taken back; on serves'} {now.champion}"
        )
        if ask is not None and not ask(f"{what}: {why}"):
            return None
        ended = Rollout(
            task=task.name,
            at=plausible_now(memory),
            champion=now.challenger if promotes else now.champion,
            previous=now.champion if promotes else now.previous,
            reason=why,
            by=by or whoever(),
        )
        latest = rollout_in_force(memory, task)
        if latest != now:
            raise UsageError(
                "the rollout was changed by somebody else meanwhile.", "Look again: merits rollout --status"
            )
        memory.add([ended, *also])
        return ended


def _begun_again(memory: LiveStore, now: Rollout, alpha: float) -> str:
    """Says that a champion was compared before, for `alpha` is of one comparison, and chances to err add up."""
    before = {
        one.seed for one in memory.rollouts(now.task) if one.challenger is not None and one.champion == now.champion
    }
    if not before:
        return ""
    return f" (comparison {len(before) + 1} with release {now.champion}: {100 * alpha:g} % may err in each of them)"


def _compared(memory: LiveStore, rollout: Rollout) -> list[Served]:
    """What the two answered since the rollout began; shadows with what was given in their place.

    Without what clients decided: who names a version, leaves, or gives no time would decide the comparison too.
    """
    arms = {rollout.champion: "champion", rollout.challenger: "shadow" if rollout.mode == "shadow" else "challenger"}
    found = list(served_since(memory, rollout.task, rollout.at))
    aside = {one.request for one in found if one.aside}  # with the shadow that was asked beside it
    return [one for one in found if arms.get(one.release) == one.arm and one.request not in aside]


def _slow_from(champion: Release) -> float | None:
    """The seconds from which an answer is slow: what is required, else what nobody can have been promised."""
    for requirement in champion.needs.requirements:
        if requirement.is_plain and requirement.op == "<=" and requirement.metric == "p95_latency":
            return requirement.bar
    promised = champion.promise.latency_p95_s
    return None if promised is None or promised.value is None else max(_TWICE * promised.value, _LEAST_SLOW_S)


def _check(share: float, margin: float, alpha: float) -> None:
    if not 0.0 < share <= 1.0:
        raise UsageError(f"the share is {share:g}.", "Give a number above 0, up to 1, such as 0.1.")
    if not 0.0 <= margin < 1.0:
        raise UsageError(f"the margin is {margin:g}.", "Give a number from 0 to below 1, such as 0.02 (2 points).")
    if not 0.0 < alpha < 0.5:
        raise UsageError(f"alpha is {alpha:g}.", "Give a number above 0 and below 0.5, such as 0.05.")

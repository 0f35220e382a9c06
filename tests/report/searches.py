"""Searches to report on, made up."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.candidate import Candidate
from merits.core.estimate import Estimate
from merits.core.improvement import Gain, Improvement, TechniqueRecord, TrialRecord

__all__ = ["found_nothing", "gain", "searched", "trial"]


def rate(value: float, half: float = 0.02) -> Estimate:
    return Estimate(
        value=value, low=value - half, high=min(value + half, 1.0), level=0.95, n=400, unit="rate", method="Wilson"
    )


def points(value: float, half: float = 0.015, level: float = 0.975) -> Estimate:
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, n=800, unit="points", method="paired t"
    )


def money(value: float) -> Estimate:
    return Estimate(
        value=value,
        low=0.9 * value,
        high=1.1 * value,
        level=0.95,
        n=400,
        unit="money",
        method="mean",
        currency="USD",
    )


def trial(
    number: int,
    technique: str,
    name: str,
    solved: float | None,
    cost: float | None = 0.002,
    *,
    kept: bool = False,
    n_rows: int = 400,
    ruled_out: bool = False,
    failed: str = "",
) -> TrialRecord:
    """A trial that solves a share at a cost of a case; one that failed where the share is None."""
    return TrialRecord(
        number=number,
        technique=technique,
        candidate=Candidate(name=name, kind="constant", params={"output": f"{number}"}),
        at_s=2.0 * number,
        quality=None if solved is None else rate(solved),
        cost=None if solved is None or cost is None else money(cost),
        value=solved,
        n_rows=0 if solved is None else n_rows,
        failed=failed or ("" if solved is not None else "it crashed"),
        kept=kept,
        ruled_out=ruled_out,
    )


LONG = "vote by confidence of cascade of minilm-linear and vader-rules, net value, naive-bayes and 3 more, 5:2:1:1:3:1"


def gain(found: str, given: str = "base", goal: str = "better", holds: str = "better", value: float = 0.03) -> Gain:
    """A gain of so much on test, of twice that on dev."""
    return Gain(
        goal=goal,
        given=given,
        found=found,
        on_dev=points(2 * value, level=0.95),
        on_test=points(value),
        cost_given=money(0.002),
        cost_found=money(0.0005),
        holds=holds,
        margin=0.01,
        pays_back_after=Estimate(
            value=4_000.0, low=2_000.0, high=9_000.0, level=0.975, n=800, unit="count", method="ends together"
        ),
        text=f"{found} is certainly better than {given}: +3.0 points on test, +6.0 points on dev.",
    )


def searched(
    trials: Sequence[TrialRecord] | None = None, gains: Sequence[Gain] | None = None, **more: object
) -> Improvement:
    """A search among two given candidates by two techniques that found two things, with a third left out."""
    given = [trial(0, "given", "base", 0.80), trial(1, "given", "cheap", 0.70, 0.0001)]
    tried = [
        trial(2, "cascades", "cascade of cheap and base", 0.81, 0.0005, kept=True),
        trial(3, "cascades", "cascade, strict", 0.79, 0.0015),
        trial(4, "tuning", "base #1", 0.82),
        trial(5, "tuning", "base #2", None),
        trial(6, "tuning", "base #3", 0.84, n_rows=100),
        trial(7, "voting", LONG, 0.86, 0.003, kept=True),
    ]
    made: dict[str, object] = {
        "task": "0" * 32,
        "task_name": "tickets",
        "objective": "quality",
        "best_given": "base",
        "techniques": (
            TechniqueRecord(
                name="cascades",
                title="Cascades",
                effort="replays",
                ended="done",
                n_trials=2,
                seconds=1.5,
                kept=("cascade of cheap and base",),
            ),
            TechniqueRecord(
                name="tuning", title="Tuning", effort="trains", ended="time", n_trials=3, n_failed=1, seconds=60.0
            ),
            TechniqueRecord(
                name="voting", title="Voting", effort="replays", ended="done", n_trials=1, seconds=0.5, kept=(LONG,)
            ),
            TechniqueRecord(
                name="prompting",
                title="Prompts",
                effort="asks",
                ended="skipped",
                skipped="no candidate is a chat model.",
            ),
        ),
        "trials": tuple(given + list(tried if trials is None else trials)),
        "gains": tuple(
            [gain(LONG), gain("cascade of cheap and base", goal="cheaper", holds="cheaper at no loss", value=0.005)]
            if gains is None
            else gains
        ),
        "importances": {"base": {"strength": 0.7, "words": 0.3}},
        "seconds": 130.0,
        "spent": None,
        "cost": 6.0,
        "currency": "USD",
        "budget": "3 min",
        "stopped": "done",
        "n_searched": 6,
        "n_finalists": 2,
        "text": "6 candidates were tried.",
    }
    return Improvement(**{**made, **more})


def found_nothing() -> Improvement:
    """A search whose trials are all worse than what was given."""
    return searched(
        [trial(2, "tuning", "base #1", 0.75), trial(3, "tuning", "base #2", 0.78)], [], importances={}, n_searched=2
    )

"""Says what this many test examples can show: differences between candidates, and requirements."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from merits.core.clusters import units_of
from merits.core.decision import Met
from merits.core.facts import fact_met, ruled_out
from merits.core.needs import Requirement
from merits.core.task import Example, Task

__all__ = ["Outlook", "Power", "outlooks", "power_of"]

# The share of examples that exactly one of two candidates solves. Unknown before the run, so an assumption, which is
# shown with every number that rests on it. Fewer make differences easier to show.
_DISCORDANT = 0.2
_POWER = 0.8
_RATES = frozenset({"accuracy", "solved", "quality", "failure_rate", "recall"})
_QUANTILES = {"p50_latency": 0.50, "p95_latency": 0.95, "p99_latency": 0.99}


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What difference the test examples can show, as a rate (0.05 is 5 points).

    `n_independent` counts examples of one group, or with one input, once. `detectable` is the
    smallest difference between two candidates that is shown with probability `power` at `confidence`, when the best
    is compared with `n_comparisons` others and `discordant` of the examples are solved by exactly one of two.
    `n_for_5_points` (and so on) is how many independent examples that difference takes; None where none is enough.
    """

    n_independent: int
    n_comparisons: int
    confidence: float
    power: float
    discordant: float
    detectable: float
    n_for_5_points: int | None
    n_for_3_points: int | None
    n_for_1_point: int | None


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a requirement could be shown to be met with `n` independent examples, at best.

    `reachable` is None where that cannot be told before the run. `n_needed` is how many examples it takes when all of
    them are in its favour; `least_share` is the share that must be in its favour among the `n` there are. Where a
    fact is required, nothing needs to be shown: `facts` says of each candidate whether it meets it.
    """

    text: str
    n: int
    confidence: float
    reachable: bool | None
    n_needed: int | None
    least_share: float | None
    facts: dict[str, Met] = {}


def power_of(task: Task) -> Power:
    """What difference between candidates the test examples of a task can show."""
    from merits.stats.power import examples_for_difference, minimal_detectable_difference

    n = len(set(_units(task.split("test"))))
    comparisons = max(1, len(task.candidates) - 1)
    level = task.needs.confidence

    def examples_for(difference: float) -> int | None:
        return examples_for_difference(difference, _DISCORDANT, level=level, power=_POWER, comparisons=comparisons)

    return Power(
        n_independent=n,
        n_comparisons=comparisons,
        confidence=level,
        power=_POWER,
        discordant=_DISCORDANT,
        detectable=minimal_detectable_difference(n, _DISCORDANT, level=level, power=_POWER, comparisons=comparisons),
        n_for_5_points=examples_for(0.05),
        n_for_3_points=examples_for(0.03),
        n_for_1_point=examples_for(0.01),
    )


def outlooks(task: Task) -> tuple[Outlook, ...]:
    """For each requirement of a task, whether it could be shown to be met at all.

    Judged as `decide` judges the candidate that it names among all: the confidence is corrected for their number.
    """
    return tuple(_outlook(requirement, task) for requirement in task.needs.requirements)


def _outlook(requirement: Requirement, task: Task) -> Outlook:
    allowed = sum(not ruled_out(candidate, task.needs) for candidate in task.candidates)
    error = (1 - requirement.confidence) / max(1, allowed)
    n, share = _evidence(requirement, task.split("test"))
    needed, least = None, None
    if requirement.against:
        needed = _alike(-requirement.bar, 1 - error)
    elif share is not None:
        # The exact bound of n in n (Clopper and Pearson 1934): error ** (1 / n).
        needed = math.ceil(math.log(error) / math.log(share)) if 0 < share < 1 else (0 if share <= 0 else None)
        least = _least_share(n, share, 1 - error) if needed is not None and n >= needed and n else None
    # Against a rival, more examples are needed by one that is no better; one that is better may show it on fewer.
    known = share is not None or (bool(requirement.against) and needed is not None and n >= needed)
    return Outlook(
        text=str(requirement),
        n=n,
        confidence=1 - error,
        reachable=needed is not None and n >= needed if known else None,
        n_needed=needed,
        least_share=least,
        facts={c.name: fact_met(requirement, c) for c in task.candidates} if requirement.is_fact else {},
    )


def _alike(margin: float, level: float) -> int | None:
    """How many examples two candidates must answer alike before one is shown not to be worse by the margin."""
    from merits.stats.noninferiority import score_bound

    if margin <= 0:
        return None
    low, high = 0, 1
    while score_bound(0, 0, high, level) < -margin:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if score_bound(0, 0, middle, level) >= -margin else (middle, high)
    return high


def _evidence(requirement: Requirement, examples: Sequence[Example]) -> tuple[int, float | None]:
    """How many independent examples speak on a requirement, and the share needed in its favour; None if unknown."""
    metric, by = requirement.metric, requirement.by
    if metric == "worst_slice":  # worst_slice[language] is short for the share solved, by language
        metric, by = "accuracy", requirement.of
    n = _fewest(requirement, by, metric, examples)
    if requirement.is_fact or requirement.under or requirement.against:
        return n, None
    if metric in _QUANTILES and requirement.op == "<=":
        return n, _QUANTILES[metric]
    if metric in _RATES:
        return n, requirement.bar if requirement.op == ">=" else 1 - requirement.bar
    return n, None


def _fewest(requirement: Requirement, by: str, metric: str, examples: Sequence[Example]) -> int:
    """How many independent examples there are, of the class if it is about one; in the smallest slice, if by slice."""
    units = _units(examples)
    of_class = metric in _RATES and requirement.metric != "worst_slice" and bool(requirement.of)
    slices: dict[str, set[int]] = defaultdict(set)
    for example, unit in zip(examples, units, strict=True):
        if by and by not in example.tags:
            continue
        name = example.tags[by] if by else ""
        slices[name]  # a slice without an example of the class has none
        if not of_class or str(example.target) == requirement.of:
            slices[name].add(unit)
    return min(map(len, slices.values()), default=0)


def _units(examples: Sequence[Example]) -> list[int]:
    """For each example what it is one piece of evidence with: a repeated question is answered once."""
    return units_of([e.input_hash for e in examples], [e.group for e in examples])


def _least_share(n: int, share: float, level: float) -> float:
    """The smallest share of n whose exact lower bound reaches the bar, by bisection."""
    from merits.stats.proportions import clopper_pearson_bound

    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if float(clopper_pearson_bound(middle, n, level)) >= share:
            high = middle
        else:
            low = middle + 1
    return low / n

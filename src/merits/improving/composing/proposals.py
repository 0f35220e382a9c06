"""From choices to candidates: the recipe, its name, and what was found of it written beside it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeAlias

import msgspec
import numpy as np

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Trials
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.improvement import MEMORISED
from merits.improving.composing.baselines import beside, coin
from merits.improving.composing.choosing import Choice, floor, highest_net, no_loss
from merits.improving.composing.frontier import Family
from merits.improving.composing.gains import Learner
from merits.improving.composing.pool import Ints, Pool, pool_of
from merits.improving.composing.routing import Routing
from merits.improving.composing.worth import money_of
from merits.improving.naming import short, unused

__all__ = ["LEAST_ROWS", "Goals", "Proposing", "Space", "propose", "too_little"]

Proposing: TypeAlias = Generator[Trials, Evaluation, Sequence[Candidate]]
_Choose: TypeAlias = Callable[[Sequence[Family]], Choice]
LEAST_ROWS = 40
"""Fewer examples of dev certify nothing and choose by luck."""


class Goals(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is promised of a cascade or a router that is proposed."""

    epsilon: Annotated[
        float, msgspec.Meta(ge=0, lt=1, description="The floor: quality may fall by so much (0.01 is a point).")
    ] = 0.01
    delta: Annotated[
        float, msgspec.Meta(gt=0, lt=0.5, description="The probability at most that it falls by more.")
    ] = 0.1


def too_little(brief: Brief) -> str:
    """Why nothing can be composed of a brief's candidates, as a sentence; "" where something can."""
    evaluation = brief.evaluation
    scored = evaluation.scored.any(axis=1)
    if scored.sum() < 2:
        return "There is one candidate, and it takes two or more. Name another that is cheaper or better."
    if (evaluation.priced & scored).sum() < 2:
        return "Fewer than two candidates have a price, so nothing is known to be saved. Give them `price:`."
    pool, rows = pool_of(brief)
    if pool.size < 2 or len(rows) < LEAST_ROWS:
        least = f"it takes {LEAST_ROWS} that two of them answered"
        return f"There are {len(rows) if pool.size > 1 else 0} examples of dev to search on, and {least}."
    return ""


@dataclass(frozen=True)
class Space:
    """What is searched: the outcomes (of these rows of the evaluation), the sorts of policies, what can be learned.

    With `tables_first` a table that is not certainly worse is proposed in place of anything else.
    """

    pool: Pool
    rows: Ints
    families: Sequence[Family]
    learners: Mapping[str, Learner]
    tables_first: bool = False


def propose(brief: Brief, goals: Goals, space: Space) -> Proposing:
    """Asks for the few winners to be evaluated, and keeps those that could be: see `candidates_of`."""
    found = candidates_of(brief, goals, space)
    if not found:
        return []
    evaluation = yield Trials(found)
    return [found[k] for k in np.flatnonzero(evaluation.scored.any(axis=1))]


def candidates_of(brief: Brief, goals: Goals, space: Space) -> list[Candidate]:
    """At most three: with a certified floor, of no expected loss, of the highest net value (with a worth).

    One is proposed only where, on rows that it was not searched on, it saves something (or brings more). Its metadata
    say what is expected of it, and what the simple ways reach.
    """
    kept: dict[str, Candidate] = {}
    for goal, (pool, choose) in _searches(brief, goals, space).items():
        if brief.seconds_left() <= 0.0:
            break
        choice, simple = choose(space.families), beside(choose, space.learners)
        if space.tables_first:
            choice = _simplest(choice, simple, goal)
        if not choice.composed or not _pays(choice, goal):
            continue
        recipe = choice.policy.recipe(pool, "")
        found = _words(pool, choice, simple, brief.evaluation.currency) | _memorised(pool, choice, brief)
        taken = {known.name for known in (*brief.seeds, *kept.values())}
        candidate = msgspec.structs.replace(recipe, name=unused(_name(recipe, goal), taken), metadata=found)
        kept.setdefault(candidate.id, candidate)
    return list(kept.values())


def _searches(brief: Brief, goals: Goals, space: Space) -> dict[str, tuple[Pool, _Choose]]:
    """By goal the outcomes, with the value that it is about, and how to choose of any families."""
    pool = space.pool

    def losing(epsilon: float, tried: Sequence[Family]) -> Choice:
        return floor(pool, tried, _drawn(brief), epsilon=epsilon, delta=goals.delta)

    def losing_nothing(tried: Sequence[Family]) -> Choice:
        """Certified where that is possible, else only expected."""
        certain = losing(0.0, tried)
        return certain if certain.composed else no_loss(pool, tried, _drawn(brief))

    found: dict[str, tuple[Pool, _Choose]] = {
        "floor": (pool, partial(losing, goals.epsilon)),
        "no loss": (pool, losing_nothing),
    }
    if brief.task.needs.worth_of_solved is not None:
        money = pool.gaining(money_of(brief, pool, space.rows))
        found["net value"] = (money, lambda tried: highest_net(money, tried, _drawn(brief)))
    return found


def _simplest(choice: Choice, simple: Mapping[str, Choice], goal: str) -> Choice:
    """The first simple way that is within the interval of the choice, else the choice."""

    def gained(one: Choice) -> Estimate:
        return one.change if goal == "net value" else one.saving

    least = gained(choice).low
    for other in simple.values():
        if other.composed and _pays(other, goal) and least is not None and (gained(other).value or 0.0) >= least:
            return other
    return choice


def _drawn(brief: Brief) -> np.random.Generator:
    return np.random.default_rng([brief.seed, 6])


def _pays(choice: Choice, goal: str) -> bool:
    """Whether anything is gained, by what was not searched on."""
    return (choice.change.value or 0.0) > 0.0 if goal == "net value" else (choice.saving.value or 0.0) > 0.0


def _name(recipe: Candidate, goal: str) -> str:
    """The ends of those that answer, how many there are between, and whether it looks at an embedding."""
    answer = [part.name for part in recipe.parts if part.kind != "embedding"]
    between = f" over {len(answer) - 2} more" if len(answer) > 2 else ""
    looks = " by embedding" if len(answer) < len(recipe.parts) else ""
    return f"{recipe.kind} from {short(answer[0])}{between} to {short(answer[-1])}{looks}, {goal}"


def _memorised(pool: Pool, choice: Choice, brief: Brief) -> dict[str, JSON]:
    """By how much quality on dev is too good, where a forecast remembers rows of it; a search ranks by what is left."""
    if not isinstance(choice.policy, Routing) or choice.policy.memorised <= 0.0:
        return {}
    needs = brief.task.needs
    of_quality = 1.0 if choice.change.unit != "money" else (needs.worth_of_solved or 0.0) + needs.loss_of_wrong
    return {MEMORISED: choice.policy.memorised / pool.n / of_quality} if of_quality > 0.0 else {}


def _words(pool: Pool, choice: Choice, simple: Mapping[str, Choice], currency: str) -> dict[str, JSON]:
    """What was found, in words with intervals."""
    routed = choice.policy.apply(pool)
    reference = pool.candidates[choice.reference].name
    what = f"{currency} a case" if choice.change.unit == "money" else "quality"
    return {
        "goal": choice.goal,
        "searched": f"{choice.n_searched:,} policies on dev; these figures are of rows that they were not searched on",
        f"saving against {reference}": str(choice.saving),
        f"{what} against {reference}": str(choice.change),
        **{f"saving by {name}": str(other.saving) for name, other in simple.items()},
        "above a coin between two": f"{coin(pool, routed):+.4f} at the same cost, on the rows of the search",
    }

"""Makes the plan of a run: what is asked of whom, what that is likely to cost, and whether a budget can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from merits.candidates.studying import AT_ONCE
from merits.core.candidate import Price
from merits.core.doors import Store
from merits.core.errors import UsageError
from merits.core.estimate import Estimate
from merits.core.racing import Budget
from merits.core.task import Task
from merits.evaluating.forecast import Forecast, Predicted, Story, lesson_of, predict, story_of
from merits.evaluating.known import Known
from merits.evaluating.planning import Part, Plan
from merits.evaluating.purse import check_budget

__all__ = ["expected_of", "planned"]

_PAID = 500  # earlier answers that are looked at where none counts here
_STORED = 20_000  # stored answers that are looked at: what a further one costs is well known from them


def planned(
    task: Task,
    store: Store,
    found: Sequence[Known],
    prices: Sequence[Price | None],
    budget: Budget | None,
    *,
    helpers: Sequence[tuple[Part, Story]] = (),
    in_batches: bool = False,
) -> Plan:
    """The plan, with what `helpers` (judges, and who paraphrases) have to do.

    It is forecast where something is paid by use or there is a budget. With `in_batches` those that can be asked so are
    forecast at what a batch costs.

    Raises UsageError for a budget that could not be kept: money of a candidate without a price, another currency.
    """
    parts = tuple(known.part(task.needs) for known in found)
    asked = [part.n_to_ask > 0 for part in parts]
    if budget is not None:
        check_budget(budget, [known.candidate for known in found], prices, asked, task.needs.currency)
    paid = any(some and price is not None and price.paid_by_use for some, price in zip(asked, prices, strict=True))
    paid = paid or any(story.n_asks and (p := story.price) and p.paid_by_use for _, story in helpers)
    theirs = tuple(part for part, _ in helpers)
    if not (paid or budget is not None):
        return Plan(parts, judges=theirs)
    stories = [*_stories(task, store, found, prices, asked, in_batches=in_batches), *(story for _, story in helpers)]
    forecast = predict(task, stories)
    if budget is not None:
        _check_lessons(budget, stories, forecast)
    return Plan(parts, forecast, judges=theirs)


def _check_lessons(budget: Budget, stories: Sequence[Story], forecast: Forecast) -> None:
    """Raises UsageError where even the least of what a candidate learns from exceeds the budget: half a lesson, which
    would be paid for, teaches nothing.
    """
    learners = {story.candidate.name: story.learner for story in stories if story.learner}
    for part in forecast.parts:
        figure = _figure(part, budget)
        if part.candidate in learners and figure is not None and (figure.low or 0.0) > budget.amount:
            raise UsageError(
                f"a budget of {budget} does not pay for what {learners[part.candidate]} learns from: "
                f"about {figure.value:,.3g} {budget.unit}.",
                "Give a larger one, fewer examples in dev, or leave it out (--only names the others).",
            )


def _figure(part: Predicted, budget: Budget) -> Estimate | None:
    """What is predicted of a part in the budget's unit."""
    if budget.is_money:
        return part.cost
    return {"tokens": part.tokens, "calls": part.calls}.get(budget.unit)


def _stories(
    task: Task,
    store: Store,
    found: Sequence[Known],
    prices: Sequence[Price | None],
    asked: Sequence[bool],
    *,
    in_batches: bool,
) -> list[Story]:
    stories = []
    taught: set[tuple[str, str]] = set()  # candidates of one tutor learn from the same answers
    for known, price, some in zip(found, prices, asked, strict=True):
        answers = [answer for _, answer in islice(known.answers(), _STORED)] if some else []
        answers = answers or [paid.answer for paid in islice(store.paid(known.version), _PAID)]
        batched = in_batches and known.takes_batches
        to_ask = () if not some else known.not_in_flight() if batched else known.to_ask
        asks = (known.rows, to_ask)
        seed, embeds = task.settings.seed, bool(known.tutor)
        story = story_of(known.candidate, price, answers, asks, seed=seed, in_batches=batched, embeds=embeds)
        stories.append(story)
        texts = [text for text in known.to_learn() if (known.tutor, text) not in taught] if some else []
        taught.update((known.tutor, text) for text in texts)
        stories.append(lesson_of(known.candidate, price, texts, at_once=AT_ONCE, seed=seed))
    return stories


def expected_of(plan: Plan, budget: Budget) -> list[float]:
    """What an attempt of each candidate and then of each judge is thought to use, in the budget's unit; else 0."""
    found = {} if plan.forecast is None else {part.candidate: part for part in plan.forecast.parts}
    return [_expected(found.get(part.candidate), budget) for part in (*plan.parts, *plan.judges)]


def _expected(predicted: Predicted | None, budget: Budget) -> float:
    if budget.unit == "calls":
        return 1.0
    figure = None if predicted is None else _figure(predicted, budget)
    if predicted is None or figure is None or figure.value is None:
        return 0.0
    return figure.value / predicted.n_asks

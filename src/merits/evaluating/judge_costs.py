"""What judges did and what that cost: from the answers of their models, apart from what candidates cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from merits.core.candidate import Candidate, Price
from merits.core.evaluation import Calls, Evaluation
from merits.core.judge import Judged, Judgement
from merits.evaluating.asker import Asker
from merits.evaluating.pricing import known_prices, price_answers

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = ["cost_of", "in_words", "judged_by", "price_in", "repriced", "without_calls"]


def judged_by(asker: Asker, judgements: Sequence[Judgement], price: Price | None, currency: str) -> Judged:
    """What a judge's model did, from the judgements it was used for; its scorer and what failed are not known here."""
    calls = asker.calls()
    voted = [each.votes for each in judgements if len(each.votes) > 1 and not each.firsts]
    return Judged(
        scorer="",
        model=asker.candidate.name,
        version=asker.version,
        deciding=False,
        n_verdicts=len(judgements),
        n_calls=len(asker.used),
        n_asked=asker.n_asked,
        n_unscored=0,
        n_ordered=sum(bool(each.firsts) for each in judgements),
        n_inconsistent=sum(each.inconsistent for each in judgements),
        n_split_votes=sum(len(set(votes)) > 1 for votes in voted),
        n_voted=len(voted),
        tokens={kind: int(counts.sum()) for kind, counts in calls.tokens.items()},
        machine_s=float(calls.machine_s.sum()),
        cost=cost_of(calls, price),
        currency=currency,
        recipe=asker.candidate.id,
    )


def price_in(table: PriceSource | None, currency: str) -> Callable[[Candidate], Price | None]:
    """Finds the price of a judge's model; TaskError for one in another currency."""
    return lambda candidate: known_prices([candidate], table, currency=currency)[0]


def repriced(
    evaluation: Evaluation, recipes: Mapping[str, Candidate], table: PriceSource | None, currency: str
) -> Evaluation:
    """The evaluation with what its judges cost under present prices; `recipes` are those of their models by id.

    A judge without a recipe here keeps its cost, and so does one that was stored before its calls were.
    """
    facts, judged = dict(evaluation.facts), []
    for each in evaluation.judged:
        recipe, calls = recipes.get(each.recipe), evaluation.calls.get(each.version)
        if recipe is not None and calls is not None and each.n_calls:
            price = price_in(table, currency)(recipe)
            judged.append(replace(each, cost=cost_of(calls, price), currency=currency))
            facts[f"judge {each.scorer}"] = in_words(judged[-1])
        else:
            judged.append(each)
    return dataclasses.replace(evaluation, judged=tuple(judged), facts=facts)


def without_calls(judged: Judged) -> Judged:
    """What a judge did whose calls are counted with another judge's: it shares that one's model."""
    return replace(judged, n_calls=0, n_asked=0, tokens={}, machine_s=0.0, cost=0.0)


def in_words(judged: Judged) -> str:
    """What a judge did, on one line."""
    cost = "cost unknown" if judged.cost is None else f"{judged.cost:.6g} {judged.currency}"
    parts = [
        f"{judged.model}: {judged.n_verdicts} verdicts, {judged.n_calls} answers ({judged.n_asked} asked), {cost}",
        f"{judged.n_unscored} not judged" if judged.n_unscored else "",
        f"{judged.n_repaired} after a correction" if judged.n_repaired else "",
        f"{judged.n_inconsistent} of {judged.n_ordered} depend on the order" if judged.n_ordered else "",
        f"votes differ in {judged.n_split_votes} of {judged.n_voted}" if judged.n_voted else "",
    ]
    return "; ".join(filter(None, parts))


def cost_of(calls: Calls, price: Price | None) -> float | None:
    """What calls cost; None where the price is unknown, and where none tells what it used."""
    cost, known = price_answers(
        [price],
        {kind: counts[None] for kind, counts in calls.tokens.items()},
        calls.machine_s[None],
        calls.attempts[None],
        calls.unmetered[None],
        services={tier: of[None] for tier, of in calls.services.items()},
        asked_at=lambda _: calls.at,
    )
    return float(cost.sum()) if known[0] else None

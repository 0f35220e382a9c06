"""What judges did and what that cost: from the answers of their models, apart from what candidates cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from merits.core.answer import STANDARD
from merits.core.candidate import Candidate, Price
from merits.core.judge import Judged, Judgement
from merits.evaluating.asker import Asker
from merits.evaluating.columns import TOKENS
from merits.evaluating.pricing import known_prices, price_answers

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = ["in_words", "judged_by", "price_in", "without_calls"]


def judged_by(asker: Asker, judgements: Sequence[Judgement], price: Price | None, currency: str) -> Judged:
    """What a judge's model did, from the judgements it was used for; its scorer and what failed are not known here."""
    tokens, machine_s, cost = _priced(asker, price)
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
        tokens=tokens,
        machine_s=machine_s,
        cost=cost,
        currency=currency,
        recipe=asker.candidate.id,
    )


def price_in(table: PriceSource | None, currency: str) -> Callable[[Candidate], Price | None]:
    """Finds the price of a judge's model; TaskError for one in another currency."""
    return lambda candidate: known_prices([candidate], table, currency=currency)[0]


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


def _priced(asker: Asker, price: Price | None) -> tuple[dict[str, int], float, float | None]:
    """The tokens by kind, the machine seconds and the cost of all answers that a judge's model was used for.

    The cost is None where the price is unknown, and where no answer tells what it used.
    """
    used = list(asker.used.values())
    counts = {name: np.array([[getattr(usage, f"{name}_tokens") for usage in used]], float) for name in TOKENS}
    machine_s = np.array([[usage.machine_s for usage in used]], float)
    attempts = np.array([[usage.attempts for usage in used]], np.int32)
    tokens = {name: array for name, array in counts.items() if array.any()}
    unmetered = np.array([[usage.unmetered for usage in used]], np.int32)
    tiers = {usage.service_tier for usage in used if usage.service_tier not in STANDARD}
    services = {tier: np.array([[usage.service_tier == tier for usage in used]]) for tier in tiers}
    cost, known = price_answers(
        [price], tokens, machine_s, attempts, unmetered, services=services, asked_at=lambda _: asker.answered_at()
    )
    total = {name: int(array.sum()) for name, array in tokens.items()}
    return total, float(machine_s.sum()), float(cost.sum()) if known[0] else None

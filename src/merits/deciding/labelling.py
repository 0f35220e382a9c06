"""Whether more examples would pay: what knowing more is worth over the horizon, against labelling and asking them."""

from __future__ import annotations

import math

from merits.core.economics import Labelling, LabellingOption
from merits.deciding.amounts import pieces, round_up
from merits.deciding.chances import Chances
from merits.deciding.fixed import fixed_per_case

__all__ = ["labelling"]

_TIMES = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # of the examples at hand
_WORTH_ASKING = 0.001  # who is best with a smaller probability need not be asked again


def labelling(found: Chances) -> Labelling | None:
    """The worth of more examples; None where candidates are not compared by net value, or no volume is known.

    What is known of a case's price is paid for every example and every candidate that may still be the best. Without
    a `price_of_label` no option is called the best: an unknown price is not 0.
    """
    assessment, sample = found.assessment, found.sample
    needs = assessment.needs
    if assessment.compared.objective == "quality" or not needs.volume_per_month:
        return None
    cases = needs.volume_per_month * needs.horizon_months
    level, currency = needs.confidence, assessment.cases.evaluation.currency
    perfect = sample.perfect_information(level, unit="money", currency=currency).times(cases)
    each = _price_of_one(found)
    options = []
    for times in _TIMES:
        n = round_up(max(math.ceil(times * sample.posterior.n), 10))
        worth = sample.sample_information(n, level, unit="money", currency=currency).times(cases)
        options.append(LabellingOption(n_more=n, worth=worth, price=n * (each or 0.0)))
    options = list({option.n_more: option for option in options}.values())
    if needs.price_of_label is None or each is None:
        return Labelling(perfect=perfect, options=(), best=None, text=_unpriced(found, perfect.text()))
    best = max(options, key=lambda option: (option.worth.low or 0.0) - option.price)
    pays = (best.worth.low or 0.0) > best.price
    return Labelling(
        perfect=perfect, options=tuple(options), best=best if pays else None, text=_words(found, best, pays=pays)
    )


def _price_of_one(found: Chances) -> float | None:
    """What one more example (or group) takes: its labels, and all its questions to those that may be best."""
    assessment = found.assessment
    cases, needs = assessment.cases, assessment.needs
    total = 0.0
    for at, k in enumerate(found.among):
        if found.sample.shares_best[at] < _WORTH_ASKING:
            continue
        cost = cases.mean_cost(k)
        share = fixed_per_case(cases.evaluation.candidates[k], needs)
        if cost is None or share is None:
            return None
        total += max(cost - share, 0.0)
    repeats = int(cases.evaluation.repeats.max(initial=0)) + 1
    return cases.examples_a_group * ((needs.price_of_label or 0.0) + total * repeats)


def _unpriced(found: Chances, perfect: str) -> str:
    horizon = found.assessment.needs.horizon_months
    return (
        f"Knowing for sure which is best would be worth {perfect} over {horizon:g} months: no number of examples is "
        "worth more. With price_of_label in the needs, the number that pays is named."
    )


def _words(found: Chances, best: LabellingOption, *, pays: bool) -> str:
    worth, horizon = best.worth, found.assessment.needs.horizon_months
    price = worth.number(best.price)
    many = pieces(best.n_more, found.assessment.cases.examples_a_group)
    if pays:
        return f"{many} more for {price} would be worth {worth.text()} over {horizon:g} months: label them."
    return (
        f"More examples are not worth their price: {many} more would take {price} and bring {worth.text()} over "
        f"{horizon:g} months."
    )

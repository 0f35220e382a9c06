"""What every single case is worth, in money: the one function that comparison, race and tests share.

    net value = worth · solved - loss · wrong - loss of abstaining · abstained - price of a review · reviewed
                - cost - price of waiting · max(0, latency - free seconds)

A failure earns and loses nothing but its cost. Knows prices only as the costs in an evaluation.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from merits.core.evaluation import Evaluation, Labels
from merits.core.needs import Needs
from merits.deciding.cases import Cases
from merits.stats.critical import Bools, Floats

__all__ = [
    "COMPONENTS",
    "abstained",
    "amounts",
    "components",
    "confidence_of",
    "gain_bounds",
    "gains",
    "net_value_bounds",
    "net_values",
    "objective_of",
    "reviewed",
    "waited_s",
]

COMPONENTS = ("solved", "wrong", "abstained", "reviewed", "waited", "mistakes", "spent")
"""What a net value is the sum of: counts of a case, seconds, and money (`mistakes` by class, `spent`)."""


def objective_of(needs: Needs) -> Literal["quality", "net value"]:
    """What candidates are compared by: net value where the user said what a solved case is worth, else quality."""
    return "quality" if needs.worth_of_solved is None else "net value"


def net_values(cases: Cases, needs: Needs, bounds: tuple[float, float] | None = None) -> Floats:
    """The net value of every outcome, (candidates, rows); with `bounds`, none outside them.

    Meaningless where a candidate has no price or the row does not count. Costs are those in the evaluation: spread
    one-off costs with `merits.deciding.fixed.spread` first.
    """
    found = gains(cases, needs) - cases.evaluation.cost
    if needs.price_of_waiting:
        found -= needs.price_of_waiting * waited_s(cases, needs)
    return np.asarray(found if bounds is None else np.clip(found, *bounds))


def net_value_bounds(needs: Needs, *, most_cost: float, most_latency_s: float = 0.0) -> tuple[float, float]:
    """The least and the most that one case can bring, where it costs and takes at most so much.

    A race needs values in a range that is known before: the bounds of cost and latency are declared (a timeout, a
    price times the longest answer), or observed and then clipped at. Waiting counts past the free seconds.

    >>> needs = Needs(worth_of_solved=1.0, loss_of_wrong=2.0, price_of_waiting=0.1, free_wait_s=1.0)
    >>> net_value_bounds(needs, most_cost=0.5, most_latency_s=3.0)
    (-2.7, 1.0)
    """
    least, most = gain_bounds(needs)
    return least - most_cost - needs.price_of_waiting * max(0.0, most_latency_s - needs.free_wait_s), most


def gains(cases: Cases, needs: Needs, k: int | None = None) -> Floats:
    """The outcome's part of every net value, of all candidates or of one: all but cost and waiting."""
    if needs.loss_of_abstaining is None and needs.review_below is None and not needs.loss_by_class:
        at = slice(None) if k is None else k
        return np.asarray((needs.worth_of_solved or 0.0) * cases.solved[at] - needs.loss_of_wrong * cases.wrong[at])
    if k is None:
        return np.stack([gains(cases, needs, each) for each in range(len(cases.solved))])
    priced = {name: amount for name, amount in amounts(needs).items() if name not in ("spent", "waited") and amount}
    parts = components(cases, needs, k)
    found = np.zeros(cases.evaluation.n_rows)
    for name, amount in priced.items():
        found += amount * parts[name]
    return found


def gain_bounds(needs: Needs) -> tuple[float, float]:
    """The least and the most that the outcome of one case can bring, before its cost and waiting.

    >>> gain_bounds(Needs(worth_of_solved=1.0, loss_of_wrong=2.0, loss_by_class={"fraud": {"fine": 50.0}}))
    (-50.0, 1.0)
    """
    worth = needs.worth_of_solved or 0.0
    losses = [needs.loss_of_wrong, needs.loss_of_abstaining or 0.0, (needs.review_price or 0.0) - worth]
    losses += [loss for said in needs.loss_by_class.values() for loss in said.values()]
    return -max(losses) + 0.0, worth


def amounts(needs: Needs) -> dict[str, float]:
    """What one unit of every component brings, in money; what costs is negative."""
    return {
        "solved": needs.worth_of_solved or 0.0,
        "wrong": -needs.loss_of_wrong,
        "abstained": -(needs.loss_of_abstaining or 0.0),
        "reviewed": -(needs.review_price or 0.0),
        "waited": -needs.price_of_waiting,
        "mistakes": -1.0,
        "spent": -1.0,
    }


def components(cases: Cases, needs: Needs, k: int) -> dict[str, Floats]:
    """Of one candidate, every row (rows,) by component: its net value is the sum of these times `amounts`.

    A reviewed case is solved by the person; `wrong` are the mistakes that `loss_by_class` gives no loss of their own.
    """
    looked_at = reviewed(cases, needs, k)
    silent = abstained(cases, needs, k) & ~looked_at
    wrong = cases.wrong[k] & ~looked_at & ~silent
    own, mistakes = _by_class(cases.evaluation.labels, needs, k, wrong)
    return {
        "solved": (cases.solved[k] | looked_at).astype(np.float64),
        "wrong": (wrong & ~own).astype(np.float64),
        "abstained": silent.astype(np.float64),
        "reviewed": looked_at.astype(np.float64),
        "waited": waited_s(cases, needs, k),
        "mistakes": mistakes,
        "spent": np.asarray(cases.evaluation.cost[k]),
    }


def abstained(cases: Cases, needs: Needs, k: int) -> Bools:
    """Where candidate k said nothing that could be right, and may: only with a `loss_of_abstaining`.

    Of a classification, an answer that names none of the labels; of a generation, an empty one where that is
    recorded. Never an answer that solved the case.
    """
    if needs.loss_of_abstaining is None:
        return np.zeros(cases.evaluation.n_rows, dtype=np.bool_)
    evaluation = cases.evaluation
    if evaluation.labels is not None:
        silent = evaluation.labels.predicted[k] < 0
    elif evaluation.silent is not None:
        silent = evaluation.silent[k]
    else:
        silent = np.zeros(evaluation.n_rows, dtype=np.bool_)
    return np.asarray(cases.wrong[k] & silent)


def reviewed(cases: Cases, needs: Needs, k: int) -> Bools:
    """Where a person looks at the answer of candidate k: it is less sure than `review_below`.

    An answer without a confidence is not reviewed: nobody would know that it should be.
    """
    sure = confidence_of(cases.evaluation, k)
    if needs.review_below is None or sure is None:
        return np.zeros(cases.evaluation.n_rows, dtype=np.bool_)
    return np.asarray(cases.scored[k] & (sure < needs.review_below))


def confidence_of(evaluation: Evaluation, k: int) -> Floats | None:
    """How sure candidate k was of each answer: its highest probability, else the confidence it gave; 2 where neither.

    None where it gave none at all.
    """
    probabilities = None if evaluation.labels is None else evaluation.labels.probabilities.get(k)
    if probabilities is not None:
        highest = probabilities.max(axis=1)
        return np.where(highest > 0.0, highest, 2.0)
    given = evaluation.confidence.get(k)
    return None if given is None else np.where(given > 0.0, given, 2.0)


def waited_s(cases: Cases, needs: Needs, k: int | None = None) -> Floats:
    """The seconds of waiting past the free ones, of all candidates or of one; 0 for failures, whose wait is unknown."""
    at = slice(None) if k is None else k
    late = np.maximum(cases.evaluation.latency_s[at] - needs.free_wait_s, 0.0)
    return np.where(cases.failed[at], 0.0, late)


def _by_class(labels: Labels | None, needs: Needs, k: int, wrong: Bools) -> tuple[Bools, Floats]:
    """Which mistakes have a loss of their own, and the losses, by row."""
    none = np.zeros(len(wrong), dtype=np.bool_)
    if labels is None or not needs.loss_by_class:
        return none, np.zeros(len(wrong))
    code = {name: i for i, name in enumerate(labels.classes)}
    table = np.full((len(code) + 1, len(code) + 1), np.nan)  # the last row and column: no label
    for target, said in needs.loss_by_class.items():
        for label, loss in said.items():
            table[code[target], code[label]] = loss
    loss = table[labels.target, labels.predicted[k]]
    own = wrong & np.isfinite(loss)
    return own, np.where(own, loss, 0.0)

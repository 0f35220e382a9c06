"""What a run is paid from: every attempt is debited, whether it failed or not, and nothing is asked once it is empty.

A budget is that of one run: what was paid by earlier ones is not in it. Money is counted at present prices. Knows
nothing about stores and scores.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merits.candidates.meter import PurseEmpty
from merits.core.answer import Usage
from merits.core.candidate import Candidate, Price
from merits.core.errors import UsageError
from merits.core.evaluation import Budgeted
from merits.core.racing import Budget
from merits.evaluating.columns import TOKENS
from merits.evaluating.rows import Rows

if TYPE_CHECKING:
    from merits.candidates.meter import Purse as Paying

__all__ = ["Left", "Purse", "Verdicts", "check_budget"]

_SLACK = 1e-9  # of the budget: sums of cents are not exact


def check_budget(
    budget: Budget,
    candidates: Sequence[Candidate],
    prices: Sequence[Price | None],
    asked: Sequence[bool],
    currency: str,
) -> None:
    """Nothing, if a budget can be kept; UsageError for money in another currency, and where a price is missing.

    `asked` is whether anything is to be asked of each candidate: the others cost nothing.
    """
    if not budget.is_money:
        return
    if budget.unit != currency:
        raise UsageError(f"the budget is in {budget.unit}, the costs are in {currency}.", f"Give it in {currency}.")
    unpriced = [
        candidate.name
        for candidate, price, some in zip(candidates, prices, asked, strict=True)
        if some and (price is None or price.is_fixed_only)
    ]
    if unpriced:
        raise UsageError(
            f"a budget of {budget} cannot be kept: there is no price of {_listed(unpriced)}.",
            "Give the price (price: in the recipe, machine_per_hour, or a price table), or a budget in calls.",
        )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass
class _Account:
    """What one candidate has used; `expected` is what an attempt is thought to use before any was told."""

    expected: float
    spent: float = 0.0
    n_told: int = 0
    n_attempts: int = 0

    @property
    def each(self) -> float:
        """What an attempt that used anything used on average."""
        return self.spent / self.n_told if self.n_told else self.expected


class Purse:
    """What a budget leaves. Not safe to share between threads: all is called on the event loop.

    `expected` is what an attempt of each candidate is thought to use, in the budget's unit.

    >>> purse = Purse(Budget.of("2 calls"), [None], [1.0])
    >>> paying = purse.of(0)
    >>> for _ in range(2):
    ...     paying.take()
    ...     paying.debit(Usage())
    >>> paying.take()
    Traceback (most recent call last):
    ...
    merits.candidates.meter.PurseEmpty: the budget of 2 calls is spent
    >>> purse.ended, purse.spent
    (True, 2.0)
    """

    def __init__(
        self,
        budget: Budget,
        prices: Sequence[Price | None],
        expected: Sequence[float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget, self.ended = budget, False
        self._prices, self._clock, self._start = prices, clock, clock()
        self._accounts = [_Account(each) for each in expected]
        self._n_taken, self._elsewhere = 0, 0.0
        self._end: float | None = None

    @property
    def spent(self) -> float:
        """What was spent so far, in the budget's unit; minutes until the last attempt that was paid."""
        if self.budget.unit == "minutes":
            return ((self._clock() if self._end is None else self._end) - self._start) / 60.0
        if self.budget.unit == "calls":
            return float(self._n_taken)
        return self._elsewhere + sum(one.spent for one in self._accounts)

    def close(self) -> Budgeted:
        """What was spent of it, once nothing more is asked."""
        self._end = self._clock()
        return Budgeted(self.budget.amount, self.budget.unit, self.spent, self.ended)

    def of(self, k: int) -> Paying:
        """What the attempts of candidate k are paid from."""
        return _Paying(self, k)

    def affords(self, n_asks: Mapping[int, int]) -> bool:
        """Whether so many questions of each candidate are likely to keep the budget, by what they used so far."""
        if self.ended:
            return False
        left = self.budget.amount * (1.0 + _SLACK) - self.spent
        if self.budget.unit == "minutes":  # candidates go side by side, so the slowest counts
            elapsed = self._clock() - self._start
            rates = {k: one.n_attempts / elapsed for k, one in enumerate(self._accounts) if one.n_attempts and elapsed}
            return left > max((n / rates[k] / 60.0 for k, n in n_asks.items() if k in rates), default=0.0)
        return left > 0.0 and sum(n * self._accounts[k].each for k, n in n_asks.items()) <= left

    def take(self) -> None:
        """Lets one attempt begin; PurseEmpty when the budget is spent."""
        if self.ended or self.spent >= self.budget.amount * (1.0 - _SLACK):
            self.ended = True
            raise PurseEmpty(f"the budget of {self.budget} is spent")
        self._n_taken += 1

    def spend(self, amount: float) -> None:
        """Counts what was spent elsewhere, in the budget's unit; the minutes that it took are counted anyhow."""
        if self.budget.unit == "calls":
            self._n_taken += round(amount)
        else:
            self._elsewhere += amount

    def debit(self, k: int, usage: Usage) -> None:
        """Counts what one attempt of candidate k used. What was not told counts as its mean attempt, never as 0."""
        account = self._accounts[k]
        account.n_attempts += 1
        used = self._used(k, usage)
        if used is None or usage.unmetered:
            used = max(used or 0.0, account.each)
        account.spent += used
        account.n_told += used > 0.0

    def _used(self, k: int, usage: Usage) -> float | None:
        if self.budget.unit in ("calls", "minutes"):
            return 1.0
        if self.budget.unit == "tokens":
            return float(sum(getattr(usage, f"{kind}_tokens") for kind in TOKENS))
        return _cost(self._prices[k], usage, time.time())


class _Paying:
    """One candidate's hand in the purse."""

    def __init__(self, purse: Purse, k: int) -> None:
        self.take = purse.take
        self._purse, self._k = purse, k

    def debit(self, usage: Usage) -> None:
        """Counts what one attempt used."""
        self._purse.debit(self._k, usage)


class Verdicts(NamedTuple):
    """What a judge is asked of an answer: `n_each` questions, paid from `account`; none about its `rival`'s."""

    account: int
    n_each: int
    rival: int | None


class Left:
    """An `Allowance`: what the purse (none: no budget) lets a schedule ask of the questions `left` to each candidate.

    With each answer go its `verdicts`, so that what is asked can be judged as well. What candidates were given and have
    not answered yet, their `open` questions, is set aside.
    """

    def __init__(
        self,
        purse: Purse | None,
        rows: Rows,
        left: Sequence[set[int]],
        open: Sequence[set[int]],
        verdicts: Sequence[Verdicts] = (),
    ) -> None:
        self._purse, self._rows, self._left, self._open, self._verdicts = purse, rows, left, open, verdicts

    @property
    def ended(self) -> bool:
        """Whether nothing more can be asked."""
        return self._purse is not None and self._purse.ended

    def affords(self, candidates: Sequence[int], rows: NDArray[np.integer], *, times: int = 1) -> bool:
        """Whether asking these candidates these rows, as far as they were not asked, is likely to keep the budget."""
        if self._purse is None:
            return True
        questions = set(self._rows.question_of[rows].tolist())
        n_asks = Counter({k: times * len(questions & self._left[k]) for k in candidates})
        n_asks.update({k: times * len(those) for k, those in enumerate(self._open) if those})
        n_answers = dict(n_asks)
        for account, n_each, rival in self._verdicts:
            n_asks[account] += n_each * sum(n for k, n in n_answers.items() if k != rival)
        return self._purse.affords(n_asks)

    def waits_for(self, candidates: Sequence[int], rows: NDArray[np.integer] | None = None) -> NDArray[np.bool_]:
        """Who was given some of these rows (all, unless given) and has not answered yet."""
        if rows is None:
            return np.array([bool(self._open[k]) for k in candidates], np.bool_)
        questions = set(self._rows.question_of[rows].tolist()) if any(self._open[k] for k in candidates) else set()
        return np.array([not questions.isdisjoint(self._open[k]) for k in candidates], np.bool_)


def _cost(price: Price | None, usage: Usage, now_s: float) -> float | None:
    """What one attempt cost, as of now and as it was served; at the standard rates where that way has no price, for a
    budget must hold. None where it is not known.
    """
    from merits.core.answer import STANDARD
    from merits.prices.costs import costs

    tokens = {kind: np.array([float(n)]) for kind in TOKENS if (n := getattr(usage, f"{kind}_tokens"))}
    machine_s, once = np.array([usage.machine_s]), np.ones(1, np.int32)
    if usage.service_tier not in STANDARD:
        served = {usage.service_tier: np.ones(1, np.bool_)}
        known = costs(price, tokens=tokens, machine_s=machine_s, attempts=once, services=served, asked_at=now_s)
        if known is not None:
            return float(known[0])
    known = costs(price, tokens=tokens, machine_s=machine_s, attempts=once, asked_at=now_s)
    return None if known is None else float(known[0])

"""What was counted against what was billed, and what may explain the difference. Knows neither stores nor files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from merits.core.errors import UsageError
from merits.prices.invoice import Invoice, InvoiceLine
from merits.prices.known import Known, known

__all__ = ["Counted", "Difference", "Reconciliation", "Sums", "reconcile"]

_KINDS = ("input", "cache_read", "cache_write", "output")
_OTHERS = "other users of the same key, or another store"
_ALIKE = 0.001  # tokens that differ by less are the same


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What Merits counted of one model, at one price, on one day (UTC).

    `calls` are attempts, `n_unmetered` of which used what the provider did not tell. `cost` is None without a price,
    whose `price` says date and source. `tokens` are kinds as in an `InvoiceLine`.
    """

    day: str
    model: str
    provider: str
    calls: int
    n_failed: int
    n_unmetered: int
    tokens: dict[str, int]
    cost: float | None
    price: str = ""


_Line: TypeAlias = Counted | InvoiceLine
_Dated = TypeVar("_Dated", Counted, InvoiceLine)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, tokens by kind and money; None or absent where nobody says."""

    calls: int | None
    tokens: dict[str, int]
    cost: float | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one day, or on all of them (`day` ""). `difference` is billed less counted, in money, and `share`
    that over what was billed. `within` the tolerance is judged by money where the bill has it, else by tokens, else by
    calls; None where that was not counted (no price).
    """

    day: str
    model: str
    counted: Sums
    billed: Sums
    difference: float | None
    share: float | None
    within: bool | None


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """All of it: model by model, and day by day within; `reasons` say what may explain it, with the evidence.

    `n_outside` counted calls came on days that the bill does not cover. It agrees when each model's total does; days
    may differ at midnight.
    """

    currency: str
    first_day: str
    last_day: str
    tolerance: float
    totals: tuple[Difference, ...]
    days: tuple[Difference, ...]
    reasons: tuple[str, ...]
    n_outside: int
    agrees: bool


def reconcile(
    invoice: Invoice, counted: Sequence[Counted], *, tolerance: float = 0.01, currency: str = "USD", in_flight: int = 8
) -> Reconciliation:
    """The bill against what was counted. `in_flight` is how many calls a killed run may have lost at once.

    Models are the same when they are by name, or when the bundled table knows both names for one model. A provider
    none of whose models is on the bill is left out: its bill is another one.

    >>> from merits.prices.invoice import InvoiceLine
    >>> line = InvoiceLine(day="2026-11-02", model="m", calls=10, tokens={"input": 1000, "output": 100}, cost=0.5)
    >>> ours = Counted(day="2026-11-02", model="m", provider="openai", calls=9, n_failed=0, n_unmetered=0,
    ...                tokens={"input": 900, "output": 90}, cost=0.45)
    >>> found = reconcile(Invoice(provider="openai", currency="USD", lines=(line,)), [ours])
    >>> found.agrees, round(found.totals[0].difference, 2), round(found.totals[0].share, 2)
    (False, 0.05, 0.1)
    """
    if invoice.currency and invoice.currency != currency:
        raise UsageError(
            f"the bill is in {invoice.currency}, the costs are in {currency}.",
            f"Reconcile under `needs: currency: {invoice.currency}`.",
        )
    first, last = invoice.days
    names = _Names(known(), invoice)
    ours = [msgspec.structs.replace(one, model=names.of(one.provider, one.model)) for one in counted]
    ours = _of_this_bill(ours, invoice, names)
    covered = [one for one in ours if first <= one.day <= last]
    theirs = [msgspec.structs.replace(line, model=names.billed(line.model)) for line in invoice.lines]
    models = sorted({line.model for line in theirs} | {one.model for one in covered})
    totals: list[Difference] = []
    days: list[Difference] = []
    reasons: list[str] = []
    for model in models:
        mine, bill = [one for one in covered if one.model == model], [line for line in theirs if line.model == model]
        total = _difference("", model, mine, bill, tolerance)
        totals.append(total)
        for day in sorted({one.day for one in mine} | {line.day for line in bill}):
            days.append(_difference(day, model, _on(day, mine), _on(day, bill), tolerance))
        if not total.within:
            ours_of_model = [one for one in ours if one.model == model]
            reasons += _reasons(total, mine, days, in_flight=in_flight, outside=len(ours_of_model) - len(mine))
    return Reconciliation(
        currency=currency,
        first_day=first,
        last_day=last,
        tolerance=tolerance,
        totals=tuple(totals),
        days=tuple(days),
        reasons=tuple(reasons),
        n_outside=sum(one.calls for one in ours) - sum(one.calls for one in covered),
        agrees=all(total.within for total in totals),
    )


class _Names:
    """The name that a model goes by on the bill, whatever it is called here."""

    def __init__(self, table: Known, invoice: Invoice) -> None:
        self._table, self._invoice = table, invoice
        self._on_bill = dict.fromkeys(line.model for line in invoice.lines)
        self._by_id: dict[tuple[str, str], str] = {}

    def billed(self, model: str) -> str:
        """One name for all the names of a model on the bill: the first."""
        provider = self._invoice.provider or next(iter(self._table.sellers(model)), "")
        return self._by_id.setdefault((provider, self._id(provider, model)), model)

    def of(self, provider: str, model: str) -> str:
        """The name on the bill of a model that was asked; its own where it is not there."""
        if model in self._on_bill:
            return self.billed(model)
        for name in self._on_bill:
            if self._id(provider, name) == self._id(provider, model):
                return self.billed(name)
        return model

    def _id(self, provider: str, model: str) -> str:
        return self._table.model_id(provider, model) or model


def _of_this_bill(counted: Sequence[Counted], invoice: Invoice, names: _Names) -> list[Counted]:
    on_bill = {names.billed(line.model) for line in invoice.lines}
    providers = {one.provider for one in counted if one.model in on_bill}
    if invoice.provider:
        providers.add(invoice.provider)
    return [one for one in counted if one.provider in providers] if providers else list(counted)


def _on(day: str, things: Sequence[_Dated]) -> list[_Dated]:
    return [thing for thing in things if thing.day == day]


def _difference(day: str, model: str, mine: Sequence[Counted], bill: Sequence[_Line], tolerance: float) -> Difference:
    counted = _sums(mine) if mine else Sums(calls=0, tokens={}, cost=0.0)
    billed = _sums(bill) if bill else Sums(calls=0, tokens={}, cost=0.0)
    money = None if counted.cost is None or billed.cost is None else billed.cost - counted.cost
    share = None if money is None else _share(money, billed.cost or counted.cost or 0.0)
    return Difference(
        day=day,
        model=model,
        counted=counted,
        billed=billed,
        difference=money,
        share=share,
        within=_within(counted, billed, share, tolerance),
    )


def _sums(lines: Iterable[_Line]) -> Sums:
    lines = list(lines)
    calls = [line.calls for line in lines]
    costs = [line.cost for line in lines]
    tokens = {kind: sum(line.tokens.get(kind, 0) for line in lines) for line in lines for kind in line.tokens}
    return Sums(
        calls=None if None in calls else sum(n for n in calls if n is not None),
        tokens={kind: tokens[kind] for kind in _KINDS if kind in tokens},
        cost=None if None in costs else math.fsum(cost for cost in costs if cost is not None),
    )


def _share(difference: float, of: float) -> float:
    return 0.0 if difference == 0.0 else difference / of if of else math.copysign(1.0, difference)


def _within(counted: Sums, billed: Sums, share: float | None, tolerance: float) -> bool | None:
    if share is not None:
        return abs(share) <= tolerance
    if billed.cost is not None:
        return None
    common = [kind for kind in ("input", "output") if kind in counted.tokens or not counted.tokens]
    pairs = [(counted.tokens.get(kind, 0), billed.tokens[kind]) for kind in common if kind in billed.tokens]
    if not pairs and counted.calls is not None and billed.calls is not None:
        pairs = [(counted.calls, billed.calls)]
    if not pairs:
        return None
    return all(abs(_share(theirs - ours, theirs or ours)) <= tolerance for ours, theirs in pairs)


def _reasons(
    total: Difference, mine: Sequence[Counted], days: Sequence[Difference], *, in_flight: int, outside: int
) -> Iterator[str]:
    """What may explain a difference, each with what speaks for it."""
    model, counted, billed = total.model, total.counted, total.billed
    if not mine:
        more = " on these days, though on others" if outside else ""
        yield f"{model}: on the bill, and not asked by this task{more}: another task, or other users of the same key."
        return
    if not billed.calls and not billed.tokens and not billed.cost:
        yield f"{model}: asked, and not on the bill: another key or project, or the bill is of another provider."
        return
    if counted.cost is None:
        yield f"{model}: Merits has no price for some of it. `merits prices {model}` looks for one."
    yield from _of_calls(total, mine, days, in_flight)
    yield from _of_tokens(total, mine)


def _of_calls(total: Difference, mine: Sequence[Counted], days: Sequence[Difference], in_flight: int) -> Iterator[str]:
    model, counted, billed = total.model, total.counted, total.billed
    n_unmetered, n_failed = sum(one.n_unmetered for one in mine), sum(one.n_failed for one in mine)
    if n_unmetered:
        worth = ""
        told = (counted.calls or 0) - n_unmetered
        if counted.cost and told > 0:
            worth = f" At the mean of the others they are {n_unmetered * counted.cost / told:.6g}."
        yield f"{model}: of {n_unmetered:,} attempts (cut off, timed out) the provider did not tell the usage.{worth}"
    if counted.calls is None or billed.calls is None or counted.calls == billed.calls:
        return
    more = billed.calls - counted.calls
    if more < 0:
        failed = f" {n_failed:,} answers failed after all their attempts." if n_failed else ""
        yield f"{model}: {-more:,} calls fewer are billed than were made: attempts that failed are not billed.{failed}"
        return
    alone = [one.day for one in days if one.model == model and not one.counted.calls and one.billed.calls]
    if alone:
        yield f"{model}: nothing was counted on {', '.join(alone)}: {_OTHERS}."
    elif more <= in_flight:
        yield f"{model}: {more:,} calls more are billed: no more than a killed run had in flight ({in_flight})."
    else:
        yield f"{model}: {more:,} calls more are billed than Merits made: {_OTHERS}."


def _of_tokens(total: Difference, mine: Sequence[Counted]) -> Iterator[str]:
    model, counted, billed = total.model, total.counted, total.billed
    alike = {kind: _alike(counted, billed, kind) for kind in _KINDS}
    if alike["input"] and alike["cache_read"] is False:
        ours, theirs = counted.tokens.get("cache_read", 0), billed.tokens["cache_read"]
        yield f"{model}: the same input, of which {theirs:,} tokens are billed as cached and {ours:,} were counted so."
    if not (alike["input"] and alike["output"]) or alike["cache_read"] is False or not counted.cost or not billed.cost:
        return
    times = billed.cost / counted.cost
    prices = "; ".join(dict.fromkeys(one.price for one in mine if one.price))
    batch = " That is what a batch costs." if abs(times - 0.5) < 0.01 else ""
    yield f"{model}: the same tokens, at {times:.4g} times the price: another price than {prices or 'ours'}.{batch}"


def _alike(counted: Sums, billed: Sums, kind: str) -> bool | None:
    if kind not in billed.tokens:
        return None
    ours, theirs = counted.tokens.get(kind, 0), billed.tokens[kind]
    return abs(_share(theirs - ours, theirs or ours)) <= _ALIKE

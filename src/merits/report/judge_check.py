"""The measures of a judge on a terminal: bars with their intervals, and the verdict in words. Fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merits.core.estimate import Estimate
from merits.deciding.judges import JudgeCheck
from merits.report.numbers import money
from merits.report.plain import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["bar", "lines", "render"]

_WIDTH = 20


def render(found: JudgeCheck, console: Console) -> None:
    """Prints the measures."""
    for line in lines(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def lines(found: JudgeCheck) -> Iterator[str]:
    """The lines that are printed."""
    judged = found.judged
    who = f"{one_line(judged.scorer, 30)} ({one_line(judged.model, 30)})"
    yield f"judge {who} against {found.n_labels:,} labels of people"
    yield ""
    rows: list[tuple[str, Estimate | None]] = [
        ("agrees with people", found.agreement),
        ("passes what is wrong", found.false_positive),
        ("refuses what is right", found.false_negative),
        ("depends on the order", found.inconsistent),
        ("first place wins", found.first_place),
    ]
    for name, estimate in rows:
        if estimate is not None:
            yield f"  {name:<22} {bar(estimate)}  {estimate}"
    plain = [
        ("Cohen's kappa", found.kappa),
        ("judge minus people", found.kinder),
        ("per doubled length", found.by_length),
    ]
    for name, estimate in plain:
        if estimate is not None:
            yield f"  {name:<22} {estimate}"
    if found.first_place_p is not None:
        yield f"  {'so uneven by chance':<22} p = {found.first_place_p:.3g} (exact)"
    yield ""
    yield from (one_line(sentence, 400) for sentence in found.verdict)
    yield ""
    yield _spent(found)
    if judged.given_up:
        yield f"It was given up: {one_line(judged.given_up, 600)}"
    for reason, n in sorted(found.unscored.items(), key=lambda pair: -pair[1])[:3]:
        yield f"{n:,} could not be judged: {one_line(reason, 200)}"


def bar(estimate: Estimate, width: int = _WIDTH) -> str:
    """A share as a bar: full up to the low end of its interval, half-toned up to the high end.

    >>> bar(Estimate(value=0.5, low=0.4, high=0.6, level=0.95, n=9, unit="rate", method=""), width=10)
    '████▒▒····'
    """
    low, high = (round(width * (end or 0.0)) for end in (estimate.low, 1.0 if estimate.high is None else estimate.high))
    return "█" * low + "▒" * (high - low) + "·" * (width - high)


def _spent(found: JudgeCheck) -> str:
    judged = found.judged
    cost = "their cost is unknown" if judged.cost is None else f"they cost {money(judged.cost, judged.currency)}"
    return f"{judged.n_calls:,} answers of the judge, {judged.n_asked:,} of them asked now; {cost}."

"""Money beside the verdict, as the page and other renderers show it."""

from __future__ import annotations

from merits.core.economics import Economics, Swing
from merits.core.estimate import Estimate
from merits.report.numbers import for_many

__all__ = ["at_end", "has_content"]


def has_content(economics: Economics | None) -> bool:
    """Whether there is anything to show about money beside who is dominated."""
    if economics is None:
        return False
    parts = (economics.break_evens, economics.tornado, economics.curves, economics.hosting)
    return any(parts) or economics.payback is not None or economics.labelling is not None


def at_end(swing: Swing, amount: float) -> str:
    """The amount of an input in its own unit.

    >>> from merits.core.estimate import Estimate
    >>> net = Estimate(value=1.0, low=0.9, high=1.1, level=0.95, n=9, unit="money", method="", currency="EUR")
    >>> at = {"at_low": net, "at_high": net, "leads_low": "a", "leads_high": "a"}
    >>> at_end(Swing(input="share", basis="measured", low=0.2, high=0.4, unit="rate", **at), 0.2)
    '20.0 %'
    """
    net = swing.at_low
    currency = net.currency if swing.unit == "money" else ""
    plain = Estimate(
        value=amount, low=None, high=None, level=1.0, n=net.n, unit=swing.unit, method="input", currency=currency
    )
    held, of = for_many(plain)
    return f"{held.number(held.value)} {of}".rstrip()

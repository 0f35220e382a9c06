"""What a search may spend: time, money, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from merits.core.errors import UsageError
from merits.core.racing import Budget

__all__ = ["SearchBudget"]

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?)\s*")


@dataclass(frozen=True)
class SearchBudget:
    """The most that one search may take: `seconds` of time, and an amount of something else. None: no limit.

    >>> budget = SearchBudget.of("30 min, 5 USD")
    >>> budget.seconds, budget.amount
    (1800.0, Budget(amount=5.0, unit='USD'))
    >>> str(budget)
    '30 min, 5 USD'
    """

    seconds: float | None = None
    amount: Budget | None = None
    text: str = ""

    @classmethod
    def of(cls, text: str) -> SearchBudget:
        """The budget that a text states, its parts apart by commas; UsageError for what is none."""
        seconds, amount = None, None
        for part in text.split(","):
            found = _TIME.fullmatch(part)
            if found is not None:
                if seconds is not None:
                    raise UsageError(f"{text!r} says twice how long.", "Write: '30 min, 5 USD'.")
                seconds = float(found[1]) * _SECONDS[_unit(found[2])]
            elif amount is not None:
                raise UsageError(f"{text!r} names two amounts.", "Write one beside the time: '30 min, 5 USD'.")
            else:
                amount = _amount(part, text)
        return cls(seconds, amount, text.strip())

    def __str__(self) -> str:
        return self.text


def _unit(word: str) -> str:
    return "h" if word[0] == "h" else "s" if word[0] == "s" else "min"


def _amount(part: str, text: str) -> Budget:
    try:
        return Budget.of(part)
    except UsageError:
        raise UsageError(
            f"{text!r} is no budget of a search.", "Write: '30 min', '5 USD' or '30 min, 5 USD'."
        ) from None

"""What values a parameter may take: choices, or a range of numbers. Knows nothing about recipes."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.validate import convert

__all__ = [
    "Domain",
    "Point",
    "Range",
    "corners",
    "digits",
    "grid",
    "grid_size",
    "holds",
    "is_ordered",
    "must_hold",
    "values_of",
]

_POINTS = 5  # of a range without steps, in a grid
_DIGITS = 4  # of a number that was drawn: no more can be told apart, and recipes stay readable


class Range(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Numbers from `low` to `high`, both included; on a log scale, in steps, or whole ones only."""

    low: Annotated[float, Meta(description="The least.")]
    high: Annotated[float, Meta(description="The most.")]
    log: Annotated[bool, Meta(description="Drawn evenly over orders of magnitude.")] = False
    step: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="Only every so many, from the least.")] = None
    int: Annotated[bool, Meta(description="Whole numbers only.")] = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low must be below high, and {self.low:g} is not below {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log scale begins above 0, and low is {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("a log scale has no steps: leave log or step out")
        if self.int and (self.low % 1 or self.high % 1 or (self.step or 1) % 1):
            raise ValueError("low, high and step of whole numbers are whole numbers")


Domain: TypeAlias = Annotated[tuple[JSON, ...], Meta(min_length=1)] | Range
Point: TypeAlias = Mapping[str, JSON]
"""A value for each parameter of a space, by path."""


def is_ordered(choices: Sequence[JSON]) -> bool:
    """Whether choices are numbers in order, so that near ones are alike.

    >>> is_ordered([1, 3, 10]), is_ordered([False, True]), is_ordered(["a", "b"])
    (True, False, False)
    """
    numbers = [one for one in choices if isinstance(one, int | float) and not isinstance(one, bool)]
    return len(numbers) == len(choices) and all(a < b for a, b in itertools.pairwise(numbers))


def digits(value: float, domain: Range) -> JSON:
    """A number that was drawn from a range, to four digits, within it.

    >>> digits(0.0312345, Range(low=0.01, high=1.0)), digits(7.0, Range(low=1, high=9, int=True))
    (0.03123, 7)
    """
    if domain.int:
        return round(value)
    short = float(f"{value:.{_DIGITS}g}")
    return min(max(short, domain.low), domain.high)


def corners(domain: Domain) -> tuple[JSON, ...]:
    """The values that show whether a parameter takes those of a domain: all choices, or the ends of a range."""
    return (digits(domain.low, domain), digits(domain.high, domain)) if isinstance(domain, Range) else tuple(domain)


def holds(domain: Domain, value: JSON) -> bool:
    """Whether a value is in a domain.

    >>> holds((1, 2), 1), holds((False, True), 1), holds(Range(low=0, high=1, step=0.25), 0.3)
    (True, False, False)
    """
    if not isinstance(domain, Range):
        return any(json.dumps(one, sort_keys=True) == json.dumps(value, sort_keys=True) for one in domain)
    if isinstance(value, bool) or not isinstance(value, int | float) or not domain.low <= value <= domain.high:
        return False
    step = domain.step or (1.0 if domain.int else None)
    return step is None or math.isclose((value - domain.low) / step, round((value - domain.low) / step), abs_tol=1e-9)


def values_of(domain: Domain) -> tuple[JSON, ...]:
    """The values of a domain in a grid: all choices, all steps, or five from end to end.

    >>> values_of(Range(low=0.01, high=100.0, log=True)), values_of(Range(low=1, high=3, int=True))
    ((0.01, 0.1, 1.0, 10.0, 100.0), (1, 2, 3))
    """
    if not isinstance(domain, Range):
        return tuple(domain)
    if domain.log:
        span = math.log(domain.high / domain.low) / (_POINTS - 1)
        found = [digits(domain.low * math.exp(span * n), domain) for n in range(_POINTS)]
    elif domain.step is not None or domain.int:
        step = domain.step or 1.0
        found = [digits(domain.low + step * n, domain) for n in range(_steps(domain, step) + 1)]
    else:
        found = [digits(domain.low + (domain.high - domain.low) * n / (_POINTS - 1), domain) for n in range(_POINTS)]
    return tuple(dict.fromkeys(found))


def grid_size(space: Mapping[str, Domain]) -> int:
    """How many points a grid has."""
    return math.prod(
        _steps(domain, domain.step or 1.0) + 1
        if isinstance(domain, Range) and not domain.log and (domain.step or domain.int)
        else len(values_of(domain))
        for domain in space.values()
    )


def grid(space: Mapping[str, Domain]) -> list[Point]:
    """Every combination of the values of a space, the last parameter's fastest.

    >>> grid({"C": (1, 2), "kernel": ("rbf",)})
    [{'C': 1, 'kernel': 'rbf'}, {'C': 2, 'kernel': 'rbf'}]
    """
    columns = [values_of(domain) for domain in space.values()]
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*columns)]


def must_hold(path: str, domain: object) -> Domain:
    """A domain as it stands in a recipe or a file; UsageError, with the next step, where it is none.

    >>> must_hold("C", {"low": 1, "hihg": 3})
    Traceback (most recent call last):
    ...
    merits.core.errors.UsageError: the space of 'C': unknown key 'hihg'. Did you mean 'high'?
    """
    if isinstance(domain, Mapping):
        return convert(dict(domain), Range, f"the space of {path!r}", UsageError, "Write {low: 0.01, high: 10}.")
    if isinstance(domain, list | tuple) and domain:
        if len({json.dumps(one, sort_keys=True) for one in domain}) < len(domain):
            raise UsageError(f"the space of {path!r} names a choice twice.", "Name each once.")
        return tuple(domain)
    raise UsageError(
        f"the space of {path!r} is {json.dumps(domain, default=str)}.",
        f"Write a list of choices, as {path}: [1, 10], or a range, as {path}: {{low: 0.01, high: 10, log: true}}.",
    )


def _steps(domain: Range, step: float) -> int:
    return math.floor((domain.high - domain.low) / step + 1e-9)

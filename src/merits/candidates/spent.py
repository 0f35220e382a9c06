"""What several attempts used, as one."""

from __future__ import annotations

from merits.core.answer import NO_USAGE, Usage

__all__ = ["together"]

_SUMMED = tuple(name for name in Usage.__struct_fields__ if name != "service_tier")


def together(one: Usage, other: Usage) -> Usage:
    """The usage of two attempts, or of two groups of them, as one; what it was billed as is that of the later.

    >>> both = together(Usage(input_tokens=5, unmetered=1), Usage(input_tokens=7, service_tier="flex"))
    >>> both.attempts, both.input_tokens, both.unmetered, both.service_tier
    (2, 12, 1, 'flex')
    """
    if one is NO_USAGE and other is NO_USAGE:
        return Usage(attempts=2)
    summed = {name: getattr(one, name) + getattr(other, name) for name in _SUMMED}
    return Usage(**summed, service_tier=other.service_tier or one.service_tier)

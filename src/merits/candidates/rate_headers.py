"""What a provider's headers say of its rate limits: when to come back, and how much is left.

Reads OpenAI's (`x-ratelimit-remaining-requests: 12`, resets as `6m0s`) and Anthropic's
(`anthropic-ratelimit-requests-remaining: 12`, resets as dates), which others have copied. Names are in lower case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["KINDS", "Kind", "Left", "left", "remaining", "retry_after_s"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


Kind: TypeAlias = Literal["requests", "tokens"]
KINDS: tuple[Kind, ...] = ("requests", "tokens")
_REMAINING = {kind: (f"x-ratelimit-remaining-{kind}", f"anthropic-ratelimit-{kind}-remaining") for kind in KINDS}
_LIMIT = {kind: (f"x-ratelimit-limit-{kind}", f"anthropic-ratelimit-{kind}-limit") for kind in KINDS}
_RESET = {kind: (f"x-ratelimit-reset-{kind}", f"anthropic-ratelimit-{kind}-reset") for kind in KINDS}


class Left(NamedTuple):
    """A limit, what is left of it, and the seconds until all of it is there again."""

    limit: float
    remaining: float
    reset_s: float


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until the provider wants to be asked again: given so, or as a date (RFC 9110, section 10.2.3).

    None when it says nothing that can be read.

    >>> retry_after_s({"retry-after": "2"}), retry_after_s({"retry-after-ms": "250"}), retry_after_s({})
    (2.0, 0.25, None)
    """
    in_ms = headers.get("retry-after-ms")
    text = in_ms or headers.get("retry-after")
    if not text:
        return None
    try:
        seconds = float(text) / (1000 if in_ms else 1)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def remaining(headers: Mapping[str, str], kind: Kind) -> float | None:
    """How much is left; None where the headers do not say."""
    openai, anthropic = _REMAINING[kind]
    text = headers.get(openai) or headers.get(anthropic)
    try:
        return float(text) if text else None
    except ValueError:
        return None


def left(headers: Mapping[str, str], kind: Kind) -> Left | None:
    """All that the headers say of a limit; None where a part of it is missing.

    >>> left({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
    ...       "x-ratelimit-reset-requests": "1m2.5s"}, "requests")
    Left(limit=60.0, remaining=59.0, reset_s=62.5)
    """
    left = remaining(headers, kind)
    limit, reset = (headers.get(names[kind][0]) or headers.get(names[kind][1]) for names in (_LIMIT, _RESET))
    if left is None or not limit or not reset:
        return None
    try:
        return Left(float(limit), left, _seconds(reset))
    except ValueError:
        return None


def _seconds(text: str) -> float:
    """The seconds of `6m12s`, `120ms`, `1.5` or of a date to come; ValueError for anything else."""
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp())

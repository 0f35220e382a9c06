"""Rate limits that are enforced, and the headers in which providers tell of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Limits", "Throttle"]


@dataclass(frozen=True)
class Limits:
    """What is let through in `window_s` seconds; None for no limit.

    A bucket that is refilled all the time, as the large providers describe theirs. `burst` is the share of a window
    that may come at once. `told` is whether headers speak of it.
    """

    requests: int | None = None
    tokens: int | None = None
    window_s: float = 60.0
    burst: float = 1.0
    told: bool = True


class _Bucket:
    def __init__(self, limit: int, limits: Limits, now: float) -> None:
        self.limit = limit
        self.size = max(1.0, limit * limits.burst)
        self._per_s = limit / limits.window_s
        self.level = self.size
        self._at = now

    def fill(self, now: float) -> None:
        self.level = min(self.size, self.level + (now - self._at) * self._per_s)
        self._at = now

    def wait_s(self, n: float) -> float:
        """Until `n` are there; a request larger than the bucket is let through when it is full."""
        return max(0.0, min(n, self.size) - self.level) / self._per_s

    @property
    def reset_s(self) -> float:
        return (self.size - self.level) / self._per_s


class Throttle:
    """Lets requests through, or says how long to wait.

    >>> throttle = Throttle(Limits(requests=60), now=0.0)
    >>> [throttle.wait_s(5, now=0.0) for _ in range(61)][-1]
    1.0
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._told = limits.told
        self._requests = _Bucket(limits.requests, limits, now) if limits.requests else None
        self._tokens = _Bucket(limits.tokens, limits, now) if limits.tokens else None

    def wait_s(self, tokens: int, now: float) -> float:
        """0 when the request is let through (and debited), else the seconds after which it would be."""
        wait = 0.0
        for bucket, n in ((self._requests, 1), (self._tokens, tokens)):
            if bucket is not None:
                bucket.fill(now)
                wait = max(wait, bucket.wait_s(n))
        if wait > 0:
            return wait
        if self._requests is not None:
            self._requests.level -= 1
        if self._tokens is not None:
            self._tokens.level -= tokens
        return 0.0

    def headers(self, *, anthropic: bool) -> dict[str, str]:
        """What the reply says of the limits, as OpenAI or Anthropic writes it."""
        if not self._told:
            return {}
        said: dict[str, str] = {}
        for name, bucket in (("requests", self._requests), ("tokens", self._tokens)):
            if bucket is None:
                continue
            left, reset = str(max(0, math.floor(bucket.level))), bucket.reset_s
            if anthropic:
                at = (datetime.now(UTC) + timedelta(seconds=reset)).isoformat(timespec="seconds")
                values = {"limit": str(bucket.limit), "remaining": left, "reset": at.replace("+00:00", "Z")}
                said |= {f"anthropic-ratelimit-{name}-{what}": value for what, value in values.items()}
            else:
                values = {"limit": str(bucket.limit), "remaining": left, "reset": duration(reset)}
                said |= {f"x-ratelimit-{what}-{name}": value for what, value in values.items()}
        return said


def duration(seconds: float) -> str:
    """The seconds as OpenAI writes them.

    >>> duration(0.12), duration(1.5), duration(372)
    ('120ms', '1.5s', '6m12s')
    """
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{round(rest, 3):g}s"

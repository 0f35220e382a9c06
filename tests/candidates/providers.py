"""A provider in virtual time that takes its time and enforces limits, and an evaluation that asks it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping

from merits.candidates.limiter import Limiter
from merits.candidates.meter import AskFailed, Meter
from merits.core.answer import Answer, Failure, Usage
from merits.core.identity import JSON
from merits.testing.provider.limits import Limits as Enforced
from merits.testing.provider.limits import Throttle

__all__ = ["Remote", "ask", "failures", "now"]


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


class Remote:
    """A provider in virtual time: takes `latency_s`, has `slots` that work at once, and enforces limits."""

    fingerprint, concurrency = "remote", None

    def __init__(
        self,
        *,
        latency_s: float | Callable[[], float] = 0.5,
        enforced: Enforced | None = None,
        slots: int = 10_000,
        refuses: Callable[[], bool] = lambda: False,
        tells: bool = True,
        tokens: int = 10,
        bears: int = 10_000,
    ) -> None:
        self.limiter = Limiter(clock=now, jitter=random.Random(1).random)
        self.latency_s: float | Callable[[], float] = latency_s
        self.refuses, self.tells, self.tokens = refuses, tells, tokens
        self.throttle = Throttle(enforced, 0.0) if enforced else None
        self.slots = asyncio.Semaphore(slots)
        self.bears, self.n_let_in = bears, 0
        self.answered_at: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.in_flight = self.most_in_flight = 0

    async def answer(self, input: JSON) -> Answer:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            wait = self.throttle.wait_s(self.tokens, now()) if self.throttle else 0.0
            if wait or self.refuses() or self.n_let_in >= self.bears:
                await asyncio.sleep(0.02)
                self._say(429, {"retry-after": f"{wait:.3f}"} if self.tells and wait else {})
                raise AskFailed(Failure("rate_limited", "429", wait if self.tells and wait else None))
            self.n_let_in += 1
            try:
                async with self.slots:
                    await asyncio.sleep(
                        self.latency_s if isinstance(self.latency_s, (int, float)) else self.latency_s()
                    )
            finally:
                self.n_let_in -= 1
        finally:
            self.in_flight -= 1
        self._say(200, {})
        self.answered_at.append(now())
        return Answer("yes", usage=Usage(input_tokens=self.tokens))

    def _say(self, status: int, headers: Mapping[str, str]) -> None:
        self.statuses[status] += 1
        told = self.throttle.headers(anthropic=False) if self.throttle and self.tells else {}
        self.limiter.heard(status, {**told, **headers})

    async def close(self) -> None: ...


async def ask(model: Remote, n: int, *, hedge_after_s: float | None = None) -> list[Answer]:
    """The answers to `n` questions, asked as an evaluation asks them."""
    jitter = random.Random(2).random
    meter = Meter(model, timeout_s=60, retries=5, deadline_s=600, clock=now, jitter=jitter, hedge_after_s=hedge_after_s)
    left, answers = iter(range(n)), []

    async def worker() -> None:
        for question in left:
            answers.append(await meter.answer(question))

    await asyncio.gather(*(worker() for _ in range(min(n, model.limiter.ceiling))))
    return answers


def failures(answers: list[Answer]) -> int:
    """How many were not answered."""
    return sum(answer.failure is not None for answer in answers)

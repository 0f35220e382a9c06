"""Limits that a provider does not tell: how much of each is used, and how many calls are refused, in virtual time.

A provider in virtual time enforces a limit of requests per minute (a bucket that is refilled all the time and lets
`burst` of a minute through at once), of tokens per minute or of calls at once, tells it nowhere, and refuses without
Retry-After; or it refuses a share of all calls at random. Latencies are log-normal around the one given. Each run takes
ten virtual minutes or so. `throughput` is the rate of answers as a share of what the limit admits, the start and the
last answers included; at random, of what the same run without refusals reaches. `refused` is the share of calls.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.candidates.providers import Remote, ask, failures, now
from tests.candidates.virtual_time import in_no_time

from benchmarks._markdown import markdown
from merits.testing.provider.limits import Limits

_SPREAD = 0.6  # of the logarithm of latencies: the slowest in twenty take 2.7 times the median
_COLUMNS = {"refused": "% refused", "throughput": "% of the admitted rate", "n": "answers", "failed": "not answered"}


@dataclass(frozen=True)
class Cell:
    """A provider: `per_minute` requests (or `tokens_per_minute`, at 100 a call), `at_once` or a share refused."""

    latency_s: float
    spread: float = _SPREAD
    per_minute: int = 0
    tokens_per_minute: int = 0
    burst: float = 0.02
    at_once: int = 10_000
    at_random: float = 0.0

    @property
    def per_s(self) -> float:
        """What the limit admits."""
        mean_s = self.latency_s * math.exp(self.spread**2 / 2)
        limits = [self.per_minute / 60, self.tokens_per_minute / 6000]
        return min([limit for limit in limits if limit] or [min(256, self.at_once) / mean_s])

    def __str__(self) -> str:
        limit = f"{self.at_once} at once"
        if self.per_minute or self.tokens_per_minute:
            of = f"{self.per_minute} requests" if self.per_minute else f"{self.tokens_per_minute} tokens"
            limit = f"{of} a minute, {100 * self.burst:.3g} % of them at once"
        elif self.at_random:
            limit = f"no limit, {100 * self.at_random:g} % refused at random"
        return f"{limit}, {self.latency_s:g} s" + ("" if self.spread else ", all alike")


_LATENCIES = ((0.3, 0.0), (0.8, _SPREAD), (3.0, _SPREAD))
_RATES = ((60, 0.05), (600, 1 / 60), (600, 0.02), (3000, 1 / 60), (3000, 1.0))
CELLS = (
    *(Cell(latency_s, spread, n, burst=burst) for n, burst in _RATES for latency_s, spread in _LATENCIES),
    *(Cell(s, spread, at_once=n) for n in (4, 8, 20) for s, spread in ((0.5, 0.0), (0.5, _SPREAD), (3.0, _SPREAD))),
    Cell(1.0, 0.3, 150, burst=0.1),
    Cell(1.5, 0.8, 1200, burst=0.3),
    Cell(10.0, 0.4, 500, burst=0.05),
    Cell(3.0, _SPREAD, 60, burst=1 / 60),
    Cell(1.0, tokens_per_minute=60_000),
    Cell(0.2, 0.3, at_once=6),
    Cell(5.0, 0.8, at_once=12),
    Cell(2.0, at_once=100),
    *(Cell(0.5, 0.0, at_random=share) for share in (0.02, 0.05, 0.1)),
)


def main(argv: Sequence[str]) -> dict[str, dict[str, object]]:
    """The figures of each provider."""
    parser = argparse.ArgumentParser("limits", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of virtual time, about (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5, help="decides latencies and refusals at random")
    options = parser.parse_args(argv)
    figures: dict[str, dict[str, object]] = {}
    for cell in CELLS:
        figures[str(cell)] = measured(cell, options.minutes, options.seed)
        print(f"{cell}: {figures[str(cell)]}", file=sys.stderr)
    return figures


def table(figures: Mapping[str, Mapping[str, object]]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures)


def measured(cell: Cell, minutes: float, seed: int) -> dict[str, object]:
    """What came of about so many minutes, or of 20,000 answers."""
    n = min(20_000 if not cell.per_minute else 10**6, round(cell.per_s * 60 * minutes))
    seconds, refused, failed = _run(cell, n, seed)
    admitted = n - (cell.per_minute * cell.burst if cell.per_minute else 0)
    ideal_s = admitted / cell.per_s
    if cell.at_random:
        ideal_s = _run(Cell(cell.latency_s, cell.spread), n, seed)[0]
    throughput = round(100 * ideal_s / seconds, 1)
    return {"refused": round(100 * refused / (refused + n), 1), "throughput": throughput, "n": n, "failed": failed}


def _run(cell: Cell, n: int, seed: int) -> tuple[float, int, int]:
    draw = random.Random(seed)
    limited = cell.per_minute or cell.tokens_per_minute
    limits = Limits(cell.per_minute or None, cell.tokens_per_minute or None, burst=cell.burst, told=False)

    async def work() -> tuple[float, int, int]:
        model = Remote(
            latency_s=lambda: draw.lognormvariate(math.log(cell.latency_s), cell.spread),
            enforced=limits if limited else None,
            refuses=lambda: draw.random() < cell.at_random,
            tells=False,
            tokens=100,
            bears=cell.at_once,
        )
        answers = await ask(model, n)
        return now(), model.statuses[429], failures(answers)

    return in_no_time(work())

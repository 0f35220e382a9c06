"""How long a fake provider takes: a distribution, not a number, because tails are what clients are tested for."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

__all__ = ["Latency"]

_Z95 = 1.6448536269514722  # the normal quantile of 0.95


@dataclass(frozen=True)
class Latency:
    """Seconds from a request to its reply: constant, uniform from `low_s` to `high_s`, or lognormal.

    The lognormal is given by its median (`low_s`) and its 95th percentile (`high_s`): log(seconds) is normal with
    mean log(median) and deviation log(p95 / median) / 1.645.

    >>> Latency.lognormal(median_s=0.4, p95_s=2.0).quantile(0.5)
    0.4
    >>> Latency.parse("uniform:0.1:0.3")
    Latency(shape='uniform', low_s=0.1, high_s=0.3)
    """

    shape: Literal["constant", "uniform", "lognormal"] = "constant"
    low_s: float = 0.0
    high_s: float = 0.0

    def __post_init__(self) -> None:
        if self.low_s < 0 or (self.shape != "constant" and self.high_s < self.low_s):
            raise ValueError(f"a latency from {self.low_s:g} to {self.high_s:g} s is none")
        if self.shape == "lognormal" and self.low_s == 0:
            raise ValueError("a lognormal latency needs a median above 0")

    @classmethod
    def constant(cls, seconds: float) -> Latency:
        """Always the same."""
        return cls("constant", seconds, seconds)

    @classmethod
    def uniform(cls, low_s: float, high_s: float) -> Latency:
        """Anything from `low_s` to `high_s`."""
        return cls("uniform", low_s, high_s)

    @classmethod
    def lognormal(cls, median_s: float, p95_s: float) -> Latency:
        """Mostly near the median, with a long tail, as large models' providers are."""
        return cls("lognormal", median_s, p95_s)

    @classmethod
    def parse(cls, text: str) -> Latency:
        """The latency that a command line writes as `0.05`, `uniform:0.1:0.3` or `lognormal:0.4:2`."""
        shape, _, numbers = text.rpartition(":") if ":" not in text else text.partition(":")
        values = [float(number) for number in numbers.split(":")]
        if shape in ("", "constant") and len(values) == 1:
            return cls.constant(values[0])
        if shape == "uniform" and len(values) == 2:
            return cls.uniform(*values)
        if shape == "lognormal" and len(values) == 2:
            return cls.lognormal(*values)
        raise ValueError(f"{text!r} is no latency; write 0.05, uniform:0.1:0.3 or lognormal:0.4:2")

    def draw(self, generator: random.Random) -> float:
        """Seconds of one reply."""
        return self.low_s if self.shape == "constant" else self.quantile(generator.random())

    def quantile(self, probability: float) -> float:
        """The seconds that this share of replies stays below."""
        if self.shape == "constant":
            return self.low_s
        if self.shape == "uniform":
            return self.low_s + probability * (self.high_s - self.low_s)
        from statistics import NormalDist

        z = NormalDist().inv_cdf(min(max(probability, 1e-12), 1 - 1e-12))
        return self.low_s * math.exp(z * math.log(self.high_s / self.low_s) / _Z95)

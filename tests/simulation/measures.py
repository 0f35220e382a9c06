"""Worlds of known truth for measures of all answers together: the counts of examples as they are, and perturbed.

Each has errors of its own kind, some examples harder than others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.scorers.counted import STATISTICS
from merits.scorers.picture_sets import diversity_counts, fid_counts, kid_counts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """`draw(n, generator)` are the counts of n examples, as they are and perturbed: (n, columns) each.

    With `of_so_many` the truth is what is lost on average on n examples: a Fréchet distance of few is biased, and that
    of all pictures there could be is another number.
    """

    statistic: str
    draw: Callable[[int, np.random.Generator], tuple[Floats, Floats]]
    of_so_many: bool = False

    def alone(self, n: int) -> float:
        """The measure of examples as they are, by 300,000, or on average of 400 times n."""
        generator, value = np.random.default_rng(7), STATISTICS[self.statistic].value
        if self.of_so_many:
            return float(np.mean([value(self.draw(n, generator)[0].sum(axis=0)) for _ in range(400)]))
        return float(value(self.draw(300_000, generator)[0].sum(axis=0)))

    def _lost(self, sides: Sequence[Floats]) -> float:
        clean, noisy = (float(STATISTICS[self.statistic].value(counts.sum(axis=0))) for counts in sides)
        return clean - noisy if STATISTICS[self.statistic].higher_is_better else noisy - clean

    def truth(self, n: int) -> float:
        """The loss, by 300,000 examples, or on average of 400 times n."""
        generator = np.random.default_rng(7)
        if self.of_so_many:
            return float(np.mean([self._lost(self.draw(n, generator)) for _ in range(400)]))
        return self._lost(self.draw(300_000, generator))


def _numbers(n: int, generator: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Targets, and the errors as they are and perturbed: some examples are hard, and harder still perturbed."""
    targets = generator.normal(50.0, 10.0, n)
    hard = generator.gamma(2.0, 1.0, n)
    return targets, hard * generator.normal(0.0, 1.5, n), hard * generator.normal(0.3, 2.0, n)


def _squared(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    targets, *errors = _numbers(n, generator)
    one = np.ones(n)
    clean, noisy = (np.stack([error**2, one, targets], axis=1) for error in errors)
    return clean, noisy


def _determined(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    targets, *errors = _numbers(n, generator)
    one = np.ones(n)
    clean, noisy = (np.stack([error**2, one, targets, targets**2], axis=1) for error in errors)
    return clean, noisy


def _inside(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    _, *errors = _numbers(n, generator)
    one = np.ones(n)
    clean, noisy = (np.stack([(np.abs(error) < 5.0).astype(float), one], axis=1) for error in errors)
    return clean, noisy


def _seconds(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Long sounds take more, a few stall."""
    sound = generator.gamma(2.0, 3.0, n) + 0.5
    took = sound * generator.lognormal(-1.5, 0.3, n)
    slower = took * generator.lognormal(0.1, 0.2, n) + (generator.random(n) < 0.02) * 2.0
    return np.stack([took, sound], axis=1), np.stack([slower, sound], axis=1)


def _edits(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Words wrong, more of them perturbed: TER, CER."""
    words = generator.integers(4, 30, n)
    rate = generator.beta(1.5, 6.0, n)
    clean = generator.binomial(words, rate)
    noisy = np.minimum(clean + generator.binomial(words, rate * 0.3), words)
    return np.stack([clean, words], axis=1).astype(float), np.stack([noisy, words], axis=1).astype(float)


def _found(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Spans right, said and wanted."""
    wanted = generator.integers(1, 5, n)
    right = generator.binomial(wanted, generator.beta(6.0, 2.0, n))
    fewer = generator.binomial(right, 0.9)
    said = wanted + generator.binomial(2, 0.1, n)
    clean, noisy = (np.stack([part, said, wanted], axis=1).astype(float) for part in (right, fewer))
    return clean, noisy


def _grams(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """N-grams of 1 to 6 characters: said, wanted and both, fewer of the longer ones."""
    wanted = generator.integers(20, 120, n)[:, None] - np.arange(6)
    share = generator.beta(6.0, 3.0, n)[:, None] ** np.arange(1, 7)
    both = generator.binomial(wanted, share)
    fewer = generator.binomial(both, 0.95)
    clean, noisy = (np.stack([wanted, wanted, part], axis=2).reshape(n, -1).astype(float) for part in (both, fewer))
    return clean, noisy


def _losses(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """The pinball loss of forecasts of three quantiles, farther off when perturbed."""
    targets, error, _ = _numbers(n, generator)
    moved = error + generator.normal(0.3, 1.0, n) * generator.gamma(2.0, 1.0, n)

    def loss(of: Floats) -> Floats:
        each = [(q, of - reach) for q, reach in ((0.1, -3.0), (0.5, 0.0), (0.9, 3.0))]
        return np.asarray(np.mean([np.maximum(q * off, (q - 1.0) * off) for q, off in each], axis=0))

    clean, noisy = (np.stack([loss(one), np.ones(n), targets, np.full(n, 0.5)], axis=1) for one in (error, moved))
    return clean, noisy


def _words(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """N-grams of 1 to 4 words, lengths: BLEU of easy and hard sentences."""
    reference = generator.integers(4, 40, n)
    length = np.maximum(reference + generator.integers(-3, 3, n), 4)
    totals = length[:, None] - np.arange(4)
    share = generator.beta(6.0, 4.0, n)[:, None] ** np.arange(1.0, 3.0, 0.5)
    right = generator.binomial(totals, share)
    fewer = generator.binomial(right, 0.93)
    clean, noisy = (
        np.concatenate([part, totals, length[:, None], reference[:, None]], axis=1).astype(float)
        for part in (right, fewer)
    )
    return clean, noisy


def _pictures(
    count: Callable[[Floats, Floats], Floats],
) -> Callable[[int, np.random.Generator], tuple[Floats, Floats]]:
    """Features of pictures of four kinds, beside those that were wanted: blurred, and more so when perturbed."""

    def draw(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
        kinds = np.random.default_rng(3).normal(0.0, 1.0, (4, 16))
        wanted = kinds[generator.integers(0, 4, n)] + generator.normal(0.0, 0.6, (n, 16))
        painted = 0.9 * wanted + generator.normal(0.1, 0.4, (n, 16))
        worse = 0.8 * painted + generator.normal(0.1, 0.3, (n, 16))
        clean, noisy = (
            np.stack([count(*pair) for pair in zip(side, wanted, strict=True)]) for side in (painted, worse)
        )
        return clean, noisy

    return draw


MEASURES = {
    "rmse": Measure("root_error", _squared),
    "r2": Measure("determination", _determined),
    "coverage": Measure("coverage", _inside),
    "real_time_factor": Measure("real_time_factor", _seconds),
    "ter": Measure("ter", _edits),
    "span_f1": Measure("f1", _found),
    "chrf": Measure("chrf", _grams),
    "bleu": Measure("bleu", _words),
    "pinball": Measure("pinball", _losses),
    "fid": Measure("fid", _pictures(fid_counts), of_so_many=True),
    "kid": Measure("kid", _pictures(kid_counts), of_so_many=True),
    "diversity": Measure("diversity", _pictures(diversity_counts), of_so_many=True),
}
SKEWED = ("rmse", "r2", "pinball", "real_time_factor", "fid", "kid")
"""What few rows make most of: their high ends miss more often than promised."""

"""Every interval of `merits.stats` against known truth: how often each end misses, at which n and rate.

A table: a line is one function under one condition. Those of a 0/1 variable are counted exactly, over all outcomes
there can be; the others are drawn. `covers` is what the docstring promises for that condition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import gammaln, ndtri

from merits import stats
from merits.core.estimate import Estimate
from merits.stats.critical import Floats

SIZES = (5, 20, 100, 1000)
RATES = (0.0, 0.02, 0.5, 0.98, 1.0)

Ends = tuple[float | None, float | None]
Misses = tuple[float, float]
Draw = Callable[[np.random.Generator], Ends]


@dataclass(frozen=True)
class Case:
    """One interval at one known truth. `covers` is the promise: of both ends together, or of `each` end alone.

    `runs` is how often the fast test draws it; `slow_runs` how often the long one does, 0 for never.
    """

    function: str
    where: str
    n: int
    truth: float
    covers: float
    draw: Draw | None = None
    outcomes: Callable[[float], Ends] | None = None
    each: bool = False
    runs: int = 120
    slow_runs: int = 1500

    def misses(self, *, slow: bool) -> tuple[Misses, int]:
        """How often the low end lies above the truth, and the high end below it; and in how many runs (0: exactly)."""
        if self.outcomes is not None:
            return self._exactly(self.outcomes), 0
        assert self.draw is not None
        runs = self.slow_runs if slow else self.runs
        generator = np.random.default_rng([self.n, round(1000 * abs(self.truth))])
        return _shares([(self.draw(generator), 1.0 / max(runs, 1)) for _ in range(runs)], self.truth), runs

    def _exactly(self, ends: Callable[[float], Ends]) -> Misses:
        """Over all numbers of successes that may happen more than once in 10¹⁰ times."""
        chances = binomial(self.n, self.truth)
        return _shares([(ends(float(k)), float(chances[k])) for k in np.flatnonzero(chances > 1e-10)], self.truth)


def binomial(n: int, p: float) -> Floats:
    """P(X = k) for k = 0..n."""
    k = np.arange(n + 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        log += np.where(k > 0, k * np.log(p), 0.0) + np.where(k < n, (n - k) * np.log1p(-p), 0.0)
    return np.exp(log)


def _shares(found: list[tuple[Ends, float]], truth: float) -> Misses:
    slack = 1e-9 * max(1.0, abs(truth))
    low = sum(weight for (end, _), weight in found if end is not None and end > truth + slack)
    high = sum(weight for (_, end), weight in found if end is not None and end < truth - slack)
    return low, high


def ends_of(estimate: Estimate) -> Ends:
    """Both ends."""
    return estimate.low, estimate.high


def cases() -> list[Case]:
    """The whole table."""
    parts = (
        rates,
        paired,
        scores,
        amounts,
        ratios,
        quantiles,
        grouped,
        sums,
        forecasts,
        corpus_bounds,
        bootstrap,
        assisted,
        shares,
        confidences,
    )
    return [case for part in parts for case in part()]


def rates() -> Iterator[Case]:
    """Wilson's coverage is nominal on average over rates, not at every one; Clopper and Pearson's is, for each end."""

    def solved(k: float, n: int) -> np.ndarray:
        return np.arange(n) < k

    for n in SIZES:
        for p in RATES:
            where = f"p {p}"

            def one(name: str, covers: float, ends: Callable[..., Ends], *, each: bool = False, n: int = n) -> Case:
                return Case(name, where, n, p, covers, outcomes=lambda k: ends(k, n), each=each)  # noqa: B023

            yield one("wilson", 0.90, lambda k, n: ends_of(stats.wilson(k, n)))
            yield one("wilson_limits", 0.90, lambda k, n: _floats(stats.wilson_limits(k, n)))
            yield one("rate", 0.90, lambda k, n: ends_of(stats.rate(solved(k, n))))
            yield one("clopper_pearson", 0.95, lambda k, n: ends_of(stats.clopper_pearson(k, n)))
            yield one("clopper_pearson_limits", 0.95, lambda k, n: _floats(stats.clopper_pearson_limits(k, n)))
            for name in ("clopper_pearson_bounds", "rate_bounds"):
                of = stats.clopper_pearson_bounds if name[0] == "c" else lambda k, n: stats.rate_bounds(solved(k, n))
                yield one(name, 0.95, lambda k, n, of=of: ends_of(of(k, n)), each=True)
            yield one(
                "clopper_pearson_bound",
                0.95,
                lambda k, n: _floats(tuple(stats.clopper_pearson_bound(k, n, side=side) for side in ("low", "high"))),
                each=True,
            )
            if n <= 100:
                yield one("mean_score", 0.95, lambda k, n: ends_of(stats.mean_score(solved(k, n).astype(float))))


def _floats(limits: tuple[Floats, ...]) -> Ends:
    return float(limits[0]), float(limits[1])


SPLITS = ((0.0, 0.0), (0.02, 0.0), (0.1, 0.1), (0.3, 0.05), (0.5, 0.5))


def paired() -> Iterator[Case]:
    """Differences of two candidates on the same rows; a split is P(only the first solves), P(only the second does)."""
    for n in SIZES:
        for split in SPLITS:
            truth, where = split[0] - split[1], f"only one solves {split[0]}, {split[1]}"

            def values(generator: np.random.Generator, n: int = n, split: tuple[float, float] = split) -> np.ndarray:
                both = generator.choice([0, 1, 2], size=n, p=[*split, 1.0 - sum(split)])
                return np.stack([both != 1, both != 0]).astype(float)

            def bonett_price(generator: np.random.Generator, n: int = n, values: Callable = values) -> Ends:
                first, second = values(generator)
                return ends_of(stats.bonett_price(int((first > second).sum()), int((second > first).sum()), n))

            def compared(generator: np.random.Generator, values: Callable = values) -> Ends:
                drawn = values(generator)
                pairs = stats.compare_all(drawn, np.ones(drawn.shape, dtype=bool))
                centre, reach = float(pairs.centre[0, 1]), float(pairs.reach(0.95)[0, 1])
                return centre - reach, centre + reach

            def betting(generator: np.random.Generator, values: Callable = values) -> Ends:
                drawn = values(generator)
                return ends_of(stats.paired_scores(drawn[0] - drawn[1]))

            yield Case("bonett_price", where, n, truth, 0.94, draw=bonett_price)
            yield Case("compare_all", where, n, truth, 0.94, draw=compared)
            yield Case("paired_scores", where, n, truth, 0.935, draw=betting, runs=20, slow_runs=400)


SCORES = {"uniform": (1.0, 1.0), "near one": (8.0, 0.5), "mostly one": (0.1, 0.005), "mostly nought": (0.005, 0.1)}
_PLACES = np.r_[1.0 / np.arange(1.0, 11.0), 0.0]
LISTS = {
    "reciprocal ranks": (_PLACES, 0.05),
    "nDCG of one wanted item": (np.r_[1.0 / np.log2(np.arange(2.0, 12.0)), 0.0], 0.1),
    "average precisions": (np.r_[np.outer(_PLACES, _PLACES).ravel()[:60], 0.0], 0.01),
}
"""The values of lists of ten, each as likely as the next and the last, nothing found, as what is left."""


def scores() -> Iterator[Case]:
    """Scores between 0 and 1, skewed ones too: there the t interval covers as little as 40 %."""
    for n in SIZES:
        for name, shape in SCORES.items():
            yield Case(
                "mean_score",
                name,
                n,
                shape[0] / sum(shape),
                0.935,
                draw=lambda g, n=n, shape=shape: ends_of(stats.mean_score(g.beta(*shape, size=n))),
                runs=20,
                slow_runs=400 if n < 1000 else 100,
            )
        for name, (values, each) in LISTS.items():
            yield Case(
                "mean_score",
                name,
                n,
                float(values[:-1].sum() * each),
                0.935,
                draw=lambda g, n=n, values=values, each=each: ends_of(stats.mean_score(ranked(g, n, values, each))),
                runs=10,
                slow_runs=400 if n < 1000 else 100,
            )


def ranked(generator: np.random.Generator, n: int, values: Floats, each: float) -> Floats:
    """Scores of n lists."""
    chances = np.r_[np.full(len(values) - 1, each), 1.0 - each * (len(values) - 1)]
    return generator.choice(values, size=n, p=chances)


AMOUNTS: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float, tuple[float, ...]]] = {
    "normal": (lambda g, n: g.normal(10.0, 1.0, n), 10.0, (0.94, 0.94, 0.94, 0.94)),
    "exponential": (lambda g, n: g.exponential(1.0, n), 1.0, (0.92, 0.93, 0.94, 0.94)),
    "lognormal, σ 1": (lambda g, n: g.lognormal(0.0, 1.0, n), math.exp(0.5), (0.885, 0.905, 0.925, 0.935)),
    "lognormal, σ 1.5": (lambda g, n: g.lognormal(0.0, 1.5, n), math.exp(1.125), (0.82, 0.885, 0.905, 0.925)),
    "lognormal, σ 2": (lambda g, n: g.lognormal(0.0, 2.0, n), math.exp(2.0), (0.71, 0.83, 0.87, 0.89)),
    "gamma, shape 0.3": (lambda g, n: g.gamma(0.3, 1.0, n), 0.3, (0.86, 0.935, 0.94, 0.945)),
}
"""How amounts are drawn, their mean, and what the interval of it keeps at each of the sizes."""


def amounts() -> Iterator[Case]:
    """Money and seconds. What is not in the sample, no interval from the sample can know: the limits are stated."""
    for name, (draw, truth, promises) in AMOUNTS.items():
        for n, covers in zip(SIZES, promises, strict=True):
            yield Case("mean", name, n, truth, covers, draw=lambda g, n=n, draw=draw: ends_of(stats.mean(draw(g, n))))


def ratios() -> Iterator[Case]:
    """The cost of a solved case, where solved cases cost more than others, and what it is made of."""

    def parts(generator: np.random.Generator, n: int, p: float) -> tuple[Floats, np.ndarray]:
        solved = generator.random(n) < p
        return generator.gamma(4.0, 0.25, size=n) + solved, solved

    def cost(generator: np.random.Generator, n: int, p: float) -> Ends:
        return ends_of(stats.cost_per_solved(*parts(generator, n, p)))

    def ratio(generator: np.random.Generator, n: int, p: float) -> Ends:
        spent, solved = parts(generator, n, p)
        return stats.ratio_limits(stats.mean(spent), stats.rate(solved), 0.0)

    def left_over(generator: np.random.Generator, n: int, p: float) -> Ends:
        spent, solved = parts(generator, n, p)
        return stats.combined_limits(stats.rate(solved), stats.mean(spent), 0.0)

    for n in SIZES:
        for p in (0.02, 0.5, 0.98, 1.0):
            covers = 0.88 if n == 5 or p == 0.02 else 0.93
            truth = (1.0 + p) / p
            yield Case("cost_per_solved", f"p {p}", n, truth, covers, draw=lambda g, n=n, p=p: cost(g, n, p))
            # Taken as uncorrelated although they are not: the ratio's interval is then too wide, the difference's too
            # (a solved case costs more, so what is gained and what is spent rise together).
            yield Case("ratio_limits", f"p {p}", n, truth, covers, draw=lambda g, n=n, p=p: ratio(g, n, p))
            yield Case("combined_limits", f"p {p}", n, -1.0, 0.93, draw=lambda g, n=n, p=p: left_over(g, n, p))


def quantiles() -> Iterator[Case]:
    """Percentiles, whatever the distribution; an open end covers everything."""
    for n in SIZES:
        for q in (0.5, 0.95):
            yield Case(
                "quantile",
                f"{100 * q:g}th percentile",
                n,
                -math.log(1.0 - q),
                0.95,
                draw=lambda g, n=n, q=q: ends_of(stats.quantile(g.exponential(size=n), q)),
            )


def grouped() -> Iterator[Case]:
    """Rows that depend on each other: n groups of equally many rows, weakly to strongly correlated within a group."""

    def draw(generator: np.random.Generator, n: int, size: int, p: float, like: float) -> tuple[Floats, np.ndarray]:
        scale = 1 / like - 1
        rate = np.full(n, p) if p in (0.0, 1.0) else generator.beta(p * scale, (1 - p) * scale, size=n)
        codes = np.repeat(np.arange(n), size)
        return (generator.random(n * size) < rate[codes]).astype(float), codes

    def difference(generator: np.random.Generator, *how: float) -> Ends:
        first, codes = draw(generator, *how)
        both = np.stack([first, draw(generator, *how)[0]])
        pairs = stats.compare_all(both, np.ones(both.shape, dtype=bool), codes)
        centre, reach = float(pairs.centre[0, 1]), float(pairs.reach(0.95)[0, 1])
        return centre - reach, centre + reach

    for n, size, like, p in product((10, 20, 40, 100), (2, 5, 20), (0.02, 0.3, 0.9), RATES):
        where, how = f"p {p}, groups of {size}, alike {like}", (n, size, p, like)
        fast = 80 if (n, size, like) in ((20, 20, 0.3), (40, 5, 0.02), (10, 2, 0.9)) else 0

        def shown(generator: np.random.Generator, how: tuple[float, ...] = how) -> Ends:
            return ends_of(stats.rate(*draw(generator, *how)))

        def gated(generator: np.random.Generator, how: tuple[float, ...] = how) -> Ends:
            return ends_of(stats.rate_bounds(*draw(generator, *how)))

        yield Case("rate", where, n, p, 0.93, draw=shown, runs=fast, slow_runs=400)
        yield Case("rate_bounds", where, n, p, 0.94, draw=gated, each=True, runs=fast, slow_runs=400)
        if size == 5 and n < 40:
            both = lambda g, how=how: difference(g, *how)  # noqa: E731
            yield Case("compare_all", where, n, 0.0, 0.94, draw=both, runs=fast // 2, slow_runs=300)


def sums() -> Iterator[Case]:
    """Word error rates: 5 to 25 words a row, errors that come together; alone, and the difference of two candidates."""

    def ratio(totals: Floats) -> Floats:
        return np.asarray(totals[..., 0] / totals[..., 1])

    def draw(generator: np.random.Generator, n: int, p: float, candidates: int) -> Floats:
        words = 5 + generator.poisson(8.0, n)
        rate = np.full(n, p) if p in (0.0, 1.0) else generator.beta(p * 9, (1 - p) * 9, size=n)
        return np.stack([np.stack([generator.binomial(words, rate), words], axis=1) for _ in range(candidates)]) * 1.0

    def alone(generator: np.random.Generator, n: int, p: float) -> Ends:
        counts = draw(generator, n, p, 1)
        found = stats.jackknifed(ratio, counts, generator)
        return ends_of(stats.statistic_of_sums(found, rows=float(counts[0, :, 1].sum()), method=""))

    def difference(generator: np.random.Generator, n: int, p: float) -> Ends:
        found = stats.jackknifed(ratio, draw(generator, n, p, 2), generator)
        return ends_of(stats.statistic_difference(found, 0, 1, method=""))

    for n in SIZES:
        for p in RATES:
            runs = {"runs": 40 if n <= 100 else 8, "slow_runs": 500 if n <= 100 else 150}
            yield Case("statistic_of_sums", f"errors {p}", n, p, 0.93, draw=lambda g, n=n, p=p: alone(g, n, p), **runs)
            yield Case(
                "statistic_difference",
                f"errors {p}",
                n,
                0.0,
                0.94,
                draw=lambda g, n=n, p=p: difference(g, n, p),
                **runs,
            )


def forecasts() -> Iterator[Case]:
    """Errors of forecasts: normal, with heavy tails (t with 5 degrees), and skewed; alone, and of two candidates."""
    from merits.scorers.counted import STATISTICS

    shapes: dict[str, Callable[[np.random.Generator, int], Floats]] = {
        "normal": lambda g, n: g.normal(size=n),
        "t5": lambda g, n: g.standard_t(5, n) / (5 / 3) ** 0.5,
        "lognormal": lambda g, n: (g.lognormal(0.0, 0.5, n) - np.exp(0.125)) / 0.6039,
    }
    truths = {  # of the root mean square and the mean of the absolute: known, or from 10 million draws
        "normal": (1.0, (2 / np.pi) ** 0.5),
        "t5": (1.0, 0.7351),
        "lognormal": (1.0, 0.7407),
    }

    def counts(generator: np.random.Generator, n: int, shape: str, sizes: tuple[float, ...], name: str) -> Floats:
        target = generator.normal(3.0, 2.0, n)
        error = [size * shapes[shape](generator, n) for size in sizes]
        first = [np.abs(e) if name == "mean_error" else e * e for e in error]
        given = [np.ones(n), target, *([target * target] if name == "determination" else [])]
        return np.stack([np.stack([own, *given], axis=1) for own in first])

    def alone(generator: np.random.Generator, n: int, shape: str, name: str) -> Ends:
        statistic = STATISTICS[name]
        found = stats.jackknifed(statistic.value, counts(generator, n, shape, (1.0,), name), generator)
        return ends_of(stats.statistic_of_sums(found, rows=n, method="", unit=statistic.unit, scale=statistic.scale))

    def difference(generator: np.random.Generator, n: int, shape: str, name: str) -> Ends:
        found = stats.jackknifed(STATISTICS[name].value, counts(generator, n, shape, (1.0, 1.0), name), generator)
        step = float(found.values.max())
        return ends_of(stats.statistic_difference(found, 0, 1, step=step, method="", unit="difference"))

    for n in SIZES[1:]:
        for shape, (root, mean) in truths.items():
            runs = {"runs": 30 if n <= 100 else 8, "slow_runs": 1000 if n <= 100 else 200}
            # Squares of skewed errors: the tail that 20 rows have not seen cannot be in their interval.
            promised = {"normal": 0.94, "t5": 0.93, "lognormal": 0.91}[shape]
            for name, truth in (("root_error", root), ("mean_error", mean), ("determination", 0.75)):
                where = f"{name}, {shape}"
                one = lambda g, n=n, shape=shape, name=name: alone(g, n, shape, name)  # noqa: E731
                two = lambda g, n=n, shape=shape, name=name: difference(g, n, shape, name)  # noqa: E731
                yield Case("statistic_of_sums", where, n, truth, promised, draw=one, **runs)
                if name != "determination":
                    yield Case("statistic_difference", where, n, 0.0, 0.93, draw=two, **runs)


def corpus_bounds() -> Iterator[Case]:
    """Measures of scikit-learn's, as a gate bounds them: with the variance from leaving out blocks of rows."""
    from merits.scorers.corpus import METRICS

    def draw(generator: np.random.Generator, n: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target = (generator.random(n) < share).astype(np.int32)
        score = 1 / (1 + np.exp(-(generator.normal(size=n) + 2.5 * target - 1.2)))
        return target, (score > 0.5).astype(np.int32), np.stack([1 - score, score], axis=1)

    def measured(name: str, data: tuple[np.ndarray, ...]) -> float | None:
        return METRICS[name](data[0], data[1], data[2], ("no", "yes"))

    def bounds(generator: np.random.Generator, name: str, n: int, share: float) -> Ends:
        data = draw(generator, n, share)
        value = measured(name, data)
        found = stats.jackknife_variance(
            lambda rows: measured(name, tuple(part[rows] for part in data)), n, np.random.default_rng(0)
        )
        if value is None or found is None:
            return None, None
        n_yes = int(data[0].sum())
        extra = stats.variance_of_rare_classes(np.array([n_yes, n - n_yes])) if name == "macro_f1" else 0.0
        doubted = n if name == "macro_f1" else min(n_yes, n - n_yes)
        return ends_of(
            stats.rate_of_variance(
                value, found + extra, 0.95, rows=n, doubted=float(doubted), n=n, method=name, edge=extra**0.5
            )
        )

    for share in (0.3, 0.03):
        truth = measured("macro_f1", draw(np.random.default_rng(0), 300_000, share)) or 0.0
        for n in (20, 50, 100, 150, 400, 1000):
            if share == 0.03 and n < 50:
                continue  # hardly one row of the rarer class
            yield Case(
                "rate_of_variance",
                f"macro F1, a class of {100 * share:g} %",
                n,
                truth,
                0.92 if share == 0.3 else 0.90,
                draw=lambda g, n=n, share=share: bounds(g, "macro_f1", n, share),
                each=True,
                runs=30,
                slow_runs=300,
            )
    for name in ("roc_auc", "pr_auc"):
        truth = measured(name, draw(np.random.default_rng(0), 200_000, 0.3)) or 0.0
        for n in (30, 100, 400):
            yield Case(
                "rate_of_variance",
                name.replace("_", "-").upper(),
                n,
                truth,
                0.92,
                draw=lambda g, name=name, n=n: bounds(g, name, n, 0.3),
                each=True,
                runs=0,  # scikit-learn's own function, 41 times in each: only in the long run
                slow_runs=150,
            )


def bootstrap() -> Iterator[Case]:
    """The percentile interval is for many rows: at n = 20 it covers 90 %, and its docstring says so."""

    def limits(generator: np.random.Generator, n: int) -> Ends:
        values = generator.normal(size=n)
        weights = generator.multinomial(n, np.full(n, 1.0 / n), size=400)
        return stats.bootstrap_limits(weights @ values / n, float(values.mean()))

    for n, covers in ((20, 0.88), (100, 0.92), (1000, 0.93)):
        yield Case(
            "bootstrap_limits", "a mean", n, 0.0, covers, draw=lambda g, n=n: limits(g, n), runs=60, slow_runs=1000
        )


def assisted() -> Iterator[Case]:
    """Candidates that answered a random part of the rows, with two helpers that are more or less like them."""

    def limits(generator: np.random.Generator, n: int, p: float, like: float) -> Ends:
        n_all = 6 * n
        common, bar = generator.normal(size=n_all), float(ndtri(p))
        own = generator.normal(size=(3, n_all))
        values = (math.sqrt(like) * common + math.sqrt(1.0 - like) * own < bar).astype(float)
        return ends_of(stats.assisted_mean(values[0], np.arange(n_all) < n, values[1:]).estimate)

    for n in (20, 60, 100, 1000):
        for p in (0.02, 0.5, 0.8, 0.98):
            for like in (0.0, 0.5, 0.9):
                yield Case(
                    "assisted_mean",
                    f"p {p}, alike {like}",
                    n,
                    p,
                    0.90 if p in (0.02, 0.98) else 0.93,
                    draw=lambda g, n=n, p=p, like=like: limits(g, n, p, like),
                    runs=40,
                    slow_runs=500 if n < 1000 else 150,
                )


def shares() -> Iterator[Case]:
    """How much of the variance of an answer is between examples: solved with a chance of its own, asked several times.

    And with a judge: a score that varies between examples, runs and judgements by known amounts.
    """

    def of_runs(generator: np.random.Generator, n: int, repeats: int, shape: tuple[float, float]) -> Ends:
        chance = generator.beta(*shape, size=(n, 1))
        found = stats.components((generator.random((n, repeats)) < chance) * 1.0, generator)
        return ends_of(found.example) if found.example is not None else (None, None)

    def of_judges(generator: np.random.Generator, n: int, part: int) -> Ends:
        example = generator.normal(0.0, 2.0, size=(n, 1, 1))
        run = generator.normal(0.0, 1.0, size=(n, 3, 1))
        found = stats.components(example + run + generator.normal(0.0, 1.0, size=(n, 3, 2)), generator)
        estimate = (found.example, found.run, found.judge)[part]
        return ends_of(estimate) if estimate is not None else (None, None)

    for n in (20, 50, 100, 1000):
        for repeats in (2, 4):
            for a, b in ((0.2, 0.1), (1.0, 1.0), (4.0, 1.0), (30.0, 10.0)):
                yield Case(
                    "components",
                    f"{repeats} runs, chances beta({a}, {b})",
                    n,
                    1.0 / (a + b + 1.0),
                    0.89 if n <= 50 else 0.915,
                    draw=lambda g, n=n, repeats=repeats, shape=(a, b): of_runs(g, n, repeats, shape),
                    runs=8 if n < 1000 else 0,
                    slow_runs=400 if n < 1000 else 100,
                )
        for part, (name, truth) in enumerate((("example", 4 / 6), ("run", 1 / 6), ("judge", 1 / 6))):
            yield Case(
                "components",
                f"the {name}'s share, 3 runs judged twice",
                n,
                truth,
                0.92,
                draw=lambda g, n=n, part=part: of_judges(g, n, part),
                runs=8 if n < 1000 else 0,
                slow_runs=400 if n < 1000 else 100,
            )


def confidences() -> Iterator[Case]:
    """Quality by confidence alone, where that means what it did on test; and how far it is from what it says."""
    for n, n_live in ((60, 200), (300, 1000)):

        def foretold(generator: np.random.Generator, n: int = n, n_live: int = n_live) -> Ends:
            said = generator.beta(3.0, 2.0, n)
            meant = stats.recalibration(said, generator.random(n) < said**2)
            now = generator.beta(2.0, 3.0, n_live)
            low, high = ends_of(stats.estimated_quality(meant, now))
            solved = float((generator.random(n_live) < now**2).mean())
            assert low is not None
            assert high is not None
            return low - solved, high - solved  # of the share that labels would show

        def distance(generator: np.random.Generator, n: int = n) -> Ends:
            said = generator.choice([0.6, 0.9], n)
            return ends_of(stats.calibration_error(said, generator.random(n) < said - 0.1))

        # inputs that are harder than those of test fill other parts of each bin: some points are lost with few
        yield Case("estimated_quality", "harder inputs", n, 0.0, 0.90, draw=foretold)
        yield Case("calibration_error", "too sure by 0.1", n, 0.1, 0.95, draw=distance)

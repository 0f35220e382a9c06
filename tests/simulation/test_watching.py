"""Known truth: how often an unchanged stream or model is accused, and how soon a changed one is.

The fast runs would show gross failures only; the long ones print what is said in docs/production/drift.md
(`make simulate`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from merits.stats.change import Changes, category_bets, number_bets
from merits.stats.falls import Falls
from merits.stats.probes import allowance, answers_p, odds_of_noticing, solved_p
from merits.stats.shifts import shift_between
from tests.simulation.test_error_rates import at_most

ALPHA = 0.05
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def few_values(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Bins of a number with ties, in the ten bins of another sample."""
    return np.minimum(generator.geometric(0.3, size) - 1, 9)


def categories(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Bins of a category, the last hardly ever seen."""
    return generator.choice(4, size, p=[0.6, 0.3, 0.0995, 0.0005])


def watched(draw: Draw, n_reference: int, streams: int, seed: int, *, promise: str = "ever") -> Changes:
    """So many streams with a reference each, all unchanged so far."""
    generator = np.random.default_rng([seed, 1])
    counts = np.stack([np.bincount(draw(generator, (n_reference,)), minlength=10) for _ in range(streams)])
    bets = number_bets() if draw is few_values else category_bets([0.5, 0.35, 0.14, 0.01])
    return Changes(counts, [bets] * streams, seed=seed, promise=promise)  # type: ignore[arg-type]


def accused(draw: Draw, n_reference: int, streams: int, events: int, seed: int = 0) -> float:
    """The share of unchanged streams that are ever accused within so many events."""
    changes = watched(draw, n_reference, streams, seed)
    generator = np.random.default_rng([seed, 2])
    for _ in range(events // 256):
        changes.see(draw(generator, (256, streams)))
    return float((changes.peak >= 1 / ALPHA).mean())


def delays(shift: Callable[[np.ndarray, np.random.Generator], np.ndarray], before: int, alpha: float) -> np.ndarray:
    """Events from a change to its alarm in 40 streams of a normal number with 300 in the reference; inf for none."""
    generator = np.random.default_rng(3)
    edges = np.quantile(generator.normal(size=10_000), np.arange(1, 32) / 32)
    streams = 40
    counts = np.stack(
        [np.bincount(np.searchsorted(edges, generator.normal(size=300)), minlength=32) for _ in range(streams)]
    )
    changes = Changes(counts, [number_bets()] * streams)
    changes.see(np.searchsorted(edges, generator.normal(size=(before, streams))))
    found = np.full(streams, np.inf)
    for seen in range(8, 3_001, 8):
        values = shift(generator.normal(size=(8, streams)), generator)
        changes.see(np.searchsorted(edges, values))
        found = np.where(np.isinf(found) & (changes.peak >= 1 / alpha), seen, found)
    return found


@pytest.mark.parametrize("draw", [few_values, categories])
@pytest.mark.parametrize("n_reference", [30, 300])
def test_an_unchanged_stream_is_hardly_ever_accused(draw: Draw, n_reference: int) -> None:
    """P(ever) <= alpha with a small reference too: it is what conformal ranks are for."""
    assert accused(draw, n_reference, 100, 1_024) <= at_most(ALPHA, 100)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [few_values, categories])
@pytest.mark.parametrize("n_reference", [30, 300, 3_000])
def test_an_unchanged_stream_is_hardly_ever_accused_in_a_long_time(draw: Draw, n_reference: int) -> None:
    """500 streams of 10,000 events, printed."""
    found = accused(draw, n_reference, 500, 10_000)
    print(f"\n{draw.__name__:12} reference {n_reference:5}: {100 * found:.2f} % ever accused, promised {100 * ALPHA} %")
    assert found <= at_most(ALPHA, 500)


def test_false_alarms_are_as_far_apart_as_promised() -> None:
    """The other promise: with "run length", 1/alpha events or more on average."""
    changes = watched(few_values, 500, 60, 5, promise="run length")
    generator, first = np.random.default_rng(6), np.full(60, 4_096.0)
    for seen in range(32, 4_097, 32):
        changes.see(few_values(generator, (32, 60)))
        first = np.where((first == 4_096.0) & (changes.peak >= 400.0), seen, first)
    assert first.mean() >= 400.0  # of runs that were cut off at 4,096: the true mean is longer


@pytest.mark.parametrize(
    ("what", "shift", "latest"),
    [
        ("higher by 1 sd", lambda values, _: values + 1.0, 80),
        ("lower by 0.5 sd", lambda values, _: values - 0.5, 260),
        ("twice as wide", lambda values, _: values * 2.0, 200),
        ("one in ten far out", lambda values, rng: np.where(rng.random(values.shape) < 0.1, 9.0, values), 450),
    ],
)
def test_a_change_is_found_soon(what: str, shift: Callable[..., np.ndarray], latest: int) -> None:
    """The median delay of one stream of twenty (alpha 5 % together), at once and after 2,000 good events."""
    for before in (0, 2_000):
        found = delays(shift, before, ALPHA / 20)
        print(f"\n{what}, after {before}: median {np.median(found):.0f} events, slowest {found.max():.0f}")
        assert np.median(found) <= latest


def test_a_mean_at_its_bar_is_hardly_ever_accused_and_one_below_it_soon() -> None:
    """Also where what comes depends on what came: the mean of the next is at the bar, given all before."""
    generator = np.random.default_rng(7)
    falls = Falls(np.full(200, 0.8))
    last = np.ones(200)
    for _ in range(40):
        block = np.empty((64, 200))
        for row in range(64):  # wavers more after a low value, at the same mean
            wide = np.where(last < 0.5, 1.0, generator.random(200) < 0.5)
            block[row] = last = np.where(wide == 1.0, generator.random(200) < 0.8, 0.8)
        falls.see(block)
    assert (falls.wealth.peak >= 1 / ALPHA).mean() <= at_most(ALPHA, 200)
    falls.see((generator.random((300, 200)) < 0.6).astype(float))
    assert (falls.wealth.peak >= 1 / ALPHA).mean() >= 0.9


def test_the_effect_is_within_its_interval() -> None:
    """Of two samples with a known greatest shift, ordered and not."""
    generator, missed = np.random.default_rng(8), [0, 0]
    before, now = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.3, 0.25, 0.2, 0.25])
    for _ in range(300):
        counts = generator.multinomial(200, before), generator.multinomial(150, now).astype(float)
        for kind, truth in ((0, 0.15), (1, 0.15)):
            shift = shift_between(counts[1], counts[0], ordered=kind == 0).shift
            missed[kind] += not (shift.low or 0.0) <= truth <= (shift.high or 0.0)
    assert max(missed) <= 0.05 * 300


def probed(before: float, after: float, passes: int, runs: int, seed: int, *, number: int = 1) -> float:
    """How often a model is accused by 50 questions that it solves at these rates, with so many passes before.

    It answers at random: of half of the questions each pass may turn out either way.
    """
    generator, found = np.random.default_rng(seed), 0
    for _ in range(runs):
        chance = generator.beta(3.0 * before, 3.0 * (1.0 - before), 50)
        earlier = generator.binomial(passes, chance)
        new = generator.random(50) < chance * min(1.0, after / before)
        found += solved_p(new.astype(int), earlier, np.full(50, passes)) <= allowance(number)
    return found / runs


@pytest.mark.parametrize("passes", [1, 2])
def test_a_model_that_fell_from_84_to_51_is_told_by_50_probes(passes: int) -> None:
    """Power of 90 % at least, at the first look of however many."""
    assert probed(0.84, 0.51, passes, 400, 9) >= 0.90 - 3.5 * (0.9 * 0.1 / 400) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("passes", [1, 2, 3])
def test_a_model_that_fell_from_84_to_51_is_told_printed(passes: int) -> None:
    """The same with 4,000 replays."""
    power = probed(0.84, 0.51, passes, 4_000, 9)
    print(f"\n{passes} earlier passes: {100 * power:.1f} % told apart with 50 paired probes")
    assert power >= 0.90


@pytest.mark.parametrize("passes", [1, 2])
def test_a_model_that_did_not_change_is_not_accused(passes: int) -> None:
    """In 1,000 replays no more often than stated, though it answers at random."""
    assert probed(0.84, 0.84, passes, 1_000, 10) <= allowance(1)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize(("before", "after"), [(0.84, 0.51), (0.5, 0.2)])
def test_what_would_have_been_noticed_is_told_about_right(passes: int, before: float, after: float) -> None:
    """Within 6 points, and 400 replays' chance, of how often it is."""
    generator = np.random.default_rng(12)
    chance = generator.beta(3.0 * before, 3.0 * (1.0 - before), (40, 50))
    told = [
        odds_of_noticing(before - after, one, np.full(50, passes), allowance(1))
        for one in generator.binomial(passes, chance)
    ]
    assert abs(float(np.mean(told)) - probed(before, after, passes, 400, 13)) <= 0.06 + 3.5 * (0.25 / 400) ** 0.5 / 1.5


def test_a_model_that_wavers_is_not_accused_however_often_it_is_probed() -> None:
    """12 probes of 30 questions after two passes, of what it solves and of what it says: 5 % at most in all."""
    generator, runs, found = np.random.default_rng(11), 300, 0
    for _ in range(runs):
        likes = generator.dirichlet([0.5, 0.5, 0.5], 30)
        said = np.stack([(generator.random((30, 1)) > likes.cumsum(axis=1)).sum(axis=1) for _ in range(14)], axis=1)
        solved = said == 0
        found += any(
            solved_p(solved[:, k].astype(int), solved[:, :k].sum(axis=1), np.full(30, k)) <= allowance(k - 1) / 2
            or answers_p(said[:, : k + 1]) <= allowance(k - 1) / 2
            for k in range(2, 14)
        )
    assert found / runs <= at_most(ALPHA, runs)


def any_alarm(runs: int, events: int, **change: object) -> float:
    """How often a whole watch over a release (inputs, answers, quality, calibration) raises any alarm."""
    from merits.monitoring.watch import Watch
    from merits.reading.seen import Lens
    from tests.monitoring.traffic import CLASSES, labels, reference, served

    found = 0
    for seed in range(runs):
        _, held = reference(seed, 400)
        watch = Watch(held, task="shop", release=1, classes=CLASSES)
        some = served(np.random.default_rng([seed, 1]), events, Lens.of(held), **change)  # type: ignore[arg-type]
        alarms = []
        for first in range(0, events, 250):
            part = some[first : first + 250]
            alarms += watch.see([one for one, _ in part], labels(part))
        found += bool(alarms)
    return found / runs


def test_an_unchanged_release_hardly_ever_alarms() -> None:
    """Of all its streams together, each release with test examples of its own."""
    assert any_alarm(12, 1_000) <= at_most(ALPHA, 12)


def sure_alarm(solves: float, n_test: int, runs: int, events: int) -> float:
    """How often a model that always solves this share, however sure it is, raises any alarm while nothing changes."""
    from merits.core.answer import Answer
    from merits.core.live import Served
    from merits.core.reference import Confidences, Reference
    from merits.monitoring.watch import Watch
    from merits.stats.calibration import recalibration

    found = 0
    for seed in range(runs):
        generator = np.random.default_rng([seed, 3])
        sure, solved = generator.uniform(0.6, 1.0, n_test), generator.random(n_test) < solves
        meant = recalibration(sure, solved)
        held = Reference(
            kind="classification",
            n=n_test,
            streams=(),
            n_scored=n_test,
            n_solved=int(solved.sum()),
            confidences=Confidences(
                edges=tuple(meant.edges.tolist()), solved=tuple(meant.solved.tolist()), n=tuple(meant.n.tolist())
            ),
        )
        watch, alarms = Watch(held, task="t", release=1), 0
        for first in range(0, events, 250):
            some = [
                Served(
                    request=f"r{first + number}",
                    task="t",
                    release=1,
                    arm="champion",
                    at=float(first + number),
                    input_hash="",
                    answer=Answer("a", confidence=float(confidence)),
                )
                for number, confidence in enumerate(generator.uniform(0.6, 1.0, 250))
            ]
            said = [(one, bool(generator.random() < solves)) for one in some]
            alarms += len(watch.see(some, said))
        found += bool(alarms)
    return found / runs


@pytest.mark.parametrize("solves", [0.0, 0.02, 0.98, 1.0])
def test_a_model_that_solves_all_or_nothing_is_hardly_ever_accused(solves: float) -> None:
    """However few its test examples: where all of a bin were solved, that all are solved is no news."""
    assert sure_alarm(solves, 50, 6, 2_000) <= at_most(ALPHA, 6)


@pytest.mark.slow
@pytest.mark.parametrize("solves", [0.0, 0.02, 0.1, 0.9, 0.95, 0.98, 0.99, 1.0])
@pytest.mark.parametrize("n_test", [50, 200])
def test_a_model_that_solves_nearly_all_or_nothing_is_hardly_ever_accused_printed(solves: float, n_test: int) -> None:
    """40 releases each."""
    found = sure_alarm(solves, n_test, 40, 4_000)
    print(
        f"\nsolves {100 * solves:.0f} %, {n_test} test examples: {100 * found:.1f} % accused, promised {100 * ALPHA} %"
    )
    assert found <= at_most(ALPHA, 40)


@pytest.mark.slow
def test_an_unchanged_release_hardly_ever_alarms_printed() -> None:
    """150 releases."""
    found = any_alarm(150, 1_500)
    print(f"\nunchanged releases that raised any alarm: {100 * found:.1f} %, promised {100 * ALPHA:.0f} %")
    assert found <= at_most(ALPHA, 150)

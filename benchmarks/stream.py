"""Drift detectors: events a second over 20 columns, delay and false alarms on River's streams, and NAB's score.

Speed: requests as a gateway writes them go through a whole `Watch` (and through its detectors alone), beside one ADWIN
of River a column. River's streams: a model is trained, frozen, and meets a concept that changes (SEA, Agrawal), or
numbers that shift; each detector sees the same events, over many seeds, and as many in which nothing changes (KSWIN
takes half a millisecond an event: four seeds). An alarm before the change is a false one. NAB: its own rules and one
threshold for all files (`_nab.py`). The constants of our detector were chosen with the whole corpus in view, as those
of the published ones were: its score is not one on unseen files. The halves are shown to tell how much it depends on
which files there are.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _nab
from benchmarks._markdown import markdown
from merits.core.answer import Answer
from merits.core.live import Served
from merits.core.reference import Reference
from merits.monitoring.novelty import THRESHOLD, Novelty
from merits.monitoring.streams import Binning, streams_of
from merits.monitoring.watch import Watch
from merits.stats.change import Changes, category_bets, number_bets
from merits.stats.shifts import Recent

Floats = NDArray[np.float64]
_COLUMNS = 20
_ALPHA = 0.05
_BEFORE, _AFTER, _REFERENCE, _PORTION = 2_000, 2_000, 500, 20
_SLOW_SEEDS = 4


def main(argv: Sequence[str]) -> dict[str, object]:
    """What was measured."""
    parser = argparse.ArgumentParser("stream", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="of the speed (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=20, help="of River's streams (default: %(default)s)")
    parser.add_argument("--only", choices=["speed", "river", "nab"], help="one part")
    options = parser.parse_args(argv)
    figures: dict[str, object] = {}
    if options.only in (None, "speed"):
        figures["speed"] = speed(options.events)
    if options.only in (None, "river"):
        figures["river"] = delays(options.seeds)
    if options.only in (None, "nab"):
        figures["nab"] = nab()
    return figures


def table(figures: Mapping[str, Any]) -> str:
    """The tables for the page."""
    parts = []
    if "speed" in figures:
        parts.append(markdown({"events_per_s": "events of 20 columns a CPU second", "us": "µs"}, figures["speed"]))
    if figures.get("river"):
        rows = {f"{one['stream']}; {one['detector']}": one for one in figures["river"]}
        names = {
            "false_alarms": "% of unchanged runs accused",
            "too_early": "runs accused before the change",
            "delay": "median delay",
            "missed": "% missed",
            "runs": "runs",
        }
        parts.append(markdown(names, rows))
    if figures.get("nab"):
        parts.append(markdown({profile: profile for profile in _nab.PROFILES}, figures["nab"]["scores"]))
    return "\n\n".join(parts)


def speed(n: int) -> dict[str, dict[str, float]]:
    """Events of 20 columns a second of the processor: 16 numbers, 4 categories."""
    generator = np.random.default_rng(0)
    reference = Reference(kind="classification", n=1_000, streams=streams_of(_rows(generator, 1_000)))
    served = _served(_rows(generator, n))
    watch = Watch(reference, task="t", release=1)
    whole = _timed(lambda: [watch.see(served[at : at + 1_000]) for at in range(0, n, 1_000)])
    inputs = [one for one in reference.streams if one.name.startswith("input")]
    binning = Binning(inputs)
    counts = np.zeros((len(inputs), max(binning.n_bins)), np.int64)
    for number, one in enumerate(inputs):
        counts[number, : len(one.counts)] = one.counts
    changes = Changes(counts, [number_bets() if one.kind == "number" else category_bets(one.shares) for one in inputs])
    recent = Recent(*counts.shape)
    rows = [{f"input: {name}": value for name, value in one.seen.items()} for one in served]

    def detect() -> None:
        for at in range(0, n, 1_000):
            bins = binning.bins(rows[at : at + 1_000])
            changes.see(bins)
            recent.see(bins)

    alone = _timed(detect)
    found = {"Merits: a Watch, from what the gateway wrote": whole, "Merits: its detectors, from columns": alone}
    if (adwin := _adwin()) is not None:
        part = min(n, 20_000)
        columns = [[one.seen[f"n{k}"] for one in served[:part]] for k in range(16)]
        detectors = [adwin() for _ in range(_COLUMNS)]

        def update() -> None:
            for number, detector in enumerate(detectors):
                for value in columns[number % 16]:
                    detector.update(value)

        found["River: one ADWIN a column"] = _timed(update) * n / part
    return {name: {"events_per_s": round(n / s), "us": round(1e6 * s / n, 1)} for name, s in found.items()}


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _rows(generator: np.random.Generator, n: int) -> list[dict[str, float | str | None]]:
    numbers = generator.normal(size=(n, 16)).tolist()
    names = np.array(["red", "green", "blue", "other"])[generator.integers(0, 4, (n, 4))].tolist()
    return [
        {f"input: n{k}": x for k, x in enumerate(row)} | {f"input: c{k}": x for k, x in enumerate(some)}
        for row, some in zip(numbers, names, strict=True)
    ]


def _served(rows: Sequence[Mapping[str, float | str | None]]) -> list[Served]:
    answer = Answer(output="a")
    return [
        Served(
            request=str(number),
            task="t",
            release=1,
            arm="champion",
            at=float(number),
            input_hash="",
            answer=answer,
            seen={name.removeprefix("input: "): value for name, value in row.items()},
        )
        for number, row in enumerate(rows)
    ]


def _adwin() -> Callable[[], Any] | None:
    try:
        from river.drift import ADWIN
    except ImportError:
        print("River is not installed (pip install 'merits[drift]'): it is left out.", file=sys.stderr)
        return None
    made: Callable[[], Any] = ADWIN
    return made


Events = tuple[Floats, Floats]
"""The reference's values (events, streams), and the live ones: `_BEFORE` unchanged, then `_AFTER` changed."""


def delays(seeds: int, without: Sequence[str] = ()) -> list[dict[str, object]]:
    """By stream and detector: how often an unchanged stream was accused, the median delay, and what was missed."""
    if _adwin() is None:
        return []
    found = []
    for name, (draw, binary) in _streams().items():
        changed = [draw(seed, True) for seed in range(seeds)]
        unchanged = [draw(seed + 10_000, False) for seed in range(seeds)]
        for detector, (detect, only_binary) in _detectors().items():
            if (only_binary and not binary) or detector in without:
                continue
            runs = min(seeds, _SLOW_SEEDS) if detector == "KSWIN" else seeds
            false = [detect(events, binary) for events in unchanged[:runs]]
            true = [detect(events, binary) for events in changed[:runs]]
            late = [at - _BEFORE if at is not None and at > _BEFORE else None for at in true]
            early = [at for at in true if at is not None and at <= _BEFORE]
            waits = [wait for wait in late if wait is not None]
            missed = len(late) - len(waits) - len(early)
            found.append(
                {
                    "stream": name,
                    "detector": detector,
                    "runs": runs,
                    "false_alarms": round(100 * sum(one is not None for one in false) / runs, 1),
                    "delay": float(np.median(waits)) if waits else None,
                    "missed": round(100 * missed / max(1, runs - len(early)), 1),
                    "too_early": len(early),
                }
            )
    return found


def _streams() -> dict[str, tuple[Callable[[int, bool], Events], bool]]:
    """What is drawn by a seed, changed or not; and whether it is a stream of right and wrong."""
    return {
        "SEA: errors of a frozen model": (lambda seed, change: _errors("sea", seed, change), True),
        "Agrawal: errors of a frozen model": (lambda seed, change: _errors("agrawal", seed, change), True),
        "a number shifts by 0.5 sd": (lambda seed, change: _numbers(seed, 0.5 * change, 1.0), False),
        "a number shifts by 2 sd": (lambda seed, change: _numbers(seed, 2.0 * change, 1.0), False),
        "a number is twice as wide": (lambda seed, change: _numbers(seed, 0.0, 2.0 if change else 1.0), False),
    }


def _errors(kind: str, seed: int, change: bool) -> Events:
    """Errors of a tree that learned 1,000 examples of the first concept, on both concepts one after the other."""
    from river.datasets import synth
    from sklearn.tree import DecisionTreeClassifier

    make = (
        (lambda concept, s: synth.SEA(variant=(2, 3)[concept], noise=0.05, seed=s))
        if kind == "sea"
        else (lambda concept, s: synth.Agrawal(classification_function=(0, 2)[concept], seed=s))
    )
    start = 1_000 + _REFERENCE + _BEFORE
    pairs = [*make(0, seed).take(start), *make(int(change), seed + 1).take(_AFTER)]
    values = np.array([[float(value) for value in x.values()] for x, _ in pairs])
    labels = np.array([int(y) for _, y in pairs])
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(values[:1_000], labels[:1_000])
    wrong = (model.predict(values) != labels).astype(float)[:, None]
    return wrong[1_000 : 1_000 + _REFERENCE], wrong[1_000 + _REFERENCE :]


def _numbers(seed: int, shift: float, width: float) -> Events:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(_REFERENCE + _BEFORE + _AFTER, 1))
    values[_REFERENCE + _BEFORE :, 0] = values[_REFERENCE + _BEFORE :, 0] * width + shift
    return values[:_REFERENCE], values[_REFERENCE:]


Detect = Callable[[Events, bool], int | None]


def _detectors() -> dict[str, tuple[Detect, bool]]:
    """Each gives the event of its first alarm, None for none; and whether it is for right and wrong only."""
    from river import drift

    return {
        "Merits (5 % ever)": (_ours, False),
        "ADWIN": (_by(drift.ADWIN), False),
        "KSWIN": (_by(lambda: drift.KSWIN(seed=0)), False),
        "Page-Hinkley": (_by(drift.PageHinkley), False),
        "DDM": (_by(drift.binary.DDM), True),
        "EDDM": (_by(drift.binary.EDDM), True),
    }


def _ours(events: Events, binary: bool) -> int | None:
    before, live = events
    texts = {0.0: "false", 1.0: "true"}
    held = [[texts[value] if binary else value for value in row] for row in (*before.tolist(), *live.tolist())]
    rows: list[dict[str, float | str | None]] = [{f"s{k}": value for k, value in enumerate(row)} for row in held]
    streams = streams_of(rows[: len(before)])
    bins = Binning(streams).bins(rows[len(before) :])
    counts = np.array([one.counts for one in streams])
    changes = Changes(counts, [category_bets(one.shares) if binary else number_bets() for one in streams])
    for at in range(0, len(bins), _PORTION):
        changes.see(bins[at : at + _PORTION])
        if (changes.peak >= len(streams) / _ALPHA).any():
            return min(at + _PORTION, len(bins))
    return None


def _by(make: Callable[[], Any]) -> Detect:
    def detect(events: Events, binary: bool) -> int | None:
        first = [_first(make(), column) for column in events[1].T.tolist()]
        return min((at for at in first if at is not None), default=None)

    return detect


def _first(detector: Any, values: Sequence[float]) -> int | None:
    for at, value in enumerate(values, 1):
        detector.update(bool(value) if type(detector).__name__ in ("DDM", "EDDM") else value)
        if detector.drift_detected:
            return at
    return None


def nab() -> dict[str, object]:
    """Scores by detector and profile: ours, on all files and by half; NAB's Gaussian, ours and as published; theirs."""
    corpus = _nab.corpus()
    if corpus is None:
        print("NAB's archive is not there (../shared/data/outcomes/NAB): it is left out.", file=sys.stderr)
        return {}
    found = [ours(series) for series in corpus.series]
    scores: dict[str, dict[str, float]] = {"Merits": _nab.scores_of(corpus, found)}
    for name, first in (("Merits, every second file", 0), ("Merits, the other files", 1)):
        scores[name] = _nab.scores_of(_nab.Corpus(corpus.series[first::2], corpus.weights), found[first::2])
    scores["windowedGaussian, by our scorer"] = _nab.nab_scores(corpus, _nab.gaussian)
    scores["null, by our scorer"] = _nab.nab_scores(corpus, lambda series: np.full(len(series.values), 0.5))
    theirs = _nab.published()
    scores |= {f"{name} (published)": {p: round(one[p], 2) for p in _nab.PROFILES} for name, one in theirs.items()}
    passed = {
        profile: sorted(name for name, one in theirs.items() if one[profile] < scores["Merits"][profile])
        for profile in _nab.PROFILES
    }
    return {"scores": scores, "passed": passed, "at_threshold": _at_threshold(corpus, found)}


def ours(series: _nab.Series) -> Floats:
    """Our scores of a file: it learns as long as NAB lets it, and is silent for 0.3 of that after a score."""
    detector = Novelty(series.probation, max(10, int(0.3 * series.probation)))
    return np.array([detector.see(value) for value in series.values.tolist()])


def _at_threshold(corpus: _nab.Corpus, scores: Sequence[Floats]) -> dict[str, float]:
    """At the threshold that Merits uses: windows found, and false alarms per 1,000 values outside of any."""
    hits = n_windows = false = outside = 0
    for series, found in zip(corpus.series, scores, strict=True):
        inside = np.zeros(len(found), np.bool_)
        for first, last in series.windows:
            inside[first : last + 1] = True
            hits += bool((found[first : last + 1] >= THRESHOLD).any())
            n_windows += 1
        counted = ~inside & (np.arange(len(found)) >= series.probation)
        false += int((found[counted] >= THRESHOLD).sum())
        outside += int(counted.sum())
    return {"windows": n_windows, "found": hits, "false_per_1000": round(1_000 * false / outside, 3)}

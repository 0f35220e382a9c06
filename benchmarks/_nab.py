"""The Numenta Anomaly Benchmark, read from its archive and scored by its own rules.

Lavin & Ahmad (2015), "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark", arXiv
1510.03336; the rules are those of its repository (sweeper.py): windows around labelled anomalies, a sigmoid that pays
more for an early alarm, the first 15 % of a file for learning, one threshold for the whole corpus chosen for each
profile, and 0 for a detector that says nothing, 100 for one that says all at once.
"""

from __future__ import annotations

import csv
import io
import json
import math
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

__all__ = ["PROFILES", "Corpus", "Series", "corpus", "gaussian", "nab_scores", "published", "scores_of"]

Floats = NDArray[np.float64]
PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
_FOLDER = Path(__file__).parents[2] / "shared" / "data" / "outcomes" / "NAB"
_PROBATION, _LONGEST = 0.15, 5_000


@dataclass(frozen=True)
class Series:
    """One file: its values, the time of each (seconds), and the first and last index of each labelled window."""

    name: str
    values: Floats
    at: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """How many points are for learning only."""
        return min(math.floor(_PROBATION * len(self.values)), math.floor(_PROBATION * _LONGEST))


@dataclass(frozen=True)
class Corpus:
    """All files, and the weights of true and false alarms and of missed windows by profile."""

    series: tuple[Series, ...]
    weights: Mapping[str, Mapping[str, float]]


def corpus(folder: Path = _FOLDER) -> Corpus | None:
    """The corpus; None where its archive is not there."""
    archive = folder / "nab_data_labels.tar.gz"
    if not archive.exists():
        return None
    with tarfile.open(archive) as files:
        texts = {
            member.name: content.read().decode()
            for member in files
            if member.name.endswith((".csv", "windows.json", "profiles.json"))
            and (content := files.extractfile(member)) is not None
        }
    windows = json.loads(texts["labels/combined_windows.json"])
    series = tuple(_series(name, texts[f"data/{name}"], windows[name]) for name in sorted(windows))
    profiles = json.loads(texts["config/profiles.json"])
    return Corpus(series, {name: profiles[name]["CostMatrix"] for name in PROFILES})


def published(folder: Path = _FOLDER) -> dict[str, dict[str, float]]:
    """The published scores of detectors, by name and profile."""
    found: dict[str, dict[str, float]] = json.loads((folder / "final_results.json").read_text())
    return found


def _series(name: str, text: str, windows: Sequence[Sequence[str]]) -> Series:
    rows = list(csv.DictReader(io.StringIO(text)))
    times = [row["timestamp"][:19] for row in rows]
    place = {time: number for number, time in reversed(list(enumerate(times)))}
    return Series(
        name,
        np.array([float(row["value"]) for row in rows]),
        np.array(times, "datetime64[s]").astype(np.float64),
        tuple((place[first[:19]], place[last[:19]]) for first, last in windows),
    )


def nab_scores(corpus: Corpus, detect: Callable[[Series], Floats]) -> dict[str, float]:
    """The score of a detector by profile; it gives every point of a file a score, higher where it is odder."""
    return scores_of(corpus, [detect(series) for series in corpus.series])


def scores_of(corpus: Corpus, found: Sequence[Floats]) -> dict[str, float]:
    """The score by profile of what a detector said of each file."""
    return {profile: round(_score(corpus, found, corpus.weights[profile]), 2) for profile in PROFILES}


def _score(corpus: Corpus, scores: Sequence[Floats], weights: Mapping[str, float]) -> float:
    """The best normalised score over all thresholds."""
    values, gains = _gains(corpus, scores, weights)
    n = sum(len(one.windows) for one in corpus.series)
    totals = -weights["fnWeight"] * n + np.cumsum(gains)
    ends = np.append(values[1:] != values[:-1], True)  # a threshold takes all points of one score
    silent = -weights["fnWeight"] * n
    best = max(silent, float(totals[ends].max()))
    return 100.0 * (best - silent) / (weights["tpWeight"] * n - silent)


def _gains(corpus: Corpus, scores: Sequence[Floats], weights: Mapping[str, float]) -> tuple[Floats, Floats]:
    """What each point adds when the threshold falls to it, the oddest first: the scores and what they add."""
    values, gains = [], []
    for series, found in zip(corpus.series, scores, strict=True):
        worth, window = _worth(series)
        scored = np.arange(len(found)) >= series.probation
        false = scored & (window < 0)
        values.append(found[false])
        gains.append(worth[false] * weights["fpWeight"])
        for number in range(len(series.windows)):
            inside = np.flatnonzero(scored & (window == number))
            order = inside[np.argsort(-found[inside], kind="stable")]
            best = np.maximum.accumulate(np.append(-weights["fnWeight"], worth[order] * weights["tpWeight"]))
            values.append(found[order])
            gains.append(np.diff(best))
    all_values, all_gains = np.concatenate(values), np.concatenate(gains)
    order = np.argsort(-all_values, kind="stable")
    return all_values[order], all_gains[order]


def _worth(series: Series) -> tuple[Floats, NDArray[np.int64]]:
    """What an alarm at each point is worth, unweighted, and in which window it is (-1 for none)."""
    n = len(series.values)
    worth, window = np.full(n, -1.0), np.full(n, -1)
    for number, (first, last) in enumerate(series.windows):
        width = last - first + 1
        inside = np.arange(first, last + 1)
        worth[inside] = _sigmoid(-(last - inside + 1) / width) / _sigmoid(np.array(-1.0))
        window[inside] = number
        after = np.arange(last + 1, n)
        worth[after] = _sigmoid((after - last) / (width - 1.0))
        window[after] = -1
    return worth, window


def _sigmoid(position: Floats) -> Floats:
    return np.where(position >= 3.0, -1.0, 2.0 / (1.0 + np.exp(np.minimum(5.0 * position, 50.0))) - 1.0)


def gaussian(series: Series, size: int = 6_400, step: int = 100) -> Floats:
    """NAB's windowedGaussian, by its definition: how far in the tail of a Gaussian over a window a value lies."""
    values = series.values
    n = len(values)
    # the window of each value: all before it until there are `size`, then moved on by `step` at a time
    last = np.where(np.arange(n) <= size, np.arange(n), size + (np.arange(n) - size) // step * step)
    first = np.maximum(0, last - size)
    centred = values - values.mean()
    sums, squares = (np.concatenate([[0.0], np.cumsum(one)]) for one in (centred, centred**2))
    count = np.maximum(last - first, 1)
    mean = (sums[last] - sums[first]) / count
    spread = np.sqrt(np.maximum((squares[last] - squares[first]) / count - mean**2, 0.0))
    spread = np.where(spread < 1e-9 * max(values.std(), 1e-300), 1e-6, spread)
    found = 1.0 - 0.5 * erfc(np.abs(centred - mean) / spread / 1.4142)
    found[0] = 0.0
    return np.asarray(found)

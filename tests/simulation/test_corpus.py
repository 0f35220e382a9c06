"""Known truth: differences of macro F1 and of areas are covered by their paired jackknife."""

from __future__ import annotations

import numpy as np
import pytest

from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import paired_measure
from tests.deciding.test_corpus import labelled
from tests.simulation.test_coverage import at_least


def covered(name: str, n: int, share: float, runs: int) -> tuple[float, float]:
    """How often the interval of the difference covers the true one, and its mean width."""
    truth = paired_measure(Cases(labelled(0, 300_000, share), POLICIES[1]), name, 0, 1)
    assert truth is not None
    value = truth.difference(0.95).value or 0.0
    found = [paired_measure(Cases(labelled(seed, n, share), POLICIES[1]), name, 0, 1) for seed in range(1, runs + 1)]
    ends = [measure.difference(0.95) for measure in found if measure is not None]
    hits = [(e.low is None or e.low <= value) and (e.high is None or value <= e.high) for e in ends]
    return float(np.mean(hits)), float(np.mean([(e.high or 1.0) - (e.low or -1.0) for e in ends]))


@pytest.mark.parametrize("name", ["macro_f1", "roc_auc"])
def test_paired_jackknife_covers_the_difference(name: str) -> None:
    """Known truth; with a rare class and few rows, too."""
    assert covered(name, 100, 0.3, 30)[0] >= 0.80
    assert covered(name, 100, 0.05, 30)[0] >= 0.80


@pytest.mark.slow
def test_paired_jackknife_covers_the_difference_everywhere() -> None:
    """The table of the method."""
    for name in ("macro_f1", "roc_auc"):
        for share in (0.3, 0.03):
            for n in (20, 50, 100, 150, 400, 1000):
                hits, width = covered(name, n, share, 250)
                print(f"{name}, a class of {share}, n {n:4}: covers {hits:.3f}, width {width:.3f}")
                assert hits >= at_least(0.94 if n * share > 1 else 0.90, 250)

"""What 20 trials find on two data sets of scikit-learn, and what giving trials up early saves.

python -m tests.improving.measured
"""

from __future__ import annotations

import time

from sklearn.datasets import load_breast_cancer, load_digits

import merits
from merits.improving.registry import improver_of
from tests.improving.driving import Search, searched
from tests.improving.test_tuning import columns, estimator


def asked(found: Search) -> float:
    """How many times all rows were asked: what was asked before is not asked again."""
    n, rows = found.brief.evaluation.n_rows, dict[str, set[int]]()
    for one in found.asked:
        for candidate in one.candidates:
            rows.setdefault(candidate.name, set()).update(range(n) if one.rows is None else one.rows.tolist())
    return sum(map(len, rows.values())) / n


def main() -> None:
    """Prints a line for each data set, with and without giving trials up."""
    for name, data in (("digits", load_digits()), ("breast cancer", load_breast_cancer())):
        task = merits.make_task(columns(data), name=name, candidates=[estimator("sklearn.svm.SVC", "svm")])
        for prune in (True, False):
            began = time.process_time()
            store = merits.open_store(":memory:")
            found = searched(task, improver_of("tuning", {"trials": 20, "prune": prune}), store)
            best = max(map(found.solved, ["svm", *(one.name for one in found.kept)]))
            print(
                f"{name}, {'with' if prune else 'without'} giving up: seed {found.solved('svm'):.1%}, best {best:.1%}, "
                f"{asked(found):.1f} evaluations of {found.brief.evaluation.n_rows} rows, "
                f"{time.process_time() - began:.0f} s of processor time"
            )


if __name__ == "__main__":
    main()

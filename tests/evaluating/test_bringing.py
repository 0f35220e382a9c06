"""What a candidate brings to learn from never holds what it is tested on, whoever wrote the file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

import merits
from merits import load_task


def test_the_answers_to_test_in_a_file_of_examples_teach_nothing(tmp_path: Path) -> None:
    """Labels drawn at random, so that nothing can be learned but by heart; the file holds all of test with its labels.

    The candidate answers as the same without the file: it saw none of them, on dev (cross-validated) neither.
    """
    random = np.random.default_rng(5)
    rows = [
        (f"case {n} {random.integers(10**9)}", "ab"[int(random.integers(2))], ("dev", "test")[n % 2])
        for n in range(120)
    ]
    for name, kept in (("data.csv", rows), ("leak.csv", rows), ("more.csv", rows)):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(["text", "label", "split"])
            out.writerows(kept)
    (tmp_path / "merits.yaml").write_text(
        "name: noise\ndata: data.csv\ninput: text\ntarget: label\nsplit: {method: given, column: split}\n"
        "candidates:\n"
        "  - {name: small, kind: text-linear}\n"
        "  - {name: leaking, kind: augmented, parts: [small], extra: leak.csv}\n"
        "  - {name: most, kind: most-common}\n"
        "  - {name: taught, kind: distilled, parts: [most, small], unlabelled: more.csv}\n",
        "utf-8",
    )
    task = load_task(tmp_path / "merits.yaml")
    for split in ("test", "dev"):
        found = merits.evaluate(task, split=split, store=tmp_path / "store.sqlite")  # type: ignore[arg-type]
        small, leaking = found.index("small"), found.index("leaking")
        assert found.solved[small].tolist() == found.solved[leaking].tolist()
        assert found.solved[leaking].mean() < 0.75
        assert found.facts["taught learned from others"] == "60 of 60 answers (100.0%)"  # dev alone

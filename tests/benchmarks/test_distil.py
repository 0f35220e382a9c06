"""The benchmarks of distillation and of augmentation: whole, at a size that takes seconds."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import msgspec
import pytest
from benchmarks import __main__ as harness
from benchmarks import distil
from benchmarks._paired import rows_of
from examples.fetching import assets_folder

NAMES = ("distil", "augment")


def questions(file: Path, first: int, n: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = [(f"where is my {'card' if at % 2 else 'cheque'} number {at}", "ab"[at % 2]) for at in range(n)]
        csv.writer(opened).writerows([("text", "category"), *((f"{text} {first}", label) for text, label in rows)])


def test_a_folder_of_ones_own_is_distilled(tmp_path: Path) -> None:
    """By a teacher that is named; the unlabelled inputs are others than those that are learned and asked."""
    if not (assets_folder() / "all-MiniLM-L6-v2-int8" / "model.onnx").is_file():
        pytest.skip("the embedding is not fetched (python -m examples distillation --fetch)")
    questions(tmp_path / "train.csv", 1, 60)
    questions(tmp_path / "test.csv", 2, 20)
    sizes = ["--learn", "20", "--unlabelled", "30", "--ask", "20"]
    teacher = '{"kind": "sklearn", "estimator": "sklearn.naive_bayes.ComplementNB"}'
    figures = distil.main(["--data", str(tmp_path), *sizes, "--teacher", teacher])
    assert figures["asked"] == 20
    assert {"teacher", "student alone", "with unlabelled", "labelled only"} <= set(figures["ways"])  # type: ignore[call-overload]
    assert "n = 20" in distil.table(figures)


def test_a_folder_without_data_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        distil.main(["--data", str(tmp_path)])
    assert end.value.code == 2
    assert "name a folder that does with --data" in capsys.readouterr().err


def test_rows_come_in_an_order_that_stays(tmp_path: Path) -> None:
    questions(tmp_path / "train.csv", 1, 30)
    rows = rows_of(tmp_path / "train.csv")
    assert rows == rows_of(tmp_path / "train.csv")
    assert rows[0] != ("where is my cheque number 0 1", "a") or rows[1] != ("where is my card number 1 1", "b")
    assert {label for _, label in rows} == {"a", "b"}


@pytest.mark.parametrize("name", NAMES)
def test_the_table_on_the_page_is_that_of_the_kept_figures(name: str) -> None:
    kept = msgspec.json.decode((harness.RESULTS / f"{name}.json").read_bytes())
    table = importlib.import_module(f"benchmarks.{name}").table(kept["figures"])
    assert table.strip() in harness.PAGE.read_text("utf-8")

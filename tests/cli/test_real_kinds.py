"""Kinds of task on data sets of the field, from the file to the report. Skipped, saying so, where they are absent."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Merits
from tests.cli.test_real_data import DATA, needs_data

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def unpacked(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")


def written(folder: Path, name: str, columns: list[str], rows: list[list[object]]) -> None:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def decided(merits: Merits, task: str, folder: Path) -> dict[str, Any]:
    """What the run of a task says, as JSON; the task passes its check and has a report."""
    (folder / "merits.yaml").write_text(task, "utf-8")
    assert merits("check", "--quick")[0] == 0
    code, out, err = merits("run", "--json")
    assert code in (0, 1, 3), err  # 1: nobody meets what is required
    found: dict[str, Any] = json.loads(out)["decision"]
    return found


def quality(decision: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {standing["candidate"]: standing["quality"] for standing in decision["standings"]}


@needs_data
def test_nlvr_statements_are_judged_with_their_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """Counting blocks is beyond layouts and words: the joint model is near chance, and nobody is adopted."""
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    unpacked(DATA / "nlvr" / "images_240.tar.gz", tmp_path)
    with (DATA / "nlvr" / "dev_sample_240.csv").open(encoding="utf-8") as file:
        rows = [[f"images/{row['image']}", row["sentence"], row["label"]] for row in csv.DictReader(file)][:120]
    written(tmp_path, "statements.csv", ["picture", "statement", "holds"], list(rows))
    task = """
name: statements
kind: multimodal-classification
data: statements.csv
input: [statement, picture]
target: holds
split: {test: 0.5}
sample: {test: 40}
robustness: {missing_picture: [1.0]}
needs: {requirements: [accuracy >= 0.9 @ 95%]}
candidates:
  - most-common
  - {name: joint, kind: joint-embeddings}
"""
    decision = decided(merits, task, tmp_path)
    assert {one["n"] for one in quality(decision).values()} == {40}
    assert quality(decision)["joint"]["high"] < 0.95
    assert decision["verdict"] == "none worth it"
    page = next((tmp_path / ".merits").rglob("*.html"), None) or next(tmp_path.rglob("*.html"))
    assert "data:image/" in page.read_text("utf-8"), "the report shows the pictures"


@needs_data
def test_ntrex_is_translated_better_by_rules_than_by_copying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """News, English to Spanish: the first sentence of each document."""
    pytest.importorskip("sacrebleu")
    if shutil.which("apertium") is None:
        pytest.skip("apertium is not installed")
    monkeypatch.chdir(tmp_path)
    names = ("newstest2019-src.eng.txt.gz", "newstest2019-ref.spa.txt.gz", "DOCUMENT_IDS.tsv.gz")
    read = [gzip.decompress((DATA / "ntrex" / name).read_bytes()).decode().splitlines() for name in names]
    first = {document: [english, spanish] for english, spanish, document in reversed([*zip(*read, strict=True)])}
    written(tmp_path, "news.csv", ["english", "spanish"], list(first.values())[:60])
    task = """
name: news
kind: translation
data: {test: news.csv}
input: english
target: spanish
needs: {requirements: [chrf >= 0.35 @ 95%]}
candidates:
  - copy
  - {name: apertium, kind: apertium, pair: eng-spa}
"""
    decision = decided(merits, task, tmp_path)
    assert (decision["verdict"], decision["candidate"]) == ("adopt", "apertium")
    assert quality(decision)["apertium"]["n"] == 60


@needs_data
def test_fsdd_digits_are_heard_with_noise_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    for package in ("pocketsphinx", "soundfile", "jiwer"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    unpacked(DATA / "fsdd" / "fsdd_180.tar.gz", tmp_path)
    names = [f"recordings/{digit}_{speaker}_0.wav" for digit in range(10) for speaker in ("lucas", "nicolas", "theo")]
    there = [name for name in names if (tmp_path / name).is_file()]
    assert len(there) >= 20
    rows: list[list[object]] = [[name, WORDS[int(Path(name).name[0])], Path(name).stem.split("_")[1]] for name in there]
    written(tmp_path, "digits.csv", ["sound", "word", "speaker"], rows)
    grammar = f"#JSGF V1.0;\ngrammar digits;\npublic <digit> = {' | '.join(WORDS)};\n"
    (tmp_path / "digits.gram").write_text(grammar)
    task = """
name: digits
kind: speech
data: {test: digits.csv}
input: sound
target: word
slices: [speaker]
robustness: {white_noise: [0]}
needs: {requirements: ["wer <= 80%", "real_time_factor <= 5"]}
candidates:
  - {name: sphinx, kind: pocketsphinx, grammar: digits.gram}
  - {name: always one, kind: constant, output: one}
"""
    found = quality(decided(merits, task, tmp_path))
    assert found["sphinx"]["low"] > found["always one"]["high"]

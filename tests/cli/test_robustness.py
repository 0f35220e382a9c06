"""Robustness at the command line: what is listed, counted and refused before it is asked, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Merits

TASK = """
name: words
data: words.csv
candidates:
  - most-common
  - {name: reader, kind: python, function: "reader:read"}
robustness: {typos: [0.05, STRONGEST], sample: 12}
needs: {requirements: ["drop[typos] <= 60 points"]}
"""
READER = "def read(text):\n    return 'good' if 'good' in text else 'bad'\n"


def write(folder: Path, *, strongest: str = "0.3") -> str:
    lines = "".join(f"number {i} is a {word} number,{word}\n" for i in range(20) for word in ("good", "bad"))
    (folder / "words.csv").write_text(f"text,label\n{lines}", "utf-8")
    (folder / "reader.py").write_text(READER, "utf-8")
    path = folder / "merits.yaml"
    path.write_text(TASK.replace("STRONGEST", strongest), "utf-8")
    return str(path)


def test_perturbations_and_kinds_of_task_are_listed(merits: Merits) -> None:
    code, out, _ = merits("kinds", "typos")
    assert code == 0
    assert "typos  (perturbation)  Typing errors" in out
    assert "strength: share of the letters\n    levels: 0.02, 0.05, 0.1" in out
    _, out, _ = merits("kinds", "classification")
    assert "classification  (kind of task)  one of a list of labels" in out
    _, out, _ = merits("kinds", "typos", "--json")
    found = json.loads(out)
    assert found["perturbations"]["typos"]["levels"] == [0.02, 0.05, 0.1]
    assert found["candidates"] == {}


def test_check_counts_what_is_asked_perturbed(merits: Merits, tmp_path: Path) -> None:
    code, out, _ = merits("check", write(tmp_path))
    assert code == 0
    assert "24 more questions to each candidate, of 12 test examples" in " ".join(out.split())


def test_a_strength_that_makes_no_sense_is_refused_before_anything_is_asked(merits: Merits, tmp_path: Path) -> None:
    path = write(tmp_path, strongest="3")
    for verb in ("check", "run"):
        code, _, err = merits(verb, path)
        assert code == 2
        assert "3 is no strength: a share of letters is from 0 to 1, not 3." in " ".join(err.split())
    assert (
        not (tmp_path / ".merits" / "store.sqlite").exists()
        or b"good" not in (tmp_path / ".merits" / "store.sqlite").read_bytes()
    )


def test_a_run_asks_them_judges_the_drop_and_prints_it(merits: Merits, tmp_path: Path) -> None:
    path = write(tmp_path)
    code, out, _ = merits("run", path, "--dry-run", "--json")
    assert code == 0
    assert {part["n_to_ask"] for part in json.loads(out)["parts"]} == {20 + 2 * 12}
    code, out, err = merits("run", path)
    assert code in (0, 1, 3)
    assert "drop of cases solved in points under typos" in out
    assert "88 answers to get" in err
    assert "drop[typos] <= 60 points" in out
    code, out, _ = merits("run", path, "--offline", "--json")
    said = json.loads(out)
    assert [curve["levels"] for curve in said["robustness"]["curves"]] == [["typos 0.05", "typos 0.3"]]
    (requirement,) = said["decision"]["standings"][0]["requirements"]
    assert requirement["requirement"]["under"] == "typos"
    assert 'id="robustness"' in (tmp_path / "words-report.html").read_text("utf-8")

"""What people said of answers is read from a table of labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from merits.core.errors import DataError, UsageError
from merits.core.judge import HumanLabel, LabelTable
from merits.tasks.human import read_labels
from merits.tasks.human_table import write_labels


@pytest.mark.parametrize(("name", "text"), [("labels.jsonl", ""), ("labels.csv", "example,candidate,solved\n")])
def test_a_file_without_labels_says_so(tmp_path: Path, name: str, text: str) -> None:
    """It is the labels that are missing: the task has its examples."""
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match="holds no labels yet") as caught:
        read_labels(name, tmp_path)
    assert "take `human_labels:` out" in caught.value.next_step
    assert "examples" not in caught.value.next_step


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "example,candidate,sloved",
            "no column 'solved'; it has example, candidate, sloved. Did you mean 'sloved'? Name it 'solved'.",
        ),
        (
            "exmple,candidate,solved",
            "no column 'example' or 'input'; it has exmple, candidate, solved. Did you mean 'exmple'?",
        ),
        (
            "example,candiate,solved",
            "no column 'candidate' or 'answer'; it has example, candiate, solved. Did you mean 'candiate'?",
        ),
        ("example,who,solved", "Say whose answer was labelled: the name of the candidate, or the text in `answer`."),
        ("example,candidate,verdict", "Write what people said in a column `solved`: 1 or 0, yes or no, or tie."),
    ],
)
def test_a_missing_column_is_named_with_those_that_there_are(tmp_path: Path, header: str, said: str) -> None:
    """And with the one that was probably meant."""
    (tmp_path / "human.csv").write_text(f"{header}\nq1,a,1\n", "utf-8")
    with pytest.raises(DataError, match=re.escape(said)):
        read_labels("human.csv", tmp_path)


def test_labels_that_were_written_are_read_as_they_were(tmp_path: Path) -> None:
    """Formulas, apostrophes, numbers, JSON, line ends; what has no text; and the rows that nobody looked at."""
    texts = ["=1+1", "'=1", "007", "12", "true", "-", 'a;b\n"c"', ""]
    said = [
        HumanLabel(solved=True, example=f"{i:03}", candidate="@a", answer=text or None, input="q", group="-g", repeat=i)
        for i, text in enumerate(texts)
    ]
    said += [HumanLabel(solved=verdict, input="=q", answer="no") for verdict in (False, None)]
    blank = [HumanLabel(solved=None, example="e", candidate="b", answer={"a": 1.0}, input=["x"], target=3)]
    write_labels(tmp_path / "human.csv", LabelTable(tuple(said), tuple(blank)))
    found = read_labels("human.csv", tmp_path)
    kept = ("solved", "example", "candidate", "answer", "input", "group", "repeat")
    assert [[getattr(each, name) for name in kept] for each in found.said] == [
        [getattr(each, name) for name in kept] for each in said
    ]
    (awaited,) = found.blank
    assert (awaited.answer, awaited.input, awaited.target) == ('{"a":1.0}', '["x"]', "3")
    with pytest.raises(UsageError, match="is there already"):
        write_labels(tmp_path / "human.csv", found)


def test_a_label_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "human.csv").write_text("example,candidate,solved\nq1,a,\nq2,a,perhaps\n", "utf-8")
    with pytest.raises(DataError, match=re.escape("human.csv, line 3: the label is 'perhaps'")):
        read_labels("human.csv", tmp_path)

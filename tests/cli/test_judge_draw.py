"""From verdicts to corrected figures: run, draw answers by chance, label them, run again, check the judge."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from merits.testing.provider import FakeProvider
from tests.cli.conftest import Merits

N = 80  # 41 of them test
TASK = """
name: sums
kind: generation
data: sums.csv
input: text
target: label
split: {{test: 0.5}}
candidates:
  - {{name: one, kind: python, function: "said:one"}}
  - {{name: two, kind: python, function: "said:two"}}
scorers:
  - {{kind: {kind}, model: {{kind: chat, model: judge-1, price: {{per_call: 0.0001}}}}}}
settings: {{retries: 0}}
{labels}
"""
SAID = """
def one(text):
    return f"={int(text.split()[2]) + 1}"


def two(text):
    i = int(text.split()[2])
    return f"={i + 1 if i % 2 else i + 7}\\nas it is"
"""


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a task whose judge finds everything good: `one` is right always, `two` half of the time."""
    rows = ["id,text,label", *(f"00{i},What is {i} + 1?,{i + 1}" for i in range(N))]
    (tmp_path / "sums.csv").write_text("\n".join(rows), "utf-8")
    (tmp_path / "said.py").write_text(SAID, "utf-8")
    task_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    with FakeProvider(lambda messages: '{"reason": "kind", "verdict": "yes"}') as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield tmp_path


def task_in(folder: Path, *, kind: str = "judge", labels: str = "") -> None:
    text = TASK.format(kind=kind, labels=labels and f"human_labels: {labels}")
    (folder / "merits.yaml").write_text(text, "utf-8")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def label(path: Path, said: Callable[[int, dict[str, str]], str]) -> None:
    """Fills the column `solved` as a person would, and saves the file as a spreadsheet does: line ends are its own."""
    rows = rows_of(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        for at, row in enumerate(rows):
            writer.writerow({**row, "solved": said(at, row), "answer": row["answer"].replace("\n", "\r\n")})


def right(row: dict[str, str]) -> str:
    return str(int(row["answer"].split()[0] == f"'={row['target']}"))


def quality(merits: Merits) -> dict[str, dict[str, float]]:
    code, out, err = merits("run", "--no-race", "--json")
    assert code in (0, 3), err
    said = json.loads(out)
    return {each["candidate"]: each["quality"] for each in said["decision"]["standings"]}


def test_what_people_say_of_a_draw_corrects_the_decision(judged: Path, merits: Merits) -> None:
    """The judge finds all good; people who label a random draw find half of what `two` says wrong."""
    assert merits("run", "--no-race")[0] == 0
    code, out, err = merits("judge", "draw", "--n", "24")
    assert code == 0, err
    assert "48 answers to label, drawn by chance: 24 of one (17 left), 24 of two (17 left)." in out
    assert "human_labels: human.csv" in out
    label(judged / "human.csv", lambda at, row: right(row))
    before = quality(merits)
    task_in(judged, labels="human.csv")
    found = quality(merits)
    assert merits("judge", "draw", "--out", "all.csv", "--labels", "human.csv")[0] == 0
    every = [row for row in rows_of(judged / "all.csv") if row["candidate"] == "two"]
    truth = sum(int(right(row)) for row in every) / len(every)
    assert (len(every), truth) == (41, pytest.approx(0.5, abs=0.2))
    assert "prediction-powered" in str(found["two"]["method"])
    assert found["two"]["low"] < truth < found["two"]["high"] < before["two"]["low"]
    assert found["one"]["low"] > 0.8
    code, out, err = merits("judge", "check", "--dry-run", "--json")
    assert code == 0, err
    assert [part["n_to_ask"] for part in json.loads(out)["parts"]] == [0]  # all that was drawn is judged already
    assert json.loads(merits("judge", "check", "--json")[1])["false_positive"]["value"] == 1.0


def test_a_draw_is_blind_safe_and_of_the_same_examples_for_all(judged: Path, merits: Merits) -> None:
    """No verdict and no formula is in it, and a number stays as it is written."""
    merits("run", "--no-race")
    assert merits("judge", "draw", "--n", "5", "--seed", "3")[0] == 0
    rows = rows_of(judged / "human.csv")
    assert list(rows[0]) == ["example", "input", "target", "answer", "solved", "candidate"]
    assert {row["solved"] for row in rows} == {""}
    assert all(row["answer"].startswith("'=") and row["example"].startswith("'00") for row in rows)
    pairs = [(rows[i], rows[i + 1]) for i in range(0, 10, 2)]
    assert all(a["example"] == b["example"] and {a["candidate"], b["candidate"]} == {"one", "two"} for a, b in pairs)
    assert {a["candidate"] for a, _ in pairs} == {"one", "two"}  # neither always stands first
    examples = [row["example"] for row in rows]
    for seed, same in ((3, True), (4, False)):
        merits("judge", "draw", "--n", "5", "--seed", str(seed), "--out", f"{seed}.csv")
        assert ([row["example"] for row in rows_of(judged / f"{seed}.csv")] == examples) is same


def test_a_second_draw_keeps_the_first_and_draws_others(judged: Path, merits: Merits) -> None:
    """In a new file: what was labelled stays, what was not is not drawn twice, and a file is never written over."""
    merits("run", "--no-race")
    merits("judge", "draw", "--n", "12")
    label(judged / "human.csv", lambda at, row: right(row) if at < 20 else "")
    first = (judged / "human.csv").read_bytes()
    task_in(judged, labels="human.csv")
    code, _, err = merits("judge", "draw")
    assert code == 2
    assert "human.csv is there already" in err
    assert "Name another: --out" in err
    assert "human-2.csv" in err
    code, out, err = merits("judge", "draw", "--n", "20", "--candidate", "two", "--out", "human-2.csv", "--json")
    assert code == 0, err
    assert json.loads(out) == {
        "schema": "merits.draw/1",
        "path": "human-2.csv",
        "counts": {"two": 20},
        "left": {"two": 9},
    }
    assert (judged / "human.csv").read_bytes() == first
    rows = rows_of(judged / "human-2.csv")
    assert [row["solved"] != "" for row in rows] == [True] * 20 + [False] * 24
    assert len({(row["example"], row["candidate"]) for row in rows}) == len(rows) == 44
    task_in(judged, labels="human-2.csv")
    _, out, _ = merits("run", "--dry-run")
    assert "24 rows of the table are not labelled yet" in " ".join(out.split())
    assert merits("judge", "draw", "--n", "50", "--out", "human-3.csv")[0] == 0
    task_in(judged, labels="human-3.csv")
    code, _, err = merits("judge", "draw", "--out", "human-4.csv")
    assert (code, "no answer is left to draw" in err) == (2, True)


def test_a_table_without_a_label_changes_nothing(judged: Path, merits: Merits) -> None:
    merits("run", "--no-race")
    before = quality(merits)
    merits("judge", "draw", "--n", "5")
    task_in(judged, labels="human.csv")
    assert quality(merits) == before
    code, _, err = merits("judge", "check")
    assert (code, "nothing in human.csv is labelled yet" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--out human.txt", "--out human.csv"),
        ("--candidate tow", "Did you mean 'two'?"),
        ("--out none/human.csv", "No such file or directory"),
        ("--dry-run", "--dry-run is an option of `merits judge check`"),
        ("--n 0", "no whole number from 1 on"),
    ],
)
def test_what_cannot_be_drawn_says_why(judged: Path, merits: Merits, words: str, said: str) -> None:
    assert "first: merits run" in merits("judge", "draw")[2]
    merits("run", "--no-race")
    code, _, err = merits("judge", "draw", *words.split())
    assert (code, said in err) == (2, True), err
    assert not list(judged.glob("human*"))


def test_pairs_are_not_drawn(judged: Path, merits: Merits) -> None:
    task_in(judged, kind="pairwise")
    code, _, err = merits("judge", "draw")
    assert (code, "compares answers in pairs, which are not drawn" in err) == (2, True)

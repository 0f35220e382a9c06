"""A draft runs as it is, and says what it assumed; where it cannot know, it asks by naming the option."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from merits.core.errors import DataError
from merits.tasks.draft import Draft, draft
from merits.tasks.draft_text import scalar
from merits.tasks.file import load_task, parse_yaml

Rows = list[dict[str, object]]


def write(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def loaded(drafted: Draft, folder: Path):  # type: ignore[no-untyped-def]
    (folder / "merits.yaml").write_text(drafted.text, "utf-8")
    return load_task(folder / "merits.yaml")


def tickets(n: int = 60) -> Rows:
    return [
        {
            "ticket_id": f"T{i}",
            "subject_line": f"my order number {i} has not come",
            "channel": "web" if i % 3 else "mail",
            "category": "delivery" if i % 2 else "refund",
        }
        for i in range(n)
    ]


def test_names_and_contents_tell_what_a_column_is_for(tmp_path: Path) -> None:
    drafted = draft(write(tmp_path / "tickets.csv", tickets()))
    task = loaded(drafted, tmp_path)
    assert (task.name, task.kind, task.classes) == ("tickets", "classification", ("delivery", "refund"))
    assert task.examples[0].input == "my order number 0 has not come"
    assert task.examples[0].id == "T0"
    assert task.tag_names == ("channel",)
    assert "most-common" in [candidate.name for candidate in task.candidates]
    said = "\n".join(drafted.assumptions)
    for words in (
        "target: category",
        "input: subject_line",
        "id: ticket_id",
        "slices: channel",
        "kind: classification",
    ):
        assert words in said


def test_what_is_told_is_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path / "tickets.csv", tickets())
    task = loaded(draft(path, target="channel", input=["subject_line", "category"]), tmp_path)
    assert task.classes == ("mail", "web")
    assert task.examples[0].input == {"subject_line": "my order number 0 has not come", "category": "refund"}
    with pytest.raises(DataError, match="Did you mean 'channel'"):
        draft(path, target="chanel")


def test_the_path_of_the_data_starts_where_the_task_file_is(tmp_path: Path) -> None:
    path = write(tmp_path / "data" / "tickets.csv", tickets())
    assert "data: tickets.csv\n" in draft(path).text
    assert "data: data/tickets.csv\n" in draft(path, folder=tmp_path).text
    (tmp_path / "tasks").mkdir()
    assert 'data: "../data/tickets.csv"\n' in draft(path, folder=tmp_path / "tasks").text
    loaded(draft(path, folder=tmp_path / "tasks"), tmp_path / "tasks")


@pytest.mark.parametrize("given", ["", "train.csv", "test.csv"])
def test_train_and_test_in_one_folder_belong_together(tmp_path: Path, given: str) -> None:
    write(tmp_path / "orders" / "train.csv", tickets(40))
    write(tmp_path / "orders" / "test.csv", [{**row, "ticket_id": f"U{i}"} for i, row in enumerate(tickets(20))])
    drafted = draft(tmp_path / "orders" / given)
    assert ("data: {dev: train.csv, test: test.csv}" in drafted.text) == bool(given)
    assert "split:" not in drafted.text
    task = loaded(drafted, tmp_path / "orders" if given else tmp_path)
    assert (len(task.split("dev")), len(task.split("test")), task.name) == (40, 20, "orders")


def test_a_column_that_says_the_split_is_used(tmp_path: Path) -> None:
    rows = [{**row, "part": "test" if i % 4 == 0 else "train"} for i, row in enumerate(tickets())]
    drafted = draft(write(tmp_path / "t.csv", rows))
    assert "split: {method: given, column: part}" in drafted.text
    assert len(loaded(drafted, tmp_path).split("test")) == 15


def test_groups_stay_together_and_time_is_respected(tmp_path: Path) -> None:
    grouped = [{**row, "customer": f"c{i // 3}"} for i, row in enumerate(tickets())]
    assert "split: {method: group, test: 0.5, seed: 0}" in draft(write(tmp_path / "g.csv", grouped)).text
    timed = [{**row, "created_at": f"2026-01-{i // 2 + 1:02}T10:0{i % 2}:00"} for i, row in enumerate(tickets())]
    drafted = draft(write(tmp_path / "t.csv", timed))
    assert "split: {method: time, column: created_at, test: 0.5}" in drafted.text
    task = loaded(drafted, tmp_path)
    assert {f"T{i}" for i in range(30, 60)} == {example.id for example in task.split("test")}


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_tabular_data_gets_tabular_candidates(tmp_path: Path, name: str) -> None:
    """scikit-learn's own tables, as people export them: with an index column, without a header for it."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = bunch.frame
    frame["target"] = frame["target"].map(dict(enumerate(map(str, bunch.target_names))))
    frame.to_csv(tmp_path / f"{name}.csv", index=name == "wine")
    task = loaded(draft(tmp_path / f"{name}.csv"), tmp_path)
    assert task.kind == "classification"
    assert set(map(str, bunch.target_names)) == set(task.classes)
    varying = [column for column in bunch.feature_names if frame[column].nunique() > 1]
    assert varying == list(task.examples[0].input)
    assert all(isinstance(value, int | float) for value in task.examples[0].input.values())
    assert {"most-common", "logistic", "forest", "boosting"} == {candidate.name for candidate in task.candidates}


def test_mixed_columns_keep_their_types(tmp_path: Path) -> None:
    rows: Rows = [
        {
            "age": 20 + i % 50,
            "job": "nurse" if i % 3 else "cook",
            "balance": "" if i % 7 == 0 else i * 1.5,
            "y": "no" if i % 4 else "yes",
        }
        for i in range(80)
    ]
    task = loaded(draft(write(tmp_path / "bank.csv", rows)), tmp_path)
    assert task.examples[0].input == {"age": 20, "job": "cook", "balance": None}
    assert task.classes == ("no", "yes")


def test_an_amount_as_target_is_a_regression_with_a_guess_at_what_is_near_enough(tmp_path: Path) -> None:
    rows: Rows = [{"a": i, "b": i * 0.5, "price": 100 + i * 1.25} for i in range(60)]
    drafted = draft(write(tmp_path / "houses.csv", rows))
    task = loaded(drafted, tmp_path)
    assert task.kind == "regression"
    assert task.scorers[0].params == {"tolerance": 9.4}  # half of 15 * 1.25, in two digits
    assert [candidate.name for candidate in task.candidates][:2] == ["mean", "ridge"]
    assert any("within 9.4 of the target" in line for line in drafted.assumptions)


def test_several_columns_of_text_are_read_together(tmp_path: Path) -> None:
    rows: Rows = [
        {
            "premise": f"the cat {i} sat on the mat",
            "hypothesis": f"a dog {i} sat there too",
            "gold_label": "yes" if i % 2 else "no",
        }
        for i in range(30)
    ]
    drafted = draft(write(tmp_path / "nli.csv", rows))
    assert "input: [premise, hypothesis]" in drafted.text
    assert "text-linear" in drafted.text
    assert loaded(drafted, tmp_path).classes == ("no", "yes")


def test_free_answers_make_a_generation_task(tmp_path: Path) -> None:
    rows: Rows = [
        {"question": f"what is {i} plus {i}", "answer": f"it is {2 * i}, of course, my friend"} for i in range(30)
    ]
    drafted = draft(write(tmp_path / "sums.csv", rows))
    task = loaded(drafted, tmp_path)
    assert (task.kind, task.scorers[0].kind) == ("generation", "normalised")


def test_tiny_files_are_drafted(tmp_path: Path) -> None:
    rows: Rows = [
        {"text": word, "label": label}
        for word, label in (("good", "yes"), ("bad", "no"), ("fine", "yes"), ("poor", "no"))
    ]
    task = loaded(draft(write(tmp_path / "words.csv", rows)), tmp_path)
    assert (len(task.split("dev")), len(task.split("test"))) == (2, 2)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"code": f"x{i}", "note": f"some words about {i}"} for i in range(20)], ["target", "code, note", "--target"]),
        (
            [{"a": "xy"[i % 2], "b": "pq"[i % 3 == 0], "n": f"words about case {i}"} for i in range(20)],
            ["a, b", "--target"],
        ),
        ([{"label": "xy"[i % 2], "same": 1} for i in range(20)], ["input", "label, same", "--input"]),
    ],
)
def test_where_nothing_fits_the_columns_and_the_option_are_named(tmp_path: Path, rows: Rows, said: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        draft(write(tmp_path / "t.csv", rows))
    for words in said:
        assert words in str(caught.value)


def test_data_that_cannot_run_is_refused_with_its_line(tmp_path: Path) -> None:
    """Better now than after the first run."""
    rows = [*tickets(10), {**tickets(1)[0], "ticket_id": "T99", "category": ""}]
    with pytest.raises(DataError, match=r"t\.csv, line 12: the target 'category' is empty"):
        draft(write(tmp_path / "t.csv", rows))
    with pytest.raises(DataError, match="Did you mean"):
        draft(tmp_path / "tt.csv")


@pytest.mark.parametrize(
    "value",
    ["text", "no", "true", "12", "1e3", "a: b", "#x", "- y", "", " a ", "null", "~", "it's", 'say "x"', "日本", "a,b",
     "[x]", "{x}", "*x", "&x", "%x", "@x", "`x", "x\ny", ["a", "12", "b c"], {"no": "yes", "k": ["1"]}, 1, 1.5, True],
)  # fmt: skip
def test_what_is_written_is_what_is_read(value: object) -> None:
    """A column may be called anything."""
    assert value == parse_yaml(f"x: {scalar(value)}\n", "t.yaml")[0]["x"]  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [tickets(), [{"a": i, "b": i * 0.5, "y": "pq"[i % 3 == 0]} for i in range(60)]])
def test_what_is_written_in_comments_runs_too(tmp_path: Path, rows: Rows) -> None:
    """A reader takes the comment sign away and expects the rest to be right."""
    drafted = draft(write(tmp_path / "t.csv", rows))
    keys = r"requirements:|worth_of|loss_of|volume|currency|incumbent|machine_per|serve:|monitor:|- \w|- \{|  \w+:|  -"
    text, n = re.subn(rf"(?m)^( *)# (?={keys})", r"\1", drafted.text)
    assert n >= 16
    task = loaded(Draft(text=text), tmp_path)
    assert task.serve.content.keep
    assert task.monitor.receivers
    assert {"chat", "mine"} <= {candidate.name for candidate in task.candidates}
    assert (
        len(task.needs.requirements),
        task.needs.worth_of_solved,
        task.needs.incumbent,
    ) == (2, 0.5, "most-common")


def test_strange_names_of_columns_and_labels_survive(tmp_path: Path) -> None:
    rows: Rows = [{"the text: here": f"some words {i} here", "Yes/No?": "no" if i % 2 else "yes #1"} for i in range(20)]
    task = loaded(draft(write(tmp_path / "my data (1).csv", rows)), tmp_path)
    assert task.classes == ("no", "yes #1")
    assert task.name == "my-data-1"


def test_banking77_and_gsm8k_are_drafted_without_a_word(shared: Path, tmp_path: Path) -> None:
    drafted = draft(shared / "banking77", folder=tmp_path)
    task = loaded(drafted, tmp_path)
    assert (
        task.name,
        len(task.classes),
        len(task.split("dev")),
        len(task.split("test")),
    ) == ("banking77", 77, 10003, 3080)
    drafted = draft(shared / "gsm8k" / "test.jsonl", folder=tmp_path)
    task = loaded(drafted, tmp_path)
    assert (
        task.name,
        task.kind,
        task.scorers[0].kind,
        task.examples[0].target,
    ) == ("gsm8k", "generation", "numeric", "18")
    assert "# - name: chat" in drafted.text


def test_a_column_with_blanks_is_not_guessed_as_the_target(tmp_path: Path) -> None:
    """Every example needs its right answer; an optional remark in the last column is none."""
    rows = [f"{n},{n % 7}.5,{'ill' if n % 3 else 'well'},{'yes' if n % 2 else ''}" for n in range(60)]
    (tmp_path / "patients.csv").write_text("\n".join(["id,age,state,smoker", *rows]) + "\n", "utf-8")
    assert "target: state" in draft(tmp_path / "patients.csv").text

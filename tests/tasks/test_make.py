"""Data and what is said of it become a task, or an error that says what to change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.errors import DataError, TaskError
from merits.core.needs import Needs
from merits.core.outcome import Score
from merits.core.task import Example, Settings
from merits.tasks.columns import as_numbers
from merits.tasks.guess import guess_kind
from merits.tasks.make import make_task

Rows = list[dict[str, object]]


def rows(n: int = 20, **more: object) -> Rows:
    return [{"text": f"{w} {i}", "label": w, **more} for i in range(n // 2) for w in ("good", "bad")]


@pytest.mark.parametrize(("input", "target"), [("input", "target"), ("question", "answer"), ("prompt", "ideal")])
def test_customary_columns_need_no_naming_and_are_noted(input: str, target: str) -> None:
    task = make_task([{input: f"q {i}", target: "xy"[i % 2]} for i in range(10)])
    assert task.examples[0].input == "q 0"
    assert any(repr(input) in note for note in task.notes)


def test_several_customary_columns_are_a_question_to_the_user() -> None:
    with pytest.raises(DataError, match="several may be the input"):
        make_task([{"question": "q", "text": "t", "label": "x"}])
    with pytest.raises(DataError, match="none is called target, answer"):
        make_task([{"text": "t", "category": "x"}])


def test_records_may_be_passed_whole() -> None:
    needs, settings = Needs(worth_of_solved=1.0), Settings(concurrency=2)
    candidate = Candidate(name="mine", kind="constant", params={"output": "good"})
    task = make_task(rows(), needs=needs, settings=settings, candidates={"a": "most-common", "b": candidate})
    assert needs is task.needs
    assert settings == task.settings
    assert [candidate.name for candidate in task.candidates] == ["a", "mine"]


def test_a_function_may_be_a_scorer() -> None:
    def score(example: Example, answer: Answer) -> Score:
        return Score(1.0, True)

    assert make_task(rows(), scorers=[score]).scorers[0].kind == "python"


def test_wrong_options_name_the_near_miss() -> None:
    with pytest.raises(TaskError, match="Did you mean 'target'"):
        make_task(rows(), tarket="label")  # type: ignore[call-arg]


def test_tabular_inputs_are_mappings_of_the_columns(tmp_path: Path) -> None:
    """Only a CSV file has no types of its own: in a frame, a text is a text because someone made it one."""
    data: Rows = [
        {"age": str(i), "city": "Bern" if i % 2 else "", "zip": f"0{i}12", "y": "ab"[i % 2]} for i in range(9)
    ]
    columns = ["age", "city", "zip"]
    assert make_task(data, input=columns, target="y").examples[1].input == {"age": "1", "city": "Bern", "zip": "0112"}
    lines = [",".join(data[0]), *(",".join(map(str, row.values())) for row in data)]
    (tmp_path / "people.csv").write_text("\n".join(lines))
    task = make_task(tmp_path / "people.csv", input=columns, target="y")
    assert task.examples[1].input == {"age": 1, "city": "Bern", "zip": "0112"}
    assert task.examples[2].input == {"age": 2, "city": None, "zip": "0212"}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["1", "2"], [1, 2]),
        (["1", "2.5", ""], [1, 2.5, None]),
        (["1", "NA", "nan", "?"], [1, None, None, None]),
        (["NA", "x", ""], ["NA", "x", None]),
        (["007", "8"], ["007", "8"]),
        (["-0.5", "+1"], [-0.5, 1]),
        (["1_000", "2"], ["1_000", "2"]),
        (["inf", "2"], ["inf", "2"]),
        (["9007199254740993"], [9007199254740993.0]),
        (["", ""], [None, None]),
        ([1, "2", ""], [1, "2", None]),
        (["1e3", " 2 "], [1000.0, 2.0]),
    ],
)
def test_a_column_is_numeric_when_every_value_is(column: list[object], expected: list[object]) -> None:
    assert expected == as_numbers(column)  # type: ignore[arg-type]


def test_labels_are_texts() -> None:
    task = make_task([{"text": f"t {i}", "label": [1.0, True][i % 2]} for i in range(10)], kind="classification")
    assert task.classes == ("1", "true")


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        (["spam", "ham"] * 3, "classification"),
        ([str(i % 10) for i in range(100)], "classification"),
        ([str(i % 40) for i in range(400)], "generation"),
        (
            [f"a long answer that explains {i % 2} things in many words and then some more" for i in range(20)],
            "generation",
        ),
        ([f"word {i}" for i in range(20)], "generation"),
        ([["a"], ["b"]], "generation"),
    ],
)
def test_the_kind_is_guessed_from_the_targets(targets: list[object], kind: str) -> None:
    assert kind == guess_kind(targets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        ([], {}, "no rows"),
        ([{"text": "a", "label": ""}], {}, "row 1: the target 'label' is empty"),
        ([{"text": "a", "label": "x"}, {"text": "b"}], {}, "row 2: the target 'label' is empty"),
        ([{"text": None, "label": "x"}], {}, "row 1: the input 'text' is missing"),
        ([{"text": "a", "label": "x", "id": 1}, {"text": "b", "label": "y", "id": 1}], {}, "'1' was there before"),
        ([{"text": "a", "label": "x", "id": ""}], {}, "the id 'id' is empty"),
        ([{"text": f"t {i}", "label": "x"} for i in range(8)], {"kind": "classification"}, "all 8 targets are 'x'"),
        ([{"text": "a", "label": "x"}], {"kind": "classification", "labels": ["x", "y"]}, "none of the 1 examples"),
        ([{"text": "a", "label": ["x"]}], {"kind": "classification"}, "row 1: a label is a text or a number"),
        (rows(), {"split": {"method": "given", "column": "label"}}, "row 1: the split 'label' is 'good'"),
        (rows(), {"split": {"method": "time", "column": "text"}}, "'good 0' is no moment"),
    ],
)
def test_data_that_makes_no_task(data: Rows, options: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        make_task(data, **options)  # type: ignore[arg-type]


def test_a_label_only_in_a_given_test_is_a_mistake_unless_declared() -> None:
    """It is mostly a misspelt label; where it is meant, `labels:` says so."""
    data = {"dev": rows(4), "test": [*rows(4), {"text": "hm", "label": "goood"}]}
    with pytest.raises(DataError, match=r"'goood' is only in test \(examples test-5\).*Did you mean 'good'"):
        make_task(data)
    task = make_task(data, labels=["bad", "good", "goood"])
    assert any("'goood' is only in test" in note for note in task.notes)


def test_a_label_only_in_a_drawn_test_is_a_note() -> None:
    """A split by time does that without anyone's mistake."""
    data = [{"text": f"t {i}", "label": "old" if i < 8 else "new", "day": f"2026-01-{i + 1:02}"} for i in range(12)]
    task = make_task(data, split={"method": "time", "column": "day", "test": 0.4})
    assert any("'new' is only in test" in note for note in task.notes)
    assert {"2026-01-09"} <= {f"2026-01-{int(e.id.split('-')[1]):02}" for e in task.split("test")}


def test_data_may_come_as_test_only() -> None:
    task = make_task({"test": rows()})
    assert not task.split("dev")
    assert any("No example is in dev" in note for note in task.notes)


def test_ids_name_the_row_of_the_data_also_in_a_sample() -> None:
    """So that a reader finds an example again."""
    task = make_task(rows(100), sample=10, split={"test": 0.5, "seed": 1})
    assert len(task.examples) == 10
    for example in task.examples:
        assert example.input == rows(100)[int(example.id.removeprefix("row-")) - 1]["text"]
    task = make_task({"train": rows(40), "test": rows(20)}, sample={"dev": 5})
    assert (len(task.split("dev")), len(task.split("test"))) == (5, 20)
    assert task.split("dev")[0].id[:4] == "dev-"


def test_another_seed_draws_another_sample() -> None:
    drawn = [
        {example.id for example in make_task(rows(100), sample=20, split={"test": 0.5, "seed": seed}).examples}
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_groups_decide_the_split_where_there_are_any() -> None:
    data = [{**row, "customer": f"c{i // 4}"} for i, row in enumerate(rows(80))]
    task = make_task(data, group="customer")
    sides = {split: {example.group for example in task.split(split)} for split in ("dev", "test")}
    assert not sides["dev"] & sides["test"]
    assert abs(len(task.split("test")) - 40) <= 4
    assert any("it is group" in note for note in task.notes)


def test_a_column_called_split_is_obeyed() -> None:
    data = [{**row, "split": "train" if i % 4 else "test"} for i, row in enumerate(rows(40))]
    task = make_task(data)
    assert len(task.split("test")) == 10


def test_stratified_by_default_and_duplicates_on_one_side() -> None:
    data = [*rows(40), *[{"text": row["text"].upper() + "!", "label": row["label"]} for row in rows(40)]]  # type: ignore[attr-defined]
    task = make_task(data)
    assert Counter(good=20, bad=20) == Counter(str(example.target) for example in task.split("test"))
    dev, test = ({str(e.input).upper().strip("!") for e in task.split(split)} for split in ("dev", "test"))
    assert not dev & test


def test_a_generation_task_may_have_no_target_when_it_names_its_scorers() -> None:
    task = make_task(
        [{"text": f"t {i}"} for i in range(10)], kind="generation", scorers=[{"kind": "json_schema", "schema": {}}]
    )
    assert None is task.examples[0].target


def test_extract_takes_the_answer_out_of_a_worked_solution() -> None:
    task = make_task([{"text": f"q {i}", "answer": f"because\n#### {i}"} for i in range(20)], extract="#### (.*)")
    assert task.kind == "generation"
    assert task.examples[7].target == "7"


def test_messages_are_an_input_as_they_are() -> None:
    messages = [{"role": "user", "content": "hello"}]
    task = make_task(
        [{"input": [*messages, {"role": "user", "content": str(i)}], "target": "ab"[i % 2]} for i in range(8)]
    )
    assert messages[0] == task.examples[0].input[0]  # type: ignore[index]


def test_data_that_came_divided_is_not_divided_again() -> None:
    with pytest.raises(TaskError, match="already comes as dev and test"):
        make_task({"dev": rows(), "test": rows()}, split="hash")


def test_values_of_slices_are_texts_and_missing_ones_are_in_no_slice() -> None:
    data = [{**row, "channel": None if i % 2 else 5} for i, row in enumerate(rows())]
    task = make_task(data, slices="channel")
    assert [example.tags for example in task.examples[:2]] == [{"channel": "5"}, {}]


def test_banking77_and_gsm8k_are_tasks(shared: object) -> None:
    folder = f"{shared}"
    task = make_task(
        {"dev": f"{folder}/banking77/train.csv", "test": f"{folder}/banking77/test.csv"}, target="category"
    )
    assert (
        task.kind,
        len(task.classes),
        len(task.split("dev")),
        len(task.split("test")),
    ) == ("classification", 77, 10003, 3080)
    maths = make_task(f"{folder}/gsm8k/test.jsonl", extract="#### (.*)", scorers="numeric")
    assert (maths.kind, len(maths.examples), maths.examples[0].target) == ("generation", 1319, "18")


def test_what_runs_in_this_process_is_known_to_be_on_premises() -> None:
    """Where it is asked for; code of one's own may call anybody, and what is said is never overruled."""
    candidates = [
        "most-common",
        {"kind": "text-linear", "metadata": {"on_premises": False}},
        {"kind": "command", "run": ["cat"], "name": "own"},
    ]
    task = make_task(rows(), needs={"requirements": ["on-premises"]}, candidates=candidates)
    assert [candidate.metadata for candidate in task.candidates] == [{"on-premises": True}, {"on_premises": False}, {}]
    assert make_task(rows(), candidates=["most-common"]).candidates[0].metadata == {}


def test_a_margin_to_a_candidate_that_is_not_there_is_an_error() -> None:
    """Before anything is spent, with the near miss."""
    with pytest.raises(TaskError, match=r"no candidate is named 'most-comon'.*Did you mean 'most-common'"):
        make_task(rows(), needs={"requirements": ["non-inferior to most-comon by 1 pt"]}, candidates=["most-common"])
    with pytest.raises(TaskError, match="no incumbent is named"):
        make_task(rows(), needs={"requirements": ["non-inferior to incumbent by 1 pt"]}, candidates=["most-common"])

"""A task file is read in any of its forms, and what it gets wrong is named with its line and the near miss."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from merits.core.errors import CandidateError, DataError, MeritsError, RequirementError, TaskError
from merits.core.needs import Requirement
from merits.tasks.file import load_task, parse_yaml
from tests.tasks.conftest import ROWS, TASK, Write

TOML = """\
name = "words"
kind = "classification"
data = "words.csv"
input = "text"
target = "label"
candidates = ["most-common"]
"""
JSON = """\
{"$schema": "task.schema.json", "name": "words", "kind": "classification", "data": "words.csv",
 "input": "text", "target": "label", "candidates": ["most-common"]}
"""
MAPPING = """\
task = {"name": "words", "kind": "classification", "data": "words.csv", "input": "text", "target": "label",
        "candidates": ["most-common"]}
"""
MADE = """\
from pathlib import Path

import merits

task = merits.make_task(Path(__file__).parent / "words.csv", name="words", kind="classification", input="text",
                        target="label", candidates=["most-common"])
"""


@pytest.mark.parametrize(
    ("name", "text"), [("t.toml", TOML), ("t.json", JSON), ("mapping.py", MAPPING), ("made.py", MADE), ("t.yml", TASK)]
)
def test_every_form_defines_the_same_task(words: Write, name: str, text: str) -> None:
    assert load_task(words()).id == load_task(words(task=text, name=name)).id


def test_everything_a_task_file_may_say(words: Write, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("as_of: 2026-01-01\n")
    task = load_task(
        words(
            ("name: words\n", "name: words\ndescription: which mood\n"),
            (
                "candidates: [most-common]\n",
                """\
split: {method: stratified, test: 0.4, seed: 7}
sample: {dev: 10, test: 5}
slices: [channel]
group: customer
id: id
scorers: [label, {kind: exact, name: to the letter}]
needs:
  requirements: ["accuracy >= 0.80 @ 95%", "p95_latency <= 800 ms"]
  worth_of_solved: 0.50
  loss_of_wrong: 2
  volume_per_month: 100_000
  currency: EUR
  incumbent: always yes
machine_per_hour: 0.10
prices: prices.yaml
settings: {concurrency: 4, timeout_s: 2.5, repeats: 2}
candidates:
  - most-common
  - {name: always yes, kind: constant, output: yes, price: {per_call: 1e-3}, metadata: {licence: MIT}}
""",
            ),
            rows="id,text,label,customer,channel\n"
            + "".join(f"{n},{w} {n},{y},c{n // 2},web\n" for n in range(40) for w, y in (("good", "yes"),))
            + "".join(f"b{n},bad {n},no,d{n // 2},\n" for n in range(40)),
        )
    )
    assert (Requirement("accuracy", ">=", 0.8, text="accuracy >= 0.80 @ 95%"),) == task.needs.requirements[:1]
    assert (
        task.needs.worth_of_solved,
        task.needs.loss_of_wrong,
        task.needs.volume_per_month,
        task.needs.currency,
    ) == (0.5, 2.0, 100_000, "EUR")
    assert [scorer.label for scorer in task.scorers] == ["label", "to the letter"]
    assert (task.settings.concurrency, task.settings.timeout_s, task.settings.repeats) == (4, 2.5, 2)
    assert (len(task.split("dev")), len(task.split("test"))) == (10, 5)
    common, always = task.candidates
    assert (common.price.machine_per_hour, common.price.currency) == (0.10, "EUR")  # type: ignore[union-attr]
    assert (always.price.per_call, always.price.machine_per_hour, always.price.currency) == (0.001, None, "EUR")  # type: ignore[union-attr]
    assert always.params == {"output": "yes"}
    assert always.metadata == {"licence": "MIT"}
    assert task.tag_names == ("channel",)
    assert task.description == "which mood"
    assert str(tmp_path) == task.folder


def test_yaml_is_read_so_that_labels_survive() -> None:
    """YAML 1.1 would turn no into false, 12:30 into 750 and 1e-3 into a text."""
    values, _ = parse_yaml("a: [no, off, 12:30, 2026-01-02, 1e-3, 1_000, 007, true, 1.5, ~, .5, 3., -2]", "t.yaml")
    assert values["a"] == ["no", "off", "12:30", "2026-01-02", 0.001, 1000, "007", True, 1.5, None, 0.5, 3.0, -2]


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("target: label", "targte: label", TaskError, ["line 5", "unknown key 'targte'", "Did you mean 'target'?"]),
        ("kind: classification", "kind: clasification", TaskError, ["line 2", "Did you mean 'classification'?"]),
        ("target: label", "target: lable", DataError, ["line 5", "'lable'", "text, label", "Did you mean 'label'?"]),
        ("input: text", "input: [text, lenght]", DataError, ["line 4", "'lenght'", "text, label"]),
        ("input: text", "input: 5", TaskError, ["line 4", "input", "found a whole number"]),
        ("input: text", "input: [text, label]", TaskError, ["line 4", "gives the answer away"]),
        ("words.csv", "wrods.csv", DataError, ["wrods.csv", "Did you mean 'words.csv'?"]),
        ("data: words.csv\n", "", TaskError, ["words.yaml", "lacks the key data"]),
        ("data: words.csv", "data: {dev: words.csv}", TaskError, ["line 3", "no test data"]),
        ("data: words.csv", "data: {dve: words.csv, test: words.csv}", TaskError, ["line 3", "Did you mean 'dev'?"]),
        ("[most-common]", "[most-comon]", CandidateError, ["line 6", "Did you mean 'most-common'?"]),
        ("[most-common]", "[{kind: constant, outptu: x}]", CandidateError, ["line 6", "Did you mean 'output'?"]),
        ("[most-common]", "[{knd: constant}]", TaskError, ["line 6", "without `kind`", "Did you mean"]),
        ("[most-common]", "[most-common, most-common]", TaskError, ["line 6", "two candidates are named"]),
        ("[most-common]", "[most-common, {name: b, kind: most-common}]", TaskError, ["line 6", "the same recipe"]),
        ("[most-common]", "most-common", TaskError, ["line 6", "candidates are a list"]),
        ("[most-common]", "[5]", TaskError, ["line 6", "5 is no candidate"]),
        ("[most-common]", "[{kind: constant, output: x, price: 3}]", TaskError, ["line 6", "per_call"]),
        (
            "[most-common]",
            "[{kind: constant, output: x, price: {per_cal: 3}}]",
            TaskError,
            ["Did you mean 'per_call'?"],
        ),
        ("[most-common]", "[{kind: constant, output: x, price: {per_call: -1}}]", TaskError, ["line 6", ">= 0"]),
        ("[most-common]", "[{kind: constant, output: x, name: 3}]", TaskError, ["line 6", "a name is a text"]),
        ("candidates:", "scorers: [lable]\ncandidates:", TaskError, ["line 6", "Did you mean 'label'?"]),
        ("candidates:", "scorers: [{kind: numeric, tolerence: 1}]\ncandidates:", TaskError, ["line 6", "'tolerance'"]),
        ("candidates:", "scorers: []\ncandidates:", TaskError, ["line 6", "empty"]),
        ("candidates:", "scorers: [label, label]\ncandidates:", TaskError, ["line 6", "two scorers"]),
        ("candidates:", "split: {methd: hash}\ncandidates:", TaskError, ["line 6", "'methd' in split", "'method'"]),
        ("candidates:", "split: {method: time}\ncandidates:", TaskError, ["line 6", "column: COLUMN"]),
        ("candidates:", "split: group\ncandidates:", TaskError, ["line 6", "group: COLUMN"]),
        ("candidates:", "split: {test: 1.5}\ncandidates:", TaskError, ["line 6", "split.test", "< 1"]),
        ("candidates:", "split: {method: given, column: part}\ncandidates:", DataError, ["line 6", "'part'"]),
        ("candidates:", "sample: {dve: 3}\ncandidates:", TaskError, ["line 6", "sample"]),
        ("candidates:", "needs:\n  requirements: [acc => 1]\ncandidates:", RequirementError, ["line 7", "^"]),
        (
            "candidates:",
            "needs: {curency: EUR}\ncandidates:",
            TaskError,
            ["line 6", "'curency' in needs", "'currency'"],
        ),
        ("candidates:", "needs: {currency: euro}\ncandidates:", TaskError, ["line 6", "needs.currency"]),
        ("candidates:", "needs: {incumbent: most-comon}\ncandidates:", TaskError, ["line 6", "'most-common'"]),
        (
            "candidates:",
            "needs: {requirements: ['cost_per_case <= 1 EUR']}\ncandidates:",
            TaskError,
            ["EUR", "USD", "currency: EUR"],
        ),
        ("candidates:", "settings: {concurency: 3}\ncandidates:", TaskError, ["line 6", "'concurrency'"]),
        ("candidates:", "settings: {concurrency: 0}\ncandidates:", TaskError, ["line 6", ">= 1"]),
        ("candidates:", "settings:\n  retries: many\ncandidates:", TaskError, ["line 7", "whole number, found text"]),
        ("candidates:", "prices: none.yaml\ncandidates:", TaskError, ["line 6", "no price table"]),
        ("candidates:", "extract: '('\ncandidates:", TaskError, ["line 6", "no regular expression"]),
        ("candidates:", "extract: 'x(y)'\ncandidates:", DataError, ["words.csv, line 2", "finds nothing"]),
        ("candidates:", "labels: [yes, nein]\ncandidates:", DataError, ["line 6", "'no'", "not listed"]),
        ("candidates:", "name: twice\ncandidates:", TaskError, ["line 6", "'name' is there twice"]),
        ("candidates:", "\tx: 1\ncandidates:", TaskError, ["line 6", "tab"]),
        ("input: text", "input: text: more", TaskError, ["line 4", "not valid YAML"]),
    ],
)
def test_mistakes_are_named_with_line_and_next_step(
    words: Write, old: str, new: str, error: type[MeritsError], said: list[str]
) -> None:
    with pytest.raises(error) as caught:
        load_task(words((old, new)))
    for text in said:
        assert text in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.yaml", "", "does not hold keys"),
        ("t.yaml", "- a", "does not hold keys"),
        ("t.toml", "name = ", "not valid TOML"),
        ("t.json", '{"name":\n 1,}', "line 2: not valid JSON"),
        ("t.json", "[1]", "does not hold an object"),
        ("t.py", "x = 1", "defines no `task`"),
        ("t.py", "task = 5", "`task` is of type int"),
        ("t.py", "task = (", "line 1: not valid Python"),
        ("t.py", "1 / 0", "ZeroDivisionError"),
        ("t.yaml", b"name: caf\xe9", "not UTF-8"),
    ],
)
def test_files_that_are_no_task(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TaskError, match=said):
        load_task(tmp_path / name)


def test_a_missing_task_file_names_the_near_one_or_how_to_make_one(words: Write, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="merits init"):
        load_task(tmp_path / "words.yaml")
    words()
    with pytest.raises(TaskError, match=r"Did you mean 'words\.yaml'"):
        load_task(tmp_path / "wrods.yaml")


def test_a_python_task_may_import_what_lies_beside_it_and_leaves_the_path_alone(words: Write, tmp_path: Path) -> None:
    (tmp_path / "beside_the_task.py").write_text("NAME = 'from beside'\n")
    before = list(sys.path)
    text = "from beside_the_task import NAME\n" + MAPPING.replace('"words",', "NAME,")
    assert load_task(words(task=text, name="t.py")).name == "from beside"
    assert before == sys.path


def test_functions_of_a_python_task_are_candidates(words: Write) -> None:
    """Their source is part of their identity, so it must be found although the file is no module of a package."""
    text = MAPPING.replace('["most-common"]', '{"mine": mine}')
    recipes = [
        load_task(words(task=f"def mine(text):\n    return {answer!r}\n\n{text}", name="t.py")).candidates[0]
        for answer in ("yes", "yes", "no")
    ]
    assert recipes[0].name == "mine"
    assert recipes[0].id == recipes[1].id != recipes[2].id


def test_comments_under_needs_leave_the_defaults(words: Write) -> None:
    """`merits init` writes economics as comments; a key with nothing under it is null in YAML."""
    assert load_task(words()).needs == load_task(words(("candidates:", "needs:\n  # x: 1\ncandidates:"))).needs


def test_needs_candidates_and_settings_are_no_part_of_the_tasks_identity(words: Write) -> None:
    """A price slider must not make stored answers unusable."""
    plain = load_task(words())
    changed = load_task(words(("candidates: [most-common]", "needs: {worth_of_solved: 1}\ncandidates: []")))
    assert plain.id == changed.id
    assert plain.id != load_task(words(rows=ROWS.replace("good 1,", "good one,"))).id


def test_a_task_is_plain_data(words: Write) -> None:
    task = load_task(words())
    assert task == msgspec.json.decode(msgspec.json.encode(task), type=type(task))


def test_names_of_candidates_tell_them_apart(words: Write) -> None:
    task = load_task(words(("[most-common]", "[{kind: constant, output: yes}, {kind: constant, output: no}]")))
    assert [candidate.name for candidate in task.candidates] == ["yes", "no"]
    task = load_task(words(("[most-common]", "{a: most-common, b: {kind: constant, output: no}}")))
    assert [candidate.name for candidate in task.candidates] == ["a", "b"]


def test_the_price_of_the_machine_is_not_that_of_a_remote_model(words: Write) -> None:
    """A remote model uses no seconds of this machine, so it would seem to be free."""
    task = load_task(
        words(("candidates: [most-common]", "machine_per_hour: 1\ncandidates: [most-common, {kind: chat, model: m}]"))
    )
    assert [candidate.price is not None for candidate in task.candidates] == [True, False]


def test_a_dot_alone_is_a_folder_and_no_number() -> None:
    """`data: .` is what one writes in a folder of pictures."""
    text = "data: .\na: [-e5, 1., .5, 1e3, -1.5E-2, 0123, 1_0.5]\n"
    values, _ = parse_yaml(text, "task")
    assert values == {"data": ".", "a": ["-e5", 1.0, 0.5, 1000.0, -0.015, "0123", 10.5]}

"""A function of the user's own, by import path or as an object, is a scorer like any other."""

from __future__ import annotations

import sys

import pytest

from merits.core.answer import Answer
from merits.core.errors import TaskError
from merits.core.outcome import Score
from merits.core.task import Example, ScorerSpec
from merits.scorers.python import as_spec
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import fingerprint, load

EXAMPLE, ANSWER = Example(id="1", input="in", target="abc"), Answer(output="abd")


@pytest.fixture(autouse=True)
def _restore_modules(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def write(folder, body, name="rules.py"):
    (folder / name).write_text(body)
    return ScorerSpec("python", {"function": f"{name.removesuffix('.py')}:judge"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def judge(example, answer): return example.target[:2] == answer.output[:2]", Score(1.0, True)),
        ("def judge(output, target): return 0.5", Score(0.5, False)),
        ("def judge(output): return 1", Score(1.0, True)),
        ("def judge(a, b): return a.id == '1' and b.output == 'abd'", Score(1.0, True)),
        ("import numpy\ndef judge(output, target): return numpy.float64(0.25)", Score(0.25, False)),
        ("import numpy\ndef judge(output, target): return numpy.bool_(False)", Score(0.0, False)),
        (
            "from merits.core.outcome import Score\ndef judge(output): return Score(0.5, True, 'why')",
            Score(0.5, True, "why"),
        ),
        ("class Rules:\n  @staticmethod\n  def of(input): return input == 'in'\njudge = Rules.of", Score(1.0, True)),
    ],
)
def test_a_function_beside_the_task_is_called_with_what_it_names(tmp_path, body, expected):
    """The user writes the function that comes naturally."""
    assert expected == load(write(tmp_path, body), folder=tmp_path)(EXAMPLE, ANSWER)


def test_the_value_that_counts_as_solved_can_be_set(tmp_path):
    """A similarity of 0.8 may be good enough."""
    write(tmp_path, "def judge(output, least): return 0.8 if len(output) >= least else 0.1")
    params = {"function": "rules:judge", "solved_from": 0.8, "arguments": {"least": 3}}
    assert Score(0.8, True) == load(ScorerSpec("python", params), folder=tmp_path)(EXAMPLE, ANSWER)


@pytest.mark.parametrize("returned", ["None", "'yes'", "1.5", "-0.1", "float('nan')", "[1]"])
def test_anything_but_a_score_leaves_the_outcome_unscored(tmp_path, returned):
    """The function is at fault, not the candidate."""
    judge = load(write(tmp_path, f"def judge(output): return {returned}"), folder=tmp_path)
    with pytest.raises(CannotJudge, match="rules:judge returned"):
        judge(EXAMPLE, ANSWER)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("def juge(output): return True", "rules has no 'judge'. Did you mean 'juge'?"),
        ("async def judge(output): return True", "rules:judge is asynchronous. A scorer is a plain function."),
        ("judge = 3", "rules:judge is no function"),
        ("def judge(): return True", "cannot be called with (example, answer)"),
        ("def judge(a, b, c): return True", "cannot be called with (example, answer)"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("1 / 0", "importing rules raised ZeroDivisionError: division by zero."),
        ("def judge(:", "importing rules raised SyntaxError"),
    ],
)
def test_what_is_wrong_with_the_function_is_said_before_anything_is_asked(tmp_path, body, found):
    """Each names what to change."""
    with pytest.raises(TaskError) as caught:
        load(write(tmp_path, body), folder=tmp_path)
    assert found in str(caught.value)


def test_a_changed_function_has_another_fingerprint_and_is_read_again(tmp_path):
    """Changing a scorer re-scores, in the same process too."""
    spec = write(tmp_path, "def judge(output): return True")
    before = fingerprint(spec, folder=tmp_path)
    assert load(spec, folder=tmp_path)(EXAMPLE, ANSWER).solved
    write(tmp_path, "def judge(output): return False and 'longer'")
    assert not load(spec, folder=tmp_path)(EXAMPLE, ANSWER).value
    assert before != fingerprint(spec, folder=tmp_path)


def test_two_tasks_may_each_have_a_module_of_the_same_name(tmp_path):
    """`rules.py` is a natural name."""
    for name, value in (("one", "True"), ("two", "False")):
        (tmp_path / name).mkdir()
        spec = write(tmp_path / name, f"def judge(output): return {value}")
    assert load(spec, folder=tmp_path / "one")(EXAMPLE, ANSWER).solved
    assert not load(spec, folder=tmp_path / "two")(EXAMPLE, ANSWER).solved


def test_a_live_function_keeps_its_source_as_identity():
    """The same function is the same scorer; another body, or another captured value, is another one."""

    def judging(least):
        def judge(output):
            return len(output) >= least

        return judge

    three, again, four = (as_spec(judging(n)) for n in (3, 3, 4))
    assert three == again
    assert three.params["identity"] != four.params["identity"]
    assert load(three)(EXAMPLE, ANSWER).solved
    assert not load(four)(EXAMPLE, ANSWER).solved
    assert three.label == "judge"


def test_a_live_function_of_another_process_must_be_passed_again():
    """Its spec can be stored, the function cannot."""
    spec = ScorerSpec("python", {"function": "mine:judge", "identity": "of another process"})
    with pytest.raises(TaskError, match="was passed as an object"):
        load(spec)

"""More examples are tried, one method at a time and all together; what is kept has gained, as it looks."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from merits.candidates.registry import check
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.errors import UsageError
from merits.core.task import Example, Task
from merits.improving.augmentation import Params, make, why_not
from merits.testing.contracts.improver import ImproverContract, brief_of, outcomes, task_of
from tests.improving.searching_dev import only
from tests.improving.test_distillation import solving, with_quality

SMALL = Candidate(name="small", kind="text-linear")
RULES = Candidate(name="rules", kind="constant", params={"output": "good"})


class TestContract(ImproverContract):
    def make_improver(self) -> Improver:
        return make(Params())

    def seeds(self) -> list[Candidate]:
        return [SMALL, RULES]

    def brief(self) -> Brief:
        return only(super().brief(), "small")


def test_each_method_is_tried_by_itself_and_all_together() -> None:
    brief = only(brief_of([SMALL, RULES]), "small")
    trials = next(make(Params())(brief)).candidates
    assert [trial.name for trial in trials] == [
        "small with synonyms",
        "small with dropped_words",
        "small with word_swap",
        "small with typos",
        "small with all",
    ]
    for trial in trials:
        check(trial)
        assert trial.parts == (SMALL,)


def test_a_file_and_other_words_are_tried_too() -> None:
    brief = only(brief_of([SMALL, RULES]), "small")
    params = Params(methods={"typos": 0.1}, extra="old.csv", paraphraser="rules")
    trials = next(make(params)(brief)).candidates
    assert [trial.name for trial in trials] == ["small with typos", "small with old.csv", "small with words of rules"]
    assert trials[2].parts == (SMALL, RULES)


@pytest.mark.parametrize(("share", "kept"), [(0.7, ["small with typos"]), (0.51, []), (0.3, [])])
def test_a_gain_that_is_likely_is_kept_and_its_interval_told(share: float, kept: list[str]) -> None:
    """Of 200 rows: 1 point more, 12 gained and 10 lost, is not likely enough to be looked at on test."""
    brief = only(with_quality(brief_of([SMALL], task_of(200)), small=0.5), "small")
    search = make(Params(methods={"typos": 0.1, "synonyms": 0.5}))(brief)
    evaluation = outcomes(next(search).candidates, brief.task)
    rows = np.arange(200)
    solved = np.stack([rows % 200 < share * 200, rows < 80, rows < 80])
    if share == 0.51:
        solved[0] = (rows >= 10) & (rows < 112)
    with pytest.raises(StopIteration) as end:
        search.send(replace(evaluation, solved=solved))
    assert [one.name for one in end.value.value] == kept
    for one in end.value.value:
        assert str(one.metadata["gain on dev"]).startswith("+20.0 points [")


def test_columns_are_filled_up_and_numbers_are_not_classes() -> None:
    rows = tuple(Example(f"e{n}", {"x": n}, "ab"[n % 2], split="dev") for n in range(20))
    task = msgspec.structs.replace(task_of(), examples=rows, classes=("a", "b"))
    assert {n for t in next(make(Params())(tabular(task))).candidates for n in t.params["methods"]} == {
        "smote",
        "jitter",
    }  # type: ignore[union-attr]
    numbers = msgspec.structs.replace(task, kind="regression", classes=())
    assert [t.name for t in next(make(Params())(tabular(numbers))).candidates] == ["small with jitter"]


def tabular(task: Task) -> Brief:
    return only(brief_of([SMALL], task), "small")


def test_it_says_why_nothing_can_be_done() -> None:
    assert "No candidate is trained here" in why_not(brief_of([RULES]))
    mine = only(brief_of([SMALL]), "small")
    assert why_not(mine) == ""
    with pytest.raises(UsageError, match=r"there is no method 'typoes' that makes examples\. Did you mean 'typos'"):
        why_not(mine, Params(methods={"typoes": 0.1}))
    with pytest.raises(UsageError, match="there is no file"):
        why_not(mine, Params(extra="nowhere.csv"))
    with pytest.raises(UsageError, match=r"there is no candidate 'smal'\. Did you mean 'small'"):
        next(make(Params(candidates=("smal",)))(brief_of([SMALL])))


def test_evaluations_of_dev_decide() -> None:
    """Nothing else is looked at: the same evaluation keeps the same."""
    brief = only(with_quality(brief_of([SMALL], task_of(200)), small=0.2), "small")
    kept = []
    for _ in range(2):
        search = make(Params(methods={"typos": 0.1}))(brief)
        evaluation = outcomes(next(search).candidates, brief.task)
        with pytest.raises(StopIteration) as end:
            search.send(solving(evaluation, **{"small with typos": 0.9}))
        kept.append(end.value.value)
    assert kept[0] == kept[1] != []

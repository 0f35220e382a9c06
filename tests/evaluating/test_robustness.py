"""Perturbed examples are further rows: asked once, stored under all that can change them, counted everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from merits.candidates.objects import as_candidate
from merits.core.answer import Answer, Failure
from merits.core.doors import AnswerKey, Store
from merits.core.errors import TaskError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.core.outcome import Status
from merits.core.racing import Budget, Racing
from merits.core.robustness import Robustness, Strengths
from merits.core.task import Example, ScorerSpec, Task
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.decide import decide
from merits.deciding.racing import schedule
from merits.evaluating import bill_of, evaluate, plan
from merits.evaluating import perturbing as perturbing_module
from merits.store import open_store
from merits.testing.models import Replying
from tests.evaluating.making import Learner, Watcher, named, run, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def words(n: int = 30) -> list[Example]:
    return [
        Example(f"{split}{i}", f"number {i} of the {split} is {'even' if i % 2 == 0 else 'odd'}", target, split=split)
        for split in ("test", "dev")
        for i in range(n)
        for target in ("even" if i % 2 == 0 else "odd",)
    ]


def perturbed(*strengths: float, sample: int | None = None, n: int = 30, **settings: Any) -> Task:
    made = task(examples=words(n), **settings)
    return replace(made, robustness=Robustness((Strengths("typos", strengths),), sample) if strengths else Robustness())


def reading() -> Replying:
    """Right where the word is there as it should be."""
    return Replying(lambda input: "even" if str(input).endswith("even") else "odd")


def test_each_perturbed_example_is_one_more_row(store: Store) -> None:
    model = reading()
    found = run(perturbed(0.1, 0.2), named(reader=model), store)
    assert [level.id for level in found.levels] == ["typos 0.1", "typos 0.2"]
    assert found.perturbations.tolist() == [""] * 30 + ["typos 0.1"] * 30 + ["typos 0.2"] * 30
    assert found.examples[:30].tolist() == found.examples[30:60].tolist() == found.examples[60:].tolist()
    assert found.group[:30].tolist() == found.group[30:60].tolist() == list(range(30))
    assert len(model.asked) == len({str(input) for input in model.asked}) == 90
    assert sum(input in {example.input for example in words()} for input in model.asked) == 30
    assert found.labels is not None
    assert found.labels.target[:30].tolist() == found.labels.target[60:].tolist(), "the target stays"
    assert found.facts["perturbed"] == "60 rows: typos 0.1, typos 0.2"


def test_nothing_changes_where_nothing_is_perturbed(store: Store) -> None:
    """Neither in the evaluation nor in what it takes: the names of no perturbations take no memory."""
    found = run(perturbed(), named(reader=reading()), store)
    assert found.perturbations.strides == (0,)
    assert (found.levels, found.n_rows, "perturbed" in found.facts) == ((), 30, False)
    assert found.asked_as is found.perturbations


def test_figures_of_examples_as_they_are_stay_when_perturbations_are_added(store: Store) -> None:
    """The interval too: an example and the same one perturbed depend on each other, but are never read together."""
    before = run(perturbed(), named(reader=reading()), store)
    after = run(perturbed(0.2), named(reader=reading()), store)
    figures = [decide(each, perturbed().needs).standings[0].quality for each in (before, after)]
    assert figures[0] == figures[1]
    assert before.facts["data hash"] == after.facts["data hash"]
    assert Cases(after, POLICIES[0]).groups is None


def test_what_is_stored_is_asked_no_more_and_the_clean_answers_stay_in_use(store: Store) -> None:
    run(perturbed(), named(reader=reading()), store)
    model = reading()
    found = run(perturbed(0.1), named(reader=model), store)
    assert len(model.asked) == 30, "only what is perturbed"
    assert store.evaluation(found.task, "test") is not None
    assert store.runs()[0].task == store.runs()[1].task
    again = reading()
    run(perturbed(0.1), named(reader=again), store)
    assert again.asked == []


@pytest.mark.parametrize(
    "other",
    [perturbed(0.2), perturbed(0.1, seed=1)],
    ids=["another strength", "another seed"],
)
def test_no_answer_is_used_for_another_strength_or_seed(store: Store, other: Task) -> None:
    run(perturbed(0.1), named(reader=reading()), store)
    model = reading()
    run(other, named(reader=model), store)
    assert len(model.asked) == 30


def test_no_answer_is_used_for_another_version(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from merits.perturbations import typos

    run(perturbed(0.1), named(reader=reading()), store)
    monkeypatch.setattr(typos, "VERSION", 2)
    model = reading()
    run(perturbed(0.1), named(reader=model), store)
    assert len(model.asked) == 30


def test_the_keys_of_an_evaluation_find_its_answers_again(store: Store) -> None:
    """Those that a report reads, and prices are applied to."""
    found = run(perturbed(0.1, 0.2), named(reader=reading()), store)
    keys = [
        AnswerKey(str(found.input_hashes[row]), int(found.repeats[row]), str(found.asked_as[row]))
        for row in range(found.n_rows)
    ]
    assert len(store.answers(found.versions[0], keys)) == 90
    stored = store.run(1)
    assert stored is not None
    assert stored.levels == found.levels
    assert stored.asked_as.tolist() == found.asked_as.tolist()
    assert bill_of(found, store).rows[0].n_answers == 90


def test_only_what_is_missing_is_asked_after_an_end(tmp_path: Path) -> None:
    """Of perturbed examples as of others."""
    is_late = False

    def stops(input: JSON) -> str:
        if len(model.asked) > 50 and not is_late:
            raise KeyboardInterrupt
        return "even"

    model = Replying(stops)
    candidates = named(reader=model)
    with closing(open_store(tmp_path / "store.sqlite")) as opened, pytest.raises(KeyboardInterrupt):
        run(perturbed(0.1, concurrency=1), candidates, opened)
    before, is_late = len(model.asked), True
    with closing(open_store(tmp_path / "store.sqlite")) as opened:
        found = run(perturbed(0.1, concurrency=1), candidates, opened)
    assert before == 51
    assert 60 - 50 <= len(model.asked) - before <= 60 - 50 + 1
    assert (found.status == Status.SCORED).all()


def test_a_sample_is_perturbed_and_drawn_by_the_seed(store: Store) -> None:
    found = run(perturbed(0.1, 0.2, sample=10), named(reader=reading()), store)
    ids = [set(found.examples[found.perturbations == level].tolist()) for level in ("typos 0.1", "typos 0.2")]
    assert ids[0] == ids[1]
    assert (len(ids[0]), found.n_rows) == (10, 50)
    other = run(perturbed(0.1, 0.2, sample=10, seed=1), named(reader=reading()), store)
    assert ids[0] != set(other.examples[other.perturbations == "typos 0.1"].tolist())


def test_repeats_ask_the_same_perturbed_question_again(store: Store) -> None:
    model = reading()
    found = run(perturbed(0.1, repeats=2), named(reader=model), store)
    assert found.n_rows == 120
    assert len({str(input) for input in model.asked}) == 60
    assert found.repeats.tolist() == [0, 1] * 60


def test_a_plan_and_a_budget_count_them(store: Store) -> None:
    of = perturbed(0.1, 0.2)
    (part,) = plan(of, named(reader=reading()), store=store).parts
    assert (part.n_rows, part.n_to_ask) == (90, 90)
    model = reading()
    budget = Budget.of("45 calls")
    found = asyncio.run(evaluate(of, named(reader=model), store=store, budget=budget))
    assert 36 <= len(model.asked) <= 45
    scored = found.status[0] == Status.SCORED
    assert scored[:30].tolist() == scored[30:60].tolist() == scored[60:].tolist(), (
        "with each example what is made of it"
    )


def test_a_race_asks_an_example_with_what_is_made_of_it(store: Store) -> None:
    of = perturbed(0.1, n=200)
    right, always = reading(), Replying(lambda input: "even")
    racing = schedule(Racing(at_once=4), of.needs, seed=0)
    found = asyncio.run(evaluate(of, named(right=right, always=always), store=store, schedule=racing))
    assert found.raced is not None
    assert len(always.asked) < 200
    scored = found.status == Status.SCORED
    assert (scored[:, :200] == scored[:, 200:]).all()


def test_on_dev_a_model_never_learned_from_what_it_is_asked(store: Store) -> None:
    """Perturbed examples are in the fold of the example."""
    model = Learner()
    found = run(perturbed(0.1), named(learner=model), store, split="dev")
    assert (found.status == Status.SCORED).all()
    assert model.answered_known == 0


def test_strengths_are_checked_before_anything_is_asked(store: Store) -> None:
    model = reading()
    with pytest.raises(TaskError, match=r"typos: 7 is no strength: .*It is the share of the letters; usual are"):
        run(perturbed(7.0), named(reader=model), store)
    with pytest.raises(TaskError, match="7 is no strength"):
        plan(perturbed(7.0), named(reader=model), store=store)
    assert model.asked == []


class Breaking:
    """A perturbation that fails on some inputs."""

    READS: Reads = "text"
    STRENGTH = "share"
    LEVELS = (0.5,)
    VERSION = 1

    def perturb(self, value: str, strength: float, random: np.random.Generator) -> str:
        if "7" in value:
            raise RuntimeError("no sevens")
        return value.upper()


def test_what_cannot_be_perturbed_is_asked_of_nobody_and_blames_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perturbing_module, "perturbation", lambda name: Breaking())
    watcher = Watcher()
    model = reading()
    found = run(perturbed(0.5), named(reader=model), store, watcher=watcher)
    assert (found.status[0] == Status.MISSING).sum() == 3
    assert found.unasked is not None
    assert (found.unasked[0] == (found.status[0] == Status.MISSING)).all()
    assert found.facts["could not be perturbed"].startswith("3 questions, asked of nobody (typos 0.5 of test7: no sev")
    assert [note for note in watcher.notes if "could not be perturbed" in note] != []
    assert not Cases(found, POLICIES[0], perturbation="typos 0.5").failed.any()
    assert "not-asked" not in {reason.code for reason in decide(found, perturbed().needs).reasons}


def test_failures_under_a_perturbation_are_asked_again(store: Store) -> None:
    """And are no failures of the examples as they are."""

    def breaks(input: JSON) -> Answer:
        clean = str(input) in {example.input for example in words()}
        return Answer("even") if clean or healed else Answer(failure=Failure("server_error", "500"))

    healed = False
    model = Replying(breaks)
    candidates = named(reader=model)
    found = run(perturbed(0.2), candidates, store)
    assert (found.status[0, :30] == Status.SCORED).all()
    assert not Cases(found, POLICIES[0]).failed.any()
    healed, before = True, len(model.asked)
    again = run(perturbed(0.2), candidates, store)
    assert len(model.asked) - before == 30
    assert (again.status == Status.SCORED).all()


def test_on_demand_examples_are_perturbed_too(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are read from a large file when they are asked for."""
    from merits.core.on_demand import OnDemand
    from merits.tasks import on_disk
    from merits.tasks.make import make_task

    monkeypatch.setattr(on_disk, "LARGE", 1)
    lines = "".join(f'"{one.input}",{one.target},{one.split}\n' for one in words())
    (tmp_path / "rows.csv").write_text(f"text,label,split\n{lines}", "utf-8")
    of = make_task(
        str(tmp_path / "rows.csv"),
        name="rows",
        input="text",
        target="label",
        split={"method": "given", "column": "split"},
        robustness={"typos": [0.1], "sample": 10},
    )
    assert isinstance(of.split("test"), OnDemand)
    model = reading()
    found: Evaluation = run(of, named(reader=model), store)
    assert (found.n_rows, len(model.asked)) == (40, 40)
    assert found.examples[30:].tolist() == [one for one in found.examples[:30] if one in set(found.examples[30:])]


def test_a_judge_reads_the_question_as_it_was_meant(store: Store) -> None:
    """So what it says of an answer does not depend on the typos, and equal answers are judged once."""
    judge = Replying(lambda messages: '{"reason": "fine", "verdict": "yes"}')
    spec = ScorerSpec("judge", {"model": recipe_of(judge)})
    of = replace(perturbed(0.2, n=10), scorers=(spec,), kind="generation", classes=())
    found = run(of, named(always=Replying(lambda input: "even")), store)
    assert (found.status == Status.SCORED).all()
    assert len(judge.asked) == 10, "of ten questions and one answer each"
    inputs = [str(example.input) for example in of.split("test")]
    assert all(sum(input in str(asked) for input in inputs) >= 1 for asked in judge.asked)


def recipe_of(model: Replying) -> dict[str, Any]:
    recipe = as_candidate(model, name="judge")
    return {"name": recipe.name, "kind": recipe.kind, **recipe.params}

"""The parts of evaluating by themselves: rows, folds, health, and running many things until the first problem."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merits.core.answer import Answer, Failure
from merits.core.errors import TaskError
from merits.core.task import Example
from merits.evaluating.asking import Health, all_or_first_problem
from merits.evaluating.folds import assign_folds
from merits.evaluating.rows import Rows


def _examples(inputs: Sequence[str], groups: Sequence[str] | None = None, labels: int = 2) -> list[Example]:
    return [Example(str(n), text, str(n % labels), group=groups[n] if groups else "") for n, text in enumerate(inputs)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20), st.integers(1, 3))
def test_every_row_has_the_question_of_its_input_and_repeat(inputs: list[str], repeats: int) -> None:
    """Whatever is duplicated, each row finds its answer."""
    examples = _examples(inputs)
    rows = Rows.of(examples, repeats=repeats)
    assert len(rows) == len(inputs) * repeats
    assert len(rows.keys) == len(set(inputs)) * repeats
    for row, example in enumerate(rows.examples):
        key = rows.keys[rows.question_of[row]]
        assert key == (example.input_hash, row % repeats, "")
        assert row in rows.rows_of[rows.question_of[row]]
    assert sorted(row for of in rows.rows_of for row in of) == list(range(len(rows)))


def test_a_group_and_an_id_of_one_name_are_two_groups() -> None:
    """Customer "7" has nothing to do with example "7"."""
    examples = [Example("7", "a"), Example("8", "b", group="7")]
    assert Rows.of(examples, repeats=1).groups.tolist() == [0, 1]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["", "g", "h", "i"])), min_size=1, max_size=40),
    st.integers(1, 3),
)
def test_rows_of_one_question_or_group_are_one_piece_of_evidence(pairs: list[tuple[str, str]], repeats: int) -> None:
    """A question that is in the data many times is answered once: its rows agree because they are one answer."""
    examples = _examples([text for text, _ in pairs], [group for _, group in pairs])
    rows = Rows.of(examples, repeats=repeats)
    codes = rows.groups
    assert len(set(codes.tolist())) == _n_independent(examples)
    for attribute in ("input_hash", "group"):
        seen: dict[str, int] = {}
        for example, code in zip(rows.examples, codes.tolist(), strict=True):
            name = getattr(example, attribute)
            assert not name or seen.setdefault(name, code) == code


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["", "g", "h", "i"])), min_size=3, max_size=40),
    st.integers(0, 5),
)
def test_no_group_and_no_input_is_in_two_folds(pairs: list[tuple[str, str]], seed: int) -> None:
    """A model that has seen the duplicate has seen the example."""
    examples = _examples([text for text, _ in pairs], [group for _, group in pairs])
    try:
        fold = assign_folds(examples, "classification", folds=5, seed=seed)
    except TaskError:
        assert _n_independent(examples) < 2
        return
    assert set(fold.tolist()) <= set(range(5))
    for attribute in ("input_hash", "group"):
        seen: dict[str, int] = {}
        for example, number in zip(examples, fold.tolist(), strict=True):
            name = getattr(example, attribute)
            assert not name or seen.setdefault(name, number) == number


def _n_independent(examples: Sequence[Example]) -> int:
    """The slow definition: merge sets that share an input or a group until nothing changes."""
    merged: list[set[str]] = []
    for example in examples:
        mine = {f"input {example.input_hash}"} | ({f"group {example.group}"} if example.group else set())
        touching = [other for other in merged if other & mine]
        merged = [other for other in merged if not other & mine] + [mine.union(*touching)]
    return len(merged)


def test_folds_are_stratified() -> None:
    """A rare class must be in every lesson."""
    examples = [Example(str(n), str(n), "rare" if n % 10 == 0 else "common") for n in range(100)]
    fold = assign_folds(examples, "classification", folds=5, seed=0)
    rare = np.array([example.target == "rare" for example in examples])
    assert np.bincount(fold[rare]).tolist() == [2] * 5


def test_folds_follow_the_seed() -> None:
    """A run can be repeated, and a different one be asked for."""
    examples = _examples([str(n) for n in range(50)])
    one, same, other = (assign_folds(examples, "classification", folds=5, seed=s).tolist() for s in (1, 1, 2))
    assert one == same != other


def test_a_class_of_one_example_is_no_obstacle() -> None:
    """Real data has long tails; nobody is warned about them here."""
    examples = [Example(str(n), str(n), str(n) if n < 3 else "common") for n in range(30)]
    assert np.bincount(assign_folds(examples, "classification", folds=5, seed=0)).tolist() == [6] * 5


def test_a_generation_task_has_folds_too() -> None:
    """Every target is different there."""
    examples = [Example(str(n), str(n), f"text {n}") for n in range(10)]
    assert np.bincount(assign_folds(examples, "generation", folds=5, seed=0)).tolist() == [2] * 5


def test_one_independent_example_cannot_be_cross_validated() -> None:
    """The message says what there is and what is needed."""
    with pytest.raises(TaskError, match="1 independent example, and cross-validation needs at least 2"):
        assign_folds(_examples(["a", "a", "a"]), "classification", folds=5, seed=0)


def _failed(kind: str, n: int, health: Health) -> None:
    for _ in range(n):
        health.note(Answer(failure=Failure(kind, "x")))  # type: ignore[arg-type]


def test_19_failures_are_bad_luck_and_20_are_enough() -> None:
    """The bound is the documented one."""
    health = Health()
    _failed("raised", 19, health)
    assert health.given_up == ""
    _failed("raised", 1, health)
    assert str(health.given_up) == "the first 20 asks all failed, the last one with: x"


def test_one_answer_among_the_first_makes_a_candidate_askable() -> None:
    """Rate limits pass."""
    health = Health()
    health.note(Answer("yes"))
    _failed("rate_limited", 500, health)
    assert not health.given_up


def test_lost_connections_must_be_in_a_row() -> None:
    """Now and then is not for good."""
    health = Health()
    health.note(Answer("yes"))
    for _ in range(10):
        _failed("connection", 19, health)
        health.note(Answer("yes"))
    assert not health.given_up
    _failed("connection", 20, health)
    assert health.given_up.startswith("20 asks in a row failed")


@pytest.mark.parametrize("kind", ["server_error", "timeout"])
def test_a_provider_that_goes_down_is_found_out_in_20_asks_in_a_row(kind: str) -> None:
    """Each of them was tried for minutes by then. It is no fault of the candidate that had answered before."""
    health = Health()
    health.note(Answer("yes"))
    _failed(kind, 19, health)
    assert not health.given_up
    _failed(kind, 1, health)
    assert health.given_up.startswith("20 asks in a row failed")
    assert health.is_down


def test_the_provider_of_a_candidate_that_fails_by_itself_is_not_down() -> None:
    """Its failures count."""
    health = Health()
    _failed("raised", 20, health)
    assert health.given_up
    assert not health.is_down


def test_a_wrong_key_is_found_out_in_three_asks() -> None:
    """Asking on costs a provider's patience and finds out nothing."""
    health = Health()
    health.note(Answer("yes"))
    _failed("unauthorised", 2, health)
    assert not health.given_up
    _failed("unauthorised", 1, health)
    assert health.given_up.startswith("3 asks in a row were refused")


@pytest.mark.parametrize(("timed", "n"), [(False, 4), (True, 5)])
def test_a_candidate_that_only_hangs_is_given_up(timed: bool, n: int) -> None:
    """Each ask of a remote model was tried several times by then; a local hang leaves a thread behind."""
    health = Health(timed=timed)
    _failed("timeout", n - 1, health)
    assert not health.given_up
    _failed("timeout", 1, health)
    assert health.given_up.startswith(f"the first {n} asks all hung")


async def test_the_first_problem_is_raised_and_the_others_are_cancelled() -> None:
    """The reader acts on one problem."""
    cancelled = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await all_or_first_problem([waits(), fails(), waits()])
    assert cancelled == [1, 1]


async def test_nothing_to_do_is_done() -> None:
    """An empty list of work is no error."""
    await all_or_first_problem([])

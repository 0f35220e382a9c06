"""What is asked of what is stored: nothing, what failed, or everything anew. Nothing is paid twice unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from merits.core.answer import Answer
from merits.core.doors import Store
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.core.racing import Budget, Racing
from merits.core.task import ScorerSpec
from merits.deciding.racing import schedule
from merits.evaluating import Asking, evaluate, plan
from merits.store import open_store
from merits.testing.models import Replying
from tests.evaluating.making import Watcher, named, parity, run, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def ask(ask: Asking, of, candidates, store, **more):  # type: ignore[no-untyped-def]
    return asyncio.run(evaluate(of, candidates, store=store, ask=ask, **more))


class Moody(Replying):
    """Answers as it feels at the moment."""

    def __init__(self, mood: Callable[[JSON], Answer] = parity, *, fingerprint: str = "moody") -> None:
        self.mood = mood
        super().__init__(self._moody, fingerprint=fingerprint)

    def _moody(self, input: JSON) -> Answer:
        return self.mood(input)


def down_on_threes(input: JSON) -> Answer:
    if str(input).endswith("3"):
        raise ConnectionError("lost")
    return parity(input)


def refusing_threes(input: JSON) -> Answer:
    return Answer("I would rather not.", refused=True) if str(input).endswith("3") else parity(input)


def test_offline_decides_on_what_is_stored_and_asks_nothing(store: Store) -> None:
    """Failures are outcomes too: they are stored and nothing is missing."""
    model = Moody(down_on_threes)
    candidates = named(moody=model)
    first = run(task(40), candidates, store)
    n_asked = len(model.asked)
    again = ask("nothing", task(40), candidates, store)
    assert len(model.asked) == n_asked
    assert again.status.tolist() == first.status.tolist()
    assert (again.status == Status.FAILED).any()


def test_offline_fails_at_once_and_names_what_is_missing(store: Store) -> None:
    known, new = Moody(), Moody(fingerprint="new")
    candidates = named(known=known, new=new)
    run(task(20), candidates[:1], store)
    known.asked.clear()
    with pytest.raises(UsageError, match=r"60 answers are not in the store: 20 of known, 40 of new") as problem:
        ask("nothing", task(40), candidates, store)
    assert "without --offline" in problem.value.next_step
    assert known.asked == new.asked == []


def test_offline_replays_a_race_and_asks_nothing(store: Store) -> None:
    """Who was dropped was not asked everything; that is not missing."""
    candidates = named(right=Moody(), wrong=Moody(lambda input: Answer("neither"), fingerprint="wrong"))
    racing = schedule(Racing(at_once=4), task(200).needs, seed=0)
    first = ask("missing", task(200), candidates, store, schedule=racing)
    assert (first.status == Status.MISSING).any()
    again = ask("nothing", task(200), candidates, store, schedule=racing)
    assert again.status.tolist() == first.status.tolist()
    with pytest.raises(UsageError, match="are not in the store"):
        ask("nothing", task(200), candidates, store)


def test_what_failed_is_asked_again_and_nothing_new(store: Store) -> None:
    model = Moody(down_on_threes)
    candidates = named(moody=model)
    run(task(20), candidates, store)
    model.mood = parity
    model.asked.clear()
    part = plan(task(40), candidates, store=store, ask="failed").parts[0]
    assert (part.n_to_ask, part.n_failed_before, part.n_stored, part.n_left_out) == (2, 2, 18, 20)
    evaluation = ask("failed", task(40), candidates, store)
    assert sorted(map(str, model.asked)) == ["test 13", "test 3"]
    assert evaluation.status[0].tolist() == [Status.SCORED] * 20 + [Status.MISSING] * 20


def test_a_refusal_counts_as_not_solved_and_is_asked_again_on_demand_only(store: Store) -> None:
    """It is an answer: a resumed run does not pay for it twice."""
    model = Moody(refusing_threes)
    candidates = named(moody=model)
    first = run(task(20), candidates, store)
    assert first.status[0, 3] == Status.SCORED
    assert not first.solved[0, 3]
    model.mood = parity
    run(task(20), candidates, store)
    assert len(model.asked) == 20
    assert ask("failed", task(20), candidates, store).solved.all()
    assert len(model.asked) == 22


def test_a_refresh_asks_everything_again_and_the_new_answers_count(store: Store) -> None:
    model = Moody(lambda input: Answer("odd"))
    candidates = named(moody=model)
    assert run(task(20), candidates, store).solved.sum() == 10
    model.mood = parity
    assert plan(task(20), candidates, store=store, ask="everything").n_to_ask == 20
    assert ask("everything", task(20), candidates, store).solved.all()
    assert len(model.asked) == 40
    run(task(20), candidates, store)
    assert len(model.asked) == 40
    version = plan(task(20), candidates, store=store).parts[0].version
    assert len(list(store.paid(version))) == 40
    assert ask("everything", task(20), candidates, store).solved.all()
    assert len(model.asked) == 60


def test_what_a_refresh_could_not_ask_is_failed_and_never_the_old_answer(store: Store) -> None:
    model = Moody()
    candidates = named(moody=model)
    run(task(20), candidates, store)
    model.mood = down_on_threes
    evaluation = ask("everything", task(20), candidates, store)
    assert evaluation.status[0, 3] == Status.FAILED


class Killed(BaseException):
    """As if the process were gone."""


def test_a_refresh_that_was_killed_goes_on_with_either_command(store: Store) -> None:
    """Old and new are not mixed, and what it has paid for is not paid twice."""

    class Dying(Moody):
        async def _reply(self, input: JSON) -> Answer:
            if len(self.asked) == 29:
                raise Killed
            return await super()._reply(input)

    model = Dying()
    candidates = named(moody=model)
    of = task(20, concurrency=1)
    run(of, candidates, store)
    with pytest.raises(Killed):
        ask("everything", of, candidates, store)
    assert plan(of, candidates, store=store).n_to_ask == 12
    assert plan(of, candidates, store=store, ask="everything").n_to_ask == 12
    n_asked, watcher = len(model.asked), Watcher()
    ask("everything", of, candidates, store, progress=watcher)
    assert len(model.asked) - n_asked == 12
    assert any("goes on" in note for note in watcher.notes)


def test_a_refresh_of_one_task_leaves_another_alone(store: Store) -> None:
    """A candidate's answers are shared by all tasks; only the questions that were refreshed are asked anew."""
    model = Moody()
    candidates = named(moody=model)
    run(task(20), candidates, store)
    dev = asyncio.run(evaluate(task(20, folds=2), candidates, store=store, split="dev"))
    assert dev.scored.all()
    n_asked = len(model.asked)
    ask("everything", task(20), candidates, store)
    asyncio.run(evaluate(task(20, folds=2), candidates, store=store, split="dev"))
    assert len(model.asked) == n_asked + 20


def test_a_refresh_asks_everything_again_when_the_scorer_was_changed_since_the_last_one(store: Store) -> None:
    """It ended, whatever task asks now: else the second one asks nothing and decides on what the first was answered."""
    model = Moody(lambda input: Answer("odd"))
    candidates = named(moody=model)
    run(task(20), candidates, store)
    ask("everything", task(20), candidates, store)
    model.mood = parity
    changed = task(20, scorers=[ScorerSpec("exact")])
    assert changed.id != task(20).id
    assert plan(changed, candidates, store=store).n_to_ask == 0
    assert plan(changed, candidates, store=store, ask="everything").n_to_ask == 20
    assert ask("everything", changed, candidates, store).solved.all()
    assert len(model.asked) == 60


def test_a_refresh_of_one_task_asks_what_a_refresh_of_another_asked_before(store: Store) -> None:
    """Two tasks that share questions of a store: each refresh asks all of its own."""
    model = Moody()
    candidates = named(moody=model)
    ask("everything", task(20), candidates, store)
    ask("everything", task(30), candidates, store)
    assert len(model.asked) == 50
    ask("everything", task(20), candidates, store)
    assert len(model.asked) == 70


def test_a_killed_refresh_goes_on_under_a_changed_scorer_and_asks_a_new_candidate_everything(store: Store) -> None:
    """What it has paid for is not paid twice, and who was not part of it is asked anew, not served from before."""

    class Dying(Moody):
        async def _reply(self, input: JSON) -> Answer:
            if len(self.asked) == 8:
                raise Killed
            return await super()._reply(input)

    model, new = Dying(), Moody(fingerprint="new")
    candidates = named(moody=model, new=new)
    of = task(20, concurrency=1)
    run(of, candidates[1:], store)
    with pytest.raises(Killed):
        ask("everything", of, candidates[:1], store)
    n_asked = len(model.asked)
    changed = task(20, concurrency=1, scorers=[ScorerSpec("exact")])
    ask("everything", changed, candidates, store)
    assert len(model.asked) - n_asked == 20 - 7
    assert len(new.asked) == 40


def test_a_refresh_whose_budget_ended_goes_on_with_the_next(store: Store) -> None:
    """What the first budgets bought is kept, and nothing of before is mixed with it."""
    model = Moody(lambda input: Answer("odd"))
    candidates = named(moody=model)
    run(task(80), candidates, store)
    model.mood = parity
    for expected in (30, 60, 80):
        evaluation = ask("everything", task(80), candidates, store, budget=Budget.of("30 calls"))
        assert len(model.asked) == 80 + expected
        assert int(evaluation.solved.sum()) == expected
    ask("everything", task(80), candidates, store, budget=Budget.of("100 calls"))
    assert len(model.asked) == 240


def test_a_refresh_whose_budget_ended_goes_on_with_a_plain_run_too(store: Store) -> None:
    model = Moody()
    candidates = named(moody=model)
    ask("everything", task(40), candidates, store, budget=Budget.of("30 calls"))
    run(task(40), candidates, store)
    assert len(model.asked) == 40
    ask("everything", task(40), candidates, store)
    assert len(model.asked) == 80


def test_nothing_stored_and_nothing_to_ask_again_says_what_to_do(store: Store) -> None:
    with pytest.raises(UsageError, match="no answer is stored") as problem:
        ask("failed", task(20), named(moody=Moody()), store)
    assert "merits run" in problem.value.next_step


def test_a_stored_error_is_never_served_as_an_answer(store: Store) -> None:
    model = Moody(down_on_threes)
    candidates = named(moody=model)
    run(task(20), candidates, store)
    version = plan(task(20), candidates, store=store).parts[0].version
    failed = [key for key, answer in store.answers(version).items() if answer.failure is not None]
    assert len(failed) == 2
    assert ask("nothing", task(20), candidates, store).failed.sum() == 2

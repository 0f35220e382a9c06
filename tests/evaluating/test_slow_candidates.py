"""One candidate that is slow or hangs never holds the others up: in a race, within a budget, and without either."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.core.racing import Budget, Racing, Schedule
from merits.core.task import Example, ScorerSpec, Task
from merits.deciding.cases import POLICIES
from merits.deciding.decide import decide
from merits.deciding.racing import replay, schedule
from merits.evaluating import evaluate
from merits.evaluating.asking import Taker
from merits.evaluating.tracks import Tracks
from merits.store import open_store
from merits.testing.models import Replying
from merits.testing.provider import FakeProvider, Fault
from tests.candidates.virtual_time import in_no_time
from tests.evaluating.making import named, parity, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


class Slow(Replying):
    """Takes `seconds` for an answer, and remembers when it gave each."""

    def __init__(self, reply: Callable[[JSON], Answer], seconds: float) -> None:
        super().__init__(reply, fingerprint=f"{reply.__name__} in {seconds}")
        self.seconds = seconds
        self.at: list[float] = []

    async def _reply(self, input: JSON) -> Answer:
        await asyncio.sleep(self.seconds)
        self.at.append(time.monotonic())
        return await super()._reply(input)


def always_even(input: JSON) -> Answer:
    return Answer("even")


def mostly(input: JSON) -> Answer:
    """Wrong every eleventh time."""
    return Answer("odd") if int(str(input).split()[-1]) % 11 == 0 else parity(input)


def go(of: Task, candidates: Sequence[Candidate], store: Store, *, racing: bool, budget: str = "") -> Evaluation:
    raced: Schedule | None = schedule(Racing(at_once=4), of.needs, seed=0) if racing else None
    limit = Budget.of(budget) if budget else None
    return asyncio.run(evaluate(of, candidates, store=store, schedule=raced, budget=limit))


def same_race(evaluation: Evaluation) -> None:
    """What a decision reads off the outcomes is what the race had seen."""
    assert evaluation.raced is not None
    again = replay(evaluation, evaluation.raced, Needs(), POLICIES[0])
    left = again.running | again.aside
    assert (again.ended or "exhausted") == evaluation.raced.stopped or left.any()


def test_a_slow_candidate_does_not_hold_a_race_up(store: Store) -> None:
    """The fast ones are done with each other while it answers its second round, and it is judged all the same."""
    fast, other, slow = Slow(mostly, 0.005), Slow(parity, 0.005), Slow(always_even, 2.2)
    evaluation = go(task(400, concurrency=8), named(fast=fast, other=other, slow=slow), store, racing=True)
    assert evaluation.raced is not None
    assert len(evaluation.raced.late) > 0
    assert fast.at[-1] < slow.at[11]
    assert len(slow.at) < 60
    decision = decide(evaluation, Needs())
    assert decision.candidate == "other"
    same_race(evaluation)
    stored = store.evaluation(task(400).id, "test")
    assert stored is not None
    assert stored.raced is not None
    assert stored.raced.late.tolist() == evaluation.raced.late.tolist()


def test_a_slow_candidate_that_is_the_best_wins_all_the_same(store: Store) -> None:
    """It is behind for a while, and catches up."""
    fast, other, slow = Slow(always_even, 0.005), Slow(lambda input: Answer("odd"), 0.005), Slow(parity, 2.2)
    evaluation = go(task(60, concurrency=32), named(fast=fast, other=other, slow=slow), store, racing=True)
    assert evaluation.raced is not None
    assert decide(evaluation, Needs()).candidate == "slow"
    same_race(evaluation)


@pytest.mark.parametrize("racing", [True, False], ids=["a race", "a tight budget"])
def test_a_provider_that_hangs_holds_nobody_up(store: Store, racing: bool) -> None:
    """The others get most of their answers before it can be given up; nobody passes the budget."""
    examples = [Example(str(i), f"word {i}", f"word {i}") for i in range(300)]
    of = task(examples=examples, scorers=[ScorerSpec("exact")], retries=0, timeout_s=9.0)
    of = Task(name="words", kind="generation", examples=of.examples, scorers=of.scorers, settings=of.settings)
    with FakeProvider() as good, FakeProvider(faults=[Fault("hang")]) as hanging:
        candidates = [
            Candidate(name=name, kind="chat", params={"model": name, "base_url": where.base_url})
            for name, where in (("one", good), ("two", good), ("hangs", hanging))
        ]
        at: list[float] = []

        class Noting:
            n: Counter[str] = Counter()

            def started(self, plan: object) -> None: ...
            def answered(self, candidate: str, n_answered: int, n_failed: int) -> None:
                at.extend([time.monotonic()] * (n_answered - self.n[candidate]))
                self.n[candidate] = n_answered

            def note(self, text: str) -> None: ...
            def finished(self) -> None: ...

        raced = schedule(Racing(at_once=4), of.needs, seed=0) if racing else None
        start = time.monotonic()
        budget = Budget.of("500 calls")
        evaluation = asyncio.run(
            evaluate(
                of,
                candidates,
                store=store,
                schedule=raced,
                budget=budget,
                progress=Noting(),
                env={"OPENAI_API_KEY": "k"},
            )
        )
        calls = good.ledger.n_requests + hanging.ledger.n_requests
    early = sum(moment - start < 8 for moment in at)
    assert early > 0.6 * (evaluation.status[:2] == Status.SCORED).sum()
    assert calls <= 500 + 8
    assert (evaluation.status[:2] == Status.SCORED).all(axis=0).sum() > 100
    assert not (evaluation.status[2] == Status.SCORED).any()


def test_within_a_budget_a_slow_candidate_is_asked_the_same_examples_and_holds_nobody_up(store: Store) -> None:
    """What it was not asked yet is set aside for it, so that the others cannot spend it."""
    fast, slow = Slow(parity, 0.002), Slow(always_even, 0.25)
    candidates = named(fast=fast, slow=slow)
    evaluation = go(task(400, concurrency=2), candidates, store, racing=False, budget="160 calls")
    asked = evaluation.status != Status.MISSING
    assert asked.sum(axis=1).tolist() == [80, 80]
    assert (asked[0] == asked[1]).all()
    assert fast.at[40] < slow.at[20]
    assert evaluation.budget is not None
    assert evaluation.budget.spent == 160


class Kept:
    """A taker that has room for everything."""

    def put(self, candidate: int, question: int, answer: Answer) -> bool:
        return True

    async def room(self) -> None: ...


def tracks_of(seconds: Sequence[float], *, lockstep: bool = False) -> Tracks:
    async def ask(k: int, questions: Sequence[int], taker: Taker) -> None:
        for question in questions:
            await asyncio.sleep(seconds[k])
            taker.put(k, question, Answer("yes"))

    return Tracks(len(seconds), ask, Kept(), lockstep=lockstep)


def when(work: Callable[[Tracks], Awaitable[None]], tracks: Tracks) -> float:
    async def timed() -> float:
        await work(tracks)
        seconds = asyncio.get_running_loop().time()
        await tracks.close()
        return seconds

    return in_no_time(timed())


@pytest.mark.parametrize(
    ("seconds", "lockstep", "expected"),
    [
        ([0.1, 0.1, 60.0], False, 2.0),
        ([1.0, 1.0, 60.0], False, 4.0),
        ([1.0, 3.0, 3.5], False, 3.5),
        ([0.1, 60.0], False, 2.0),
        ([60.0], False, 60.0),
        ([0.1, 60.0], True, 60.0),
        ([0.1, 60.0, 61.0, 62.0], False, 62.0),
    ],
    ids=["late", "far later than others", "a little later", "one of two", "alone", "lockstep", "most are slow"],
)
def test_who_takes_far_longer_than_most_is_late(seconds: list[float], lockstep: bool, expected: float) -> None:
    async def work(tracks: Tracks) -> None:
        for k in range(len(seconds)):
            tracks.give(k, [0])
        await tracks.together(range(len(seconds)))

    assert when(work, tracks_of(seconds, lockstep=lockstep)) == pytest.approx(expected)


def test_what_was_given_and_not_answered_is_open() -> None:
    tracks = tracks_of([1.0, 10.0])

    async def work(tracks: Tracks) -> None:
        tracks.give(0, [1, 2])
        tracks.give(1, [1, 2])
        tracks.give(1, [3])
        await tracks.together([0, 1])
        assert tracks.open == [set(), {1, 2, 3}]
        await tracks.one_of([0, 1])
        assert tracks.open == [set(), set()]

    assert when(work, tracks) == pytest.approx(30.0)


def test_what_asking_raises_is_raised_by_who_waits() -> None:
    async def ask(k: int, questions: Sequence[int], taker: Taker) -> None:
        await asyncio.sleep(1)
        raise ValueError("a slip")

    async def work(tracks: Tracks) -> None:
        tracks.give(0, [1])
        with pytest.raises(ValueError, match="a slip"):
            await tracks.all()

    assert when(work, Tracks(1, ask, Kept())) == pytest.approx(1.0)

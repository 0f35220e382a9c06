"""The search for better candidates: what it sees, what it survives, and what it says in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from merits.candidates.objects import as_candidate
from merits.core import plugins
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import Brief, Trials
from merits.core.errors import TaskError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.improvement import TechniqueRecord
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.core.racing import Budget
from merits.core.task import Example, Task
from merits.evaluating import Progress
from merits.evaluating.progress import Silent
from merits.improved import improve, plan_improvement
from merits.improving import registry
from merits.searching import Plan, SearchBudget, Unwatched
from merits.searching import search as searching
from merits.searching.ranking import Ranked
from merits.searching.trying import OutOfTime, Trying
from merits.store import open_store
from merits.testing.models import Fake
from tests.evaluating.making import task

Asking = Generator[Trials, Evaluation, Sequence[Candidate]]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What a made-up technique takes."""

    n: int = 3


def technique(search: Callable[[Brief], Asking], *, effort: str = "trains", why_not: str = "") -> object:
    """A technique as a plug-in would bring it."""
    return SimpleNamespace(
        Params=Params, EFFORT=effort, TITLE="made up", make=lambda params: search, why_not=lambda brief, params: why_not
    )


@pytest.fixture
def techniques(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """The techniques that there are: those that a test puts in."""
    there: dict[str, object] = {}

    def found(name: str) -> object:
        if name not in there:
            raise UsageError(f"there is no technique {name!r}.")
        return there[name]

    monkeypatch.setattr("merits.searching.steering.technique_names", lambda: tuple(there))
    monkeypatch.setattr("merits.searching.steering.technique", found)
    monkeypatch.setattr(registry, "technique", found)
    yield there
    assert plugins is not None


class Solving(Fake):
    """Right in a share of the cases that its text decides, and remembers what it was asked."""

    def __init__(self, name: str, share: float) -> None:
        super().__init__(fingerprint=f"{name} {share}")
        self.seen: list[str] = []
        self._share = share

    async def _reply(self, input: JSON) -> Answer:
        text = str(input)
        self.seen.append(text)
        number = int(text.rsplit(maxsplit=1)[-1])
        right = "even" if number % 2 == 0 else "odd"
        wrong = "odd" if right == "even" else "even"
        return Answer(right if (number * 37) % 100 < 100 * self._share else wrong, confidence=0.8)


def solving(name: str, share: float, cost: float = 0.01) -> tuple[Solving, Candidate]:
    """A candidate that solves a share of the cases at a price."""
    model = Solving(name, share)
    made = as_candidate(model, name=name)
    return model, Candidate(name=name, kind=made.kind, params=made.params, price=Price(per_call=cost))


def of(n: int, *candidates: Candidate) -> Task:
    return msgspec.structs.replace(task(n), candidates=candidates)


def proposing(*candidates: Candidate) -> Callable[[Brief], Asking]:
    """Asks for these, one a round, and keeps the best."""

    def search(brief: Brief) -> Asking:
        values = []
        for candidate in candidates:
            evaluation = yield Trials([candidate])
            values.append(evaluation.solved[0].mean())
        return [candidates[int(np.argmax(values))]]

    return search


class Told(Unwatched):
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.records: list[TechniqueRecord] = []
        self.plan: Plan | None = None

    def planned(self, plan: Plan) -> None:
        self.plan = plan

    def tried(self, found: Sequence[Ranked], best: Ranked) -> None:
        self.rounds.append([one.candidate.name for one in found])

    def ended(self, record: TechniqueRecord) -> None:
        self.records.append(record)


def test_the_best_found_goes_to_test_and_what_is_left_of_its_gain_is_said(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.6)
    _, worse = solving("worse", 0.5)
    _, better = solving("better", 0.9)
    techniques["made-up"] = technique(proposing(worse, better))
    done = improve(of(200, base), store=":memory:")
    assert [candidate.name for candidate in done.finalists] == ["better"]
    (gain,) = done.improvement.gains
    assert (gain.given, gain.found, gain.holds) == ("base", "better", "better")
    assert gain.on_test.value == pytest.approx(0.3)
    assert done.run.decision.candidate == "better"
    assert "certainly better than base: +30.0 points" in done.improvement.text


def test_a_cheaper_one_at_no_loss_is_found(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.8, cost=1.0)
    _, cheap = solving("cheap", 0.8, cost=0.1)
    techniques["made-up"] = technique(proposing(cheap))
    done = improve(of(300, base), store=":memory:")
    (gain,) = done.improvement.gains
    assert (gain.goal, gain.holds) == ("cheaper", "cheaper at no loss")
    assert gain.pays_back_after is not None
    assert gain.pays_back_after.low >= 1.0
    assert "90% less" in gain.text


def test_what_is_proposed_and_runs_here_costs_what_the_machine_costs_and_stays_here(
    techniques: dict[str, object],
) -> None:
    """As if the task had named it: else nothing could be said of what a candidate costs, or where it runs."""
    _, base = solving("base", 0.6)
    made = Candidate(name="found", kind="text-linear", params={"strength": 100.0})
    tried: list[Candidate] = []

    def search(brief: Brief) -> Asking:
        evaluation = yield Trials([made])
        tried.extend(evaluation.candidates)
        return [made]

    techniques["made-up"] = technique(search)
    needs = Needs(requirements=(Requirement("on-premises", "in", values=("true",)),))
    improve(msgspec.structs.replace(of(60, base), machine_per_hour=0.25, needs=needs), store=":memory:")
    (one,) = tried
    assert one.price is not None
    assert (one.price.machine_per_hour, one.metadata) == (0.25, {"on-premises": True})


def test_a_search_that_found_nothing_says_so_and_asks_no_test_example(techniques: dict[str, object]) -> None:
    model, base = solving("base", 0.8)
    _, worse = solving("worse", 0.5)
    techniques["made-up"] = technique(proposing(worse))
    done = improve(of(100, base), store=":memory:")
    assert done.finalists == ()
    assert "None looks better than base" in done.improvement.text
    assert not [text for text in model.seen if text.startswith("test")]


def test_what_looked_better_by_chance_is_not_shown_on_test(techniques: dict[str, object]) -> None:
    """Among many that are all alike the best on dev looks good; its gain on test is about nothing."""

    class Lucky(Fake):
        def __init__(self, seed: int) -> None:
            super().__init__(fingerprint=f"lucky {seed}")
            self._seed = seed

        async def _reply(self, input: JSON) -> Answer:
            number = int(str(input).split()[-1]) + (1000 if str(input).startswith("test") else 0)
            right = np.random.default_rng([self._seed, number]).random() < 0.7
            even = number % 2 == 0
            return Answer("even" if even == right else "odd")

    lucky = [as_candidate(Lucky(seed), name=f"lucky {seed}") for seed in range(40)]
    techniques["made-up"] = technique(proposing(*lucky[1:]))
    done = improve(of(60, lucky[0]), store=":memory:")
    gain = done.improvement.gains[0]
    assert gain.on_dev.value is not None
    assert gain.on_test.value is not None
    assert gain.on_dev.value > 0.08
    assert gain.on_test.value < gain.on_dev.value
    assert done.improvement.n_searched == 39


def test_no_improver_can_reach_a_test_example(techniques: dict[str, object], tmp_path: Path) -> None:
    """A canary stands in the test split: nothing that an improver is given, or has asked, holds it."""
    canary = "the canary sings 7"
    made = of(40, solving("base", 0.6)[1])
    examples = tuple(msgspec.structs.replace(e, input=canary) if e.id == "test3" else e for e in made.examples)
    made = msgspec.structs.replace(made, examples=examples)
    model, trial = solving("trial", 0.5)
    seen: list[Brief] = []
    told: list[str] = []

    def search(brief: Brief) -> Asking:
        seen.append(brief)
        told.append(repr((brief.task, brief.evaluation.examples.tolist(), brief.said("base"))))
        evaluation = yield Trials([trial])
        assert evaluation.split == "dev"
        assert evaluation.n_rows == 40
        return []

    techniques["made-up"] = technique(search)
    improve(made, store=tmp_path / "s.sqlite")
    (brief,) = seen
    assert {example.split for example in brief.task.examples} == {"dev"}
    assert brief.evaluation.split == "dev"
    assert "canary" not in "".join([*told, *model.seen])
    assert not [text for text in model.seen if text.startswith("test")]
    hidden = {e.input_hash for e in made.split("test")}
    assert hidden.isdisjoint(brief.evaluation.input_hashes.tolist())


@pytest.mark.parametrize("way", ["extra", "unlabelled"])
def test_no_file_brings_a_test_example_into_a_trial(way: str, tmp_path: Path) -> None:
    """The techniques that are there: a file of further examples may hold those of the test, by mistake or not."""
    examples = [
        Example(f"{split}{n}", f"{'good' if n % 2 else 'bad'} {split} {n}", "ab"[n % 2], split=split)
        for split in ("dev", "test")
        for n in range(60)
    ]
    rows = [f"{one.input},{one.target}" for one in examples if one.split == "test"]
    (tmp_path / "more.csv").write_text("\n".join(["input,label", *rows, "a canary of its own,a"]), "utf-8")
    words = Candidate(name="words", kind="text-linear")
    asked: list[str] = []

    class Teacher(Fake):
        async def _reply(self, input: JSON) -> Answer:
            asked.append(str(input))
            return Answer("b" if "good" in str(input) else "a", confidence=0.9)

    teacher = as_candidate(Teacher(fingerprint="teacher"), name="teacher")
    of_file = msgspec.structs.replace(
        task(0, examples=examples), candidates=(words, teacher), folder=str(tmp_path), classes=("a", "b")
    )
    notes: list[str] = []

    class Noted(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    class Noting(Unwatched):
        def progress(self) -> Progress:
            return Noted()

    name = "augmentation" if way == "extra" else "distillation"
    given: dict[str, JSON] = (
        {"extra": "more.csv"} if way == "extra" else {"unlabelled": "more.csv", "teacher": "teacher"}
    )
    with closing(open_store(":memory:")) as store:
        searching(
            of_file,
            store=store,
            budget=SearchBudget(),
            only=[name],
            params={name: given},
            watching=Noting(),
        )
    assert asked
    assert not [text for text in asked if "test" in text]
    said = "learns from 48 examples, and of further ones 1 by more.csv" if way == "extra" else "60 inputs of more.csv"
    assert [text for text in notes if said in text], notes


def test_a_technique_that_crashes_is_no_failed_search(techniques: dict[str, object]) -> None:
    """It may be a plug-in's."""
    _, base = solving("base", 0.6)
    _, better = solving("better", 0.9)

    def crashing(brief: Brief) -> Asking:
        yield Trials([better])
        raise KeyError("nothing like it")

    techniques |= {"broken": technique(crashing), "whole": technique(proposing(better))}
    watching = Told()
    done = improve(of(60, base), store=":memory:", watching=watching)
    assert {record.name: record.ended for record in watching.records} == {"broken": "failed", "whole": "done"}
    assert "it crashed: KeyError" in watching.records[0].skipped
    assert [one.name for one in done.finalists] == ["better"]


def test_what_is_cheaper_at_no_loss_is_found_though_nobody_kept_it(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.8, cost=0.02)
    same = Solving("same", 0.8)
    made = as_candidate(same, name="same")
    cheap = Candidate(name="same", kind=made.kind, params=made.params, price=Price(per_call=0.001))

    def forgetful(brief: Brief) -> Asking:
        yield Trials([cheap])
        return []

    techniques["forgetful"] = technique(forgetful)
    done = improve(of(1_000, base), store=":memory:")
    assert [(gain.goal, gain.found, gain.holds) for gain in done.improvement.gains] == [
        ("cheaper", "same", "cheaper at no loss")
    ]


def test_a_trial_that_crashes_is_a_failed_trial_and_no_failed_search(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.6)
    _, better = solving("better", 0.9)

    def explode(text: str) -> str:
        raise RuntimeError("boom")

    crashing = as_candidate(explode, name="crashing")
    wrong = Candidate(name="wrong", kind="text-linear", params={"nonsense": 1})
    statuses: list[object] = []

    def search(brief: Brief) -> Asking:
        evaluation = yield Trials([wrong, better, crashing])
        statuses.extend(evaluation.status.max(axis=1).tolist())
        assert "nonsense" in evaluation.facts["given up on wrong"]
        evaluation = yield Trials([crashing])
        return [better]

    techniques["made-up"] = technique(search)
    done = improve(of(60, base), store=":memory:")
    assert statuses == [Status.MISSING, Status.SCORED, Status.MISSING]
    assert [trial.candidate.name for trial in done.improvement.trials if trial.failed] == [
        "wrong",
        "crashing",
        "crashing",
    ]
    assert [candidate.name for candidate in done.finalists] == ["better"]


def test_a_search_that_was_stopped_goes_on_and_asks_nothing_twice(
    techniques: dict[str, object], tmp_path: Path
) -> None:
    """The same command again: what is stored is replayed."""
    _, base = solving("base", 0.6)
    made = [solving(f"trial {n}", 0.5 + n / 10) for n in range(4)]

    def search(brief: Brief) -> Asking:
        for n, (_, candidate) in enumerate(made):
            yield Trials([candidate])
            if n == 1 and not stopped:
                stopped.append(n)
                raise KeyboardInterrupt
        return [candidate for _, candidate in made]

    stopped: list[int] = []
    techniques["made-up"] = technique(search)
    first = improve(of(60, base), store=tmp_path / "s.sqlite")
    assert first.improvement.stopped == "interrupted"
    asked = [len(model.seen) for model, _ in made]
    assert asked[2:] == [0, 0]
    again = improve(of(60, base), store=tmp_path / "s.sqlite")
    assert again.improvement.stopped == "done"
    on_dev = [len([text for text in model.seen if text.startswith("dev")]) for model, _ in made]
    assert on_dev == [60, 60, 60, 60]
    assert "trial 3" in [candidate.name for candidate in again.finalists]


def test_time_ends_a_search_after_the_trial_that_is_running(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.6)
    now = [0.0]
    made = [solving(f"trial {n}", 0.5 + n / 100)[1] for n in range(9)]

    def search(brief: Brief) -> Asking:
        for candidate in made:
            now[0] += 10.0
            yield Trials([candidate])
        return []

    techniques["made-up"] = technique(search)
    with closing(open_store(":memory:")) as store:
        found = searching(
            of(40, base),
            store=store,
            budget=SearchBudget.of("35 s"),
            watching=Unwatched(),
            clock=lambda: now[0],
        )
    assert len(found.trials) == 4
    assert found.records[0].ended == "time"


def test_time_ends_a_round_of_many_trials_after_a_few_and_these_count(
    techniques: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The technique is told what there is, and says itself what it keeps; the others are no failed trials."""
    _, base = solving("base", 0.6)
    now, told = [0.0], list[Evaluation]()

    class Slow(Solving):
        async def _reply(self, input: JSON) -> Answer:
            now[0] += 0.1
            return await super()._reply(input)

    def slow(n: int) -> Candidate:
        made = as_candidate(Slow(f"trial {n}", 0.7 + n / 100), name=f"trial {n}")
        return Candidate(name=made.name, kind=made.kind, params=made.params, price=Price(per_call=0.01))

    made = [slow(n) for n in range(12)]

    def search(brief: Brief) -> Asking:
        told.append((yield Trials(made)))
        return [made[1]]

    techniques["made-up"] = technique(search)
    monkeypatch.setattr("merits.searching.steering._AT_ONCE", 2)
    with closing(open_store(":memory:")) as store:
        found = searching(
            of(40, base),
            store=store,
            budget=SearchBudget.of("10 s"),
            watching=Unwatched(),
            clock=lambda: now[0],
        )
    assert [one.candidate.name for one in found.trials] == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert told[0].names == tuple(one.name for one in made)
    assert told[0].scored.any(axis=1).tolist() == [True] * 4 + [False] * 8
    assert (found.records[0].ended, found.records[0].kept, found.records[0].n_failed) == ("time", ("trial 1",), 0)


def test_what_a_trial_spent_counts_though_its_time_ended(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.6)

    class Slow(Solving):
        async def _reply(self, input: JSON) -> Answer:
            await asyncio.sleep(0.1)
            return await super()._reply(input)

    model = Slow("slow", 0.9)
    made = as_candidate(model, name="slow")
    slow = Candidate(name="slow", kind=made.kind, params=made.params, price=Price(per_call=0.01))
    with closing(open_store(":memory:")) as store:
        trying = Trying(of(200, base), store, Budget(5.0, "USD"), seconds=lambda: 1.0)
        trying.given([base])
        before = trying.spent
        with pytest.raises(OutOfTime):
            trying.trials(Trials([slow]))
    assert 0 < len(model.seen) < 200
    in_flight = 8  # attempts that were cancelled may be on the bill
    assert 0.0 <= (trying.spent - before) / 0.01 - len(model.seen) <= in_flight + 1e-6


def test_money_ends_a_search_and_is_not_exceeded(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.6, cost=0.01)
    made = [solving(f"trial {n}", 0.5, cost=0.01)[1] for n in range(9)]
    techniques["made-up"] = technique(proposing(*made))
    watching = Told()
    done = improve(of(40, base), budget="1.5 USD", store=":memory:", watching=watching)
    assert done.improvement.spent is not None
    assert done.improvement.spent <= 1.5 + 8 * 0.01
    assert watching.records[0].ended == "money"


def test_something_of_the_money_is_left_for_the_test(techniques: dict[str, object]) -> None:
    """A search that spent everything could show nothing of what it found."""
    _, base = solving("base", 0.6, cost=0.01)
    made = [solving(f"trial {n}", 0.7 + n / 50, cost=0.01)[1] for n in range(9)]
    techniques["made-up"] = technique(proposing(*made))
    done = improve(of(40, base), budget="3 USD", store=":memory:")
    assert done.improvement.techniques[0].ended == "money"
    assert len(done.improvement.gains) == 1
    assert done.run.evaluation.scored.all()
    assert done.run.evaluation.budget is not None
    assert not done.run.evaluation.budget.ended


def test_the_plan_is_told_before_anything_is_tried(techniques: dict[str, object]) -> None:
    model, base = solving("base", 0.6)
    trial, candidate = solving("trial", 0.5)
    techniques["dear"] = technique(proposing(candidate), effort="asks")
    techniques["cheap"] = technique(proposing(candidate), effort="replays")
    techniques["unfit"] = technique(proposing(candidate), why_not="There is nothing to do it with.")
    made = plan_improvement(of(40, base), store=":memory:")
    assert [one.name for one in made.chosen] == ["cheap", "dear"]
    assert [one.why_not for one in made.techniques if one.why_not] == ["There is nothing to do it with."]
    assert not trial.seen
    assert len(model.seen) == 40


def test_what_there_is_no_time_for_is_left_out_and_says_so(techniques: dict[str, object]) -> None:
    """Unless it was named. A technique may know better than the driver what its trials take."""
    _, base = solving("base", 0.6)
    _, candidate = solving("trial", 0.5)
    long = technique(proposing(candidate), effort="trains long")
    long.seconds = lambda params, brief: 3600.0 * params.n  # type: ignore[attr-defined]
    techniques |= {"short": technique(proposing(candidate)), "long": long}
    of_both = plan_improvement(of(40, base), budget="30 min", store=":memory:")
    assert [one.name for one in of_both.chosen] == ["short"]
    why = next(one.why_not for one in of_both.techniques if one.name == "long")
    assert why.startswith("There is no time for it: it takes 3.0 h to find anything.")
    named = plan_improvement(of(40, base), budget="30 min", techniques=["long"], store=":memory:")
    assert [one.name for one in named.chosen] == ["long"]


def test_what_is_wrong_with_a_technique_is_said_before_it_begins(techniques: dict[str, object]) -> None:
    _, base = solving("base", 0.6)
    techniques["made-up"] = technique(proposing(), why_not="It needs two.")
    with pytest.raises(UsageError, match="It needs two"):
        improve(of(40, base), techniques=["made-up"], store=":memory:")
    with pytest.raises(UsageError, match="There are: n"):
        improve(of(40, base), params={"made-up": {"m": 3}}, store=":memory:")
    none = msgspec.structs.replace(of(40, base), examples=of(40, base).split("test"))
    with pytest.raises(TaskError, match="no dev examples"):
        improve(none, store=":memory:")


def test_who_is_worse_and_no_cheaper_is_not_asked_all_of_dev(techniques: dict[str, object]) -> None:
    """It would be paid for nothing: nothing that is made of it can be of use."""
    _, base = solving("base", 0.9, cost=0.01)
    hopeless, bad = solving("hopeless", 0.1, cost=1.0)
    useful, weak = solving("weak", 0.1, cost=0.001)
    techniques["made-up"] = technique(proposing(solving("trial", 0.5)[1]))
    watching = Told()
    improve(of(400, base, bad, weak), store=":memory:", watching=watching)
    assert len(hopeless.seen) < 200
    assert len(useful.seen) == 400
    assert watching.plan is not None
    assert [one.candidate.name for one in watching.plan.given] == ["base", "weak"]


@pytest.mark.parametrize("text", ["soon", "5 USD, 6 USD", "3 min, 4 h", ""])
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        SearchBudget.of(text)


def test_a_trial_that_was_asked_in_rounds_is_one_trial_and_kept_once(techniques: dict[str, object]) -> None:
    """Where the time ends before a technique said what it keeps, its best are kept, each once."""
    (_, base), (_, better), (_, other) = solving("base", 0.6), solving("better", 0.9), solving("other", 0.7)

    def search(brief: Brief) -> Asking:
        yield Trials([better], rows=np.arange(40))
        yield Trials([better, other])
        yield Trials([better])
        while True:
            clock.now += 1_000.0
            yield Trials([better])

    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    techniques["made-up"] = technique(search)
    with closing(open_store(":memory:")) as store:
        found = searching(of(80, base), store=store, budget=SearchBudget.of("5 min"), watching=Unwatched(), clock=clock)
    (record,) = found.records
    assert (record.ended, record.n_trials, record.kept) == ("time", 2, ("better", "other"))


def test_where_no_given_candidate_meets_the_bars_one_that_does_is_looked_for(techniques: dict[str, object]) -> None:
    """That is when a search is wanted most."""
    from merits.core.needs import Needs, Requirement

    _, base = solving("base", 0.6)
    _, better = solving("better", 0.95)
    techniques["made-up"] = technique(proposing(better))
    needs = Needs(requirements=(Requirement("accuracy", ">=", 0.85, text="accuracy >= 0.85"),))
    done = improve(msgspec.structs.replace(of(200, base), needs=needs), store=":memory:")
    assert done.run.decision.candidate == "better"

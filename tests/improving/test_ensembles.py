"""Voting, stacking, bagging and boosting as techniques: what they propose, what they keep, and why they cannot."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Generator, Mapping, Sequence

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load_any
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Composite, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.steps import replay
from merits.core.task import Example, ScorerSpec, Task
from merits.improving.combining.greedy import accuracy_with, chosen_counts, closeness_with
from merits.improving.registry import improver_of, technique
from merits.scorers.registry import load as scorer_of
from merits.testing.contracts.improver import ImproverContract, brief_of

TECHNIQUES = ("voting", "stacking", "bagging", "boosting")


class _Contract(ImproverContract):
    NAME = ""

    def make_improver(self) -> Improver:
        return improver_of(self.NAME)

    def brief(self) -> Brief:
        """Candidates that learn, so that all techniques have something to do."""
        brief = super().brief()
        return dataclasses.replace(brief, trained=frozenset(seed.name for seed in brief.seeds))


class TestVoting(_Contract):
    """The contract."""

    NAME = "voting"


class TestStacking(_Contract):
    """The contract."""

    NAME = "stacking"


class TestBagging(_Contract):
    """The contract."""

    NAME = "bagging"


class TestBoosting(_Contract):
    """The contract."""

    NAME = "boosting"


Said = Mapping[str, Sequence[Answer | None]]
NOTHING = Answer(failure=Failure("timeout", "late"))


def known(task: Task, said: Said, costs: Mapping[str, float] | None = None) -> Brief:
    """A brief of candidates that said this, scored by the task's own scorer."""
    seeds = [Candidate(name=name, kind="constant", params={"output": name}) for name in said]
    score = scorer_of(task.scorers[0], classes=task.classes)
    return Brief(task, told(task, seeds, said, score, costs), lambda name: said[name])


def told(
    task: Task, candidates: Sequence[Candidate], said: Said, score: Callable[..., object], costs: object = None
) -> Evaluation:
    examples = task.split("dev")
    base = brief_of(candidates, task).evaluation
    status, value = np.zeros(base.status.shape, np.int8), np.zeros(base.value.shape)
    solved, cost = np.zeros(base.solved.shape, np.bool_), np.zeros(base.cost.shape)
    for k, candidate in enumerate(candidates):
        for row, (example, answer) in enumerate(zip(examples, said[candidate.name], strict=True)):
            failed = answer is None or answer.failure is not None
            status[k, row] = Status.FAILED if failed else Status.SCORED
            if not failed:
                found = score(example, answer)
                value[k, row], solved[k, row] = found.value, found.solved  # type: ignore[attr-defined]
        cost[k] = (costs or {}).get(candidate.name, 0.0) if isinstance(costs, Mapping) else 0.0
    return dataclasses.replace(base, status=status, value=value, solved=solved, cost=cost)


def replayed(
    name: str, brief: Brief, said: dict[str, Sequence[Answer | None]]
) -> tuple[list[Candidate], list[Candidate]]:
    """What a technique tried and kept, when its composites are played on what the seeds said."""
    task, examples = brief.task, brief.task.split("dev")
    score = scorer_of(task.scorers[0], classes=task.classes)
    context = LoadContext(task_kind=task.kind, classes=task.classes, env={})
    costs = {seed.name: float(brief.evaluation.cost[k].mean()) for k, seed in enumerate(brief.seeds)}
    search: Generator[Trials, Evaluation, Sequence[Candidate]] = improver_of(name)(
        dataclasses.replace(brief, said=lambda name: said[name])
    )
    tried: list[Candidate] = []
    try:
        asked = next(search)
        while True:
            for candidate in asked.candidates:
                model = load_any(candidate, context)
                assert isinstance(model, Composite)
                if hasattr(model, "learn"):
                    parts = [said[part.name] for part in candidate.parts]
                    model.learn(
                        examples,
                        {
                            place: {e.input_hash: a for e, a in zip(examples, part, strict=True) if a and not a.failure}
                            for place, part in enumerate(parts)
                        },
                    )
                said[candidate.name] = [
                    replay(
                        model.steps(example.input),
                        lambda part, row=row, names=candidate.parts: said[names[part].name][row] or NOTHING,  # type: ignore[misc]
                    )
                    for row, example in enumerate(examples)
                ]
                costs[candidate.name] = sum(costs[part.name] for part in candidate.parts)
            tried += asked.candidates
            asked = search.send(told(task, list(asked.candidates), said, score, costs))
    except StopIteration as end:
        return tried, list(end.value)


def labelled(n: int = 400) -> Task:
    examples = tuple(Example(f"e{i}", f"case {i}", "abc"[i % 3], split="dev") for i in range(n))
    return Task(
        name="letters",
        kind="classification",
        examples=examples,
        scorers=(ScorerSpec("label"),),
        classes=("a", "b", "c"),
    )


def guessing(task: Task, rate: float, seed: int, sure: bool = False) -> list[Answer | None]:
    """Right so often, independently of others; where `sure`, it says 0.9 when right and 0.4 when wrong."""
    rng = random.Random(seed)
    found: list[Answer | None] = []
    for example in task.examples:
        right = rng.random() < rate
        output = example.target if right else rng.choice([c for c in "abc" if c != example.target])
        found.append(Answer(output, confidence=(0.9 if right else 0.4) if sure else None))
    return found


def test_voting_finds_what_is_certainly_better() -> None:
    """Five that err independently at 70 % are right 85 % of the time together."""
    task = labelled()
    said: dict[str, Sequence[Answer | None]] = {f"g{i}": guessing(task, 0.7, i) for i in range(5)}
    tried, kept = replayed("voting", known(task, said), said)
    assert kept
    accuracy = {
        c.name: np.mean(
            [a is not None and a.output == e.target for a, e in zip(said[c.name], task.examples, strict=True)]
        )
        for c in tried
    }
    assert accuracy[kept[0].name] > 0.8
    assert accuracy[kept[0].name] == max(accuracy.values())


def test_voting_by_confidence_is_found_where_it_helps() -> None:
    """One that knows when it is right should be heard then."""
    task = labelled()
    said: dict[str, Sequence[Answer | None]] = {
        "steady": [Answer(a.output, confidence=0.7) for a in guessing(task, 0.75, 1) if a is not None],
        "sure": guessing(task, 0.6, 2, sure=True),
        "other": guessing(task, 0.6, 3, sure=True),
    }
    _, kept = replayed("voting", known(task, said), said)
    assert kept[0].params.get("weigh") == "confidence"


def test_nothing_is_kept_where_all_say_the_same() -> None:
    """A search that found nothing says so."""
    task = labelled()
    one = guessing(task, 0.7, 1)
    said: dict[str, Sequence[Answer | None]] = {"a": one, "b": one, "c": one}
    assert replayed("voting", known(task, said), said)[1] == []


def test_a_cheaper_ensemble_at_no_loss_is_kept() -> None:
    """Three cheap ones that are as good together as the dear one."""
    task = labelled(900)
    said: dict[str, Sequence[Answer | None]] = {f"cheap {i}": guessing(task, 0.9, i) for i in range(3)}
    said["dear"] = guessing(task, 0.965, 9)
    costs = {"cheap 0": 0.001, "cheap 1": 0.001, "cheap 2": 0.001, "dear": 0.1}
    brief = known(task, {name: said[name] for name in ("cheap 0", "cheap 1", "cheap 2", "dear")}, costs)
    _, kept = replayed("voting", brief, said)
    assert any(all(part.name.startswith("cheap") for part in one.parts) for one in kept)


def test_stacking_uses_one_that_is_always_wrong() -> None:
    """What no vote can do: turn it round."""
    examples = tuple(Example(f"e{i}", f"case {i}", "ab"[i % 2], split="dev") for i in range(300))
    task = Task(
        name="two", kind="classification", examples=examples, scorers=(ScorerSpec("label"),), classes=("a", "b")
    )
    rng = random.Random(4)
    liar = [Answer({"a": "b", "b": "a"}[str(e.target)] if rng.random() < 0.95 else e.target) for e in examples]
    coin = [Answer(e.target if rng.random() < 0.7 else {"a": "b", "b": "a"}[str(e.target)]) for e in examples]
    said: dict[str, Sequence[Answer | None]] = {"coin": coin, "liar": liar}
    _, kept = replayed("stacking", known(task, said), said)
    assert kept
    assert (
        np.mean([a is not None and a.output == e.target for a, e in zip(said[kept[0].name], examples, strict=True)])
        > 0.9
    )


def test_numbers_are_voted_on_by_squared_errors() -> None:
    """Two that err to opposite sides are nearly right together."""
    rng = random.Random(1)
    examples = tuple(Example(f"e{i}", f"day {i}", 10.0 + i % 7, split="dev") for i in range(200))
    task = Task(name="n", kind="regression", examples=examples, scorers=(ScorerSpec("numeric"),))
    said: dict[str, Sequence[Answer | None]] = {
        "high": [Answer(float(str(e.target)) + 2 + rng.gauss(0, 1)) for e in examples],
        "low": [Answer({"value": float(str(e.target)) - 2 + rng.gauss(0, 1)}) for e in examples],
        "lost": [Answer(rng.uniform(0, 40)) for _ in examples],
    }
    _, kept = replayed("voting", known(task, said), said)
    assert [part.name for part in kept[0].parts] in (["high", "low"], ["low", "high"])


def test_transcripts_are_voted_on_word_by_word() -> None:
    """The trial tells which of the best few are worth asking together."""
    rng = random.Random(6)
    words = ("the", "cat", "sat", "on", "a", "mat", "and", "saw", "some", "birds", "in", "old", "tree")
    examples = tuple(
        Example(f"e{i}", f"{i}.wav", " ".join(rng.choice(words) for _ in range(8)), split="dev") for i in range(120)
    )
    task = Task(name="s", kind="speech", examples=examples, scorers=(ScorerSpec("wer"),))

    def hears(seed: int) -> list[Answer | None]:
        noise = random.Random(seed)
        return [Answer(" ".join(w if noise.random() > 0.1 else "uh" for w in str(e.target).split())) for e in examples]

    said: dict[str, Sequence[Answer | None]] = {name: hears(n) for n, name in enumerate("abcd")}
    _, kept = replayed("voting", known(task, said), said)
    assert kept
    assert len(kept[0].parts) >= 3


@pytest.mark.parametrize("name", TECHNIQUES)
def test_of_pictures_it_says_what_could(name: str) -> None:
    """Answers that cannot be compared."""
    brief = dataclasses.replace(brief_of([Candidate(name="a", kind="constant")]))
    pictures = dataclasses.replace(brief, task=_of_kind(brief.task, "text-to-image"))
    assert "labels, numbers" in technique(name).why_not(pictures) or "labels and numbers" in technique(name).why_not(
        pictures
    )


@pytest.mark.parametrize("name", ["voting", "stacking"])
def test_one_alone_is_no_ensemble(name: str) -> None:
    """It says how many it takes."""
    brief = brief_of([Candidate(name="alone", kind="constant", params={"output": "good"})])
    assert technique(name).why_not(brief) == "1 candidate answered: alone; an ensemble needs two or more."


@pytest.mark.parametrize(("name", "word"), [("bagging", "bagged"), ("boosting", "boosted")])
def test_nothing_trained_is_nothing_to_copy(name: str, word: str) -> None:
    """And what could be."""
    brief = brief_of([Candidate(name=n, kind="constant", params={"output": n}) for n in "ab"])
    why = technique(name).why_not(brief)
    assert why.startswith(f"No candidate that is {word} learns from examples here (constant); text-linear")


def test_lists_are_fused_and_not_stacked() -> None:
    """It names the technique that can."""
    brief = brief_of([Candidate(name=n, kind="constant", params={"output": n}) for n in "ab"])
    of_lists = dataclasses.replace(brief, task=_of_kind(brief.task, "recommendation"))
    assert (
        technique("stacking").why_not(of_lists)
        == "Nothing is learned from lists of items; voting fuses them by their ranks."
    )
    assert technique("voting").why_not(of_lists) == ""


def _of_kind(task: Task, kind: str) -> Task:
    import msgspec

    return msgspec.structs.replace(task, kind=kind)


def test_selection_is_greedy_with_replacement() -> None:
    """The slow definition, beside the fast one: add what makes the whole best, and keep the best of all rounds."""
    rng = np.random.default_rng(3)
    target = rng.normal(size=60)
    said = target + rng.normal(size=(4, 60)) * np.array([[0.8], [1.0], [1.1], [2.0]])
    taken: list[int] = []
    best, best_taken = np.inf, []
    for _ in range(20):
        errors = [np.square(said[[*taken, part]].mean(axis=0) - target).mean() for part in range(4)]
        taken = [*taken, int(np.argmin(errors))]
        if min(errors) < best - 1e-12:
            best, best_taken = min(errors), list(taken)
    counts = chosen_counts(said, closeness_with(said, target), np.zeros(4))
    assert counts.tolist() == np.bincount(best_taken, minlength=4).tolist()


def test_selection_counts_what_a_part_costs_once() -> None:
    """A part that gains less than it costs is not taken."""
    target = np.array([0, 1] * 50)
    right = np.eye(2)[target]
    said = np.array([right, right])
    said[0, :3] = right[:3, ::-1]  # 97 % right
    assert chosen_counts(said, accuracy_with(said, target, 1.0), np.array([0.0, 0.1])).tolist() == [1, 0]
    assert chosen_counts(said, accuracy_with(said, target, 1.0), np.array([0.0, 0.01])).tolist() == [0, 1]

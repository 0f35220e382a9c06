"""What every `Improver` must do. Subclass `ImproverContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.task import Example, ScorerSpec, Task

__all__ = ["ImproverContract", "brief_of", "drive"]

_ROUNDS = 200  # an improver that still asks after so many rounds does not end


def task_of(n: int = 40) -> Task:
    """A task of n texts on `dev` with two labels, and none to test on: what an improver may see.

    >>> task_of().classes, len(task_of().split("test"))
    (('bad', 'good'), 0)
    """
    words = ("good", "bad")
    examples = tuple(Example(f"e{i}", f"a {words[i % 2]} day, number {i}", words[i % 2], split="dev") for i in range(n))
    return Task(
        name="contract",
        kind="classification",
        examples=examples,
        scorers=(ScorerSpec("label"),),
        classes=("bad", "good"),
    )


def outcomes(candidates: Sequence[Candidate], task: Task | None = None) -> Evaluation:
    """An evaluation on `dev` of any candidates: how often each is right follows from its id, so runs repeat.

    >>> outcomes([Candidate(name="a", kind="constant")]).split
    'dev'
    """
    examples = (task or task_of()).split("dev")
    n = len(examples)
    shape = (len(candidates), n)
    rates = np.array([int(candidate.id[:4], 16) / 0xFFFF for candidate in candidates]).reshape(-1, 1)
    solved = np.arange(n) / n < rates
    return Evaluation(
        task="t" * 32,
        task_name="contract",
        kind="classification",
        split="dev",
        candidates=tuple(candidates),
        versions=tuple(candidate.id for candidate in candidates),
        scorer="label",
        examples=np.array([example.id for example in examples]),
        input_hashes=np.array([example.input_hash for example in examples]),
        repeats=np.zeros(n, np.int32),
        perturbations=np.full(n, "", dtype="U1"),
        group=np.arange(n, dtype=np.int32),
        tags={},
        status=np.full(shape, Status.SCORED, np.int8),
        value=solved.astype(np.float64),
        solved=solved,
        scores={},
        latency_s=np.full(shape, 0.1),
        machine_s=np.zeros(shape),
        tokens={},
        attempts=np.ones(shape, np.int32),
        cost=np.repeat(rates, n, axis=1) ** 2,
        priced=np.ones(len(candidates), np.bool_),
        currency="USD",
    )


def brief_of(seeds: Sequence[Candidate], task: Task | None = None) -> Brief:
    """What an improver is told of these candidates, each of which answers as `outcomes` says.

    >>> brief_of([Candidate(name="a", kind="constant")]).seeds[0].name
    'a'
    """
    task = task or task_of()
    evaluation = outcomes(seeds, task)
    examples, known = task.split("dev"), {candidate.name: candidate for candidate in seeds}

    def said(name: str) -> list[Answer | None]:
        solved = outcomes([known[name]], task).solved[0]
        wrong = dict(zip(task.classes, reversed(task.classes), strict=True))
        return [
            Answer(
                output=example.target if right else wrong.get(str(example.target), "?"),
                confidence=0.9 if right else 0.6,
            )
            for example, right in zip(examples, solved, strict=True)
        ]

    return Brief(task, evaluation, said)


def drive(improver: Improver, brief: Brief) -> tuple[list[list[Candidate]], list[Candidate]]:
    """What an improver asked for, round by round, and what it kept, when every candidate it names can be evaluated.

    >>> from merits.core.doors import Trials
    >>> def doubting(brief):
    ...     evaluation = yield Trials(brief.seeds)
    ...     return brief.seeds[:1] if evaluation.solved[0].any() else []
    >>> asked, kept = drive(doubting, brief_of([Candidate(name="a", kind="constant", params={"output": "x"})]))
    >>> len(asked), len(kept)
    (1, 1)
    """
    rounds: list[list[Candidate]] = []
    generator = improver(brief)
    try:
        asked = next(generator)
        for _ in range(_ROUNDS):
            rounds.append(list(asked.candidates))
            asked = generator.send(outcomes(asked.candidates, brief.task))
    except StopIteration as end:
        return rounds, list(end.value)
    generator.close()
    raise AssertionError(f"still asking after {_ROUNDS} rounds; an improver must end")


class ImproverContract(ABC):
    """The contract suite of the `Improver` door."""

    @abstractmethod
    def make_improver(self) -> Improver:
        """A fresh improver."""

    def seeds(self) -> list[Candidate]:
        """What it starts from; at least one."""
        return [Candidate(name=f"seed {n}", kind="constant", params={"output": f"label {n}"}) for n in range(3)]

    def task(self) -> Task:
        """What is to be solved; texts with two labels unless another kind is wanted."""
        return task_of()

    def brief(self) -> Brief:
        """What the improver is told."""
        return brief_of(self.seeds(), self.task())

    def test_it_ends_and_keeps_candidates(self) -> None:
        """Ask and tell: it yields candidates, is sent evaluations, and returns the ones to keep."""
        rounds, kept = drive(self.make_improver(), self.brief())
        assert all(isinstance(c, Candidate) for asked in rounds for c in asked)
        assert all(isinstance(c, Candidate) for c in kept)

    def test_it_never_asks_for_an_empty_round(self) -> None:
        """Whoever has nothing more to ask returns."""
        rounds, _ = drive(self.make_improver(), self.brief())
        assert all(rounds)

    def test_it_keeps_only_what_was_evaluated_or_was_there_before(self) -> None:
        """A candidate that nobody evaluated is no proposal but a guess."""
        rounds, kept = drive(self.make_improver(), self.brief())
        known = {c.id for asked in rounds for c in asked} | {c.id for c in self.seeds()}
        assert {c.id for c in kept} <= known

    def test_names_in_a_round_tell_candidates_apart(self) -> None:
        """Reports and requirements speak of candidates by name."""
        rounds, _ = drive(self.make_improver(), self.brief())
        assert all(len({c.name for c in asked}) == len(asked) for asked in rounds)

    def test_it_proposes_recipes_that_can_be_written_down(self) -> None:
        """A candidate is a recipe, never a live object."""
        rounds, _ = drive(self.make_improver(), self.brief())
        for candidate in (c for asked in rounds for c in asked):
            assert msgspec.json.decode(msgspec.json.encode(candidate), type=Candidate) == candidate

    def test_the_same_evaluations_lead_to_the_same_candidates(self) -> None:
        """Randomness arrives as a seed; a search can be repeated."""
        first = drive(self.make_improver(), self.brief())
        again = drive(self.make_improver(), self.brief())
        assert [[c.id for c in asked] for asked in first[0]] == [[c.id for c in asked] for asked in again[0]]
        assert [c.id for c in first[1]] == [c.id for c in again[1]]

    def test_it_does_not_change_its_seeds(self) -> None:
        """They belong to the user."""
        brief = self.brief()
        before = msgspec.json.encode(brief.seeds)
        drive(self.make_improver(), brief)
        assert msgspec.json.encode(brief.seeds) == before

    def test_it_can_be_stopped_at_any_round(self) -> None:
        """A budget that is used up closes the generator."""
        generator = self.make_improver()(self.brief())
        try:
            generator.send(outcomes(next(generator).candidates, self.task()))
        except StopIteration:
            pytest.skip("it ends after one round")
        generator.close()
        with pytest.raises(StopIteration):
            next(generator)

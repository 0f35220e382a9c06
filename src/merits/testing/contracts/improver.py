"""What every `Improver` must do. Subclass `ImproverContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from merits.core.candidate import Candidate
from merits.core.doors import Improver
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status

__all__ = ["ImproverContract", "drive"]

_ROUNDS = 200  # an improver that still asks after so many rounds does not end


def outcomes(candidates: Sequence[Candidate], *, n: int = 40) -> Evaluation:
    """An evaluation on `dev` of any candidates: how often each is right follows from its id, so runs repeat.

    >>> outcomes([Candidate(name="a", kind="constant")]).split
    'dev'
    """
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
        examples=np.array([f"e{i}" for i in range(n)]),
        input_hashes=np.array([f"{i:032x}" for i in range(n)]),
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
        cost=np.zeros(shape),
        priced=np.ones(len(candidates), np.bool_),
        currency="USD",
    )


def drive(improver: Improver, seeds: Sequence[Candidate]) -> tuple[list[list[Candidate]], list[Candidate]]:
    """What an improver asked for, round by round, and what it kept, when every candidate it names can be evaluated.

    >>> def doubting(seeds):
    ...     evaluation = yield seeds
    ...     return seeds[:1] if evaluation.solved[0].any() else []
    >>> asked, kept = drive(doubting, [Candidate(name="a", kind="constant", params={"output": "x"})])
    >>> len(asked), len(kept)
    (1, 1)
    """
    rounds: list[list[Candidate]] = []
    generator = improver(seeds)
    try:
        asked = next(generator)
        for _ in range(_ROUNDS):
            rounds.append(list(asked))
            asked = generator.send(outcomes(asked))
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

    def test_it_ends_and_keeps_candidates(self) -> None:
        """Ask and tell: it yields candidates, is sent evaluations, and returns the ones to keep."""
        rounds, kept = drive(self.make_improver(), self.seeds())
        assert all(isinstance(c, Candidate) for asked in rounds for c in asked)
        assert all(isinstance(c, Candidate) for c in kept)

    def test_it_never_asks_for_an_empty_round(self) -> None:
        """Whoever has nothing more to ask returns."""
        rounds, _ = drive(self.make_improver(), self.seeds())
        assert all(rounds)

    def test_it_keeps_only_what_was_evaluated_or_was_there_before(self) -> None:
        """A candidate that nobody evaluated is no proposal but a guess."""
        rounds, kept = drive(self.make_improver(), self.seeds())
        known = {c.id for asked in rounds for c in asked} | {c.id for c in self.seeds()}
        assert {c.id for c in kept} <= known

    def test_names_in_a_round_tell_candidates_apart(self) -> None:
        """Reports and requirements speak of candidates by name."""
        rounds, _ = drive(self.make_improver(), self.seeds())
        assert all(len({c.name for c in asked}) == len(asked) for asked in rounds)

    def test_it_proposes_recipes_that_can_be_written_down(self) -> None:
        """A candidate is a recipe, never a live object."""
        rounds, _ = drive(self.make_improver(), self.seeds())
        for candidate in (c for asked in rounds for c in asked):
            assert msgspec.json.decode(msgspec.json.encode(candidate), type=Candidate) == candidate

    def test_the_same_evaluations_lead_to_the_same_candidates(self) -> None:
        """Randomness arrives as a seed; a search can be repeated."""
        first = drive(self.make_improver(), self.seeds())
        again = drive(self.make_improver(), self.seeds())
        assert [[c.id for c in asked] for asked in first[0]] == [[c.id for c in asked] for asked in again[0]]
        assert [c.id for c in first[1]] == [c.id for c in again[1]]

    def test_it_does_not_change_its_seeds(self) -> None:
        """They belong to the user."""
        seeds = self.seeds()
        before = msgspec.json.encode(seeds)
        drive(self.make_improver(), seeds)
        assert msgspec.json.encode(seeds) == before

    def test_it_can_be_stopped_at_any_round(self) -> None:
        """A budget that is used up closes the generator."""
        generator = self.make_improver()(self.seeds())
        try:
            generator.send(outcomes(next(generator)))
        except StopIteration:
            pytest.skip("it ends after one round")
        generator.close()
        with pytest.raises(StopIteration):
            next(generator)

"""Tasks, watchers and trainable fakes for the tests of evaluating."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from merits.candidates.objects import as_candidate
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.task import Example, ScorerSpec, Settings, Split, Task
from merits.evaluating import Plan, evaluate
from merits.testing.models import Fake


def task(
    n: int = 40,
    *,
    scorers: Sequence[ScorerSpec] = (ScorerSpec("label"),),
    examples: Sequence[Example] | None = None,
    **settings: Any,
) -> Task:
    """Even or odd: `n` examples to test and as many to learn from."""
    made = [
        Example(f"{split}{i}", f"{split} {i}", "even" if i % 2 == 0 else "odd", split=split)
        for split in ("test", "dev")
        for i in range(n)
    ]
    settings = {"retries": 0, "timeout_s": 10.0, **settings}
    return Task(
        name="parity",
        kind="classification",
        examples=tuple(made if examples is None else examples),
        scorers=tuple(scorers),
        classes=("even", "odd"),
        settings=Settings(**settings),
    )


def parity(input: JSON) -> Answer:
    """The right answer."""
    return Answer("even" if int(str(input).split()[-1]) % 2 == 0 else "odd")


def named(**things: object) -> list[Candidate]:
    """Candidates from live objects by name."""
    return [as_candidate(thing, name=name) for name, thing in things.items()]


class Watcher:
    """A `Progress` that remembers."""

    def __init__(self, on_answered: Callable[[], object] = lambda: None) -> None:
        self.plan: Plan | None = None
        self.totals: dict[str, tuple[int, int]] = {}
        self.notes: list[str] = []
        self.is_finished = False
        self._on_answered = on_answered

    def started(self, plan: Plan) -> None:
        self.plan = plan

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None:
        self.totals[candidate] = (n_answered, n_failed)
        self._on_answered()

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finished(self) -> None:
        self.is_finished = True


def run(
    of: Task, candidates: Sequence[Candidate], store: Store, *, split: Split = "test", watcher: Watcher | None = None
) -> Evaluation:
    """One evaluation."""
    return asyncio.run(evaluate(of, candidates, split=split, store=store, progress=watcher))


class Learner(Fake):
    """Remembers what it learned and answers with the target of what it saw, else with "unseen"."""

    def __init__(self, *, fingerprint: str = "learner") -> None:
        super().__init__(fingerprint=fingerprint)
        self.lessons: list[set[str]] = []
        self.known: dict[str, JSON] = {}
        self.answered_known = 0

    def fit(self, examples: Sequence[Example]) -> None:
        self.lessons.append({example.id for example in examples})
        self.known = {example.input_hash: example.target for example in examples}

    async def _reply(self, input: JSON) -> Answer:
        from merits.core.identity import content_hash

        target = self.known.get(content_hash(input))
        self.answered_known += target is not None
        return Answer(target if target is not None else "unseen")

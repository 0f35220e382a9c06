"""One judge of a task: it comes to verdicts by asking its model, until it evidently comes to none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import Scorer, Store
from merits.core.errors import MeritsError, TaskError, UsageError
from merits.core.judge import Asking, Judged, Judgement, JudgeScorer
from merits.core.secrets import shown
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating.asker import Asker, NotAsked
from merits.evaluating.contenders import load_context
from merits.evaluating.judge_costs import judged_by
from merits.evaluating.trial import Trial

__all__ = ["Unjudged", "Work", "scorers_of", "versions_of", "works_of"]

_LONGEST_REASON = 200


class Unjudged(Exception):
    """A judge came to no verdict on an answer; says why. The outcome is unscored."""


@dataclasses.dataclass
class Work:
    """One judge and what became of its work.

    Once it is given up (`trial`) it judges by what is stored, and asks nothing.
    """

    name: str
    judge: JudgeScorer
    asker: Asker
    deciding: bool = False
    rival: int | None = None
    n_unscored: int = 0
    n_repaired: int = 0
    judgements: list[Judgement] = dataclasses.field(default_factory=list)
    trial: Trial = dataclasses.field(default_factory=Trial)

    @property
    def given_up(self) -> str:
        """Why nothing more is asked by this judge, or of its model; "" while it is."""
        return self.trial.explained or self.asker.health.given_up

    async def judgement(self, example: Example, answer: Answer, rival: Answer | None = None) -> Judgement:
        """What the judge comes to, counted. Raises Unjudged with the reason, StoreError where nothing can be stored."""
        async with self.trial:
            return await self._counted(example, answer, rival)

    def unjudged(self, reason: str) -> Unjudged:
        """Counts an answer that is not judged, for this reason."""
        self.n_unscored += 1
        return Unjudged(shown(reason, _LONGEST_REASON).encode("utf-8", "replace").decode())

    def done(self, price: Price | None, currency: str) -> Judged:
        """What the judge did by now."""
        return replace(
            judged_by(self.asker, self.judgements, price, currency),
            scorer=self.name,
            deciding=self.deciding,
            n_unscored=self.n_unscored,
            n_repaired=self.n_repaired,
            given_up=self.given_up,
        )

    async def _counted(self, example: Example, answer: Answer, rival: Answer | None) -> Judgement:
        said: list[Answer] = []
        try:
            found = await self._driven(self.judge.judge(example, answer, rival), said)
        except MeritsError:
            raise
        except NotAsked as problem:
            raise self.unjudged(str(problem)) from None
        except Exception as problem:  # noqa: BLE001 (the place that asks a judge)
            reason = f"{type(problem).__name__}: {problem}"
            if said:
                self.trial.fruitless(str(problem))
            raise self.unjudged(reason) from None
        self.trial.read()
        self.n_repaired += len(said) > len(found.votes)
        self.judgements.append(found)
        return found

    async def _driven(self, asking: Asking, said: list[Answer]) -> Judgement:
        """The judgement; `said` takes the answers that it rests on."""
        try:
            ask = next(asking)
            while True:
                if self.trial.given_up and self.asker.stored(ask) is None:
                    raise NotAsked(f"the judge was given up: {self.trial.given_up}")
                said.append(await self.asker.answer(ask))
                ask = asking.send(said[-1])
        except StopIteration as end:
            found: Judgement = end.value
            return found
        finally:
            asking.close()


def works_of(
    scorers: Sequence[tuple[str, Scorer]],
    task: Task,
    names: Sequence[str],
    *,
    context: LoadContext,
    store: Store,
    clock: Callable[[], float],
) -> list[Work]:
    """The judges among the scorers, their models loaded. Raises TaskError where a rival is not among the `names`."""
    works: list[Work] = []
    askers: dict[str, Asker] = {}
    for number, (name, scorer) in enumerate(scorers):
        if not isinstance(scorer, JudgeScorer):
            continue
        if scorer.against and scorer.against not in names:
            raise TaskError(
                f"the judge {name!r} compares with {scorer.against!r}, which is not among the candidates.",
                f"Evaluate it too; there are {', '.join(names)}.",
            )
        recipe = scorer.model
        if recipe.id not in askers:
            askers[recipe.id] = Asker(recipe, context, store, settings=task.settings, clock=clock)
        rival = names.index(scorer.against) if scorer.against else None
        works.append(Work(name, scorer, askers[recipe.id], deciding=number == 0, rival=rival))
    return works


def scorers_of(task: Task) -> list[tuple[str, Scorer]]:
    """The task's scorers by name, those of its kind where it names none."""
    from merits.scorers.registry import default_scorers

    return [(spec.label, _loaded(task, spec)) for spec in task.scorers or default_scorers(task.kind)]


def scorers_not_ready(task: Task) -> dict[str, MeritsError]:
    """Why scorers of a task cannot judge here, by name: a package or a file is missing, or their parameters are off."""
    from merits.scorers.registry import default_scorers

    found = dict[str, MeritsError]()
    for spec in task.scorers or default_scorers(task.kind):
        try:
            _loaded(task, spec)
        except UsageError as problem:
            found[spec.label] = problem
    return found


def _loaded(task: Task, spec: ScorerSpec) -> Scorer:
    from merits.scorers.registry import load as load_scorer

    folders, dev = task.data_folders, task.split("dev")
    return load_scorer(spec, classes=task.classes, folder=task.folder, data_folders=folders, dev=dev)


def versions_of(task: Task, store: Store) -> dict[str, Candidate]:
    """The recipes of a task's judges by the version under which their answers are stored. Asks nothing."""
    context = load_context(task, None, asks=False)
    recipes = [scorer.model for _, scorer in scorers_of(task) if isinstance(scorer, JudgeScorer)]
    askers = [Asker(recipe, context, store, settings=task.settings, clock=lambda: 0.0) for recipe in recipes]
    return {asker.version: asker.candidate for asker in askers}

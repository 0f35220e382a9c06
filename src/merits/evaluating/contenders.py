"""Candidates made ready to be evaluated: loaded, given a version, and with what the store knows of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.environment import environment
from merits.candidates.registry import LoadContext, load_any
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, Composite, Model, Pupil, Selective, Trainable
from merits.core.errors import CandidateError, MeritsError, MissingExtra, TaskError
from merits.core.identity import JSON, as_read, content_hash
from merits.core.kinds import Reads
from merits.core.on_demand import outlines
from merits.core.task import Example, Split, Task
from merits.evaluating.composing import Assembly, Exchange
from merits.evaluating.folds import assign_folds
from merits.evaluating.rows import Rows
from merits.evaluating.teaching import keys_of, tutor_of
from merits.media.finding import sorts_named

__all__ = [
    "Contender",
    "Lesson",
    "contenders",
    "learn",
    "learns",
    "load_context",
    "not_ready",
    "pupil_in",
    "with_parts",
]

ExchangeOf: TypeAlias = Callable[[], Exchange]
_LOOKED_AT = 1_000  # inputs; those of a task are of one sort, and a million need not be read for it


@dataclass(frozen=True)
class Lesson:
    """Questions to be asked of a model after it learned from `examples` (not at all when that is None)."""

    examples: Sequence[Example] | None
    questions: frozenset[int] | None = None  # None: all of them


@dataclass
class Contender:
    """A candidate on its way through an evaluation; `index` is its row in every array.

    `parts` are the contenders that a composite asks. `pupil` is what learns from the answers of others, None if nothing
    does: the model itself, or the composite behind it.
    """

    index: int
    candidate: Candidate
    model: Model
    version: str
    lessons: tuple[Lesson, ...]
    parts: tuple[int, ...] = ()

    @property
    def pupil(self) -> Pupil | None:
        """What learns from the answers of parts."""
        return pupil_in(self.model)

    @property
    def studied(self) -> tuple[str, frozenset[AnswerKey]]:
        """The version of whoever teaches it, and what it asks that one; ("", nothing) when it has no tutor."""
        keys = (keys_of(self.model, lesson.examples or ()) for lesson in self.lessons)
        return tutor_of(self.model), frozenset().union(*keys)


def pupil_in(model: Model) -> Pupil | None:
    """What learns from the answers of parts: the model itself, or the composite behind it; None if nothing does."""
    inner = model.composite if isinstance(model, Assembly) else model
    return inner if isinstance(inner, Pupil) else None


def learn(model: Model, examples: Sequence[Example], said: Mapping[int, Mapping[str, Answer]]) -> None:
    """Has a model learn from examples, and a pupil from what its teachers said too. Blocks."""
    pupil = pupil_in(model)
    if pupil is not None:
        pupil.learn(examples, said)
        return
    assert isinstance(model, Trainable)
    model.fit(examples)


def learns(candidate: Candidate, context: LoadContext) -> bool:
    """Whether a candidate learns from dev, itself or what it is made of; no where it cannot be loaded."""
    try:
        loaded = load_any(candidate, context)
    except (CandidateError, MissingExtra):
        return False
    if isinstance(loaded, Trainable | Pupil):
        return True
    return isinstance(loaded, Composite) and any(learns(part, context) for part in candidate.parts)


def load_context(
    task: Task,
    env: Mapping[str, str] | None,
    *,
    asks: bool = True,
    trial: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> LoadContext:
    """What the task's recipes need to become models. Registers every secret of the environment for redaction."""
    context = LoadContext(
        folder=Path(task.folder),
        task_kind=task.kind,
        classes=task.classes,
        env=dict(os.environ) if env is None else env,
        timeout_s=task.settings.timeout_s,
        seed=task.settings.seed,
        data_folders=tuple(map(Path, task.data_folders)),
        named=_named(task),
        columns=_columns(task),
        asks=asks,
        trial=trial,
        note=note,
        held=cache(lambda: task.withheld.union(example.input_hash for example in outlines(task.examples))),
    )
    environment(context)
    return context


def _named(task: Task) -> tuple[Reads, ...]:
    """The sorts of files that the first inputs of a task name."""
    some = islice(task.examples, _LOOKED_AT)
    return tuple(sorted(set().union(*(sorts_named(example.input, example.files) for example in some))))


def _columns(task: Task) -> tuple[str, ...]:
    """The columns of the first inputs; () where one of them has none."""
    names: dict[str, None] = {}
    for example in islice(task.examples, _LOOKED_AT):
        if not isinstance(example.input, Mapping):
            return ()
        names |= dict.fromkeys(example.input)
    return tuple(names)


def contenders(
    task: Task, candidates: Sequence[Candidate], rows: Rows, split: Split, *, context: LoadContext, exchange: ExchangeOf
) -> list[Contender]:
    """All candidates, loaded but not yet trained, and after them the parts of some that are none themselves.

    `exchange` is where composites will ask for the answers of their parts. Raises CandidateError for what can never be
    evaluated together.
    """
    _check(candidates)
    return _Gathering(task, candidates, _School(task, rows, split), context, exchange).all()


class _Gathering:
    """Makes contenders; those that one is made of are made before it, however often they are named."""

    def __init__(
        self,
        task: Task,
        candidates: Sequence[Candidate],
        school: _School,
        context: LoadContext,
        exchange: ExchangeOf,
    ) -> None:
        self._task, self._context, self._exchange, self._school = task, context, exchange, school
        self._recipes = list(candidates)
        self._numbers = {candidate.id: number for number, candidate in enumerate(candidates)}
        self._made: dict[int, Contender] = {}

    def all(self) -> list[Contender]:
        """Everybody, in the order of their numbers."""
        for number in range(len(self._recipes)):
            self._contender(number)
        return [self._made[number] for number in range(len(self._recipes))]

    def _contender(self, number: int) -> Contender:
        if number not in self._made:
            self._made[number] = self._new(number, self._recipes[number])
        return self._made[number]

    def _new(self, number: int, candidate: Candidate) -> Contender:
        loaded = load_any(candidate, self._context)
        parts: tuple[int, ...] = ()
        identity = [candidate.id, loaded.fingerprint]
        if isinstance(loaded, Composite):
            parts = tuple(self._number_of(part) for part in candidate.parts)
            identity += [self._contender(part).version for part in parts]
            model: Model = Assembly(loaded, parts, self._exchange)
        else:
            model = loaded
            _check_input(candidate, model, self._school.first_input)
        lessons: tuple[Lesson, ...] = (Lesson(None),)
        pupil = pupil_in(model)
        if isinstance(model, Trainable) or pupil is not None:
            lessons = self._school.lessons(candidate)
            identity += self._school.identity_of(lessons, model)
        if pupil is not None:
            identity += [self._version_on_dev(candidate.parts[teacher]) for teacher in pupil.teachers]
        return Contender(number, candidate, model, content_hash(identity), lessons, parts)

    def _number_of(self, part: Candidate) -> int:
        if part.id not in self._numbers:
            self._numbers[part.id] = len(self._recipes)
            names = {recipe.name for recipe in self._recipes}
            name = next(name for name in _names_like(part.name) if name not in names)
            self._recipes.append(msgspec.structs.replace(part, name=name))
        return self._numbers[part.id]

    def _version_on_dev(self, teacher: Candidate) -> str:
        """The version under which a teacher answers what is learned from it."""
        rows = Rows.of(self._task.split("dev"), repeats=1)
        made = contenders(self._task, (teacher,), rows, "dev", context=self._context, exchange=self._exchange)
        return made[0].version


async def not_ready(task: Task, env: Mapping[str, str] | None = None) -> dict[str, MeritsError]:
    """Why candidates of a task cannot run here, by name: a package, a file, a key or a column is missing.

    Each is loaded and closed again. No weights are read and nobody is asked.
    """
    context, found = load_context(task, env), dict[str, MeritsError]()
    first = next(iter(task.examples)).input
    for candidate in task.candidates:
        try:
            for recipe in with_parts(candidate):
                model = load_any(recipe, context)
                if isinstance(model, Composite):
                    continue
                try:
                    _check_input(recipe, model, first)
                finally:
                    await model.close()
        except (CandidateError, MissingExtra) as problem:
            found[candidate.name] = problem
    return found


def _names_like(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({number})" for number in count(2))


def with_parts(candidate: Candidate) -> Iterator[Candidate]:
    """A candidate, whatever it is made of, and so on."""
    yield candidate
    for part in candidate.parts:
        yield from with_parts(part)


def _check_input(candidate: Candidate, model: Model, input: JSON) -> None:
    """Raises CandidateError where the first question already shows that none can be put; before anything is asked."""
    check = getattr(model, "check_input", None)
    if check is None:
        return
    try:
        check(input)
    except CandidateError as problem:
        raise type(problem)(f"candidate {candidate.name!r}: {problem.found}", problem.next_step) from problem
    except Exception:  # noqa: BLE001  a picture that is not there, say: the outcome of that question, not of the run
        return


def _check(candidates: Sequence[Candidate]) -> None:
    if not candidates:
        raise CandidateError("there is no candidate to evaluate.", "List some under `candidates:`.")
    names: set[str] = set()
    by_id: dict[str, str] = {}
    for candidate in candidates:
        if candidate.name in names:
            raise CandidateError(f"two candidates are named {candidate.name!r}.", "Give each a name of its own.")
        if candidate.id in by_id:
            raise CandidateError(
                f"candidates {by_id[candidate.id]!r} and {candidate.name!r} are the same recipe.", "Leave one out."
            )
        names.add(candidate.name)
        by_id[candidate.id] = candidate.name


class _School:
    """What trainable candidates learn from: all of dev for test, the other folds of dev for dev."""

    def __init__(self, task: Task, rows: Rows, split: Split) -> None:
        self._task = task
        self._rows = rows
        self._crossed = split == "dev"
        self._examples = task.split("dev")
        self.first_input = rows.example_of(0).input
        self._lessons: tuple[Lesson, ...] | None = None
        self._fold: NDArray[np.int32] | None = None

    def lessons(self, candidate: Candidate) -> tuple[Lesson, ...]:
        if not self._examples:
            raise TaskError(
                f"candidate {candidate.name!r} learns from examples, and the task has none to learn from.",
                "Give some examples the split dev.",
            )
        if self._lessons is None:
            self._lessons = self._folds() if self._crossed else (Lesson(self._examples),)
        return self._lessons

    def identity_of(self, lessons: Sequence[Lesson], model: Model) -> list[str]:
        """What training adds to a version: the examples with their targets, the folds, and the seed.

        Of a selective model only what it selects, which the seed has decided.
        """
        folds = content_hash(self._fold.tolist()) if self._fold is not None else ""
        if isinstance(model, Selective):
            selected = [
                [(e.input_hash, as_read(e.target, e.files)) for e in model.learns_from(one.examples or ())]
                for one in lessons
            ]
            return ["selected", content_hash(selected), folds]
        taught = content_hash([(e.input_hash, as_read(e.target, e.files), e.group) for e in self._examples])
        return [taught, folds, str(self._task.settings.seed)]

    def _folds(self) -> tuple[Lesson, ...]:
        settings = self._task.settings
        fold = assign_folds(self._examples, self._task.kind, folds=settings.folds, seed=settings.seed)
        self._fold = fold
        of_example = {e.id: int(f) for e, f in zip(self._examples, fold, strict=True)}
        of_question = [of_example[self._rows.example_of(q).id] for q in range(len(self._rows.keys))]
        return tuple(
            Lesson(
                tuple(e for e, f in zip(self._examples, fold, strict=True) if f != number),
                frozenset(q for q, f in enumerate(of_question) if f == number),
            )
            for number in range(int(fold.max()) + 1)
        )

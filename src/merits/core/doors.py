"""The doors that are open to plug-ins, the live store among them. Each has a contract suite in `merits.testing`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.batching import Submission
from merits.core.candidate import Candidate
from merits.core.decision import Decision
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.live import Alert, AlertMark, ApiKey, Checkpoint, Feedback, LiveRecord, Rollout, Served
from merits.core.outcome import Score
from merits.core.release import Release
from merits.core.steps import Steps
from merits.core.task import Example, Split, Task

__all__ = [
    "AnswerKey",
    "Brief",
    "Composite",
    "Continuing",
    "Improver",
    "Learning",
    "LiveStore",
    "Model",
    "Numbered",
    "Portable",
    "Pupil",
    "Record",
    "Refreshed",
    "Scorer",
    "Selective",
    "Signed",
    "SoftTrainable",
    "Store",
    "StoredAnswer",
    "StoredRun",
    "Streaming",
    "Trainable",
    "Trials",
]


@runtime_checkable
class Model(Protocol):
    """The running thing behind a candidate. One colour: async.

    `answer` is called from one event loop, many calls at once; it must not block the loop (a blocking model is
    wrapped by `merits.candidates.Batcher`). It returns an `Answer` and never mutates its input. What it raises
    becomes a failure: `TimeoutError`, `ConnectionError` and `MemoryError` are understood, anything else is "raised".
    `fingerprint` names everything outside the recipe that can change the answers (code, library version, endpoint,
    labels); it must be cheap and must not need `fit`. `concurrency` is how many calls at once the model profits from,
    or None for the settings' number. `close` releases what the model holds, and may be called twice.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def concurrency(self) -> int | None: ...

    async def answer(self, input: JSON) -> Answer: ...

    async def close(self) -> None: ...


@runtime_checkable
class Trainable(Model, Protocol):
    """A model that learns from labelled examples before it answers. `fit` blocks; it is called in a thread, once."""

    def fit(self, examples: Sequence[Example]) -> None: ...


@runtime_checkable
class Selective(Trainable, Protocol):
    """A trainable model that learns from some of the examples only, and says which: no other changes its answers."""

    def learns_from(self, examples: Sequence[Example]) -> Sequence[Example]: ...


@runtime_checkable
class SoftTrainable(Trainable, Protocol):
    """A trainable model that can learn from the shares of labels in each example instead of one label ("soft targets").

    `shares` are positive and sum to 1 for each example; its `target` is the likeliest. They are at a `temperature`:
    what the model says at that temperature is to come near them, so that it answers at a temperature of 1. `fit_soft`
    blocks, and is called once, instead of `fit`.
    """

    def fit_soft(
        self, examples: Sequence[Example], shares: Sequence[Mapping[str, float]], temperature: float = 1.0
    ) -> None: ...


@runtime_checkable
class Portable(Protocol):
    """What can be kept in a folder once it has learned, and taken from there instead of learning.

    A `Trainable` model, or a composite that is a `Pupil` (of which only what it learned itself is kept, not its
    parts). `keep` writes files into the (existing, empty) folder; `restore` reads them into one that was loaded from
    the same recipe and has not learned, and must run no code that is in them: nothing is unpickled. What it answers
    then is what it answered before. Both block. CandidateError for files that are not its own, and from `keep` where
    this very model cannot be kept (an estimator of the user's own).
    """

    def keep(self, folder: Path) -> None: ...

    def restore(self, folder: Path) -> None: ...


@runtime_checkable
class Continuing(Trainable, Portable, Protocol):
    """A trainable model that can go on from what another one of its recipe kept, instead of beginning from nothing.

    `folder` is what `keep` of that one wrote; `known` are the examples that it learned from, `new` others.
    `cannot_go_on` says why it cannot with these, in words that begin no sentence ("the label 'x' is new to it"), ""
    where it can; it may leave the model as `restore` does. `go_on` is called instead of `fit`, once; `share` (above 0,
    up to 1) is how much of a whole training it is, for what has epochs or trees. What it comes to is decided by the
    recipe, the files, the examples and the share. Nothing that is `known` says when to stop, for it was learned before.
    Both block. CandidateError as from `restore`.
    """

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str: ...

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None: ...


@runtime_checkable
class Learning(Trainable, Protocol):
    """A trainable model that goes on learning while it answers, and whose memory can be put away and taken up again.

    `learn_one` and `learn_many` learn from labelled examples, in their order, without beginning anew: what they cost
    does not grow with all that was learned before, or much less than a training does. They may come before `fit`,
    which forgets all. `state` is all that it has learned; put into a model that was loaded from the same recipe
    (`restore_state`) it gives the same answers and goes on learning in the same way, bit for bit. It runs no code that
    is in it. All block, and may be called from any thread while it answers: an answer is given before a lesson or
    after it. CandidateError for what cannot be learned, of which nothing was then, and for a state that is not its own.
    """

    def learn_one(self, input: JSON, target: JSON) -> None: ...

    def learn_many(self, examples: Sequence[Example]) -> None: ...

    def state(self) -> bytes: ...

    def restore_state(self, state: bytes) -> None: ...


@runtime_checkable
class Streaming(Model, Protocol):
    """A model whose answer can be had as it comes: pieces of text in order, and at the end the whole Answer.

    The output of that Answer is the pieces put together. It raises as `answer` does, also between pieces; whoever stops
    reading closes the iterator, which ends the asking.
    """

    def stream(self, input: JSON) -> AsyncIterator[str | Answer]: ...


@runtime_checkable
class Composite(Protocol):
    """What answers with the answers of its parts (`Candidate.parts`), such as a cascade or an ensemble.

    `steps` is the whole of it (see `merits.core.steps`): pure, so that it can be replayed on stored answers, and so
    fast that a million are. A part that could not be asked answers with a failure, and it decides what that means.
    Where the answer of one part is its own whatever that says, it asks by a `Last` step, so that it can be streamed.
    `fingerprint` is as a Model's. One that learns is a `Pupil` too.
    """

    @property
    def fingerprint(self) -> str: ...

    def steps(self, input: JSON) -> Steps: ...


@runtime_checkable
class Pupil(Protocol):
    """What learns from the answers of its parts to examples, beside their targets: a stacked ensemble, a student.

    `teachers` are the numbers of the parts that are asked for it. `asks` says to which examples their answers are
    wanted when it is to learn from `examples`; more than these (texts without targets) may be among them. `learn` is
    given what each teacher said to them, by the hash of the input, without those that could not be asked; of a trained
    teacher it is what it says after learning from the others (out of fold). It blocks, and is called in a thread, once,
    before anything is answered.
    """

    @property
    def teachers(self) -> Sequence[int]: ...

    def asks(self, examples: Sequence[Example]) -> Sequence[Example]: ...

    def learn(self, examples: Sequence[Example], said: Mapping[int, Mapping[str, Answer]]) -> None: ...


class Scorer(Protocol):
    """Judges one answer. Pure: the same example and answer always give the same score, and nothing is kept.

    What it raises leaves the outcome `unscored`; it never counts against the candidate.
    """

    def __call__(self, example: Example, answer: Answer) -> Score: ...


@runtime_checkable
class Signed(Scorer, Protocol):
    """A scorer whose figure others can repeat: what they must know for that, in the words of the field."""

    def signature(self, targets: Iterable[JSON]) -> str: ...


class Trials(NamedTuple):
    """Candidates to be evaluated on `dev`; of all its rows, or only of those at these indices (a short trial)."""

    candidates: Sequence[Candidate]
    rows: NDArray[np.integer] | None = None


@dataclass(frozen=True)
class Brief:
    """What an improver is told: a task that holds no test example, its candidates, and how they do on `dev`.

    `evaluation` is of the `seeds`, on `dev`; trainable ones are cross-validated. `said` gives what one of them, or one
    that was evaluated since, answered, row by row, None where it did not. `seed` decides whatever is drawn at random.
    `seconds_left` is what the budget leaves, inf where there is no time in it. `trained` names the seeds that learn
    from dev, and `folds` (rows,) is in which fold of the cross-validation each row is: asking rows of one fold trains
    one model only. None where nothing is trained, or nobody knows. `ask` puts a question of the improver's own to a
    candidate: stored and paid for like any other, so that it is answered the same when it is asked again; an answer
    that could not be had is a failure. None where nobody can be asked.
    """

    task: Task
    evaluation: Evaluation
    said: Callable[[str], Sequence[Answer | None]]
    seed: int = 0
    seconds_left: Callable[[], float] = lambda: float("inf")
    trained: frozenset[str] = frozenset()
    folds: NDArray[np.integer] | None = None
    ask: Callable[[Candidate, JSON], Answer] | None = None

    @property
    def seeds(self) -> tuple[Candidate, ...]:
        """The candidates that it starts from, in the order of the evaluation."""
        return self.evaluation.candidates


class Improver(Protocol):
    """Ask and tell: yields candidates to be evaluated on `dev`, is sent their evaluation, returns the ones to keep.

    It runs nothing itself, so every improver obeys the same budget and none can see `test`. The evaluation that it is
    sent has the rows of `brief.evaluation` and the candidates it asked for, in that order. Of one that could not be
    evaluated (it crashed, its recipe is wrong) everything is missing, and the fact "given up on NAME" says why. Names
    must tell the candidates of a search apart. It must draw whatever it draws by `brief.seed`: a search that was
    stopped goes on by being begun again, and what was asked before is not asked twice.
    """

    def __call__(self, brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]: ...


class AnswerKey(NamedTuple):
    """What can change an answer, apart from who answers (its version): the input, the repeat, the perturbation."""

    input_hash: str
    repeat: int = 0
    perturbation: str = ""


class StoredAnswer(msgspec.Struct, frozen=True, gc=False):
    """An answer with the version that gave it, its key, and when (UNIX seconds)."""

    version: str
    key: AnswerKey
    answer: Answer
    at: float


class Refreshed(msgspec.Struct, frozen=True, gc=False):
    """A question that is asked anew from here on, and when (UNIX seconds): what was answered before counts no more.

    With `ended` it is the end of that: everything that the refresh was of has been asked.
    """

    version: str
    key: AnswerKey
    at: float
    ended: bool = False


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation in the store, without its arrays. `number` counts from 1; `at` is UNIX seconds, None if unknown."""

    number: int
    task: str
    task_name: str
    split: Split
    candidates: tuple[str, ...]
    at: float | None


Record: TypeAlias = StoredAnswer | Refreshed | Candidate | Evaluation | Decision | Submission


class Store(Protocol):
    """Append-only memory. Nothing updates, nothing deletes.

    When `add` returns, the records are on disk. Of the answers to one version and key the first counts, unless it is
    a failure: then the next one does. A refused answer gives way to a later answer too, but not to a failure. After a
    `Refreshed` only what was added later counts; until then nothing does, so old and new are never mixed. All that was
    ever added stays, and can be read as `paid`. Methods may be called from any thread.
    """

    def add(self, records: Sequence[Record]) -> None: ...

    def answers(self, version: str, keys: Collection[AnswerKey] | None = None) -> Mapping[AnswerKey, Answer]:
        """The answers of one version (to these keys only, if given) that count, failures included."""
        ...

    def paid(self, version: str) -> Iterator[StoredAnswer]:
        """All that was ever answered by one version, oldest first: also what counts no more, for it was paid too."""
        ...

    def refreshing(self, version: str) -> frozenset[AnswerKey]:
        """The questions of a version whose refresh was begun and has not ended."""
        ...

    def candidates(self) -> Sequence[Candidate]:
        """All candidates ever stored, the latest name and price of each id."""
        ...

    def evaluation(self, task: str, split: Split) -> Evaluation | None:
        """The latest evaluation of a task (by its id) and split; None when there is none."""
        ...

    def runs(self) -> Sequence[StoredRun]:
        """What evaluations there are, of all tasks and splits, oldest first."""
        ...

    def run(self, number: int) -> Evaluation | None:
        """One evaluation by its number; None when there is none."""
        ...

    def decisions(self, task: str) -> Sequence[Decision]:
        """All decisions on a task (by its id), oldest first."""
        ...

    def submissions(self, version: str | None = None) -> Sequence[Submission]:
        """What was put to providers as batches (for one version), each at its latest stage, oldest first."""
        ...

    def close(self) -> None: ...


T_co = TypeVar("T_co", covariant=True)


class Numbered(NamedTuple, Generic[T_co]):
    """A record and its number in the store: numbers grow in the order in which records were added."""

    number: int
    record: T_co


class LiveStore(Protocol):
    """Append-only memory of production, written by several processes at once and read by others.

    When `add` returns, the records are on disk, all or none of them; a served request that is there already (same
    request and arm) is left as it is, so that adding again after a doubt is safe. `task` is a task's name. Readers go
    on from the last number they saw (`after`) and are given at most so many records, oldest first; what is committed
    later has a higher number than what was read before. The only things that are ever taken away are content, by
    `forget`, when its time is over, and checkpoints that a later one of the same name replaces. A release whose version
    another one has already is refused (StoreError); the same release again is not. Methods may be called from any
    thread. Raises StoreError when it cannot be reached, DiskFull when there is no room; a store that comes back is used
    again without being opened anew.
    """

    def add(self, records: Sequence[LiveRecord]) -> None: ...

    def served(
        self, task: str, *, after: int = 0, most: int = 10_000, since: float | None = None
    ) -> Sequence[Numbered[Served]]:
        """What was served for a task; only what arrived from `since` on (UNIX seconds), however late it was added."""
        ...

    def feedback(self, task: str, *, after: int = 0, most: int = 10_000) -> Sequence[Numbered[Feedback]]: ...

    def find(self, requests: Collection[str]) -> Mapping[str, Sequence[Served]]:
        """What was served under these request ids, shadows included; those that nobody knows are left out."""
        ...

    def feedback_on(self, requests: Collection[str], *, upto: int | None = None) -> Mapping[str, Sequence[Feedback]]:
        """All feedback on these requests, oldest first; with `upto` what has at most that number."""
        ...

    def last_number(self, task: str) -> int:
        """The number of the last served request of a task; 0 when there is none."""
        ...

    def tasks(self) -> Sequence[str]:
        """The names of all tasks that have a release, sorted."""
        ...

    def releases(self, task: str) -> Sequence[Release]:
        """All releases of a task, oldest first."""
        ...

    def rollouts(self, task: str) -> Sequence[Rollout]:
        """All rollouts of a task, oldest first: the last one is in force."""
        ...

    def keys(self) -> Sequence[ApiKey]:
        """The latest record of each API key, those that are revoked included."""
        ...

    def alerts(self, task: str) -> Sequence[Alert]:
        """All alerts of a task, oldest first."""
        ...

    def marks(self, task: str) -> Sequence[AlertMark]:
        """All that was done about alerts of a task, oldest first."""
        ...

    def checkpoint(self, task: str, name: str) -> Checkpoint | None:
        """The last state that was kept under a name; None when there is none."""
        ...

    def spent(self, key: str, since: float, currency: str = "USD", presumed: float = 0.0) -> float:
        """What was served to an API key since then (UNIX seconds) cost in a currency.

        An answer whose cost is not known counts as much as the others do on average, and as much as `presumed` where
        that of none is known.
        """
        ...

    def forget(self, task: str, before: float) -> int:
        """Takes the content of what was served before then, and of what was said of it; of how many records.

        That is the input, the output unless it is a number, a class of a release or one with a probability, the message
        of a failure, and of what was watched all but numbers. Of feedback it is the comment, and the target unless it
        is a number, a class, or a list of such. Feedback that came after its request's content was forgotten, and what
        is about no request that is there, is forgotten by its own time.
        """
        ...

    def close(self) -> None: ...

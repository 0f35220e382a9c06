"""Testing what goes on learning: each case of a stream is asked first, and learned from when its label comes.

Gama, Sebastião & Rodrigues (2013), "On evaluating stream learning algorithms", doi:10.1007/s10994-012-5320-9. What does
not learn is evaluated as ever; here its outcomes are put into the order of the stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.candidates.batcher import in_thread
from merits.candidates.meter import failure_of
from merits.candidates.registry import load_any
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Learning
from merits.core.errors import TaskError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.judge import JudgeScorer
from merits.core.outcome import Status
from merits.core.prequential import Lane, Prequential, Window
from merits.core.task import Example, Task
from merits.evaluating.contenders import load_context
from merits.evaluating.scoring import Judge
from merits.evaluating.work import scorers_of
from merits.stats.prequential import autocorrelation, running_gain, running_rate, window_gain, window_rate

__all__ = ["Streamed", "ask_along", "learners", "order_of", "prequential_of"]

_MOST_WINDOWS = 20
_SMALLEST_WINDOW = 50
_TELL_EVERY = 200


@dataclass(frozen=True)
class Streamed:
    """How one candidate did along a stream: `status` and `solved` of shape (cases,), in the order of the stream."""

    name: str
    status: NDArray[np.int8]
    solved: NDArray[np.bool_]
    learns: bool = False
    n_lessons: int = 0
    learning_s: float = 0.0
    state_bytes: int = 0

    @classmethod
    def of(cls, evaluation: Evaluation, name: str, examples: Sequence[Example]) -> Streamed:
        """What an evaluation says of a candidate that does not learn; of repeats the first."""
        plain = (evaluation.repeats == 0) & (evaluation.perturbations == "")
        rows = {str(evaluation.examples[row]): row for row in np.flatnonzero(plain)}
        order = [rows[example.id] for example in examples]
        k = evaluation.index(name)
        return cls(name, evaluation.status[k][order], evaluation.solved[k][order])


def order_of(n: int, delay: int) -> Iterator[tuple[int, bool]]:
    """What happens on a stream of n cases: the number of a case, and whether it is learned from (else asked).

    A label is there before the case `delay` later is asked, as in River's `stream.simulate_qa`. What comes after the
    last question is left out: nobody would see what it teaches.

    >>> list(order_of(4, 2))
    [(0, False), (1, False), (0, True), (2, False), (1, True), (3, False)]
    """
    learned = 0
    for asked in range(n):
        while learned < asked and learned + delay <= asked:
            yield learned, True
            learned += 1
        yield asked, False


def learners(task: Task, candidates: Sequence[Candidate], env: Mapping[str, str] | None = None) -> list[Candidate]:
    """Those of the candidates that can go on learning. CandidateError for one that cannot be loaded."""
    context = load_context(task, env)
    return [candidate for candidate in candidates if isinstance(load_any(candidate, context), Learning)]


async def ask_along(
    task: Task,
    candidate: Candidate,
    *,
    delay: int,
    env: Mapping[str, str] | None = None,
    told: Callable[[int, int], object] = lambda done, n: None,
) -> Streamed:
    """How a candidate that goes on learning does along the test examples, after learning from dev.

    `told` is called now and then with how many of how many were asked. Raises UsageError where a model judges answers:
    nobody asks it here.
    """
    judge = _judge(task)
    model = load_any(candidate, load_context(task, env))
    assert isinstance(model, Learning)
    examples, dev = task.split("test"), task.split("dev")
    status, solved = np.zeros(len(examples), np.int8), np.zeros(len(examples), np.bool_)
    n_lessons, learning_s = 0, 0.0
    try:
        if any(example.target is not None for example in dev):
            await in_thread(lambda: model.fit(dev))
        for number, learns in order_of(len(examples), delay):
            example = examples[number]
            if not learns:
                status[number], solved[number] = _outcome(judge, example, await _asked(model, example))
                if number % _TELL_EVERY == 0:
                    told(number, len(examples))
            elif example.target is not None:
                start = time.perf_counter()
                model.learn_one(example.input, example.target)
                learning_s += time.perf_counter() - start
                n_lessons += 1
        told(len(examples), len(examples))
        return Streamed(candidate.name, status, solved, True, n_lessons, learning_s, len(model.state()))
    finally:
        await model.close()


async def _asked(model: Learning, example: Example) -> Answer:
    try:
        return await model.answer(example.input)
    except Exception as problem:  # noqa: BLE001  a place that asks a model: what it raises is recorded
        return Answer(failure=failure_of(problem))


def _outcome(judge: Judge, example: Example, answer: Answer) -> tuple[Status, bool]:
    if answer.failure is not None:
        return Status.FAILED, False
    score = judge.score(example, answer)
    return (Status.UNSCORED, False) if score is None else (Status.SCORED, score.solved)


def _judge(task: Task) -> Judge:
    scorers = scorers_of(task)
    if isinstance(scorers[0][1], JudgeScorer):
        raise UsageError(
            f"{scorers[0][0]} is a model that has to be asked about every answer, which is not done along a stream.",
            "Name a scorer first that compares with the target.",
        )
    return Judge(scorers)


def prequential_of(
    task: Task, lanes: Sequence[Streamed], *, delay: int, window: int | None = None, level: float = 0.95
) -> Prequential:
    """The lanes with their intervals: of what learns beside what is frozen, and over the frozen copy of its own.

    `window` is how many cases are one window; without it there are twenty at most, of fifty cases or more.
    """
    examples = task.split("test")
    n = len(examples)
    if not n:
        raise TaskError(f"{task.name!r} has no test examples.", "Give some examples the split test.")
    size = window or max(_SMALLEST_WINDOW, -(-n // _MOST_WINDOWS))
    edges = [(start, min(start + size, n)) for start in range(0, n, size)]
    frozen = {lane.name: lane for lane in lanes if not lane.learns}
    scorer = _judge(task).name
    return Prequential(
        task=task.id,
        task_name=task.name,
        metric=scorer,
        n=n,
        n_dev=len(task.split("dev")),
        delay=delay,
        lanes=tuple(_lane(lane, frozen.get(lane.name) if lane.learns else None, edges, level) for lane in lanes),
        notes=tuple(_notes(examples)),
    )


def _lane(lane: Streamed, copy: Streamed | None, edges: Sequence[tuple[int, int]], level: float) -> Lane:
    scored = lane.status == Status.SCORED
    both = scored if copy is None else scored & (copy.status == Status.SCORED)
    windows = []
    for start, end in edges:
        part, pair = slice(start, end), np.flatnonzero(both[start:end]) + start
        windows.append(
            Window(
                first=start + 1,
                last=end,
                quality=window_rate(lane.solved[part][scored[part]], level),
                gain=None if copy is None else window_gain(lane.solved[pair], copy.solved[pair], level),
            )
        )
    return Lane(
        name=lane.name,
        learns=lane.learns,
        quality=running_rate(lane.solved[scored], level),
        windows=tuple(windows),
        n_failed=int(np.sum(lane.status == Status.FAILED)),
        n_unscored=int(np.sum(lane.status == Status.UNSCORED)),
        gain=None if copy is None else running_gain(lane.solved[both], copy.solved[both], level),
        autocorrelation=autocorrelation(lane.solved[scored]),
        n_lessons=lane.n_lessons,
        learning_s=lane.learning_s,
        state_bytes=lane.state_bytes,
    )


def _notes(examples: Sequence[Example]) -> Iterator[str]:
    yield (
        "Intervals speak of this stream: of the mean chance that its cases had, each given all before it. They hold "
        "however right and wrong hang together; another stream may differ by more."
    )
    yield "Quality at the end holds at every moment at once; that of a window is for itself."
    if any(example.group for example in examples):
        yield "Cases of one group are not independent: what is learned of one helps with the next of it."
    lacking = sum(example.target is None for example in examples)
    if lacking:
        yield f"{lacking:,} cases have no target and teach nothing."

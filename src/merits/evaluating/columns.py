"""The columns of an evaluation while answers come in: an answer is read, scored, written down and let go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import NO_USAGE, STANDARD, TOKEN_KINDS, Answer, Failure, FailureKind, Usage
from merits.core.evaluation import Counted, Labels
from merits.core.identity import JSON
from merits.core.on_demand import outlines
from merits.core.outcome import Counts, Score, Status
from merits.evaluating.rows import Rows
from merits.evaluating.scoring import Judge
from merits.evaluating.served import Served

__all__ = ["TOKENS", "Columns", "Reader"]

Array = NDArray[Any]
Reader = Callable[[JSON], str | None]
TOKENS = TOKEN_KINDS
_FIELDS = tuple(f"{name}_tokens" for name in TOKENS)
_ROUNDING = 1e-3  # what probabilities may miss 1 by
_KINDS: tuple[str, ...] = get_args(FailureKind)
_REFUSING: tuple[FailureKind, ...] = ("unauthorised", "rate_limited")
_MISSING, _SCORED, _FAILED, _UNSCORED = (int(status) for status in Status)


class Columns:
    """Arrays (candidates, rows) that `record` fills. `read` reads a class out of an output; None without classes.

    Only the first `n_scored` candidates are scored (all, unless given): the others are parts of them. Not safe to share
    between threads.
    """

    def __init__(
        self,
        n_candidates: int,
        rows: Rows,
        judge: Judge,
        classes: tuple[str, ...],
        read: Reader | None,
        *,
        n_scored: int | None = None,
    ) -> None:
        shape = (n_candidates, len(rows))
        self.rows = rows
        self.n_scored = n_candidates if n_scored is None else n_scored
        self.consulted: dict[int, Array] = {}  # (parts, rows) of composites
        self.judge = judge
        self.classes = classes
        self.status = np.zeros(shape, np.int8)
        self.value = np.zeros(shape)
        self.solved = np.zeros(shape, np.bool_)
        self.latency_s = np.zeros(shape)
        self.machine_s = np.zeros(shape)
        self.attempts = np.zeros(shape, np.int32)
        self.predicted = np.full(shape, -1, np.int32) if read else None
        self.silent = None if read else np.zeros(shape, np.bool_)
        self.untimed: Array | None = None  # none was, so far
        self.scores = {name: np.zeros(shape) for name in (*(name for name, _ in judge.others), *judge.asked_others)}
        self.later: Callable[[int, int, Answer], None] | None = None  # who judges answers that a model must judge
        self.counts: dict[str, Counted] = {}
        self.tokens: dict[str, Array] = {}
        self.unmetered: Array | None = None
        self.services: dict[str, Array] = {}
        self.probabilities: dict[int, Array] = {}
        self.confidence: dict[int, Array] = {}
        self.first_failure: list[dict[str, str]] = [{} for _ in range(n_candidates)]
        self.served = [Served() for _ in range(n_candidates)]
        self._failure_kind = np.zeros(shape, np.int8)
        self._target: Array | None = None
        self._read = read
        self._codes = {name: code for code, name in enumerate(classes)}
        self._probability_codes: dict[str, int] = {}
        # Writing through a memoryview takes a third of the time of writing into an array.
        self._writers = [self._writer(candidate) for candidate in range(n_candidates)]

    def _writer(self, candidate: int) -> tuple[Any, ...]:
        arrays = (self.status, self.value, self.solved, self.latency_s, self.machine_s, self.attempts)
        return tuple(memoryview(array[candidate]) for array in arrays)

    def record(self, candidate: int, answers: Iterable[tuple[int, Answer]]) -> None:
        """Scores the answers to some questions and writes them into the questions' rows."""
        status, value, solved, latency_s, machine_s, attempts = self._writers[candidate]
        rows_of, examples = self.rows.rows_of, self.rows.examples
        judge, predicted, is_scored = self.judge, self.predicted, candidate < self.n_scored
        for question, answer in answers:
            usage = answer.usage
            code = self._record_said(candidate, question, answer)
            for row in rows_of[question]:
                attempts[row] = usage.attempts
                if usage.unmetered or usage.service_tier:
                    self._record_billing(candidate, row, usage)
                if usage is not NO_USAGE:
                    self._record_tokens(candidate, row, usage)
                if answer.failure is not None:
                    status[row] = _FAILED
                    continue
                latency_s[row] = answer.latency_s
                _write(machine_s, row, usage.machine_s)
                if predicted is not None:
                    predicted[candidate, row] = code
                score = judge.score(examples[row], answer) if is_scored else None
                if score is None:
                    status[row] = _UNSCORED
                else:
                    status[row] = _SCORED
                    value[row] = score.value
                    solved[row] = score.solved
                    if score.counts is not None:
                        self._record_counts(judge.name, candidate, row, score.counts)
                    if judge.others:
                        self._record_others(candidate, row, answer)
                if answer.probabilities is not None or answer.confidence is not None:
                    self._record_confidence(candidate, row, answer)
                if (
                    self.later is not None and is_scored
                ):  # last: its verdict must not be overwritten by what is written here
                    self.later(candidate, row, answer)

    def compose(self, candidate: int, n_parts: int) -> None:
        """A candidate is made of so many parts: whom it asks is written down."""
        self.consulted[candidate] = np.zeros((n_parts, len(self.rows)), np.bool_)

    def left_unscored(self, candidate: int, row: int) -> None:
        """Takes back the score of an answer that is not to be judged."""
        self.value[candidate, row], self.solved[candidate, row] = 0.0, False
        self.status[candidate, row] = _UNSCORED

    def judged(self, candidate: int, row: int, name: str, score: Score) -> None:
        """Writes down what a judge that had to be asked came to."""
        if name != self.judge.name:
            self.scores[name][candidate, row] = score.value
            return
        self.value[candidate, row], self.solved[candidate, row] = score.value, score.solved
        self.status[candidate, row] = _SCORED

    def _record_said(self, candidate: int, question: int, answer: Answer) -> int:
        """The class that was said, -1 for none; a failure, and that nothing was said, are written down, and whom a
        composite asked.
        """
        if answer.consulted:
            self.consulted[candidate][np.ix_(answer.consulted, self.rows.rows_of[question])] = True
        if answer.failure is not None:
            self._record_failure(candidate, question, answer.failure)
            return -1
        self.served[candidate].note(answer)
        if answer.usage.service_tier == "batch" or answer.untimed:
            self._record_untimed(candidate, question)
        if self.silent is not None and (answer.refused or _says_nothing(answer.output)):
            self.silent[candidate, list(self.rows.rows_of[question])] = True
        return -1 if answer.refused else self._code(answer.output)

    def _code(self, output: JSON) -> int:
        if self._read is None:
            return -1
        label = self._read(output)
        return -1 if label is None else self._codes[label]

    def _record_others(self, candidate: int, row: int, answer: Answer) -> None:
        for name, other in self.judge.other_scores(self.rows.examples[row], answer):
            self.scores[name][candidate, row] = other.value
            if other.counts is not None:
                self._record_counts(name, candidate, row, other.counts)

    def _record_untimed(self, candidate: int, question: int) -> None:
        """An answer that came in a batch came when it came: that is nobody's wait."""
        if self.untimed is None:
            self.untimed = np.zeros(self.status.shape, np.bool_)
        self.untimed[candidate, list(self.rows.rows_of[question])] = True

    def _record_counts(self, name: str, candidate: int, row: int, counts: Counts) -> None:
        if name not in self.counts:
            shape = (*self.status.shape, len(counts.values))
            self.counts[name] = Counted(counts.statistic, np.zeros(shape))
        if self.counts[name].statistic == counts.statistic:
            self.counts[name].values[candidate, row] = counts.values

    def _record_billing(self, candidate: int, row: int, usage: Usage) -> None:
        if usage.unmetered:
            self._record_unmetered(candidate, row, usage.unmetered)
        if usage.service_tier not in STANDARD:
            self._record_service(candidate, row, usage.service_tier)

    def _record_service(self, candidate: int, row: int, service: str) -> None:
        if service not in self.services:
            self.services[service] = np.zeros(self.status.shape, np.bool_)
        self.services[service][candidate, row] = True

    def _record_tokens(self, candidate: int, row: int, usage: Usage) -> None:
        for name, field in zip(TOKENS, _FIELDS, strict=True):
            count = getattr(usage, field)
            if count:
                if name not in self.tokens:
                    self.tokens[name] = np.zeros(self.status.shape)
                self.tokens[name][candidate, row] = count

    def _record_unmetered(self, candidate: int, row: int, n: int) -> None:
        if self.unmetered is None:
            self.unmetered = np.zeros(self.status.shape, np.int32)
        self.unmetered[candidate, row] = n

    def _record_confidence(self, candidate: int, row: int, answer: Answer) -> None:
        if answer.confidence is not None and 0.0 <= answer.confidence <= 1.0:
            if candidate not in self.confidence:
                self.confidence[candidate] = np.zeros(len(self.rows))
            self.confidence[candidate][row] = answer.confidence
        if answer.probabilities is not None and self._read is not None and _are_probabilities(answer.probabilities):
            if candidate not in self.probabilities:
                self.probabilities[candidate] = np.zeros((len(self.rows), len(self.classes)), np.float32)
            given = self.probabilities[candidate][row]
            for name, probability in answer.probabilities.items():
                code = self._probability_code(name)
                if code >= 0:
                    given[code] += probability

    def _probability_code(self, name: str) -> int:
        code = self._probability_codes.get(name)
        if code is None:
            code = self._probability_codes[name] = self._code(name)
        return code

    def _record_failure(self, candidate: int, question: int, failure: Failure) -> None:
        self.first_failure[candidate].setdefault(failure.kind, failure.message)
        self._failure_kind[candidate, list(self.rows.rows_of[question])] = _KINDS.index(failure.kind)

    def refused(self, candidate: int, kinds: Sequence[FailureKind] = _REFUSING) -> Array:
        """Where asking was refused (rows,): a wrong key, a limit that did not pass, or only one of these `kinds`."""
        refused = np.isin(self._failure_kind[candidate], [_KINDS.index(kind) for kind in kinds])
        return np.asarray(refused & (self.status[candidate] == _FAILED))

    def failures(self, candidate: int) -> dict[str, int]:
        """How many rows failed, by kind of failure, the commonest first."""
        kinds = self._failure_kind[candidate][self.status[candidate] == _FAILED]
        return dict(Counter(_KINDS[code] for code in kinds.tolist()).most_common())

    def labels(self) -> Labels | None:
        """Targets and predictions as codes; None without classes."""
        if self.predicted is None:
            return None
        if self._target is None:
            targets = (self._codes.get(str(example.target), -1) for example in outlines(self.rows.examples))
            self._target = np.fromiter(targets, np.int32, len(self.rows))
        return Labels(self.classes, self._target, self.predicted, self.probabilities)


def _write(column: memoryview[float], row: int, value: float) -> None:
    """Writes a value where it differs: a column in which all are 0 takes no memory."""
    if column[row] != value:
        column[row] = value


def _says_nothing(output: JSON) -> bool:
    return output is None or (isinstance(output, str) and not output.strip())


def _are_probabilities(given: Mapping[str, float]) -> bool:
    """Whether they are from 0 to 1 and sum to 1, give or take rounding; others are no record, as if none were given."""
    values = given.values()
    return all(0.0 <= value <= 1.0 for value in values) and abs(sum(values) - 1.0) <= _ROUNDING

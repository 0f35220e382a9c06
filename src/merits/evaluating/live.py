"""What was served, and what became of it, as an Evaluation of the split `live`: deciding reads it like any other.

A row is a request; a candidate is a release, named `task@version`. Answers are scored by the task's scorers where the
right answer came, else they count as users or judges said. Knows nothing of where the records are kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from merits.core.answer import STANDARD, TOKEN_KINDS
from merits.core.clusters import units_of
from merits.core.doors import Scorer
from merits.core.errors import UsageError
from merits.core.evaluation import Counted, Evaluation, Labels
from merits.core.identity import JSON
from merits.core.kinds import is_labelled
from merits.core.live import Feedback, Served, Source
from merits.core.outcome import Score, Status
from merits.core.release import Release
from merits.core.task import Example
from merits.evaluating.scoring import Judge
from merits.reading.labels import reader
from merits.scorers.reading import CannotJudge

__all__ = ["PRECEDENCE", "heard", "live_evaluation", "live_name", "said_by"]

PRECEDENCE: tuple[Source, ...] = ("label", "user", "judge")
"""Whose word on a request counts, the weightiest first."""
_SOLVED_FROM = 0.5  # of a score without a word on whether that is solved


def live_name(task_name: str, version: int) -> str:
    """The name of a release among candidates.

    >>> live_name("tickets", 3)
    'tickets@3'
    """
    return f"{task_name}@{version}"


def live_evaluation(
    served: Sequence[Served],
    feedback: Mapping[str, Sequence[Feedback]],
    releases: Sequence[Release],
    scorers: Sequence[tuple[str, Scorer]] = (),
) -> Evaluation:
    """The outcomes of what was served. Raises UsageError where nothing was, by any of these releases.

    `feedback` is by request, oldest first. `status` is MISSING where a release was not asked, FAILED where it could not
    answer, and UNSCORED where nobody said anything yet, or the text that would have to be scored was not kept. The
    target of a label speaks of every answer to its request, a shadow's too; "solved" only of the answer it was given
    to. What users or judges said is a score of 1 or 0 unless they gave one (solved from 0.5 on, if they did not say).

    Rows of one user share a group. Equal inputs do not: each came from traffic by itself. `latency_s` is that of the
    answer, without waiting for a turn. `facts` count what was said twice, said again otherwise, and of which requests.
    """
    known = {release.version: release for release in releases}
    served = [each for each in served if each.release in known]
    if not served:
        raise UsageError("Nothing was served in this time by a release that is known.", "Take a longer window.")
    versions = sorted({each.release for each in served})
    return _Building([known[version] for version in versions], served, feedback, scorers).evaluation()


def heard(feedback: Sequence[Feedback], served: Served) -> list[Feedback]:
    """What was said of one answer, a target for its request included; the weightiest source and its last word first.

    >>> said = [Feedback(request="r", task="t", at=float(n), source=source, solved=True)
    ...         for n, source in enumerate(("user", "judge", "label"))]
    >>> from merits.core.answer import Answer
    >>> one = Served(request="r", task="t", release=1, arm="champion", at=0.0, input_hash="", answer=Answer("x"))
    >>> [each.source for each in heard(said, one)]
    ['label', 'user', 'judge']
    """
    last_first = feedback[::-1]
    ordered = sorted(last_first, key=lambda each: PRECEDENCE.index(each.source))
    return [each for each in ordered if each.target is not None or _speaks_of(each, served)]


def said_by(feedback: Mapping[str, Sequence[Feedback]], sources: Collection[Source]) -> dict[str, Sequence[Feedback]]:
    """What these sources said, by request.

    Users correct what was wrong: among the requests that they speak of, who answered them is wrong by selection. No
    comparison of what served with something else may rest on that unless somebody says so.

    >>> said = [Feedback(request="r", task="t", at=1.0, source=source, solved=True) for source in ("user", "label")]
    >>> [one.source for one in said_by({"r": said}, ("label",))["r"]]
    ['label']
    """
    return {request: [one for one in said if one.source in sources] for request, said in feedback.items()}


def _speaks_of(said: Feedback, served: Served) -> bool:
    """Whether a word on "solved" is about this answer."""
    if said.solved is None and said.score is None:
        return False
    return said.arm == served.arm or (said.arm is None and served.arm != "shadow")


class _Building:
    """The arrays while they are filled."""

    def __init__(
        self,
        releases: Sequence[Release],
        served: Sequence[Served],
        feedback: Mapping[str, Sequence[Feedback]],
        scorers: Sequence[tuple[str, Scorer]],
    ) -> None:
        self.releases = releases
        self.served = served
        self.feedback = feedback
        self.judge = Judge(scorers or [("solved", _nobody)])
        self.first: dict[str, Served] = {}  # of each request, in order of arrival
        for each in sorted(served, key=lambda each: each.at):
            self.first.setdefault(each.request, each)
        self.row = {request: number for number, request in enumerate(self.first)}
        self.number = {release.version: k for k, release in enumerate(releases)}
        self.newest = releases[-1]  # its kind, scorers, currency and classes are taken
        shape = (len(releases), len(self.row))
        self.status = np.zeros(shape, np.int8)
        self.value, self.latency_s, self.machine_s, self.cost = (np.zeros(shape) for _ in range(4))
        self.solved, self.unpriced, self.untimed = (np.zeros(shape, np.bool_) for _ in range(3))
        self.attempts, self.unmetered = (np.zeros(shape, np.int32) for _ in range(2))
        self.scores = {name: np.zeros(shape) for name, _ in self.judge.others}
        self.tokens: dict[str, NDArray[Any]] = {}
        self.services: dict[str, NDArray[Any]] = {}
        self.confidence: dict[int, NDArray[Any]] = {}
        classes = self.newest.classes if is_labelled(self.newest.kind) else ()
        self.classes = {name: code for code, name in enumerate(classes)}
        self.read = reader(classes)
        self.target = np.full(shape[1], -1, np.int32)
        self.predicted = np.full(shape, -1, np.int32)
        self.probabilities: dict[int, NDArray[Any]] = {}
        self.by: Counter[str] = Counter()  # whose word counted
        self.unscored: Counter[str] = Counter()
        self.counts: dict[str, Counted] = {}
        self.only_solved = False  # whether some are scored by a word on whether they were solved

    def evaluation(self) -> Evaluation:
        """All of it."""
        for each in self.served:
            self._take(each)
        newest, requests = self.newest, list(self.row)
        users = [each.user for each in self.first.values()]
        return Evaluation(
            task=newest.task,
            task_name=newest.task_name,
            kind=newest.kind,
            split="live",
            candidates=tuple(
                replace(release.candidate, name=live_name(release.task_name, release.version))
                for release in self.releases
            ),
            versions=tuple(release.candidate_version for release in self.releases),
            scorer=self.judge.name,
            examples=np.array(requests, dtype=np.str_),
            input_hashes=np.array([each.input_hash for each in self.first.values()], dtype=np.str_),
            repeats=np.zeros(len(requests), np.int32),
            perturbations=np.full(len(requests), "", dtype="<U1"),
            group=np.array(units_of(requests, users), np.int32),
            tags=self._tags(),
            status=self.status,
            value=self.value,
            solved=self.solved,
            scores={} if self.only_solved else {n: v for n, v in self.scores.items() if n not in self.judge.left_out},
            latency_s=self.latency_s,
            machine_s=self.machine_s,
            tokens=self.tokens,
            attempts=self.attempts,
            cost=self.cost,
            priced=np.asarray((self.status != Status.MISSING).any(axis=1) & ~self.unpriced.any(axis=1)),
            currency=newest.needs.currency,
            labels=self._labels(),
            confidence=self.confidence,
            facts=self._facts(),
            counts={} if self.only_solved else {n: c for n, c in self.counts.items() if n not in self.judge.left_out},
            untimed=self.untimed if self.untimed.any() else None,
            unmetered=self.unmetered if self.unmetered.any() else None,
            services=self.services,
            unasked=np.asarray(self.status == Status.MISSING),
        )

    def _take(self, each: Served) -> None:
        k, row, answer = self.number[each.release], self.row[each.request], each.answer
        self.attempts[k, row] = answer.usage.attempts
        self._bill(k, row, each)
        said = heard(self.feedback.get(each.request, ()), each)
        if self.classes:
            labels = [self.read(one.target) for one in said if one.target is not None]
            label = next((label for label in labels if label is not None), None)
            self.target[row] = -1 if label is None else self.classes[label]
        if answer.failure is not None:
            self.status[k, row] = Status.FAILED
            return
        self.latency_s[k, row] = answer.latency_s
        self.untimed[k, row] = answer.untimed
        self.machine_s[k, row] = answer.usage.machine_s
        self._read(k, row, each)
        score = self._score(k, row, each, said)
        if score is None:
            self.status[k, row] = Status.UNSCORED
        else:
            self.status[k, row], self.value[k, row] = Status.SCORED, score.value
            self.solved[k, row] = score.solved

    def _score(self, k: int, row: int, each: Served, said: Sequence[Feedback]) -> Score | None:
        """By the weightiest word that tells; None where none does."""
        if not said:
            self.unscored["nobody said anything yet"] += 1
        for one in said:
            score = None if one.target is None else self._by_target(k, row, each, one.target)
            if score is None and _speaks_of(one, each):
                score, self.only_solved = _verdict(one), True
            if score is not None:
                self.by[one.source] += 1
                return score
        return None

    def _by_target(self, k: int, row: int, each: Served, target: JSON) -> Score | None:
        if each.answer.output is None and not each.answer.refused:
            self.unscored["its text was not kept"] += 1
            return None
        if self.classes:
            label = self.read(target)
            if label is None:  # mistyped: it must not count against whoever answered
                self.unscored["its label is none of the classes"] += 1
                return None
            target = label
        example = Example(each.request, each.input, target, split="live")
        score = self.judge.score(example, each.answer)
        if score is None:
            return None
        self._count(self.judge.name, k, row, score)
        for name, other in self.judge.other_scores(example, each.answer):
            self.scores[name][k, row] = other.value
            self._count(name, k, row, other)
        return score

    def _count(self, name: str, k: int, row: int, score: Score) -> None:
        """What the answer adds to a measure of all answers together."""
        if score.counts is not None:
            if name not in self.counts:
                shape = (*self.status.shape, len(score.counts.values))
                self.counts[name] = Counted(score.counts.statistic, np.zeros(shape))
            counted = self.counts[name]
            if counted.statistic == score.counts.statistic:
                counted.values[k, row] = score.counts.values

    def _read(self, k: int, row: int, each: Served) -> None:
        """What was said, as a class, and how sure it was."""
        answer = each.answer
        if answer.confidence is not None and 0.0 <= answer.confidence <= 1.0:
            if k not in self.confidence:
                self.confidence[k] = np.zeros(self.status.shape[1])
            self.confidence[k][row] = answer.confidence
        if not self.classes or answer.refused:
            return
        label = self.read(answer.output)
        self.predicted[k, row] = -1 if label is None else self.classes[label]
        if answer.probabilities:
            if k not in self.probabilities:
                self.probabilities[k] = np.zeros((self.status.shape[1], len(self.classes)), np.float32)
            given = self.probabilities[k][row]
            for name, probability in answer.probabilities.items():
                if name in self.classes:
                    given[self.classes[name]] = probability

    def _bill(self, k: int, row: int, each: Served) -> None:
        usage, shape = each.answer.usage, self.status.shape
        known = each.cost is not None and each.currency == self.newest.needs.currency
        self.cost[k, row] = each.cost if known and each.cost is not None else 0.0
        self.unpriced[k, row] = not known and each.answer.failure is None
        self.unmetered[k, row] = usage.unmetered
        for kind in TOKEN_KINDS:
            if count := getattr(usage, f"{kind}_tokens"):
                if kind not in self.tokens:
                    self.tokens[kind] = np.zeros(shape)
                self.tokens[kind][k, row] = count
        if usage.service_tier not in STANDARD:
            self.services.setdefault(usage.service_tier, np.zeros(shape, np.bool_))[k, row] = True

    def _tags(self) -> dict[str, NDArray[Any]]:
        """What is watched of the inputs as texts (their language), as slices."""
        names = {name for each in self.first.values() for name, value in each.seen.items() if isinstance(value, str)}
        return {name: np.array([str(e.seen.get(name) or "") for e in self.first.values()]) for name in sorted(names)}

    def _labels(self) -> Labels | None:
        if not self.classes:
            return None
        return Labels(tuple(self.classes), self.target, self.predicted, self.probabilities)

    def _facts(self) -> dict[str, str]:
        facts = {"requests": f"{len(self.row):,}", "answers": f"{len(self.served):,}"}
        for source in PRECEDENCE:
            if self.by[source]:
                facts[f"scored by {source}"] = f"{self.by[source]:,}"
        reasons = self.unscored + self.judge.unscored
        if reasons:
            facts["unscored"] = "; ".join(f"{n:,}: {reason}" for reason, n in reasons.most_common(3))
        twice, otherwise = self._said_again()
        if twice:
            facts["said twice"] = f"{twice:,} times the same of the same request by the same source"
        if otherwise:
            facts["said again otherwise"] = f"{otherwise:,} requests: the last word counts"
        fallbacks = sum(each.fallback > 0 for each in self.served)
        if fallbacks:
            facts["answered by a fallback"] = f"{fallbacks:,}"
        return facts

    def _said_again(self) -> tuple[int, int]:
        twice, otherwise = 0, 0
        for request in self.row:
            said: dict[object, list[object]] = defaultdict(list)
            for each in self.feedback.get(request, ()):
                if each.target is not None:
                    said[each.source, "target"].append(repr(each.target))
                if each.solved is not None:
                    said[each.source, each.arm].append(each.solved)
            twice += sum(len(values) - len(set(values)) for values in said.values())
            otherwise += any(len(set(values)) > 1 for values in said.values())
        return twice, otherwise


def _verdict(said: Feedback) -> Score:
    score = said.score if said.score is not None and 0.0 <= said.score <= 1.0 else None
    solved = said.solved if said.solved is not None else score is not None and score >= _SOLVED_FROM
    return Score(float(solved) if score is None else score, solved, said.comment)


def _nobody(example: Example, answer: object) -> Score:
    """No scorer is known: only what is said of answers counts."""
    raise CannotJudge("the release names no scorer")

"""What imported candidates said, as answers that are stored: facts that can be scored anew."""

from __future__ import annotations

import time

from merits.candidates.imported import version_of
from merits.core.answer import NO_USAGE, Answer, Failure, FailureKind, Usage
from merits.core.doors import AnswerKey, Record, StoredAnswer
from merits.core.outcome import Status
from merits.core.secrets import shown
from merits.core.task import Task
from merits.evaluating.importing.joining import imported_candidate
from merits.evaluating.importing.outcomes import Found, Imported

__all__ = ["answers_of"]

_LONGEST = 500  # characters of a failure's message that are kept


def answers_of(found: Found, task: Task, together: Found) -> list[Record]:
    """What was said, as answers that are stored; not where one input has two answers, which would stand for each other.

    A case of which the tool kept no answer has none in the store either, nor has a failure that an answer stands for in
    `together`, all that was ever imported.
    """
    now = time.time()
    by_key: dict[tuple[str, AnswerKey], list[Answer]] = {}
    failed = {_key(row) for row in together.rows if row.status == Status.FAILED}
    for row in found.rows:
        if row.status == Status.FAILED and _key(row) not in failed:
            continue
        if row.status == Status.MISSING or (row.output is None and row.status != Status.FAILED):
            continue
        version = version_of(imported_candidate(row.candidate, task))
        by_key.setdefault((version, AnswerKey(row.input_hash, row.repeat)), []).append(_answer(row))
    return [
        StoredAnswer(version, key, answers[0], now)
        for (version, key), answers in by_key.items()
        if all(answer.output == answers[0].output for answer in answers)
    ]


def _key(row: Imported) -> tuple[str, str, int]:
    return row.candidate, row.example, row.repeat


def _answer(row: Imported) -> Answer:
    if row.status == Status.FAILED:
        failure = Failure(_kind(row.error), shown(row.error, _LONGEST))
        return Answer(failure=failure, usage=row.usage or NO_USAGE)
    usage = Usage(unmetered=1) if row.usage is None else row.usage
    return Answer(output=row.output, usage=usage, latency_s=row.latency_s or 0.0, untimed=row.latency_s is None)


_KINDS: tuple[tuple[FailureKind, tuple[str, ...]], ...] = (
    ("rate_limited", ("429", "rate limit", "ratelimit")),
    ("timeout", ("timeout", "timed out")),
    ("unauthorised", ("401", "403", "api key", "unauthor")),
    ("server_error", ("500", "502", "503", "504", "529", "internal server", "overloaded")),
    ("connection", ("connection", "econnreset", "network")),
    ("bad_request", ("400", "bad request", "badrequest")),
)


def _kind(error: str) -> FailureKind:
    """The kind of a failure by the words of its message: tools record no kinds."""
    said = error.lower()
    return next((kind for kind, words in _KINDS if any(word in said for word in words)), "raised")

"""Questions that are put to a provider as a batch: what a driver is told, whatever the provider's dialect.

Knows nothing about stores, tasks or when to ask: `merits.evaluating.batches` drives this.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

from merits.candidates.meter import AskFailed
from merits.core.answer import Answer, Failure
from merits.core.batching import Submission
from merits.core.identity import JSON

__all__ = [
    "Batchable",
    "Batches",
    "Found",
    "Limits",
    "Result",
    "Status",
    "custom_id",
    "number_of",
    "parts_of",
    "read_line",
    "read_reply",
    "takes_batches",
]

T = TypeVar("T")
What: TypeAlias = Literal["answered", "failed", "expired", "cancelled"]
PATIENCE_S = 900.0  # uploading 200 MB takes minutes
CLOCK_SKEW_S = 600.0  # by so much a provider's clock may differ from this machine's
LONGEST_SUBMITTING_S = 3600.0  # a batch that was accepted later than this after it was sent is another one


@dataclass(frozen=True)
class Limits:
    """The most that one batch may hold."""

    n_requests: int
    n_bytes: int


@dataclass(frozen=True)
class Status:
    """How far a batch is. `ended`: there is nothing to wait for; `refused`: it was never begun, for the reason `why`.

    `full` is a refusal because too much is waiting already: it may be taken later, or in smaller parts. `unanswered`
    is what became of requests that are in no result. `files` is where the results are, `ends_at` (UNIX seconds) when
    it ends at the latest.
    """

    stage: Literal["running", "ended", "refused"]
    n: int = 0
    n_done: int = 0
    why: str = ""
    full: bool = False
    unanswered: What = "expired"
    files: tuple[str, ...] = ()
    ends_at: float | None = None


@dataclass(frozen=True)
class Result:
    """What became of one request: the provider's `reply`, as if it had been asked alone, or why there is none.

    `refused` is what a filter said that refused the question: an answer, as when it is asked alone.
    """

    custom_id: str
    what: What
    reply: bytes = b""
    failure: Failure | None = None
    refused: str = ""


@dataclass(frozen=True)
class Found:
    """What the provider knows of a submission: its `batch`, "" for none; `maybe` when that cannot be told yet."""

    batch: str = ""
    maybe: bool = False


class Batches(Protocol):
    """A provider's batches. Everything raises AskFailed for what did not work.

    `upload` brings the requests there, in a way that nothing is asked yet, and says under which name ("" where there
    is no such step). `create` has them asked and gives the batch's id; when it fails with "bad_request",
    "unauthorised" or "rate_limited", nothing is asked, and otherwise it is not known. `find` looks for what a
    submission became among the provider's batches, of which `taken` are known to be others. `results` gives what came
    of each request, in any order, perhaps not of all. `close` releases its connections.
    """

    @property
    def limits(self) -> Limits: ...

    def request(self, custom_id: str, body: Mapping[str, JSON]) -> bytes: ...

    async def upload(self, id: str, requests: Sequence[bytes]) -> str: ...

    async def create(self, id: str, requests: Sequence[bytes], file: str) -> str: ...

    async def find(self, submission: Submission, taken: Collection[str]) -> Found: ...

    async def status(self, batch: str) -> Status: ...

    def results(self, batch: str, status: Status) -> AsyncGenerator[Result, None]: ...

    async def close(self) -> None: ...


@runtime_checkable
class Batchable(Protocol):
    """A model whose questions can be put to its provider as a batch.

    `body` is what would be sent to ask one question, and `answer_of` reads the reply to it. `batches` is None where
    its provider is not known to offer them.
    """

    def body(self, input: JSON) -> Mapping[str, JSON]: ...

    def answer_of(self, reply: bytes) -> Answer: ...

    def batches(self) -> Batches | None: ...


def takes_batches(model: object) -> bool:
    """Whether the questions to this model can be put to its provider as a batch.

    >>> takes_batches(object())
    False
    """
    return isinstance(model, Batchable) and model.batches() is not None


def custom_id(submission: str, number: int) -> str:
    """The id of a request within a submission: at most 64 letters, digits, "_" and "-", as the providers demand.

    >>> custom_id("merits_ab12", 7)
    'merits_ab12-7'
    """
    return f"{submission}-{number}"


def number_of(given: str, submission: str) -> int | None:
    """Which request of the submission this id names; None for another one's.

    >>> number_of("merits_ab12-7", "merits_ab12"), number_of("merits_cd34-7", "merits_ab12")
    (7, None)
    """
    prefix, _, number = given.rpartition("-")
    return int(number) if prefix == submission and number.isascii() and number.isdigit() else None


def parts_of(sizes: Iterable[int], limits: Limits) -> Iterator[tuple[int, int]]:
    """The first and the end of each part, in order, so that none holds more requests or bytes than it may.

    A request that is too large by itself is a part by itself.

    >>> list(parts_of([40, 40, 40, 200, 10], Limits(n_requests=2, n_bytes=100)))
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    start = total = end = 0
    for size in sizes:
        if end > start and (end - start >= limits.n_requests or total + size > limits.n_bytes):
            yield start, end
            start, total = end, 0
        end, total = end + 1, total + size
    if end > start:
        yield start, end


def read_reply(reply: bytes, type: type[T]) -> T:
    """What a provider says about a batch. Raises AskFailed for what cannot be read."""
    return _read(reply, type, "the reply about a batch")


def read_line(line: bytes, type: type[T]) -> T:
    """What a line of the results says. Raises AskFailed for what cannot be read."""
    return _read(line, type, "a line of the results")


def _read(text: bytes, type: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(text, type=type, strict=False)
    except msgspec.DecodeError as problem:
        raise AskFailed(Failure("server_error", f"{what} cannot be read: {problem}")) from None

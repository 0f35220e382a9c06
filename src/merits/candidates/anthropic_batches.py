"""Anthropic's batches (`/v1/messages/batches`).

Source: Anthropic's API reference, Message Batches: at most 100,000 requests and 256 MB; results are JSONL in any order;
requests that failed, were cancelled or expired are not billed. A batch carries no metadata of ours, so one whose id
was lost is told by its number of requests and its time, and for certain by the ids in its results.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from merits.candidates.batching import (
    CLOCK_SKEW_S,
    LONGEST_SUBMITTING_S,
    PATIENCE_S,
    Found,
    Limits,
    Result,
    Status,
    number_of,
    read_reply,
)
from merits.candidates.meter import AskFailed
from merits.candidates.providers import Endpoint
from merits.core.answer import Failure, FailureKind
from merits.core.batching import Submission
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["AnthropicBatches", "result_of", "status_of"]

_PAGE = 100
_KINDS: Mapping[str, FailureKind] = {
    "authentication_error": "unauthorised",
    "permission_error": "unauthorised",
    "rate_limit_error": "rate_limited",
    "timeout_error": "timeout",
    "api_error": "server_error",
    "overloaded_error": "server_error",
}
_Type: TypeAlias = Literal["succeeded", "errored", "canceled", "expired"]
_encode = msgspec.json.Encoder().encode


class AnthropicBatches:
    """Batches of messages."""

    limits = Limits(n_requests=100_000, n_bytes=256_000_000)

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint.patient(PATIENCE_S)

    def request(self, custom_id: str, body: Mapping[str, JSON]) -> bytes:
        """One of the requests of a batch."""
        return _encode({"custom_id": custom_id, "params": body})

    async def upload(self, id: str, requests: Sequence[bytes]) -> str:
        """Nothing is uploaded before: ""."""
        return ""

    async def create(self, id: str, requests: Sequence[bytes], file: str) -> str:
        """The id of the batch."""
        made = read_reply(
            await self._endpoint.post("/messages/batches", b'{"requests":[' + b",".join(requests) + b"]}"), _Batch
        )
        return made.id

    async def find(self, submission: Submission, taken: Collection[str]) -> Found:
        """The batch of this submission; `maybe` while one that might be it is not done, for only results name ours."""
        maybe = False
        async for batch in self._since(submission.at - CLOCK_SKEW_S):
            late = _seconds(batch.created_at) > submission.at + LONGEST_SUBMITTING_S
            if batch.id in taken or late or batch.request_counts.total != len(submission.keys):
                continue
            if batch.processing_status != "ended":
                maybe = True
            elif await self._is_ours(batch.id, submission.id):
                return Found(batch.id)
        return Found(maybe=maybe)

    async def _since(self, at: float) -> AsyncIterator[_Batch]:
        """The batches that were made since, newest first."""
        after = ""
        while True:
            page = await self._endpoint.get(f"/messages/batches?limit={_PAGE}{f'&after_id={after}' if after else ''}")
            read = read_reply(page, _Page)
            for batch in read.data:
                if 0.0 < _seconds(batch.created_at) < at:
                    return
                yield batch
            if not read.has_more or not read.last_id:
                return
            after = read.last_id

    async def _is_ours(self, batch: str, submission: str) -> bool:
        async for result in self.results(batch, Status("ended")):
            return number_of(result.custom_id, submission) is not None
        return False

    async def status(self, batch: str) -> Status:
        """How far a batch is."""
        return status_of(await self._endpoint.get(f"/messages/batches/{batch}"))

    async def results(self, batch: str, status: Status) -> AsyncGenerator[Result, None]:
        """What came of each request. Not from `results_url`: the key goes to no address that a reply names."""
        async for line in self._endpoint.lines(f"/messages/batches/{batch}/results"):
            yield result_of(line)

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._endpoint.close()


class _Counts(msgspec.Struct):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        return self.processing + self.done

    @property
    def done(self) -> int:
        return self.succeeded + self.errored + self.canceled + self.expired


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    created_at: str = ""
    expires_at: str | None = None
    request_counts: _Counts = msgspec.field(default_factory=_Counts)


class _Page(msgspec.Struct):
    data: list[_Batch] = []
    has_more: bool = False
    last_id: str | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Wrapped(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


class _Outcome(msgspec.Struct):
    type: _Type
    message: msgspec.Raw = msgspec.Raw(b"")
    error: _Wrapped | None = None


class _Line(msgspec.Struct):
    custom_id: str
    result: _Outcome


def status_of(batch: bytes) -> Status:
    """What a batch object says.

    >>> status_of(b'{"id": "b", "processing_status": "in_progress", "request_counts": {"processing": 3}}').n
    3
    """
    read = read_reply(batch, _Batch)
    counts = read.request_counts
    ended = read.processing_status == "ended"
    return Status(
        "ended" if ended else "running",
        n=counts.total,
        n_done=counts.done,
        ends_at=_seconds(read.expires_at) if read.expires_at else None,
    )


def result_of(line: bytes) -> Result:
    """What a line of the results says.

    >>> result_of(b'{"custom_id": "a-0", "result": {"type": "canceled"}}').what
    'cancelled'
    """
    try:
        read = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError as problem:
        raise AskFailed(Failure("server_error", f"a line of the results cannot be read: {problem}")) from None
    outcome = read.result
    if outcome.type == "succeeded":
        return Result(read.custom_id, "answered", bytes(outcome.message))
    if outcome.type != "errored":
        return Result(read.custom_id, "cancelled" if outcome.type == "canceled" else "expired")
    error = outcome.error.error if outcome.error else _Error()
    kind = _KINDS.get(error.type, "bad_request")
    return Result(read.custom_id, "failed", failure=Failure(kind, shown(f"{error.type}: {error.message}", 300)))


def _seconds(time: str) -> float:
    """RFC 3339 as UNIX seconds; 0 for what cannot be read."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0

"""Anthropic's batches (`/v1/messages/batches`).

Source: Anthropic's API reference, Message Batches: at most 100,000 requests and 256 MB; results are JSONL in any order;
requests that failed, were cancelled or expired are not billed. A batch carries no metadata of ours, so one whose id
was lost is told by its number of requests and its time, and for certain by the ids in its results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from merits.candidates.batch_endpoint import EndpointBatches, Listed, Page
from merits.candidates.batching import (
    LONGEST_SUBMITTING_S,
    Limits,
    Result,
    Status,
    number_of,
    read_line,
    read_reply,
)
from merits.core.answer import Failure, FailureKind
from merits.core.batching import Submission
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["AnthropicBatches", "result_of", "status_of"]

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


class AnthropicBatches(EndpointBatches):
    """Batches of messages."""

    limits = Limits(n_requests=100_000, n_bytes=256_000_000)
    path = "/messages/batches"
    cursor = "after_id"

    def request(self, custom_id: str, body: Mapping[str, JSON]) -> bytes:
        """One of the requests of a batch."""
        return _encode({"custom_id": custom_id, "params": body})

    async def upload(self, id: str, requests: Sequence[bytes]) -> str:
        """Nothing is uploaded before: ""."""
        return ""

    async def create(self, id: str, requests: Sequence[bytes], file: str) -> str:
        """The id of the batch."""
        body = b'{"requests":[' + b",".join(requests) + b"]}"
        return read_reply(await self.endpoint.post(self.path, body), _Batch).id

    def page_of(self, reply: bytes) -> Page:
        """The batches of a page, each with what tells it from others: how many requests it holds."""
        read = read_reply(reply, _Page)
        listed = [
            Listed(
                each.id,
                _seconds(each.created_at),
                n=each.request_counts.total,
                ended=each.processing_status == "ended",
            )
            for each in read.data
        ]
        return Page(listed, read.last_id or "" if read.has_more else "")

    async def is_ours(self, batch: Listed, submission: Submission) -> bool | None:
        """None while one that might be it is not done, for only results name ours."""
        late = batch.created_at > submission.at + LONGEST_SUBMITTING_S
        if late or batch.n != len(submission.keys):
            return False
        if not batch.ended:
            return None
        async for result in self.results(batch.id, Status("ended")):
            return number_of(result.custom_id, submission.id) is not None
        return False

    def status_of(self, reply: bytes) -> Status:
        """How far a batch is."""
        return status_of(reply)

    def result_paths(self, batch: str, status: Status) -> Sequence[str]:
        """Not `results_url`: the key goes to no address that a reply names."""
        return [f"{self.path}/{batch}/results"]

    def result_of(self, line: bytes) -> Result:
        """What came of a request."""
        return result_of(line)


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
    read = read_line(line, _Line)
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

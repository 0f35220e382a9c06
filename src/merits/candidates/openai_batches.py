"""OpenAI's batches (`/v1/files`, `/v1/batches`), which other OpenAI-compatible providers offer too.

Source: OpenAI's API reference, Batch and Files, and the guide "Batch API": at most 50,000 requests and 200 MB a file;
a batch that expires or is cancelled keeps what was answered; requests that failed stand in the error file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from merits.candidates.batch_endpoint import EndpointBatches, Listed, Page
from merits.candidates.batching import Limits, Result, Status, What, read_line, read_reply
from merits.candidates.providers import error_message, kind_of_status, refuses
from merits.candidates.wire import Part
from merits.core.answer import Failure
from merits.core.batching import Submission
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["OpenAIBatches", "result_of", "status_of"]

_ENDED = ("completed", "expired", "cancelled")
_encode = msgspec.json.Encoder().encode


class OpenAIBatches(EndpointBatches):
    """A provider's batches of chat completions."""

    limits = Limits(n_requests=50_000, n_bytes=200_000_000)
    path = "/batches"
    cursor = "after"

    def request(self, custom_id: str, body: Mapping[str, JSON]) -> bytes:
        """One line of the input file."""
        return _encode({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}) + b"\n"

    async def upload(self, id: str, requests: Sequence[bytes]) -> str:
        """The id of the input file."""
        file = Part(f"{id}.jsonl", b"".join(requests), "application/jsonl")
        return read_reply(await self.endpoint.post_form("/files", {"purpose": "batch"}, {"file": file}), _Made).id

    async def create(self, id: str, requests: Sequence[bytes], file: str) -> str:
        """The id of the batch, which is found again by its metadata."""
        body: dict[str, JSON] = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"merits": id},
        }
        return read_reply(await self.endpoint.post(self.path, body), _Made).id

    def page_of(self, reply: bytes) -> Page:
        """The batches of a page, each with the id that we gave it and its input file."""
        read = read_reply(reply, _Page)
        listed = [
            Listed(each.id, each.created_at, name=(each.metadata or {}).get("merits", ""), file=each.input_file_id)
            for each in read.data
        ]
        return Page(listed, read.data[-1].id if read.has_more and read.data else "")

    async def is_ours(self, batch: Listed, submission: Submission) -> bool:
        """By its metadata, or by its input file where a provider keeps no metadata."""
        return batch.name == submission.id or bool(submission.file and batch.file == submission.file)

    def status_of(self, reply: bytes) -> Status:
        """How far a batch is."""
        return status_of(reply)

    def result_paths(self, batch: str, status: Status) -> Sequence[str]:
        """The output and the error file."""
        return [f"/files/{file}/content" for file in status.files]

    def result_of(self, line: bytes) -> Result:
        """What came of a request."""
        return result_of(line)


class _Made(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]


class _Counts(msgspec.Struct):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Problem(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    line: int | None = None


class _Problems(msgspec.Struct):
    data: list[_Problem] | None = None


class _Batch(msgspec.Struct):
    id: str
    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: float = 0.0
    expires_at: float | None = None
    request_counts: _Counts | None = None
    errors: _Problems | None = None
    metadata: dict[str, str] | None = None


class _Page(msgspec.Struct):
    data: list[_Batch] = []
    has_more: bool = False


class _Reply(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"")


class _Line(msgspec.Struct):
    custom_id: str
    response: _Reply | None = None
    error: _Problem | None = None


def status_of(batch: bytes) -> Status:
    """What a batch object says.

    >>> status_of(b'{"id": "b", "status": "in_progress", "request_counts": {"total": 3, "completed": 1}}').n_done
    1
    """
    read = read_reply(batch, _Batch)
    counts = read.request_counts or _Counts()
    stage: Literal["running", "ended", "refused"] = "running"
    if read.status in _ENDED:
        stage = "ended"
    elif read.status == "failed":
        stage = "refused"
    problems = (read.errors.data or []) if read.errors else []
    unanswered: What = "cancelled" if read.status == "cancelled" else "expired"
    return Status(
        stage,
        n=counts.total,
        n_done=counts.completed + counts.failed,
        why="; ".join(map(_said, problems[:3])),
        full=any(problem.code == "token_limit_exceeded" for problem in problems),
        unanswered=unanswered,
        files=tuple(file for file in (read.output_file_id, read.error_file_id) if file),
        ends_at=read.expires_at,
    )


def _said(problem: _Problem) -> str:
    where = f" (line {problem.line})" if problem.line is not None else ""
    return shown(f"{problem.code or 'error'}: {problem.message or 'no reason was given'}", 300) + where


def result_of(line: bytes) -> Result:
    """What a line of the output or the error file says.

    >>> line = b'{"custom_id": "a-0", "response": null, "error": {"code": "batch_expired", "message": "too late"}}'
    >>> result_of(line).what
    'expired'
    """
    read = read_line(line, _Line)
    reply = read.response
    if reply is not None and reply.status_code:
        return _replied(read.custom_id, reply.status_code, bytes(reply.body))
    code = (read.error.code if read.error else None) or ""
    if code in ("batch_expired", "batch_cancelled"):
        return Result(read.custom_id, "expired" if code == "batch_expired" else "cancelled")
    said = _said(read.error) if read.error else "a line without a response"
    return Result(read.custom_id, "failed", failure=Failure("server_error", said))


def _replied(custom_id: str, status: int, body: bytes) -> Result:
    if status < 400:
        return Result(custom_id, "answered", body)
    text = body.decode(errors="replace")
    said = error_message(text)
    if refuses(status, text):
        return Result(custom_id, "answered", refused=said)
    return Result(custom_id, "failed", failure=Failure(kind_of_status(status), f"{status}: {said}"))

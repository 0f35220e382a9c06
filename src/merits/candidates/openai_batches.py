"""OpenAI's batches (`/v1/files`, `/v1/batches`), which other OpenAI-compatible providers offer too.

Source: OpenAI's API reference, Batch and Files, and the guide "Batch API": at most 50,000 requests and 200 MB a file;
a batch that expires or is cancelled keeps what was answered; requests that failed stand in the error file.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from merits.candidates.batching import (
    CLOCK_SKEW_S,
    PATIENCE_S,
    Found,
    Limits,
    Result,
    Status,
    What,
    read_reply,
)
from merits.candidates.meter import AskFailed
from merits.candidates.providers import Endpoint, error_message, kind_of_status, refuses
from merits.candidates.wire import Part
from merits.core.answer import Failure
from merits.core.batching import Submission
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["OpenAIBatches", "result_of", "status_of"]

_ENDED = ("completed", "expired", "cancelled")
_PAGE = 100
_encode = msgspec.json.Encoder().encode


class OpenAIBatches:
    """A provider's batches of chat completions."""

    limits = Limits(n_requests=50_000, n_bytes=200_000_000)

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint.patient(PATIENCE_S)

    def request(self, custom_id: str, body: Mapping[str, JSON]) -> bytes:
        """One line of the input file."""
        return _encode({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}) + b"\n"

    async def upload(self, id: str, requests: Sequence[bytes]) -> str:
        """The id of the input file."""
        file = Part(f"{id}.jsonl", b"".join(requests), "application/jsonl")
        return read_reply(await self._endpoint.post_form("/files", {"purpose": "batch"}, {"file": file}), _Made).id

    async def create(self, id: str, requests: Sequence[bytes], file: str) -> str:
        """The id of the batch, which is found again by its metadata."""
        body: dict[str, JSON] = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"merits": id},
        }
        return read_reply(await self._endpoint.post("/batches", body), _Made).id

    async def find(self, submission: Submission, taken: Collection[str]) -> Found:
        """The batch of this submission, by its metadata or its input file: the list is gone through, newest first."""
        after = ""
        while True:
            page = await self._endpoint.get(f"/batches?limit={_PAGE}{f'&after={after}' if after else ''}")
            read = read_reply(page, _Page)
            for batch in read.data:
                if (batch.metadata or {}).get("merits") == submission.id or (
                    submission.file and batch.input_file_id == submission.file
                ):
                    return Found(batch.id)
            last = read.data[-1] if read.data else None
            if last is None or not read.has_more or last.created_at < submission.at - CLOCK_SKEW_S:
                return Found()
            after = last.id

    async def status(self, batch: str) -> Status:
        """How far a batch is."""
        return status_of(await self._endpoint.get(f"/batches/{batch}"))

    async def results(self, batch: str, status: Status) -> AsyncGenerator[Result, None]:
        """What came of each request that stands in the output and in the error file."""
        for file in status.files:
            async for line in self._endpoint.lines(f"/files/{file}/content"):
                yield result_of(line)

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._endpoint.close()


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
    try:
        read = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError as problem:
        raise AskFailed(Failure("server_error", f"a line of the results cannot be read: {problem}")) from None
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

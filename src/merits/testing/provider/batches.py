"""The batch endpoints of a fake provider, in OpenAI's and in Anthropic's dialect, with what can go wrong there.

Its `batches` are a ledger of everything that was ever accepted: that nothing was submitted twice is proved by counting
there.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from urllib.parse import parse_qs

from merits.testing.provider import anthropic, openai
from merits.testing.provider.counting import Counting
from merits.testing.provider.http import Call, Reply
from merits.testing.provider.ledger import Billing, Entry, Ledger
from merits.testing.provider.saying import Reply as Say
from merits.testing.provider.saying import Said, echo, said

__all__ = ["Accepted", "BatchFault", "BatchFaultKind", "FakeBatches"]

Message: TypeAlias = Mapping[str, object]
JSONObject: TypeAlias = dict[str, object]
BatchFaultKind: TypeAlias = Literal[
    "expire",  # the request is not done in time
    "cancel",  # the request is cancelled at the provider
    "error",  # the request fails with `status`
    "leave_out",  # the request is in no result
    "refuse",  # the whole batch fails its validation
    "queue_full",  # the whole batch is refused if it holds more than `most` requests, or another one is running
    "lose_reply",  # the batch is accepted, and the connection is cut before the reply
    "delay_reply",  # the batch is accepted, and the reply comes `seconds` later
    "unavailable",  # 503, and nothing is accepted
    "unlisted",  # the batch stands in the list only after `seconds`
    "cut_results",  # the results end in the middle
]
_ROUTES = (
    "POST /v1/files",
    "GET /v1/files/",
    "POST /v1/batches",
    "GET /v1/batches",
    "GET /v1/batches/",
    "POST /v1/messages/batches",
    "GET /v1/messages/batches",
    "GET /v1/messages/batches/",
)
_OF_REQUESTS = ("expire", "cancel", "error", "leave_out")
_DAY_S = 86_400.0


@dataclass(frozen=True)
class BatchFault:
    """What goes wrong: for each request with a `probability`, or `when(messages)`; for batches the first `times`."""

    kind: BatchFaultKind
    probability: float = 1.0
    when: Callable[[Sequence[Message]], bool] | None = None
    times: int | None = None
    status: int = 400
    seconds: float = 0.0
    most: int = 0


@dataclass
class Accepted:
    """A batch as it was accepted: its requests as (custom id, body), and what will become of each."""

    id: str
    dialect: Literal["openai", "anthropic"]
    requests: Sequence[tuple[str, JSONObject]]
    at: float
    became: Sequence[BatchFault | None]
    listed_at: float
    file: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


@dataclass
class FakeBatches:
    """The endpoints, as `batches` of a `FakeProvider`. A batch is done `takes_s` after it was accepted.

    Results come in an order that `seed` decides. `reply(messages)` is what the model says to a request. At most `page`
    batches are listed at once. May be asked from any thread.

    >>> fake = FakeBatches()
    >>> fake.answer(Call("GET", "/v1/batches", "limit=2", {}, b"")).status
    200
    """

    reply: Say = echo
    takes_s: float = 0.0
    faults: Sequence[BatchFault] = ()
    seed: int = 0
    page: int = 20
    clock: Callable[[], float] = time.time
    batches: list[Accepted] = field(default_factory=list, init=False)
    files: dict[str, bytes] = field(default_factory=dict, init=False)
    n_requests: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._left = [fault.times for fault in self.faults]
        self._lock = threading.RLock()
        self._n_files = self._n_batches = 0
        self._ledger = Ledger()
        self._counting = Counting()
        self._settled: set[str] = set()

    def join(self, ledger: Ledger, counting: Counting) -> None:
        """Has what is done written into a provider's ledger, and tokens counted as there."""
        self._ledger, self._counting = ledger, counting

    def settle(self) -> None:
        """Writes what is done into the ledger, once: what was answered is billed; what failed is not.

        What expired, was cancelled or left out was never begun.
        """
        with self._lock:
            for batch in self.batches:
                if batch.id not in self._settled and self._is_done(batch):
                    self._settled.add(batch.id)
                    self._settle(batch)

    def _settle(self, batch: Accepted) -> None:
        path = "/v1/chat/completions" if batch.dialect == "openai" else "/v1/messages"
        for (_, body), fault in zip(batch.requests, batch.became, strict=True):
            if fault is not None and fault.kind != "error":
                continue
            status, kind = (200, "") if fault is None else (fault.status, fault.kind)
            tokens = Billing() if fault else self._answered(batch, body)[1]
            self._ledger.opened()
            self._ledger.settle(
                Entry(path, str(body.get("model")), status, kind, fault is None, tokens, service="batch")
            )

    def n_asked(self) -> Counter[str]:
        """How often each question was accepted: its last message; what expired or was never begun does not count."""
        return Counter(
            str(_messages(body)[-1].get("content"))
            for batch in self.batches
            if not batch.refused
            for (_, body), fault in zip(batch.requests, batch.became, strict=True)
            if fault is None or fault.kind not in ("expire", "cancel")
        )

    @property
    def routes(self) -> dict[str, Callable[[Call], Reply]]:
        """What a `FakeProvider` is to serve beside its own."""
        return dict.fromkeys(_ROUTES, self.answer)

    def answer(self, call: Call) -> Reply:
        """The answer to a request."""
        with self._lock:
            self.n_requests += 1
            self.settle()
            asked = {name: values[0] for name, values in parse_qs(call.query).items()}
            if call.path.startswith("/v1/messages/batches"):
                rest = call.path.removeprefix("/v1/messages/batches").strip("/")
                return self._anthropic(call.method, rest, asked, call.body)
            if call.path.startswith("/v1/batches"):
                return self._openai(call.method, call.path.removeprefix("/v1/batches").strip("/"), asked, call.body)
            if call.method == "POST":
                return self._upload(call.headers, call.body)
            return self._content(call.path.removeprefix("/v1/files/").removesuffix("/content"))

    # OpenAI

    def _upload(self, headers: Mapping[str, str], body: bytes) -> Reply:
        fields = _form(headers.get("content-type", ""), body)
        if fields.get("purpose") != b"batch":
            return _refusal(400, "purpose must be batch")
        self._n_files += 1
        id = f"file-{self._n_files}"
        self.files[id] = fields["file"]
        return _json({"id": id, "object": "file", "purpose": "batch", "bytes": len(fields["file"])})

    def _content(self, id: str) -> Reply:
        if id in self.files:
            return Reply(body=self.files[id])
        kind, _, name = id.partition("-of-")
        batch = self._found(name)
        if batch is None or kind not in ("output", "errors"):
            return _refusal(404, f"No such File object: {id}")
        lines = [line for good, line in self._openai_lines(batch) if good == (kind == "output")]
        return self._results(lines)

    def _openai(self, method: str, id: str, asked: Mapping[str, str], body: bytes) -> Reply:
        if method == "POST" and not id:
            wanted = json.loads(body)
            content = self.files.get(wanted["input_file_id"])
            if content is None:
                return _refusal(400, "no such input file")
            read = [json.loads(line) for line in content.splitlines()]
            requests = [(line["custom_id"], line["body"]) for line in read]
            return self._create("openai", requests, wanted["input_file_id"], wanted.get("metadata") or {})
        if not id:
            return self._list("openai", asked.get("after", ""), int(asked.get("limit", "20")))
        batch = self._found(id)
        return _refusal(404, f"No batch found with id '{id}'.") if batch is None else _json(self._openai_batch(batch))

    def _openai_batch(self, batch: Accepted) -> JSONObject:
        done = self._is_done(batch)
        kinds = Counter(fault.kind if fault else "fine" for fault in batch.became)
        status = "in_progress"
        if batch.refused:
            status = "failed"
        elif done:
            status = "expired" if kinds["expire"] else "cancelled" if kinds["cancel"] else "completed"
        n_fine, n = kinds["fine"], len(batch.requests)
        code, _, why = batch.refused.partition(": ")
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "input_file_id": batch.file,
            "status": status,
            "errors": {"object": "list", "data": [{"code": code, "message": why}]} if batch.refused else None,
            "output_file_id": f"output-of-{batch.id}" if done and n_fine else None,
            "error_file_id": f"errors-of-{batch.id}" if done and n_fine < n else None,
            "created_at": int(batch.at),
            "expires_at": int(batch.at + _DAY_S),
            "request_counts": {
                "total": 0 if batch.refused else n,
                "completed": n_fine if done else self._n_done(batch),
                "failed": kinds["error"] if done else 0,
            },
            "metadata": dict(batch.metadata) or None,
        }

    def _openai_lines(self, batch: Accepted) -> Iterator[tuple[bool, JSONObject]]:
        for (custom_id, body), fault in self._shuffled(batch):
            line: JSONObject = {"id": f"batch_req_{custom_id}", "custom_id": custom_id, "response": None, "error": None}
            kind = fault.kind if fault else ""
            if fault is None:
                response = {"status_code": 200, "request_id": "r", "body": self._completion(batch, body)}
                yield True, {**line, "response": response}
            elif kind == "error":
                told = {"error": {"message": f"This is a {fault.status}.", "type": "fake_error"}}
                yield False, {**line, "response": {"status_code": fault.status, "request_id": "r", "body": told}}
            elif kind == "expire":
                why = "This request could not be executed before the completion window expired."
                yield False, {**line, "error": {"code": "batch_expired", "message": why}}

    def _completion(self, batch: Accepted, body: JSONObject) -> JSONObject:
        answer, billing = self._answered(batch, body)
        return openai.completion(answer, {"id": "chatcmpl-batch", "model": body.get("model")}, billing, None)

    # Anthropic

    def _anthropic(self, method: str, path: str, asked: Mapping[str, str], body: bytes) -> Reply:
        if method == "POST" and not path:
            requests = [(each["custom_id"], each["params"]) for each in json.loads(body)["requests"]]
            return self._create("anthropic", requests, "", {})
        if not path:
            return self._list("anthropic", asked.get("after_id", ""), int(asked.get("limit", "20")))
        id, _, what = path.partition("/")
        batch = self._found(id)
        if batch is None or (what == "results" and not self._is_done(batch)):
            return _refusal(404, f"{id} was not found")
        return self._results(list(self._anthropic_lines(batch))) if what else _json(self._anthropic_batch(batch))

    def _anthropic_batch(self, batch: Accepted) -> JSONObject:
        done = self._is_done(batch)
        kinds = Counter(fault.kind if fault else "fine" for fault in batch.became)
        n = len(batch.requests)
        counts = {"processing": n, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        if done:
            counts = {
                "processing": 0,
                "succeeded": kinds["fine"],
                "errored": kinds["error"],
                "canceled": kinds["cancel"],
                "expired": n - kinds["fine"] - kinds["error"] - kinds["cancel"],
            }
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if done else "in_progress",
            "request_counts": counts,
            "created_at": _time(batch.at),
            "expires_at": _time(batch.at + _DAY_S),
            "ended_at": _time(batch.at + self.takes_s) if done else None,
            "results_url": f"https://elsewhere.invalid/{batch.id}" if done else None,
        }

    def _anthropic_lines(self, batch: Accepted) -> Iterator[JSONObject]:
        for (custom_id, body), fault in self._shuffled(batch):
            if fault is None:
                yield {"custom_id": custom_id, "result": {"type": "succeeded", "message": self._message(batch, body)}}
            elif fault.kind == "error":
                kind = "overloaded_error" if fault.status >= 500 else "invalid_request_error"
                error = {"type": "error", "error": {"type": kind, "message": f"This is a {fault.status}."}}
                yield {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
            elif fault.kind != "leave_out":
                kind = "expired" if fault.kind == "expire" else "canceled"
                yield {"custom_id": custom_id, "result": {"type": kind}}

    def _message(self, batch: Accepted, body: JSONObject) -> JSONObject:
        answer, billing = self._answered(batch, body)
        told = anthropic.message(answer, {"id": "msg_batch", "model": body.get("model")}, billing)
        return {**told, "usage": {**anthropic.usage(billing), "service_tier": "batch"}}

    # both

    def _create(
        self,
        dialect: Literal["openai", "anthropic"],
        requests: Sequence[tuple[str, JSONObject]],
        file: str,
        metadata: Mapping[str, str],
    ) -> Reply:
        if self._hit("unavailable"):
            return _refusal(503, "come back later")
        if len({custom_id for custom_id, _ in requests}) < len(requests):
            return _refusal(400, "duplicate_custom_id")
        refused = self._refused(len(requests))
        if refused and dialect == "anthropic":
            return _refusal(400, refused)
        self._n_batches += 1
        number = self._n_batches
        unlisted = self._hit("unlisted")
        batch = Accepted(
            id=f"batch_{number}" if dialect == "openai" else f"msgbatch_{number}",
            dialect=dialect,
            requests=requests,
            at=self.clock(),
            became=[self._becomes(_messages(body)) for _, body in requests],
            listed_at=self.clock() + (unlisted.seconds if unlisted else 0.0),
            file=file,
            metadata=metadata,
            refused=refused,
        )
        self.batches.append(batch)
        told = self._openai_batch(batch) if dialect == "openai" else self._anthropic_batch(batch)
        text, late = json.dumps(told).encode(), self._hit("delay_reply")
        if late is not None:
            return Reply(parts=(b" ", text), pause_s=late.seconds)
        return Reply(body=text, cut=bool(self._hit("lose_reply")))

    def _refused(self, n: int) -> str:
        if self._hit("refuse"):
            return "model_not_found: The provided model 'none' is not supported by the Batch API."
        full = next((fault for fault in self.faults if fault.kind == "queue_full"), None)
        running = any(not batch.refused and not self._is_done(batch) for batch in self.batches)
        if full is not None and (n > full.most or running):
            return "token_limit_exceeded: Enqueued token limit reached."
        return ""

    def _becomes(self, messages: Sequence[Message]) -> BatchFault | None:
        for index, fault in enumerate(self.faults):
            if fault.kind not in _OF_REQUESTS or (fault.when is not None and not fault.when(messages)):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if self._used(index):
                return fault
        return None

    def _hit(self, kind: BatchFaultKind) -> BatchFault | None:
        for index, fault in enumerate(self.faults):
            if fault.kind == kind and self._random.random() < fault.probability and self._used(index):
                return fault
        return None

    def _used(self, index: int) -> bool:
        left = self._left[index]
        if left is not None:
            self._left[index] = max(0, left - 1)
        return left != 0

    def _list(self, dialect: str, after: str, limit: int) -> Reply:
        now = self.clock()
        known = [batch for batch in reversed(self.batches) if batch.dialect == dialect and batch.listed_at <= now]
        start = next((i + 1 for i, batch in enumerate(known) if batch.id == after), 0)
        shown = known[start : start + min(limit, self.page)]
        told = [self._openai_batch(b) if dialect == "openai" else self._anthropic_batch(b) for b in shown]
        more = start + len(shown) < len(known)
        ids = {"first_id": shown[0].id if shown else None, "last_id": shown[-1].id if shown else None}
        return _json({"object": "list", "data": told, "has_more": more, **ids})

    def _found(self, id: str) -> Accepted | None:
        return next((batch for batch in self.batches if batch.id == id), None)

    def _is_done(self, batch: Accepted) -> bool:
        return not batch.refused and self.clock() >= batch.at + self.takes_s

    def _n_done(self, batch: Accepted) -> int:
        return 0 if batch.refused else int(len(batch.requests) * min(1.0, (self.clock() - batch.at) / self.takes_s))

    def _shuffled(self, batch: Accepted) -> list[tuple[tuple[str, JSONObject], BatchFault | None]]:
        made = list(zip(batch.requests, batch.became, strict=True))
        random.Random(f"{self.seed} {batch.id}").shuffle(made)
        return made

    def _answered(self, batch: Accepted, body: JSONObject) -> tuple[Said, Billing]:
        """What the model says, and what of that is on the bill: as if it had been asked alone."""
        question = (openai if batch.dialect == "openai" else anthropic).question(body)
        answer = said(question, self.reply)
        return answer, self._counting.of(question, answer)

    def _results(self, lines: Sequence[JSONObject]) -> Reply:
        text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        return Reply(body=text, cut=bool(self._hit("cut_results")))


def _messages(body: JSONObject) -> list[Message]:
    messages = body.get("messages")
    return messages if isinstance(messages, list) else []


def _form(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form in `multipart/form-data` (RFC 7578), by name."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    fields: dict[str, bytes] = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        if name is not None:
            fields[name[1].decode()] = content.removesuffix(b"\r\n")
    return fields


def _json(told: JSONObject) -> Reply:
    return Reply(body=json.dumps(told).encode())


def _refusal(status: int, message: str) -> Reply:
    return Reply(status, json.dumps({"error": {"type": "invalid_request_error", "message": message}}).encode())


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()

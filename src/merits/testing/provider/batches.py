"""The batch endpoints of a fake provider, in OpenAI's and in Anthropic's dialect, with what can go wrong there.

Its `batches` are a ledger of everything that was ever accepted: that nothing was submitted twice is proved by counting
there.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs

from merits.testing.provider import anthropic, anthropic_batches, openai, openai_batches
from merits.testing.provider.accepted import Accepted, JSONObject, Progress, messages_of
from merits.testing.provider.batch_faults import BatchFault, BatchFaults
from merits.testing.provider.counting import Counting, Dialect
from merits.testing.provider.http import Call, Reply
from merits.testing.provider.ledger import Billing, Ledger
from merits.testing.provider.saying import Reply as Say
from merits.testing.provider.saying import Said, echo, said

__all__ = ["FakeBatches"]

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


@dataclass
class FakeBatches:
    """The endpoints, as `batches` of a `FakeProvider`. A batch is done `takes_s` after it was accepted.

    Results come in an order that `seed` decides. `reply(messages)` is what the model says to a request. At most `page`
    batches are listed at once, the newest first unless `oldest_first`. May be asked from any thread.

    >>> fake = FakeBatches()
    >>> fake.answer(Call("GET", "/v1/batches", "limit=2", {}, b"")).status
    200
    """

    reply: Say = echo
    takes_s: float = 0.0
    faults: Sequence[BatchFault] = ()
    seed: int = 0
    page: int = 20
    oldest_first: bool = False
    clock: Callable[[], float] = time.time
    batches: list[Accepted] = field(default_factory=list, init=False)
    files: dict[str, bytes] = field(default_factory=dict, init=False)
    n_requests: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.RLock()
        self._n_files = self._n_batches = 0
        self._ledger = Ledger()
        self._counting = Counting()
        self.fail(*self.faults)

    def fail(self, *faults: BatchFault) -> None:
        """From now on these go wrong, and no others."""
        self.faults, self._faults = faults, BatchFaults(faults, self._random)

    def join(self, ledger: Ledger, counting: Counting) -> None:
        """Has what is done written into a provider's ledger, and tokens counted as there."""
        self._ledger, self._counting = ledger, counting

    def settle(self) -> None:
        """Writes what is done into the ledger, once: what was answered is billed; what failed is not.

        What expired, was cancelled or left out was never begun.
        """
        with self._lock:
            for batch in self.batches:
                if not batch.settled and self._progress(batch).done:
                    batch.settled = True
                    for entry in batch.entries(partial(self._billing, batch.dialect)):
                        self._ledger.opened()
                        self._ledger.settle(entry)

    def n_asked(self) -> Counter[str]:
        """How often each question was accepted: its last message; what expired or was never begun does not count."""
        return sum((batch.n_begun for batch in self.batches), Counter())

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
                return self._upload(call)
            return self._content(call.path.removeprefix("/v1/files/").removesuffix("/content"))

    # OpenAI

    def _upload(self, call: Call) -> Reply:
        fields = openai.uploaded(call)
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
        lines = openai_batches.lines(batch, self.seed, self._completion)
        return self._results([line for good, line in lines if good == (kind == "output")])

    def _openai(self, method: str, id: str, asked: Mapping[str, str], body: bytes) -> Reply:
        if method == "POST" and not id:
            wanted = json.loads(body)
            content = self.files.get(wanted["input_file_id"])
            if content is None:
                return _refusal(400, "no such input file")
            file, metadata = wanted["input_file_id"], wanted.get("metadata") or {}
            return self._create("openai", openai_batches.requests(content), file, metadata)
        if not id:
            return self._list("openai", asked.get("after", ""), int(asked.get("limit", "20")))
        batch = self._found(id)
        return _json(self._told(batch)) if batch else _refusal(404, f"No batch found with id '{id}'.")

    def _completion(self, body: JSONObject) -> JSONObject:
        answer, billing = self._said("openai", body)
        return openai.completion(answer, {"id": "chatcmpl-batch", "model": body.get("model")}, billing, None)

    # Anthropic

    def _anthropic(self, method: str, path: str, asked: Mapping[str, str], body: bytes) -> Reply:
        if method == "POST" and not path:
            return self._create("anthropic", anthropic_batches.requests(body))
        if not path:
            return self._list("anthropic", asked.get("after_id", ""), int(asked.get("limit", "20")))
        id, _, what = path.partition("/")
        batch = self._found(id)
        if batch is None or (what == "results" and not self._progress(batch).done):
            return _refusal(404, f"{id} was not found")
        if not what:
            return _json(self._told(batch))
        return self._results(list(anthropic_batches.lines(batch, self.seed, self._message)))

    def _message(self, body: JSONObject) -> JSONObject:
        answer, billing = self._said("anthropic", body)
        told = anthropic.message(answer, {"id": "msg_batch", "model": body.get("model")}, billing)
        return {**told, "usage": {**anthropic.usage(billing), "service_tier": "batch"}}

    # both

    def _create(
        self,
        dialect: Dialect,
        requests: Sequence[tuple[str, JSONObject]],
        file: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Reply:
        if self._faults.hit("unavailable"):
            return _refusal(503, "come back later")
        if len({custom_id for custom_id, _ in requests}) < len(requests):
            return _refusal(400, "duplicate_custom_id")
        running = any(not batch.refused and not self._progress(batch).done for batch in self.batches)
        refused = self._faults.refusal(len(requests), running=running)
        if refused and dialect == "anthropic":
            return _refusal(400, refused)
        self._n_batches += 1
        unlisted = self._faults.hit("unlisted")
        batch = Accepted(
            id=f"{'batch' if dialect == 'openai' else 'msgbatch'}_{self._n_batches}",
            dialect=dialect,
            requests=requests,
            at=self.clock(),
            became=[self._faults.becomes(messages_of(body)) for _, body in requests],
            listed_at=self.clock() + (unlisted.seconds if unlisted else 0.0),
            file=file,
            metadata=metadata or {},
            refused=refused,
        )
        self.batches.append(batch)
        text, late = json.dumps(self._told(batch)).encode(), self._faults.hit("delay_reply")
        if late is not None:
            return Reply(parts=(b" ", text), pause_s=late.seconds)
        return Reply(body=text, cut=bool(self._faults.hit("lose_reply")))

    def _list(self, dialect: Dialect, after: str, limit: int) -> Reply:
        now = self.clock()
        known = [batch for batch in self.batches if batch.dialect == dialect and batch.listed_at <= now]
        if not self.oldest_first:
            known.reverse()
        start = next((i + 1 for i, batch in enumerate(known) if batch.id == after), 0)
        shown = known[start : start + min(limit, self.page)]
        more = start + len(shown) < len(known)
        ids = {"first_id": shown[0].id if shown else None, "last_id": shown[-1].id if shown else None}
        return _json({"object": "list", "data": [self._told(batch) for batch in shown], "has_more": more, **ids})

    def _told(self, batch: Accepted) -> JSONObject:
        told = openai_batches.batch if batch.dialect == "openai" else anthropic_batches.batch
        return told(batch, self._progress(batch))

    def _found(self, id: str) -> Accepted | None:
        return next((batch for batch in self.batches if batch.id == id), None)

    def _progress(self, batch: Accepted) -> Progress:
        return batch.progress(self.clock(), self.takes_s)

    def _said(self, dialect: Dialect, body: JSONObject) -> tuple[Said, Billing]:
        """What the model says, and what of that is on the bill: as if it had been asked alone."""
        question = (openai if dialect == "openai" else anthropic).question(body)
        answer = said(question, self.reply)
        return answer, self._counting.of(question, answer, dialect)

    def _billing(self, dialect: Dialect, body: JSONObject) -> Billing:
        return self._said(dialect, body)[1]

    def _results(self, lines: Sequence[JSONObject]) -> Reply:
        text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        return Reply(body=text, cut=bool(self._faults.hit("cut_results")))


def _json(told: JSONObject) -> Reply:
    return Reply(body=json.dumps(told).encode())


def _refusal(status: int, message: str) -> Reply:
    return Reply(status, json.dumps({"error": {"type": "invalid_request_error", "message": message}}).encode())

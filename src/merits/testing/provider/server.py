"""The fake provider: puts protocol, faults, limits and ledger together, and serves them from a thread of its own."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import TracebackType
from typing import Protocol, TypeAlias

import msgspec

from merits.core.candidate import Price
from merits.testing.provider import anthropic, openai
from merits.testing.provider.batches import FakeBatches
from merits.testing.provider.counting import AUDIO_BYTES_PER_TOKEN, IMAGE_TOKENS, Counting
from merits.testing.provider.faults import BILLED, STATUS, Fault, FaultKind, Faults, Message
from merits.testing.provider.http import Call, Connection, Reply
from merits.testing.provider.latency import Latency
from merits.testing.provider.ledger import Billing, Entry, Ledger
from merits.testing.provider.limits import Limits, Throttle
from merits.testing.provider.saying import Question, echo, said
from merits.testing.provider.saying import Reply as Say

__all__ = ["FakeProvider", "Request", "Route"]

Route: TypeAlias = Callable[[Call], Reply]
_HTML = b"<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>"
_ROUNDS = 10


@dataclass(frozen=True)
class Request:
    """One request as it came: its body, its headers in lower case, and how it was answered."""

    body: Mapping[str, object]
    headers: Mapping[str, str]
    status: int
    fault: FaultKind | None = None
    path: str = "/v1/chat/completions"

    @property
    def messages(self) -> Sequence[Message]:
        """The chat messages."""
        messages = self.body.get("messages")
        return messages if isinstance(messages, list) else []


class _Written(Protocol):
    def __call__(self, billed: Billing | None) -> Reply: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was understood: what a fault may look at, what it would cost, and how it would be answered."""

    messages: Sequence[Message]
    model: str
    billing: Billing
    written: _Written
    tells_usage: bool = True


@dataclass
class FakeProvider:
    """The server. Starts in a thread of its own as a context manager; `requests` are in order of arrival.

    `reply(messages)` is what the model says: a text, or a `Said` with tool calls or a refusal. A token is a word:
    counted in the messages and in the reply, of which `cached_tokens` of the input count as read from a cache
    (`cache_write_tokens` as written to it, `cache_write_1h_tokens` for an hour, which Anthropic alone tells), while
    `reasoning_tokens` and `spoken_tokens` (of sound, which OpenAI alone tells) are added to the output. With an
    `api_key`, any other gets 401 and the words of `refusal`. `latency_s` (seconds, or a `Latency`) is waited before
    each reply, and `pause_s` between the pieces of a stream. What fails at random is decided by `seed` and the order
    of arrival. `limits` are enforced and told in headers. `model` is who answers, where that is not who was asked.

    `ledger` says what is on the bill at `rates`: what was answered whole with a 200, an empty choice included; with
    `bill_lost` also what was cut, malformed or never waited for. With `keep=False` only sums are kept, for benchmarks.

    `batches` are served too: they count tokens as all else, and stand in the ledger once they are done, at the
    `batch_factor` of the rates. `routes` adds others: {"POST /v1/batches": route}; a path that ends with a slash stands
    for all below it.

    >>> with FakeProvider() as provider:
    ...     provider.base_url.endswith("/v1")
    True
    """

    reply: Say = echo
    api_key: str = ""
    faults: Sequence[Fault] = ()
    latency_s: float | Latency = 0.0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    logprob: float = -0.1
    seed: int = 0
    port: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    spoken_tokens: int = 0
    limits: Limits | None = None
    rates: Price | None = None
    bill_lost: bool = False
    keep: bool = True
    pause_s: float = 0.0
    model: str = ""
    system_fingerprint: str = "fp_fake"
    refusal: str = "Incorrect API key provided."
    models: Sequence[str] = ("fake",)
    routes: dict[str, Route] = field(default_factory=dict)
    batches: FakeBatches | None = None
    requests: list[Request] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.rates, keep=self.keep)
        self._counting = Counting(
            cached_tokens=self.cached_tokens,
            cache_write_tokens=self.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens,
            reasoning_tokens=self.reasoning_tokens,
            spoken_tokens=self.spoken_tokens,
        )
        if self.batches is not None:
            self.batches.join(self.ledger, self._counting)
            self.routes = {**self.batches.routes, **self.routes}
        self._faults = Faults(self.faults, self.seed)
        self._random = random.Random(self.seed + 1)
        self._latency = self.latency_s if isinstance(self.latency_s, Latency) else Latency.constant(self.latency_s)
        self._throttle = Throttle(self.limits, time.monotonic()) if self.limits is not None else None
        self._n = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._readers: dict[str, Callable[[Call], _Asked]] = {
            "/v1/chat/completions": self._chat,
            "/v1/messages": self._message,
            "/v1/embeddings": self._embeddings,
            "/v1/audio/transcriptions": self._transcription,
            "/v1/images/generations": self._image,
        }

    @property
    def base_url(self) -> str:
        """Where to ask, up to `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FakeProvider:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve, until `stop`; returns when the port is open. Raises OSError where it is taken."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="fake-provider", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), loop).result(10)
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the port and every connection. May be called twice."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(10)
        loop.close()

    def settle(self) -> None:
        """Writes into the ledger which batches are done by now; whoever asks about a batch has that done as well."""
        if self.batches is not None:
            self.batches.settle()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handle, self._connections), "127.0.0.1", self.port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        server, loop = self._server, asyncio.get_running_loop()
        for listening in server.sockets if server is not None else ():
            loop.remove_reader(listening.fileno())  # asyncio never closes what was accepted when its server is closed
        for _ in range(_ROUNDS):  # one that was being accepted turns up a few rounds of the loop later
            for connection in tuple(self._connections):
                connection.close()
            await asyncio.sleep(0)
        if server is not None:
            server.close()

    def _handle(self, call: Call, connection: Connection) -> None:
        read = self._readers.get(call.path) if call.method == "POST" else None
        if read is None:
            connection.send(self._beside(call))
            return
        self.ledger.opened()
        try:
            asked = read(call)
        except (msgspec.DecodeError, ValueError) as problem:
            self._refuse(call, connection, 400, f"We could not parse the body of your request: {problem}")
            return
        wrong = anthropic.what_is_missing(_json(call), call.headers) if _is_anthropic(call) else ""
        if not self._knows(call):
            self._refuse(call, connection, 401, self.refusal, asked)
        elif wrong:
            self._refuse(call, connection, 400, wrong, asked)
        elif self._throttle and (wait := self._throttle.wait_s(asked.billing.total, time.monotonic())):
            headers = {"Retry-After": str(math.ceil(wait))} if wait >= 1 else {"Retry-After": f"{wait:.3f}"}
            self._refuse(call, connection, 429, "Rate limit reached.", asked, headers=headers, fault="rate_limit")
        else:
            self._answer(call, connection, asked)

    def _answer(self, call: Call, connection: Connection, asked: _Asked) -> None:
        fault = self._faults.met(asked.messages) if self.faults else None
        if fault is not None and fault.kind in STATUS:
            status, headers = STATUS[fault.kind], _retry_after(fault)
            self._refuse(call, connection, status, f"This is a {fault.kind}.", asked, headers=headers, fault=fault.kind)
            return
        self._note(call, 200, fault.kind if fault else None)
        if fault is not None and fault.kind == "hang":  # settled at once: its client may stay for ever
            self._settle(call, asked, 200, fault.kind, billed=self.bill_lost)
            connection.on_lost = self.ledger.abandoned
            return
        connection.on_lost = lambda: self._lost(call, asked, fault)
        seconds = self._latency.draw(self._random)
        if seconds and (fault is None or fault.kind != "reset"):
            asyncio.get_running_loop().call_later(seconds, self._give, call, connection, asked, fault)
        else:
            self._give(call, connection, asked, fault)

    def _give(self, call: Call, connection: Connection, asked: _Asked, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        if connection.on_lost is None:
            return  # the client went away, and is settled
        self._settle(call, asked, 200, kind, billed=self.bill_lost or not kind or kind in BILLED)
        if kind == "reset":
            connection.abort()
            return
        tells = asked.tells_usage and kind != "usage_missing"
        reply = asked.written(asked.billing if tells else None)
        if self._throttle is not None:
            reply.headers = self._throttle.headers(anthropic=_is_anthropic(call))
        if kind == "slow_headers" and fault is not None:
            connection.stall(reply, fault.seconds)
        else:
            connection.send(_spoilt(reply, kind, anthropic_words=_is_anthropic(call)))

    def _lost(self, call: Call, asked: _Asked, fault: Fault | None) -> None:
        """The client went away before it was answered."""
        self.ledger.abandoned()
        self._settle(call, asked, 200, fault.kind if fault else "", billed=self.bill_lost)

    def _refuse(
        self,
        call: Call,
        connection: Connection,
        status: int,
        message: str,
        asked: _Asked | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        fault: FaultKind | None = None,
    ) -> None:
        self._note(call, status, fault)
        self._settle(call, asked, status, fault or "", billed=False)
        told = self._throttle.headers(anthropic=_is_anthropic(call)) if self._throttle is not None else {}
        words = anthropic.error if _is_anthropic(call) else openai.error
        connection.send(Reply(status, words(status, message), headers={**told, **(headers or {})}))

    def _settle(self, call: Call, asked: _Asked | None, status: int, fault: str, *, billed: bool) -> None:
        model, tokens = (asked.model, asked.billing) if asked is not None else ("", Billing())
        self.ledger.settle(Entry(call.path, model, status, fault, billed, tokens if billed else Billing()))

    def _note(self, call: Call, status: int, fault: FaultKind | None) -> None:
        self._n += 1
        if self.keep:
            self.requests.append(Request(_json(call), call.headers, status, fault, call.path))

    def _beside(self, call: Call) -> Reply:
        """The answer to what is no question: the ledger, the models, and whatever was added."""
        if call.path == "/ledger":
            self.settle()
            if call.method == "DELETE":
                self.ledger.reset()
            return Reply(body=msgspec.json.encode(self.ledger.as_json(entries="entries" in call.query)))
        if not self._knows(call):
            return Reply(401, openai.error(401, self.refusal))
        if (call.method, call.path) == ("GET", "/v1/models"):
            words = anthropic.models if "anthropic-version" in call.headers else openai.models
            return Reply(body=words(self.models))
        name = f"{call.method} {call.path}"
        below = (route for path, route in self.routes.items() if path.endswith("/") and name.startswith(path))
        route = self.routes.get(name) or next(below, None)
        return route(call) if route else Reply(404, openai.error(404, f"Invalid URL ({name})"))

    def _knows(self, call: Call) -> bool:
        if not self.api_key:
            return True
        return self.api_key in (
            call.headers.get("x-api-key"),
            call.headers.get("authorization", "").removeprefix("Bearer "),
        )

    def _head(self, model: str) -> dict[str, object]:
        head: dict[str, object] = {"id": f"chatcmpl-{self._n}", "model": self.model or model}
        return {**head, "system_fingerprint": self.system_fingerprint} if self.system_fingerprint else head

    def _told(self, reply: dict[str, object]) -> Reply:
        """A reply of a kind that says who answered only where that is not who was asked, as gateways do."""
        who = {"model": self.model, "system_fingerprint": self.system_fingerprint} if self.model else {}
        return Reply(body=msgspec.json.encode({**reply, **who}))

    def _chat(self, call: Call) -> _Asked:
        question = openai.question(_json(call))
        answer = said(question, self.reply)
        logprob = self.logprob if question.logprobs else None

        def written(billed: Billing | None) -> Reply:
            head = self._head(question.model)
            if question.stream:
                return _stream(openai.events(answer, head, billed, logprob), self.pause_s)
            return Reply(body=msgspec.json.encode(openai.completion(answer, head, billed, logprob)))

        billing = self._counting.of(question, answer)
        return _Asked(question.messages, question.model, billing, written, question.tells_usage)

    def _message(self, call: Call) -> _Asked:
        question = anthropic.question(_json(call))
        answer = said(question, self.reply)

        def written(billed: Billing | None) -> Reply:
            head = self._head(question.model)
            if question.stream:
                return _stream(anthropic.events(answer, head, billed), self.pause_s)
            return Reply(body=msgspec.json.encode(anthropic.message(answer, head, billed)))

        return _Asked(question.messages, question.model, self._counting.of(question, answer, "anthropic"), written)

    def _embeddings(self, call: Call) -> _Asked:
        body = _json(call)
        given = body.get("input", "")
        texts = [str(text) for text in given] if isinstance(given, list) else [str(given)]
        messages = [{"role": "user", "content": text} for text in texts]
        billing = Billing(input=sum(len(text.split()) for text in texts))
        return _Asked(
            messages,
            str(body.get("model", "fake")),
            billing,
            lambda billed: self._told(openai.embeddings(body, billed)),
        )

    def _transcription(self, call: Call) -> _Asked:
        form = openai.uploaded(call)
        name = form.get("filename", b"").decode("utf-8", "replace")
        messages = [{"role": "user", "content": name}]
        answer = said(Question(messages, "fake"), self.reply)
        heard = max(1, len(form.get("file", b"")) // AUDIO_BYTES_PER_TOKEN)
        billing = Billing(input=len(form.get("prompt", b"").split()), output=answer.n_words, audio=heard)

        def written(billed: Billing | None) -> Reply:
            if form.get("response_format") == b"text":
                return Reply(body=answer.text.encode(), content_type="text/plain")
            return self._told(openai.transcript(answer, billed))

        return _Asked(messages, form.get("model", b"fake").decode(), billing, written)

    def _image(self, call: Call) -> _Asked:
        body = _json(call)
        prompt, n = str(body.get("prompt", "")), body.get("n", 1)
        n = n if isinstance(n, int) else 1
        billing = Billing(input=len(prompt.split()), image=IMAGE_TOKENS * n)
        return _Asked(
            [{"role": "user", "content": prompt}],
            str(body.get("model", "fake")),
            billing,
            lambda billed: self._told(openai.image(prompt, n, billed)),
        )


_decode = msgspec.json.Decoder(dict[str, object]).decode


def _json(call: Call) -> Mapping[str, object]:
    """The body as an object; of a form, nothing."""
    if call.headers.get("content-type", "").startswith("multipart/"):
        return {}
    return _decode(call.body)


def _is_anthropic(call: Call) -> bool:
    return call.path.startswith("/v1/messages")


def _stream(events: Sequence[bytes], pause_s: float) -> Reply:
    return Reply(content_type="text/event-stream", parts=events, pause_s=pause_s)


def _retry_after(fault: Fault) -> dict[str, str]:
    if fault.retry_after_s is None:
        return {}
    if fault.as_date:
        at = datetime.now(UTC) + timedelta(seconds=fault.retry_after_s)
        return {"Retry-After": format_datetime(at, usegmt=True)}
    return {"Retry-After": f"{fault.retry_after_s:g}"}


def _spoilt(reply: Reply, kind: str, *, anthropic_words: bool) -> Reply:
    """The reply as the fault leaves it."""
    if kind == "malformed":
        return Reply(body=b'{"choices": [{"message": {"content": "ha', headers=reply.headers)
    if kind == "html_page":
        return Reply(body=_HTML, content_type="text/html")
    if kind == "wrong_content_type":
        reply.content_type = "text/plain"
    if kind == "truncated":
        reply.cut = True
    if kind == "empty":
        return _emptied(reply, "content" if anthropic_words else "choices")
    return reply


def _emptied(reply: Reply, name: str) -> Reply:
    """The reply without its content, and with its usage."""
    if not reply.parts:
        reply.body = msgspec.json.encode({**_decode(reply.body), name: []})
        return reply
    kept = [part for part in reply.parts if b'"usage"' in part or b"[DONE]" in part or b"message_stop" in part]
    reply.parts = kept or reply.parts[-1:]
    return reply

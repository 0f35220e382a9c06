"""A fake provider: a real HTTP server on this machine that speaks the OpenAI chat protocol, and fails on demand.

    with FakeProvider(lambda messages: messages[-1]["content"].upper()) as provider:
        ...                                              # base_url=provider.base_url

    python -m merits.testing.provider --port 8000        the same from a shell; it answers with the question

Knows nothing about tasks, candidates or scores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["FakeProvider", "Fault", "FaultKind", "Request", "echo"]

FaultKind: TypeAlias = Literal[
    "rate_limit",  # 429
    "server_error",  # 500
    "unavailable",  # 503
    "bad_request",  # 400
    "reset",  # the connection is cut
    "hang",  # no answer, ever
    "malformed",  # 200 with half a JSON document
    "empty",  # 200 without choices
]
Message: TypeAlias = Mapping[str, object]
Reply: TypeAlias = Callable[[Sequence[Message]], str]
_STATUS = {"rate_limit": 429, "server_error": 500, "unavailable": 503, "bad_request": 400}


@dataclass(frozen=True)
class Fault:
    """When to fail, and how: with a probability, or always when `when(messages)`; the first `times` times at most.

    `retry_after_s` adds that header.
    """

    kind: FaultKind
    probability: float = 1.0
    when: Callable[[Sequence[Message]], bool] | None = None
    times: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Request:
    """One request as it came: its body, its headers in lower case, and how it was answered."""

    body: Mapping[str, object]
    headers: Mapping[str, str]
    status: int
    fault: FaultKind | None = None

    @property
    def messages(self) -> Sequence[Message]:
        """The chat messages."""
        messages = self.body.get("messages")
        return messages if isinstance(messages, list) else []


def echo(messages: Sequence[Message]) -> str:
    """The content of the last message.

    >>> echo([{"role": "user", "content": "Hi"}])
    'Hi'
    """
    return str(messages[-1].get("content", "")) if messages else ""


@dataclass
class FakeProvider:
    """The server. Starts in a thread of its own as a context manager; `requests` is its ledger, in order of arrival.

    A token is a word: counted in the messages and in the reply, of which `cached_tokens` of the input count as read
    from a cache and `reasoning_tokens` are added to the output, as OpenAI does. With an `api_key`, any other gets
    401. `latency_s` is waited before each reply. What fails at random is decided by `seed` and the order of arrival.

    >>> with FakeProvider() as provider:
    ...     provider.base_url.endswith("/v1")
    True
    """

    reply: Reply = echo
    api_key: str = ""
    faults: Sequence[Fault] = ()
    latency_s: float = 0.0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    logprob: float = -0.1
    seed: int = 0
    port: int = 0
    requests: list[Request] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._left = [fault.times for fault in self.faults]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None

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
        """Serve, until `stop`; returns when the port is open."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="fake-provider", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), loop).result(10)

    def stop(self) -> None:
        """Close the port and every connection. May be called twice."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None or self._runner is None:
            return
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(10)
        loop.close()

    async def _open(self) -> None:
        from aiohttp import web

        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        body = await request.json()
        messages = body.get("messages", [])
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            self._note(request, body, 401)
            return web.json_response(_error("Incorrect API key provided."), status=401)
        fault = self._fault(messages)
        self._note(request, body, _STATUS.get(fault.kind, 200) if fault else 200, fault.kind if fault else None)
        if fault is not None:
            return await self._failing(request, fault)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        return web.json_response(self._completion(body, messages))

    def _note(
        self, request: web.Request, body: Mapping[str, object], status: int, fault: FaultKind | None = None
    ) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(body, headers, status, fault))

    def _fault(self, messages: Sequence[Message]) -> Fault | None:
        for index, fault in enumerate(self.faults):
            left = self._left[index]
            if left == 0 or (fault.when is not None and not fault.when(messages)):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            self._left[index] = None if left is None else left - 1
            return fault
        return None

    async def _failing(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        from aiohttp import web

        if fault.kind == "hang":
            await asyncio.sleep(3600)
        if fault.kind == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault.kind == "malformed":
            return web.Response(text='{"choices": [{"message": {"content": "ha', content_type="application/json")
        if fault.kind == "empty":
            return web.json_response({"choices": [], "model": "fake"})
        headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
        return web.json_response(_error(f"This is a {fault.kind}."), status=_STATUS[fault.kind], headers=headers)

    def _completion(self, body: Mapping[str, object], messages: Sequence[Message]) -> dict[str, object]:
        text = self.reply(messages)
        n_asked = sum(len(str(message.get("content", "")).split()) for message in messages)
        n_said = len(text.split()) + self.reasoning_tokens
        choice: dict[str, object] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": word, "logprob": self.logprob} for word in text.split()]}
        return {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", "fake"),
            "choices": [choice],
            "usage": {
                "prompt_tokens": n_asked,
                "completion_tokens": n_said,
                "total_tokens": n_asked + n_said,
                "prompt_tokens_details": {"cached_tokens": min(n_asked, self.cached_tokens)},
                "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            },
        }


def _error(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "fake_error", "code": None}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 0."""
    parser = argparse.ArgumentParser(
        prog="python -m merits.testing.provider",
        description="A fake OpenAI-compatible chat provider on 127.0.0.1. It answers with the question.",
        epilog="example:  python -m merits.testing.provider --port 8000 --fault rate_limit --probability 0.1",
    )
    parser.add_argument("--port", type=int, default=8000, help="port (default: %(default)s; 0 takes a free one)")
    parser.add_argument("--reply", default="", help="always answer with this text")
    parser.add_argument("--replies", help="JSON file: question -> answer; others are echoed")
    parser.add_argument("--api-key", default="", help="refuse any other key")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="wait before each answer")
    parser.add_argument("--fault", choices=get_args(FaultKind), action="append", default=[], help="fail like this")
    parser.add_argument("--probability", type=float, default=0.1, help="how often each fault happens")
    parser.add_argument("--seed", type=int, default=0, help="decides when faults happen")
    options = parser.parse_args(arguments)
    provider = FakeProvider(
        reply=_reply(options.reply, options.replies),
        api_key=options.api_key,
        faults=[Fault(kind, options.probability) for kind in options.fault],
        latency_s=options.latency,
        seed=options.seed,
        port=options.port,
    )
    with provider:
        print(f"export OPENAI_BASE_URL={provider.base_url} OPENAI_API_KEY={options.api_key or 'any'}", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(provider.requests):,} requests", file=sys.stderr)  # noqa: T201
    return 0


def _reply(always: str, file: str | None) -> Reply:
    if always:
        return lambda messages: always
    if file is None:
        return echo
    with open(file, encoding="utf-8") as opened:
        known: Mapping[str, str] = json.load(opened)
    return lambda messages: known.get(echo(messages), echo(messages))


if __name__ == "__main__":
    raise SystemExit(main())

"""`POST /v1/chat/completions`, whole and streamed, as OpenAI's clients speak it.

A release of any kind of task that answers with something writable can be asked so: see `inputs.asked_in_chat`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from operator import attrgetter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.serving.desk import Desk, Given, Wanted
from merits.serving.http import Call, Headers, Response, decoded
from merits.serving.inputs import asked_in_chat, read_in_turn
from merits.serving.parameters import Beside, left_aside, left_aside_header
from merits.serving.refusals import Refusal, error_body, refusal_of
from merits.serving.saying import Counted, Said, headers_of, merits_of, text_of, usage_in
from merits.serving.uploads import Files

__all__ = ["BESIDE", "ChatRequest", "chat"]

_encode = msgspec.json.Encoder().encode
_READS_S = 5.0  # past the deadline, for a client to read what it was sent


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    """What a stream says beside the answer."""

    include_usage: bool | None = False
    include_obfuscation: bool | None = None  # pads chunks against who reads along; TLS is for a proxy in front


class ChatMessage(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, object]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, object]] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    audio: Beside = None
    function_call: Beside = None
    annotations: JSON = None


class ChatRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A conversation. What else OpenAI's clients may send is refused where it asks for anything: see `parameters`."""

    model: Annotated[str, Meta(max_length=300)]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=2000)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: Annotated[str, Meta(max_length=512)] | None = None
    safety_identifier: Annotated[str, Meta(max_length=512)] | None = None
    audio: Beside = None
    frequency_penalty: Beside = None
    function_call: Beside = None
    functions: Beside = None
    logit_bias: Beside = None
    logprobs: Beside = None
    max_completion_tokens: Beside = None
    max_tokens: Beside = None
    metadata: Beside = None
    modalities: Beside = None
    moderation: Beside = None
    n: Beside = None
    parallel_tool_calls: Beside = None
    prediction: Beside = None
    presence_penalty: Beside = None
    prompt_cache_key: Beside = None
    prompt_cache_options: Beside = None
    prompt_cache_retention: Beside = None
    reasoning_effort: Beside = None
    response_format: Beside = None
    seed: Beside = None
    service_tier: Beside = None
    stop: Beside = None
    store: Beside = None
    temperature: Beside = None
    tool_choice: Beside = None
    tools: Beside = None
    top_logprobs: Beside = None
    top_p: Beside = None
    verbosity: Beside = None
    web_search_options: Beside = None


BESIDE = ChatRequest.__struct_fields__[6:]
_beside = attrgetter(*BESIDE)
_NOTHING_BESIDE = (None,) * len(BESIDE)


class _Said(msgspec.Struct):
    role: str
    content: str | None
    refusal: str | None


class _Choice(msgspec.Struct):
    index: int
    message: _Said
    finish_reason: str
    logprobs: None = None


class _Completion(msgspec.Struct):
    id: str
    object: str
    created: int
    model: str
    choices: tuple[_Choice, ...]
    usage: Counted
    merits: Said


_decode = msgspec.json.Decoder(ChatRequest).decode


async def chat(desk: Desk, call: Call) -> Response | None:
    """The completion; None where it was streamed."""
    settings = desk.settings
    body = await call.body(desk.bodies, desk.longest(call))
    asked = decoded(_decode, body)
    holder = call.holder
    line, pinned = desk.fleet.find(asked.model, holder.tasks if holder is not None else frozenset())
    opened = line.unit(pinned)
    beside = _beside(asked)
    aside: Headers = ()
    if beside != _NOTHING_BESIDE:  # almost nobody sends any, and there are many
        names = left_aside(zip(BESIDE, beside, strict=True), opened.release.candidate, settings.leave_aside)
        aside = left_aside_header(names)
    if asked.stream_options is not None and not asked.stream:
        raise Refusal(400, "invalid_value", "stream_options goes with stream: true.", param="stream_options")
    files = Files()
    try:
        messages: list[dict[str, JSON]] = [_plain(message) for message in asked.messages]
        wanted = Wanted(
            line,
            pinned,
            await read_in_turn(len(body), asked_in_chat, messages, opened, files),
            call.request,
            desk.deadline(call),
            desk.user(asked.user or asked.safety_identifier or ""),
            files,
        )
        if asked.stream:
            usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
            await _streamed(desk, call, wanted, aside, usage=usage)
            return None
        given = await desk.ask(call, wanted)
    finally:
        files.close()
    failure = given.reply.answer.failure
    if failure is not None:
        raise refusal_of(failure)
    return Response(_encode(_completion(call, given)), headers=[*headers_of(given), *aside])


def _plain(message: ChatMessage) -> dict[str, JSON]:
    content = message.content
    if message.audio is not None or message.function_call is not None:
        name = "audio" if message.audio is not None else "function_call"
        raise Refusal(400, "unsupported_parameter", f"A release does not take {name} of a message.", param="messages")
    if content is None and message.refusal is not None:
        content = message.refusal  # what the assistant said before
    if message.name is None and message.tool_calls is None and message.tool_call_id is None:
        return {"role": message.role, "content": content}  # type: ignore[dict-item]
    found: dict[str, JSON] = {"role": message.role, "content": content}  # type: ignore[dict-item]
    for name in ("name", "tool_calls", "tool_call_id"):
        value: JSON = getattr(message, name)
        if value is not None:
            found[name] = value
    return found


def _completion(call: Call, given: Given) -> _Completion:
    answer = given.reply.answer
    text = text_of(answer.output)
    said = _Said("assistant", None if answer.refused else text, text if answer.refused else None)
    return _Completion(
        f"chatcmpl-{given.request}",
        "chat.completion",
        int(call.at),
        given.opened.model,
        (_Choice(0, said, answer.finish_reason or "stop"),),
        usage_in(answer.usage),
        merits_of(given),
    )


async def _streamed(desk: Desk, call: Call, wanted: Wanted, aside: Headers, *, usage: bool) -> None:
    """Sends the pieces as server-sent events. A client that goes away ends the asking."""
    async with desk.stream(call, wanted) as (opened, _, pieces):
        first = await anext(pieces)
        if isinstance(first, Given) and first.reply.answer.failure is not None:
            raise refusal_of(first.reply.answer.failure)
        call.status = 200
        heads = [*_heads(call, opened.model_header), *aside]
        await call.send({"type": "http.response.start", "status": 200, "headers": heads})
        model = opened.model
        sending = asyncio.ensure_future(_send_pieces(call, model, first, pieces, usage=usage))
        gone = asyncio.ensure_future(_gone(call))
        try:
            left_s = max(0.0, wanted.until - time.monotonic()) + _READS_S
            done, _ = await asyncio.wait((sending, gone), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if not done and call.exchange is not None:
                call.exchange.abort()  # whoever does not read holds a turn that others wait for
        finally:
            for task in (sending, gone):
                if not task.done():
                    task.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            with suppress(asyncio.CancelledError):
                await sending


def _heads(call: Call, header: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-request-id", call.request.encode()),
        header,
    ]


async def _gone(call: Call) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass


async def _send_pieces(
    call: Call, model: str, first: str | Given, pieces: AsyncIterator[str | Given], *, usage: bool
) -> None:
    head: dict[str, object] = {
        "id": f"chatcmpl-{call.request}",
        "object": "chat.completion.chunk",
        "created": int(call.at),
        "model": model,
    }
    if usage:
        head["usage"] = None  # in every chunk but the one that has it, as OpenAI's
    start = _encode(head)[:-1] + b',"choices":[{"index":0,"delta":'
    send = call.send

    async def event(data: bytes, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": more})

    piece = first
    await event(start + b'{"role":"assistant","content":""},"finish_reason":null}]}')
    while isinstance(piece, str):
        if piece:
            await event(start + b'{"content":' + _encode(piece) + b'},"finish_reason":null}]}')
        piece = await anext(pieces)
    answer = piece.reply.answer
    if answer.failure is not None:
        refused = refusal_of(answer.failure)
        await event(error_body(refused.status, refused.code, refused.message))
    else:
        await event(_last(head, answer, piece))
        if usage:
            await event(_encode({**head, "choices": [], "usage": usage_in(answer.usage)}))
        await event(b"[DONE]")
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _last(head: dict[str, object], answer: Answer, given: Given) -> bytes:
    delta: dict[str, JSON] = {"refusal": text_of(answer.output)} if answer.refused else {}
    choice: dict[str, JSON] = {"index": 0, "delta": delta, "finish_reason": answer.finish_reason or "stop"}
    return _encode({**head, "choices": [choice], "merits": merits_of(given)})

"""Anthropic's words (`/v1/messages`): how a question is written, and how replies read, whole and streamed.

Knows nothing about how they are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from merits.candidates.completions import parsed
from merits.candidates.counting import count_in
from merits.candidates.forms import ANSWER_TOOL
from merits.candidates.meter import AskFailed
from merits.candidates.prompts import Message
from merits.candidates.providers import error_message
from merits.candidates.texts import as_text
from merits.core.answer import Answer, Failure, FailureKind, Usage
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["GatheredMessage", "answer_in", "question", "usage_of"]

_PLAIN_ENDS = ("end_turn", "stop_sequence", "tool_use")
_ENDS = {"max_tokens": "length"}  # one word for one thing, whoever says it
_TELLS: Mapping[str, FailureKind] = {
    "rate_limit_error": "rate_limited",
    "authentication_error": "unauthorised",
    "permission_error": "unauthorised",
    "invalid_request_error": "bad_request",
}


def question(messages: Sequence[Message]) -> dict[str, JSON]:
    """The part of a request that is said: `system` and `messages`, from messages as OpenAI has them.

    Raises AskFailed ("bad_request") for a sound, which this API does not hear.

    >>> question([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    {'messages': [{'role': 'user', 'content': 'Hi'}], 'system': 'Be brief.'}
    """
    said: list[JSON] = []
    system: list[str] = []
    for message in messages:
        if message["role"] in ("system", "developer"):
            system.append(as_text(message["content"]))
        else:
            said.append({**message, "content": _content(message["content"])})
    return {"messages": said, **({"system": "\n".join(system)} if system else {})}


def _content(content: JSON) -> JSON:
    if isinstance(content, str) or not isinstance(content, Sequence):
        return content
    return [_block(part) if isinstance(part, Mapping) else part for part in content]


def _block(part: Mapping[str, JSON]) -> JSON:
    if part.get("type") == "input_audio":
        raise AskFailed(Failure("bad_request", "Anthropic's messages API takes no sound."))
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else None
    if not isinstance(url, str):
        return dict(part)
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    name: str = ""
    input: object = None


class _Message(msgspec.Struct):
    """The part of a message that is read, as Anthropic documents it."""

    content: list[_Block] = []
    model: str = ""
    stop_reason: str | None = None
    usage: dict[str, object] | None = None


class _Delta(msgspec.Struct):
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    index: int = 0
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: dict[str, object] | None = None
    error: dict[str, object] | None = None
    content: list[_Block] | None = None


_decode = msgspec.json.Decoder(_Message).decode
_decode_event = msgspec.json.Decoder(_Event).decode


def answer_in(reply: bytes, *, as_json: bool = False) -> Answer:
    """The answer in the JSON of a message; AskFailed ("server_error", which may pass) when it holds none.

    A refusal (`stop_reason: refusal`) is an answer. Where tools are called the calls are the output; with `as_json`
    that of the tool `answer` is what its arguments are, and a text that is JSON is read.

    >>> answer_in(b'{"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"}').output
    'yes'
    """
    try:
        read = _decode(reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        what = f"the reply is not JSON: {shown(reply, 200)!r}"
        if isinstance(problem, msgspec.ValidationError):
            what = f"the reply is no message: {problem}"
        raise AskFailed(Failure("server_error", what), Usage(unmetered=1)) from None
    return _answer(read, reply, as_json=as_json)


def _answer(read: _Message, reply: bytes, *, as_json: bool) -> Answer:
    usage = usage_of(read.usage)
    end = read.stop_reason or ""
    refused = end == "refusal"
    if not read.content and not refused:
        text = error_message(reply.decode(errors="replace"))
        raise AskFailed(Failure("server_error", f"the reply holds no content: {text}"), usage)
    return Answer(
        output=_output(read.content, as_json=as_json, refused=refused),
        usage=usage,
        model=read.model,
        refused=refused,
        finish_reason="" if end in _PLAIN_ENDS else _ENDS.get(end, end),
    )


def _output(content: Sequence[_Block], *, as_json: bool, refused: bool) -> JSON:
    text = "".join(block.text for block in content if block.type == "text")
    calls = [block for block in content if block.type == "tool_use"]
    if refused or not calls:
        return parsed(text) if as_json and not refused else text
    if as_json and calls[0].name == ANSWER_TOOL:
        return _plain(calls[0].input)
    return [{"name": call.name, "arguments": _plain(call.input)} for call in calls]


def _plain(value: object) -> JSON:
    plain: JSON = msgspec.to_builtins(value)
    return plain


class GatheredMessage:
    """A streamed message while it comes: `take` each event, then `answer`.

    >>> stream = GatheredMessage()
    >>> for event in (b'{"type": "message_start", "message": {"model": "m"}}',
    ...               b'{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}',
    ...               b'{"type": "content_block_delta", "index": 0, "delta": {"text": "yes"}}',
    ...               b'{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}'):
    ...     _ = stream.take(event)
    >>> stream.answer().output
    'yes'
    """

    def __init__(self) -> None:
        self._message = _Message()
        self._blocks: dict[int, _Block] = {}
        self._texts: dict[int, list[str]] = {}
        self._whole: bytes | None = None
        self._metered = False

    def take(self, event: bytes) -> str:
        """Takes one event, and gives the text in it. Raises AskFailed where the provider tells of an error."""
        try:
            piece = _decode_event(event)
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            raise AskFailed(Failure("server_error", f"an event cannot be read: {problem}"), self.usage) from None
        if piece.type == "error":
            kind = _TELLS.get(str((piece.error or {}).get("type")), "server_error")
            text = error_message(event.decode(errors="replace"))
            raise AskFailed(Failure(kind, f"the stream ended with an error: {text}"), self.usage)
        if piece.content is not None:  # a server that does not stream
            self._whole = event
        if piece.message is not None:
            self._message = piece.message
        if piece.content_block is not None:
            self._blocks[piece.index] = piece.content_block
        return "" if piece.delta is None else self._take_delta(piece, piece.delta)

    def _take_delta(self, piece: _Event, delta: _Delta) -> str:
        if piece.type == "content_block_delta":
            said = delta.text or delta.partial_json
            self._texts.setdefault(piece.index, []).append(said)
            return said
        self._message.stop_reason = delta.stop_reason or self._message.stop_reason
        if piece.usage:
            self._message.usage = {**(self._message.usage or {}), **piece.usage}
            self._metered = True
        return ""

    @property
    def usage(self) -> Usage:
        """What the provider told so far; unmetered until it told all, which it does at the end."""
        told = usage_of(self._message.usage)
        return told if self._metered else msgspec.structs.replace(told, unmetered=1)

    def answer(self, *, as_json: bool = False) -> Answer:
        """The answer, as `answer_in`; AskFailed("connection") for a stream that ended too early."""
        if self._whole is not None:
            return answer_in(self._whole, as_json=as_json)
        if self._message.stop_reason is None:
            raise AskFailed(Failure("connection", "the stream ended before the answer did"), self.usage)
        self._message.content = [self._block(index) for index in sorted(self._blocks)]
        answer = _answer(self._message, b"", as_json=as_json)
        return msgspec.structs.replace(answer, usage=self.usage)

    def _block(self, index: int) -> _Block:
        block, text = self._blocks[index], "".join(self._texts.get(index, ()))
        if block.type == "tool_use":
            return _Block(block.type, name=block.name, input=parsed(text) if text else block.input)
        return _Block(block.type, text=block.text + text)


def usage_of(usage: Mapping[str, object] | None) -> Usage:
    """The count of tokens in disjoint kinds; unmetered where none is told.

    Anthropic's `input_tokens` are without what was read from a cache or written to it; what was thought is part of
    the output, and told apart by newer models only. Writes to a cache that lasts an hour cost more than others.

    >>> usage = usage_of({"input_tokens": 40, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 5,
    ...                   "output_tokens": 30, "service_tier": "standard"})
    >>> usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens
    (40, 60, 5, 30)
    """
    if not usage:
        return Usage(unmetered=1)
    details = usage.get("output_tokens_details")
    lasting = usage.get("cache_creation")
    written = count_in(usage, "cache_creation_input_tokens")
    for_an_hour = count_in(lasting, "ephemeral_1h_input_tokens") if isinstance(lasting, Mapping) else 0
    for_an_hour = min(written, for_an_hour)
    said = count_in(usage, "output_tokens")
    thought = min(said, count_in(details, "thinking_tokens") if isinstance(details, Mapping) else 0)
    tier = str(usage.get("service_tier") or "")
    return Usage(
        input_tokens=count_in(usage, "input_tokens"),
        cache_read_tokens=count_in(usage, "cache_read_input_tokens"),
        cache_write_tokens=written - for_an_hour,
        cache_write_1h_tokens=for_an_hour,
        output_tokens=said - thought,
        reasoning_tokens=thought,
        service_tier="" if tier == "standard" else tier,
    )

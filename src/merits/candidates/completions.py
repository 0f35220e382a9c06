"""How chat completions read (`/v1/chat/completions`): whole ones and streamed ones, as answers.

Knows nothing about how they are got.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from merits.candidates.counting import count_in
from merits.candidates.label_shares import shares_on_the_way
from merits.candidates.meter import AskFailed
from merits.candidates.providers import error_message
from merits.core.answer import STANDARD, Answer, Failure, Usage
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["Gathered", "answer_in", "answer_of", "parsed", "usage_of", "usage_told"]

_PLAIN_ENDS = ("stop", "tool_calls", "function_call", "eos")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)
    index: int | None = None


class _Part(msgspec.Struct):
    text: str = ""


class _Said(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Likely(msgspec.Struct):
    token: str
    logprob: float


class _Token(msgspec.Struct):
    logprob: float
    token: str = ""
    top_logprobs: list[_Likely] | None = None


class _LogProbs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None


class _Reply(msgspec.Struct):
    """The part of a chat completion, or of a piece of one, that is read, as OpenAI documents it."""

    choices: list[_Choice] = []
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    usage: dict[str, object] | None = None
    error: object = None


_decode = msgspec.json.Decoder(_Reply).decode


def answer_in(reply: bytes, *, whole: bool, as_json: bool = False, labels: Sequence[str] = ()) -> Answer:
    """The answer in the JSON of a chat completion, as `answer_of`; AskFailed for what is none."""
    return _answer(_read(reply), reply, whole=whole, as_json=as_json, labels=labels)


def answer_of(reply: Mapping[str, JSON], *, whole: bool, as_json: bool = False, labels: Sequence[str] = ()) -> Answer:
    """The answer in a chat completion; AskFailed ("server_error", which may pass) when it holds none.

    A refusal is an answer: the model was asked and said no. Where tools are called, the calls are the output: a list
    of names and arguments. With `as_json` a text that is JSON is read; one that is not stays a text. With token
    probabilities, confidence is the probability of the whole answer (`whole`: short labels), or per token, the
    geometric mean (long texts). Where it also tells the likeliest tokens in the place of each, and the answer is one
    of the `labels`, every label has a probability. A reply that tells no usage is unmetered: it is on the bill with a
    sum unknown.

    >>> answer_of({"choices": [{"message": {"content": "yes"}}], "model": "small-2026"}, whole=True).output
    'yes'
    """
    return answer_in(msgspec.json.encode(reply), whole=whole, as_json=as_json, labels=labels)


def _read(reply: bytes) -> _Reply:
    try:
        return _decode(reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        what = f"the reply is not JSON: {shown(reply, 200)!r}"
        if isinstance(problem, msgspec.ValidationError):
            what = f"the reply is no chat completion: {problem}"
        raise AskFailed(Failure("server_error", what), Usage(unmetered=1)) from None


def _answer(read: _Reply, reply: bytes, *, whole: bool, as_json: bool, labels: Sequence[str]) -> Answer:
    usage = usage_told(read.usage, read.service_tier)
    said = read.choices[0].message if read.choices else None
    if said is None:
        text = error_message(reply.decode(errors="replace"))
        raise AskFailed(Failure("server_error", f"the reply holds no choices: {text}"), usage)
    end = read.choices[0].finish_reason or ""
    refused = bool(said.refusal) or end == "content_filter"
    logprobs = None if refused else read.choices[0].logprobs
    probabilities = _probabilities(logprobs, labels)
    return Answer(
        output=_output(said, as_json=as_json and not refused),
        probabilities=probabilities,
        confidence=_confidence(logprobs, whole=whole) if probabilities is None else None,
        usage=usage,
        model=read.model or "",
        system_fingerprint=read.system_fingerprint or "",
        refused=refused,
        finish_reason="" if end in _PLAIN_ENDS else end,
    )


def _output(said: _Said, *, as_json: bool) -> JSON:
    if said.tool_calls and not said.refusal:
        return [
            {"name": call.function.name or "", "arguments": parsed(call.function.arguments or "{}")}
            for call in said.tool_calls
        ]
    text = said.content
    if isinstance(text, list):
        text = "".join(part.text for part in text)
    text = said.refusal or text or ""
    return parsed(text) if as_json else text


def parsed(text: str) -> JSON:
    """What a JSON text holds; the text itself where it is none.

    >>> parsed('{"label": "yes"}'), parsed("yes")
    ({'label': 'yes'}, 'yes')
    """
    try:
        value: JSON = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return text
    return value


def _confidence(logprobs: _LogProbs | None, *, whole: bool) -> float | None:
    tokens = [token.logprob for token in logprobs.content or ()] if logprobs else []
    if not tokens:
        return None
    total = math.fsum(tokens)
    return min(1.0, math.exp(total if whole else total / len(tokens)))


def _probabilities(logprobs: _LogProbs | None, labels: Sequence[str]) -> dict[str, float] | None:
    tokens = (logprobs.content or ()) if logprobs else ()
    if not labels or not any(token.top_logprobs for token in tokens):
        return None
    said = [
        (token.token, [(likely.token, math.exp(min(0.0, likely.logprob))) for likely in token.top_logprobs or ()])
        for token in tokens
    ]
    return shares_on_the_way(labels, said)


class Gathered:
    """A streamed reply while it comes: `take` each event, then `answer`.

    >>> stream = Gathered()
    >>> for event in (b'{"choices": [{"delta": {"content": "ye"}}]}', b'{"choices": [{"delta": {"content": "s"}}]}',
    ...               b'{"choices": [{"delta": {}, "finish_reason": "stop"}]}', b"[DONE]"):
    ...     _ = stream.take(event)
    >>> stream.answer(whole=True).output
    'yes'
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, tuple[list[str], list[str]]] = {}
        self._tokens: list[_Token] = []
        self._whole: bytes | None = None
        self._end: str | None = None
        self._last = _Reply()
        self._began = self._done = False

    def take(self, event: bytes) -> str:
        """Takes one event, and gives the text in it. Raises AskFailed where the provider tells of an error."""
        if event == b"[DONE]":
            self._done = True
            return ""
        piece = _read(event)
        if piece.error is not None:
            text = error_message(event.decode(errors="replace"))
            raise AskFailed(Failure("server_error", f"the stream ended with an error: {text}"), self.usage)
        for name in ("model", "system_fingerprint", "service_tier", "usage"):
            if getattr(piece, name) is not None:
                setattr(self._last, name, getattr(piece, name))
        return self._take_choice(piece.choices[0], event) if piece.choices else ""

    def _take_choice(self, choice: _Choice, event: bytes) -> str:
        if choice.message is not None:  # a server that does not stream
            self._whole = event
        self._began = True
        self._end = choice.finish_reason or self._end
        self._tokens += (choice.logprobs.content or ()) if choice.logprobs else ()
        delta = choice.delta or _Said()
        if isinstance(delta.content, str):
            self._texts.append(delta.content)
        if delta.refusal:
            self._refusal.append(delta.refusal)
        for call in delta.tool_calls or ():
            names, arguments = self._calls.setdefault(call.index or 0, ([], []))
            names.append(call.function.name or "")
            arguments.append(call.function.arguments or "")
        said = delta.refusal or delta.content
        return said if isinstance(said, str) else ""

    @property
    def usage(self) -> Usage:
        """What the provider told so far; unmetered while it told nothing."""
        return usage_told(self._last.usage, self._last.service_tier)

    def answer(self, *, whole: bool, as_json: bool = False, labels: Sequence[str] = ()) -> Answer:
        """The answer, as `answer_of`; AskFailed("connection") for a stream that ended too early."""
        if self._whole is not None:
            return answer_in(self._whole, whole=whole, as_json=as_json, labels=labels)
        if not self._done and self._end is None:
            raise AskFailed(Failure("connection", "the stream ended before the answer did"), self.usage)
        calls = [_Call(_Function("".join(names), "".join(said))) for _, (names, said) in sorted(self._calls.items())]
        said = _Said("".join(self._texts), "".join(self._refusal) or None, calls or None)
        if self._began:
            self._last.choices = [_Choice(said, finish_reason=self._end, logprobs=_LogProbs(self._tokens))]
        return _answer(self._last, b"", whole=whole, as_json=as_json, labels=labels)


def usage_told(usage: Mapping[str, object] | None, service_tier: str | None = None) -> Usage:
    """The usage of a reply that may tell none, and what it was billed as.

    >>> usage_told(None).unmetered, usage_told({"prompt_tokens": 3, "total_tokens": 3}, "flex").service_tier
    (1, 'flex')
    """
    tier = service_tier or ""
    tier = "" if tier in STANDARD else tier
    if not usage:
        return Usage(unmetered=1, service_tier=tier)
    counted = usage_of(usage)
    return msgspec.structs.replace(counted, service_tier=tier) if tier else counted


def usage_of(usage: Mapping[str, object]) -> Usage:
    """The provider's count of tokens, in disjoint kinds whose sum is the total.

    OpenAI counts cached tokens as input and reasoning tokens as output. Some providers (xAI, Google) leave reasoning
    out of the output; then the total is larger than input plus output, and the difference is reasoning.

    >>> usage = usage_of({"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130,
    ...                   "prompt_tokens_details": {"cached_tokens": 60},
    ...                   "completion_tokens_details": {"reasoning_tokens": 20}})
    >>> usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens
    (40, 60, 10, 20)
    """
    prompt, completion = count_in(usage, "prompt_tokens"), count_in(usage, "completion_tokens")
    asked, said = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    outside = max(0, count_in(usage, "total_tokens") - prompt - completion)
    if not (asked or said or outside or "prompt_cache_hit_tokens" in usage):
        return Usage(input_tokens=prompt, output_tokens=completion)
    cached = min(prompt, max(count_in(asked, "cached_tokens"), count_in(usage, "prompt_cache_hit_tokens")))
    written = min(prompt - cached, count_in(asked, "cache_write_tokens"))
    heard = min(prompt - cached - written, count_in(asked, "audio_tokens"))
    seen = min(prompt - cached - written - heard, count_in(asked, "image_tokens"))
    spoken = min(completion, count_in(said, "audio_tokens"))
    thought = outside or min(completion - spoken, count_in(said, "reasoning_tokens"))
    return Usage(
        input_tokens=prompt - cached - written - heard - seen,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=completion - spoken - (0 if outside else thought),
        reasoning_tokens=thought,
        audio_tokens=heard,
        audio_output_tokens=spoken,
        image_tokens=seen,
    )


def _details(usage: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}

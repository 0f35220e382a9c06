"""What an answer says beside itself, the same at every endpoint: release, confidence, cost, the id of the request."""

from __future__ import annotations

import msgspec

from merits.core.answer import Answer, Usage
from merits.core.identity import JSON
from merits.serving.desk import Given
from merits.serving.http import Headers

__all__ = ["Counted", "Said", "confidence_of", "headers_of", "merits_of", "text_of", "usage_in"]


def confidence_of(answer: Answer) -> float | None:
    """How sure the model is of its output, from 0 to 1; None where it does not say.

    >>> confidence_of(Answer("a", probabilities={"a": 0.9, "b": 0.1})), confidence_of(Answer("a"))
    (0.9, None)
    """
    if answer.confidence is not None:
        return answer.confidence
    shares = answer.probabilities
    if not shares:
        return None
    said = shares.get(answer.output) if isinstance(answer.output, str) else None
    return max(shares.values()) if said is None else said


def headers_of(given: Given) -> Headers:
    """The headers of an answer."""
    reply = given.reply
    headers = [given.opened.model_header]
    if reply.cost is not None:
        headers.append((b"x-merits-cost", b"%.10g" % reply.cost))
    confidence = confidence_of(reply.answer)
    if confidence is not None:
        headers.append((b"x-merits-confidence", b"%.6g" % confidence))
    return headers


class Said(msgspec.Struct, frozen=True, gc=False):
    """The object `merits` in the body of an answer."""

    request: str
    release: str
    release_id: str
    arm: str
    confidence: float | None
    cost: float | None
    currency: str
    probabilities: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    fallback: int | msgspec.UnsetType = msgspec.UNSET


def merits_of(given: Given) -> Said:
    """What an answer says beside itself."""
    reply, opened = given.reply, given.opened
    answer = reply.answer
    return Said(
        given.request,
        opened.model,
        opened.release.id,
        given.arm,
        confidence_of(answer),
        reply.cost,
        reply.currency,
        answer.probabilities or msgspec.UNSET,
        reply.fallback or msgspec.UNSET,
    )


def text_of(output: JSON) -> str:
    """An output as the text of a message: a text as it is, anything else as JSON.

    >>> text_of("yes"), text_of({"total": 3})
    ('yes', '{"total":3}')
    """
    if isinstance(output, str):
        return output
    return "" if output is None else msgspec.json.encode(output).decode()


class _PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int
    audio_tokens: int


class _CompletionDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int
    audio_tokens: int


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What was used, as OpenAI counts it."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptDetails
    completion_tokens_details: _CompletionDetails


def usage_in(usage: Usage) -> Counted:
    """What was used: what came from a cache is part of the prompt, what was thought part of the completion.

    >>> usage_in(Usage(input_tokens=3, cache_read_tokens=4, output_tokens=1, reasoning_tokens=2)).total_tokens
    10
    """
    asked = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
    asked += usage.audio_tokens + usage.image_tokens
    said = usage.output_tokens + usage.reasoning_tokens + usage.audio_output_tokens
    return Counted(
        asked,
        said,
        asked + said,
        _PromptDetails(usage.cache_read_tokens, usage.audio_tokens),
        _CompletionDetails(usage.reasoning_tokens, usage.audio_output_tokens),
    )

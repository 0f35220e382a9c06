"""What an answer says beside itself, the same at every endpoint: release, confidence, cost, the id of the request."""

from __future__ import annotations

from merits.core.answer import Answer, Usage
from merits.core.identity import JSON
from merits.serving.desk import Given
from merits.serving.http import Headers

__all__ = ["confidence_of", "headers_of", "merits_of", "text_of", "usage_in"]


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
    reply, release = given.reply, given.opened.release
    headers = [(b"x-merits-release", release.model.encode("utf-8", "replace"))]
    if reply.cost is not None:
        headers.append((b"x-merits-cost", b"%.10g" % reply.cost))
    confidence = confidence_of(reply.answer)
    if confidence is not None:
        headers.append((b"x-merits-confidence", b"%.6g" % confidence))
    return headers


def merits_of(given: Given) -> dict[str, JSON]:
    """The object `merits` in the body of an answer."""
    reply, release = given.reply, given.opened.release
    answer = reply.answer
    said: dict[str, JSON] = {
        "request": given.request,
        "release": release.model,
        "release_id": release.id,
        "arm": given.arm,
        "confidence": confidence_of(answer),
        "cost": reply.cost,
        "currency": reply.currency,
    }
    if answer.probabilities:
        said["probabilities"] = answer.probabilities
    if reply.fallback:
        said["fallback"] = reply.fallback
    return said


def text_of(output: JSON) -> str:
    """An output as the text of a message: a text as it is, anything else as JSON.

    >>> text_of("yes"), text_of({"total": 3})
    ('yes', '{"total":3}')
    """
    import msgspec

    if isinstance(output, str):
        return output
    return "" if output is None else msgspec.json.encode(output).decode()


def usage_in(usage: Usage) -> dict[str, JSON]:
    """What was used, as OpenAI counts it: what came from a cache is prompt, what was thought is completion."""
    asked = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
    asked += usage.audio_tokens + usage.image_tokens
    said = usage.output_tokens + usage.reasoning_tokens + usage.audio_output_tokens
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": usage.audio_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }

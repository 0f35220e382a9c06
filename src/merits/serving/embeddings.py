"""`POST /v1/embeddings` for releases whose candidate answers with a vector."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from merits.candidates.routing.vectors import vector_in
from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.serving.desk import Desk, Given, Wanted
from merits.serving.http import Call, Response, decoded
from merits.serving.inputs import asked_by
from merits.serving.opened import Opened
from merits.serving.refusals import Refusal, refusal_of
from merits.serving.saying import headers_of, merits_of
from merits.serving.uploads import Files

__all__ = ["EmbeddingsRequest", "embeddings", "may_embed"]

_encode = msgspec.json.Encoder().encode


class EmbeddingsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One text, or several. Lists of tokens are not taken: releases read text. `dimensions` must be what it answers."""

    model: Annotated[str, Meta(max_length=300)]
    input: str | Annotated[list[str], Meta(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    user: Annotated[str, Meta(max_length=512)] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None


_decode = msgspec.json.Decoder(EmbeddingsRequest).decode


async def embeddings(desk: Desk, call: Call) -> Response:
    """The vectors, in the order of the texts; each is an outcome of its own where there are several."""
    settings = desk.settings
    asked = decoded(_decode, await call.body(desk.bodies, settings.body_bytes))
    holder = call.holder
    line, pinned = desk.fleet.find(asked.model, holder.tasks if holder is not None else frozenset())
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    if len(texts) > settings.batch:
        raise Refusal(413, "batch_too_long", f"At most {settings.batch} texts at once.", param="input")
    _must_embed(line.unit(pinned))
    if holder is not None:
        holder.must_have_turns(len(texts))
    opened = line.unit(pinned)
    until, user, files = desk.deadline(call), desk.user(asked.user or ""), Files()
    turn = asyncio.Semaphore(min(16, settings.concurrency))

    async def one(n: int, text: str) -> Given:
        async with turn:
            request = call.request if len(texts) == 1 else f"{call.request}.{n}"
            read = asked_by(text, opened, files)
            return await desk.ask(call, Wanted(line, pinned, read, request, until, user, patient=n > 0))

    given = await _all([one(n, text) for n, text in enumerate(texts)])
    data: list[dict[str, JSON]] = []
    for n, each in enumerate(given):
        failure = each.reply.answer.failure
        if failure is not None:
            raise refusal_of(failure)
        vector = _vector_of(each.reply.answer, each.opened)
        if vector is None:
            raise _no_vector(each.opened)
        if asked.dimensions is not None and asked.dimensions != len(vector):
            text = f"{each.opened.model} answers with {len(vector)} dimensions: leave `dimensions` out."
            raise Refusal(400, "unsupported_parameter", text, param="dimensions")
        packed: JSON = vector
        if asked.encoding_format == "base64":
            packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": n, "embedding": packed})
    counted = sum(each.reply.answer.usage.input_tokens for each in given)
    return Response(
        _encode(
            {
                "object": "list",
                "data": data,
                "model": given[0].opened.model,
                "usage": {"prompt_tokens": counted, "total_tokens": counted},
                "merits": msgspec.structs.replace(merits_of(given[0]), request=call.request, cost=_sum(given)),
            }
        ),
        headers=headers_of(given[0]),
    )


async def _all(asking: Sequence[object]) -> list[Given]:
    """All of them, ended whole: when one is refused the others still end and are recorded."""
    found = await asyncio.gather(*asking, return_exceptions=True)  # type: ignore[call-overload]
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return list(found)


def may_embed(opened: Opened) -> bool:
    """Whether a release may answer a text with a vector: labels, numbers and chats never are any."""
    return _packs(opened) or (opened.target in ("text", "none") and not opened.chats and opened.check.takes("text"))


def _must_embed(opened: Opened) -> None:
    """Refusal 400 for what never answers with a vector, before it is asked and paid."""
    if not may_embed(opened):
        raise _no_vector(opened)


def _no_vector(opened: Opened) -> Refusal:
    instead = "/predict" if opened.target in ("items", "picture", "record") else "/predict or /v1/chat/completions"
    return Refusal(400, "no_embedding", f"{opened.model} answers with no vector; ask it at {instead}.", param="model")


def _packs(opened: Opened) -> bool:
    return opened.release.candidate.kind == "embedding"


def _vector_of(answer: Answer, opened: Opened) -> list[float] | None:
    output = answer.output
    if isinstance(output, list) and output and all(isinstance(x, int | float) for x in output):
        return [float(x) for x in output]
    vector = vector_in(answer) if _packs(opened) else None  # of others a text is a text, whatever it could be read as
    return None if vector is None or not len(vector) else vector.tolist()


def _sum(given: Sequence[Given]) -> float | None:
    costs = [each.reply.cost for each in given]
    return None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs)

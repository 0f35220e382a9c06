"""Pictures from a text, behind an OpenAI-compatible endpoint (`/v1/images/generations`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from merits.candidates.completions import usage_told
from merits.candidates.endpoint_params import EndpointParams, endpoint_of
from merits.candidates.kept_pictures import DRAWN, PicturesFolder, keep_picture
from merits.candidates.meter import AskFailed
from merits.candidates.prompts import fill
from merits.candidates.providers import ContentRefused, Endpoint
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.secrets import shown

__all__ = ["READS", "Params", "load"]

READS: tuple[Reads, ...] = ("text",)
RUNS_HERE = False


class Params(EndpointParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Pictures from a text, behind an OpenAI-compatible endpoint; each is kept in a file named by its content."""

    RESERVED = ("model", "prompt", "n", "stream")

    prompt: Annotated[
        str, msgspec.Meta(description="What is to be drawn; {input} or {a column's name} stands for the input.")
    ] = "{input}"
    pictures: PicturesFolder = DRAWN


def load(params: Params, context: LoadContext) -> Model:
    """A model whose answer names the picture: `{"sha256": ..., "file": ...}`, or `{"url": ...}` where one is sent.

    The file is there before the answer is given, so that an answer that is stored never lacks its picture.
    """
    return _Painter(params, context.folder, endpoint_of(params, params.provider, context))


class _Painter:
    concurrency = None

    def __init__(self, params: Params, folder: Path, endpoint: Endpoint) -> None:
        self._params = params
        self._folder = folder
        self._endpoint = endpoint
        self.limiter = endpoint.limiter
        self.fingerprint = content_hash(["image 1", endpoint.base_url])

    async def answer(self, input: JSON) -> Answer:
        """Where the picture is."""
        prompt = fill(self._params.prompt, input)
        body: dict[str, JSON] = {**self._params.parameters, "model": self._params.model, "prompt": prompt, "n": 1}
        try:
            reply = await self._endpoint.post("/images/generations", body)
        except ContentRefused as refusal:
            return refusal.answer
        return self._answer(reply)

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._endpoint.close()

    def _answer(self, reply: bytes) -> Answer:
        try:
            read = msgspec.json.decode(reply, type=_Reply)
            usage = _usage_of(read.usage)
            picture = base64.b64decode(read.data[0].b64_json or "", validate=True) if read.data else b""
        except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error) as problem:
            said = shown(reply, 100)
            raise AskFailed(
                Failure("server_error", f"{said!r} holds no picture: {problem}"), Usage(unmetered=1)
            ) from None
        if not picture and not (read.data and read.data[0].url):
            raise AskFailed(Failure("server_error", "the reply holds no picture"), usage)
        kept = keep_picture(picture, self._folder, self._params.pictures) if picture else None
        output: JSON = kept or {"url": read.data[0].url}
        return Answer(output, usage=usage, model=read.model or "", system_fingerprint=read.system_fingerprint or "")


class _Picture(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None


class _Reply(msgspec.Struct):
    data: list[_Picture] = []
    model: str | None = None
    system_fingerprint: str | None = None
    usage: dict[str, object] | None = None


def _usage_of(usage: Mapping[str, object] | None) -> Usage:
    """The tokens: what is drawn counts as image; unmetered where none are told (billed by the picture)."""
    if not usage:
        return Usage(unmetered=1)
    details = usage.get("input_tokens_details")
    asked: dict[str, object] = {
        "prompt_tokens": usage.get("input_tokens", 0),
        "prompt_tokens_details": dict(details) if isinstance(details, Mapping) else {},
    }
    drawn = usage.get("output_tokens", 0)
    told = usage_told(asked)
    return msgspec.structs.replace(told, image_tokens=told.image_tokens + (drawn if isinstance(drawn, int) else 0))

"""Speech to text behind an OpenAI-compatible endpoint (`/v1/audio/transcriptions`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from merits.candidates.completions import usage_told
from merits.candidates.endpoint_params import EndpointParams, endpoint_of
from merits.candidates.meter import AskFailed
from merits.candidates.providers import Endpoint
from merits.candidates.registry import LoadContext
from merits.candidates.wire import Part
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.secrets import shown
from merits.media.finding import Media, sound_file

__all__ = ["READS", "Params", "load", "transcript_in"]

READS: tuple[Reads, ...] = ("sound",)
RUNS_HERE = False


class Params(EndpointParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Speech to text behind an OpenAI-compatible endpoint; the input names a sound file beside the data."""

    RESERVED = ("model", "file", "response_format", "stream")


def load(params: Params, context: LoadContext) -> Model:
    """A model that sends the sound and answers with what was heard."""
    return _Listener(params, Media.of(context), endpoint_of(params, params.provider, context))


class _Listener:
    concurrency = None

    def __init__(self, params: Params, media: Media, endpoint: Endpoint) -> None:
        self._media = media
        self._endpoint = endpoint
        self.limiter = endpoint.limiter
        given = {name: value if isinstance(value, str) else str(value) for name, value in params.parameters.items()}
        self._fields = {**given, "model": params.model, "response_format": "json"}
        self.fingerprint = content_hash(["transcription 1", endpoint.base_url])

    async def answer(self, input: JSON) -> Answer:
        """What was heard."""
        file, kind = sound_file(self._media, input)
        sound = Part(f"sound{file.suffix.lower()}", file.read_bytes(), kind)  # a name may tell what is to be heard
        return transcript_in(await self._endpoint.post_form("/audio/transcriptions", self._fields, {"file": sound}))

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._endpoint.close()


class _Transcript(msgspec.Struct):
    text: str
    model: str | None = None
    system_fingerprint: str | None = None
    usage: dict[str, object] | None = None


def transcript_in(reply: bytes) -> Answer:
    """The text in a reply. What is billed by the minute is unmetered: no token of it is told.

    >>> told = transcript_in(b'{"text": "Hello.", "usage": {"type": "tokens", "input_tokens": 9, "output_tokens": 2,'
    ...                      b'"input_token_details": {"audio_tokens": 7, "text_tokens": 2}}}')
    >>> told.output, told.usage.input_tokens, told.usage.audio_tokens, told.usage.output_tokens
    ('Hello.', 2, 7, 2)
    """
    try:
        read = msgspec.json.decode(reply, type=_Transcript)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        said = shown(reply, 100)
        raise AskFailed(Failure("server_error", f"{said!r} is no transcript: {problem}"), Usage(unmetered=1)) from None
    who, on = read.model or "", read.system_fingerprint or ""
    usage = read.usage or {}
    if "input_tokens" not in usage:
        return Answer(read.text, usage=Usage(unmetered=1), model=who, system_fingerprint=on)
    details = usage.get("input_token_details")
    asked: dict[str, object] = {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage.get("output_tokens", 0),
        "prompt_tokens_details": dict(details) if isinstance(details, Mapping) else {},
    }
    return Answer(read.text, usage=usage_told(asked), model=who, system_fingerprint=on)

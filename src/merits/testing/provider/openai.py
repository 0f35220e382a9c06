"""OpenAI's words: how questions are read and replies written at /v1/chat/completions and its siblings."""

from __future__ import annotations

import base64
import hashlib
import struct
import time
import zlib
from collections.abc import Mapping, Sequence

import msgspec

from merits.testing.provider.http import Call
from merits.testing.provider.ledger import Billing
from merits.testing.provider.saying import Question, Said, Tool

__all__ = ["completion", "embeddings", "error", "events", "image", "models", "question", "transcript", "uploaded"]

_encode = msgspec.json.encode
_DIMENSIONS = 64


def question(body: Mapping[str, object]) -> Question:
    """What a chat request asks for."""
    messages = body.get("messages")
    kind = _map(body.get("response_format"))
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    stream = bool(body.get("stream"))
    return Question(
        messages=messages if isinstance(messages, list) else [],
        model=str(body.get("model", "fake")),
        tools=_tools(body.get("tools")) if body.get("tool_choice") != "none" else (),
        schema=_map(_map(kind.get("json_schema")).get("schema")) if kind.get("type") == "json_schema" else None,
        as_json=kind.get("type") == "json_object",
        max_tokens=limit if isinstance(limit, int) else None,
        stream=stream,
        tells_usage=not stream or bool(_map(body.get("stream_options")).get("include_usage")),
        logprobs=bool(body.get("logprobs")),
    )


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _tools(tools: object) -> tuple[Tool, ...]:
    if not isinstance(tools, list):
        return ()
    functions = [_map(_map(tool).get("function")) for tool in tools]
    return tuple(Tool(str(each.get("name", "")), _map(each.get("parameters"))) for each in functions)


def usage(billed: Billing) -> dict[str, object]:
    """The bill in OpenAI's words: what came from a cache counts as prompt, what was thought as completion."""
    asked = billed.input + billed.cache_read + billed.cache_write + billed.audio + billed.image
    answered = billed.output + billed.reasoning + billed.audio_output
    thought = {"reasoning_tokens": billed.reasoning}
    details: dict[str, int] = {"cached_tokens": billed.cache_read}
    if billed.cache_write:
        details["cache_write_tokens"] = billed.cache_write  # as OpenRouter tells it
    if billed.audio:
        details["audio_tokens"] = billed.audio
    if billed.image:
        details["image_tokens"] = billed.image
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": details,
        "completion_tokens_details": thought | ({"audio_tokens": spoken} if (spoken := billed.audio_output) else {}),
    }


def completion(
    said: Said, head: Mapping[str, object], billed: Billing | None, logprob: float | None
) -> dict[str, object]:
    """A whole reply; without `billed` it tells no usage. `head` are id, model and fingerprint."""
    message: dict[str, object] = {"role": "assistant", "content": said.text or (None if said.calls else "")}
    if said.refusal:
        message |= {"content": None, "refusal": said.refusal}
    if said.calls:
        message["tool_calls"] = _calls(said)
    finish = "stop" if said.finish == "refusal" else said.finish
    choice: dict[str, object] = {"index": 0, "message": message, "finish_reason": finish}
    if logprob is not None:
        choice["logprobs"] = {"content": [{"token": word, "logprob": logprob} for word in said.text.split()]}
    reply = {**head, "object": "chat.completion", "created": int(time.time()), "choices": [choice]}
    return reply if billed is None else {**reply, "usage": usage(billed)}


def _calls(said: Said) -> list[dict[str, object]]:
    return [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": call.name, "arguments": _encode(call.arguments).decode()},
        }
        for n, call in enumerate(said.calls)
    ]


def events(said: Said, head: Mapping[str, object], billed: Billing | None, logprob: float | None) -> Sequence[bytes]:
    """A reply in pieces, word by word, as server-sent events; usage comes last, in a chunk without choices."""
    deltas: list[dict[str, object]] = [{"role": "assistant", "content": ""}]
    if said.refusal:
        deltas.append({"refusal": said.refusal})
    deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(_calls(said))]
    deltas += [{"content": piece} for piece in pieces(said.text)]
    base = {**head, "object": "chat.completion.chunk", "created": int(time.time())}
    chunks: list[dict[str, object]] = []
    for delta in deltas:
        choice: dict[str, object] = {"index": 0, "delta": delta, "finish_reason": None}
        if logprob is not None and delta.get("content"):
            choice["logprobs"] = {"content": [{"token": delta["content"], "logprob": logprob}]}
        chunks.append({**base, "choices": [choice]})
    finish = "stop" if said.finish == "refusal" else said.finish
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if billed is not None:
        chunks.append({**base, "choices": [], "usage": usage(billed)})
    return [*(b"data: %b\n\n" % _encode(chunk) for chunk in chunks), b"data: [DONE]\n\n"]


def pieces(text: str) -> list[str]:
    """The words of a text, each with the space before it; joined they are the text.

    >>> pieces("one two  three")
    ['one', ' two', ' ', ' three']
    """
    first, *rest = text.split(" ")
    return [piece for piece in (first, *(f" {word}" for word in rest)) if piece]


def error(status: int, message: str) -> bytes:
    """The body of a refusal."""
    kind = {401: "invalid_request_error", 400: "invalid_request_error", 404: "invalid_request_error"}
    code = {401: "invalid_api_key", 404: "not_found", 429: "rate_limit_exceeded"}.get(status)
    said = {"message": message, "type": kind.get(status, "fake_error"), "param": None, "code": code}
    return _encode({"error": said})


def models(names: Sequence[str]) -> bytes:
    """The list of models."""
    listed = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "fake"} for name in names]
    return _encode({"object": "list", "data": listed})


def embeddings(body: Mapping[str, object], billed: Billing | None) -> dict[str, object]:
    """A vector for each input, the same for the same text: normal numbers from a hash, of length one."""
    given = body.get("input", "")
    texts = given if isinstance(given, list) and not (given and isinstance(given[0], int)) else [given]
    dimensions = body.get("dimensions")
    n = dimensions if isinstance(dimensions, int) else _DIMENSIONS
    as_text = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        vector = _vector(str(text), n)
        packed = base64.b64encode(struct.pack(f"<{n}f", *vector)).decode() if as_text else vector
        data.append({"object": "embedding", "index": index, "embedding": packed})
    reply: dict[str, object] = {"object": "list", "data": data, "model": body.get("model", "fake")}
    if billed is not None:
        reply["usage"] = {"prompt_tokens": billed.input, "total_tokens": billed.input}
    return reply


def _vector(text: str, n: int) -> list[float]:
    import numpy as np

    generator = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
    vector = generator.standard_normal(n)
    numbers: list[float] = (vector / np.linalg.norm(vector)).round(8).tolist()
    return numbers


def transcript(said: Said, billed: Billing | None) -> dict[str, object]:
    """What was heard."""
    if billed is None:
        return {"text": said.text}
    counted = {"type": "tokens", "input_tokens": billed.input + billed.audio, "output_tokens": billed.output}
    details = {"text_tokens": billed.input, "audio_tokens": billed.audio}
    total = billed.input + billed.audio + billed.output
    return {"text": said.text, "usage": {**counted, "total_tokens": total, "input_token_details": details}}


def uploaded(call: Call) -> dict[str, bytes]:
    """The fields of a form (multipart/form-data); that of a file is its content, and its name is in `filename`."""
    from email.parser import BytesParser

    head = b"Content-Type: " + call.headers.get("content-type", "").encode("latin-1") + b"\r\n\r\n"
    form: dict[str, bytes] = {}
    for part in BytesParser().parsebytes(head + call.body).walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            form[name] = content
            if part.get_filename():
                form["filename"] = str(part.get_filename()).encode()
    return form


def image(prompt: str, n: int, billed: Billing | None) -> dict[str, object]:
    """Pictures of one dot, whose colour follows from the prompt."""
    dot = base64.b64encode(_png(hashlib.sha256(prompt.encode()).digest()[:3])).decode()
    reply: dict[str, object] = {"created": int(time.time()), "data": [{"b64_json": dot}] * n}
    if billed is not None:
        asked, drawn = billed.input, billed.image
        reply["usage"] = {"input_tokens": asked, "output_tokens": drawn, "total_tokens": asked + drawn}
    return reply


def _png(colour: bytes) -> bytes:
    """A PNG of one pixel (W3C, PNG specification, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + colour)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body

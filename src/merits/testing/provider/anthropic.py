"""Anthropic's words: how questions are read and replies written at /v1/messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from merits.testing.provider.ledger import Billing
from merits.testing.provider.openai import pieces
from merits.testing.provider.saying import Question, Said, Tool

__all__ = ["KIND_OF_STATUS", "error", "events", "message", "models", "question", "what_is_missing"]

_encode = msgspec.json.encode
_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}
KIND_OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def what_is_missing(body: Mapping[str, object], headers: Mapping[str, str]) -> str:
    """What the real provider would refuse the request for; "" when it is complete."""
    if "anthropic-version" not in headers:
        return "anthropic-version: header is required"
    return next((f"{name}: Field required" for name in ("model", "messages", "max_tokens") if name not in body), "")


def question(body: Mapping[str, object]) -> Question:
    """What a messages request asks for; the system prompt is its first message."""
    messages = body.get("messages")
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    form = _map(body.get("output_format") or _map(body.get("output_config")).get("format"))
    limit = body.get("max_tokens")
    tools = body.get("tools") if _map(body.get("tool_choice")).get("type") != "none" else ()
    return Question(
        messages=[*system, *(messages if isinstance(messages, list) else [])],
        model=str(body.get("model", "fake")),
        tools=tuple(Tool(str(each.get("name", "")), _map(each.get("input_schema"))) for each in tools)
        if isinstance(tools, list)
        else (),
        schema=_map(form.get("schema")) if form.get("type") == "json_schema" else None,
        max_tokens=limit if isinstance(limit, int) else None,
        stream=bool(body.get("stream")),
    )


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def usage(billed: Billing) -> dict[str, object]:
    """The bill in Anthropic's words: `input_tokens` is without what was read from or written to a cache."""
    return {
        "input_tokens": billed.input + billed.image + billed.audio,
        "cache_creation_input_tokens": billed.cache_write + billed.cache_write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": billed.cache_write,
            "ephemeral_1h_input_tokens": billed.cache_write_1h,
        },
        "cache_read_input_tokens": billed.cache_read,
        "output_tokens": billed.output + billed.reasoning,
        "service_tier": "standard",
    }


def message(said: Said, head: Mapping[str, object], billed: Billing | None) -> dict[str, object]:
    """A whole reply; without `billed` it tells no usage."""
    reply = {**_base(head), "content": _blocks(said), "stop_reason": _STOP[said.finish], "stop_sequence": None}
    return reply if billed is None else {**reply, "usage": usage(billed)}


def _base(head: Mapping[str, object]) -> dict[str, object]:
    return {"id": str(head["id"]).replace("chatcmpl-", "msg_"), "type": "message", "role": "assistant"} | {
        "model": head["model"]
    }


def _blocks(said: Said) -> list[dict[str, object]]:
    text = said.text or said.refusal
    blocks: list[dict[str, object]] = [{"type": "text", "text": text}] if text else []
    return blocks + [
        {"type": "tool_use", "id": f"toolu_{n}", "name": call.name, "input": call.arguments}
        for n, call in enumerate(said.calls)
    ]


def events(said: Said, head: Mapping[str, object], billed: Billing | None) -> Sequence[bytes]:
    """A reply in pieces, as server-sent events with names; the output is counted in the last but one."""
    start = {**_base(head), "content": [], "stop_reason": None, "stop_sequence": None}
    if billed is not None:
        start["usage"] = {**usage(billed), "output_tokens": 1}
    told: list[tuple[str, dict[str, object]]] = [("message_start", {"message": start}), ("ping", {})]
    for index, block in enumerate(_blocks(said)):
        told += _block_events(index, block)
    end: dict[str, object] = {"delta": {"stop_reason": _STOP[said.finish], "stop_sequence": None}}
    if billed is not None:
        end["usage"] = {"output_tokens": billed.output + billed.reasoning}
    told += [("message_delta", end), ("message_stop", {})]
    return [b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name, **data})) for name, data in told]


def _block_events(index: int, block: Mapping[str, object]) -> list[tuple[str, dict[str, object]]]:
    if block["type"] == "text":
        opened: dict[str, object] = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(str(block["text"]))]
    else:
        opened = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": _encode(block["input"]).decode()}]
    return [
        ("content_block_start", {"index": index, "content_block": opened}),
        *(("content_block_delta", {"index": index, "delta": delta}) for delta in deltas),
        ("content_block_stop", {"index": index}),
    ]


def error(status: int, message: str) -> bytes:
    """The body of a refusal."""
    return _encode({"type": "error", "error": {"type": KIND_OF_STATUS.get(status, "api_error"), "message": message}})


def models(names: Sequence[str]) -> bytes:
    """The list of models."""
    listed = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"} for name in names
    ]
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return _encode({"data": listed, "has_more": False, **ends})

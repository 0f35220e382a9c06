"""The description of the interface (OpenAPI 3.1), made from what the endpoints decode and from the tasks served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from merits.core.kinds import kind_names, task_kind
from merits.core.release import Release
from merits.serving.chat import ChatRequest
from merits.serving.embeddings import EmbeddingsRequest
from merits.serving.feedback import FeedbackItem, FeedbackRequest
from merits.serving.predict import BatchRequest, PredictRequest

__all__ = ["openapi", "page"]

_ERRORS = {
    "400": "The request is wrong; the error says where.",
    "401": "The API key is missing or not known.",
    "403": "The API key may not do this.",
    "404": "There is no such model or request.",
    "408": "The body did not arrive in time.",
    "413": "The body is too long.",
    "429": "Too many requests, or the key's rate or budget is spent; `retry-after` says when to come back.",
    "500": "The model could not be asked.",
    "502": "The model's provider could not be asked.",
    "503": "Nothing can be answered now; `retry-after` says when to come back.",
    "504": "The deadline passed.",
}


def openapi(releases: Iterable[Release], version: str) -> dict[str, Any]:
    """The description, with the inputs and outputs of the releases that serve."""
    served = list(releases)
    requests = (ChatRequest, EmbeddingsRequest, PredictRequest, BatchRequest, FeedbackItem, FeedbackRequest)
    _, schemas = msgspec.json.schema_components(requests, ref_template="#/components/schemas/{name}", schema_hook=_any)
    inputs = [_input_of(release) for release in served]
    if inputs:
        schemas["PredictRequest"]["properties"]["input"] = {"anyOf": inputs}
        schemas["BatchRequest"]["properties"]["inputs"]["items"] = {"anyOf": inputs}
    for name in ("PredictRequest", "BatchRequest", "ChatRequest", "EmbeddingsRequest"):
        names = [name for release in served for name in (f"merits/{release.task_name}", release.model)]
        if names:
            schemas[name]["properties"]["model"] = {"type": "string", "enum": names}
    schemas["Error"] = _ERROR
    schemas["Answer"] = _answer(served)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Merits", "version": version, "description": "Releases that were proved, served."},
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "merits keys create"}},
        },
        "security": [{"key": []}],
    }


def _any(kind: type) -> dict[str, Any]:
    """The schema of what may be any JSON."""
    if kind is object:
        return {"description": "Any JSON."}
    raise NotImplementedError(kind)


def _input_of(release: Release) -> dict[str, Any]:
    reads = task_kind(release.kind).reads if release.kind in kind_names() else ()
    title = f"of {release.task_name}"
    if release.inputs and len(release.inputs) > 1:
        return {
            "type": "object",
            "title": title,
            "properties": {name: {} for name in release.inputs},
            "additionalProperties": False,
        }
    if reads[:1] in (("picture",), ("sound",)):
        kind = "image" if reads[0] == "picture" else "audio"
        return {
            "type": "string",
            "title": title,
            "pattern": f"^data:{kind}/",
            "description": f"data:{kind}/...;base64,",
        }
    if reads == ("text",):
        return {"type": "string", "title": title}
    return {"title": title, "anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array", "items": {}}]}


def _answer(served: Iterable[Release]) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = []
    for release in served:
        target = task_kind(release.kind).target if release.kind in kind_names() else "none"
        schema: dict[str, Any] = {"title": f"of {release.task_name}"}
        if target == "label" and release.classes:
            schema["description"] = f"One of {', '.join(release.classes[:50])}; what else a model says is no label."
        elif target == "text":
            schema["type"] = "string"
        outputs.append(schema)
    return {
        "type": "object",
        "required": ["output", "usage", "merits"],
        "properties": {
            "output": {"anyOf": outputs} if outputs else {},
            "refused": {"type": "boolean"},
            "usage": {"type": "object"},
            "merits": {
                "type": "object",
                "required": ["request", "release", "confidence", "cost", "currency"],
                "properties": {
                    "request": {"type": "string", "description": "Names this answer in feedback."},
                    "release": {"type": "string"},
                    "release_id": {"type": "string"},
                    "arm": {"enum": ["champion", "challenger"]},
                    "confidence": {"type": ["number", "null"]},
                    "cost": {"type": ["number", "null"]},
                    "currency": {"type": "string"},
                },
            },
        },
    }


_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"]},
            },
        }
    },
}


def _paths() -> dict[str, Any]:
    ref = "#/components/schemas/"
    answer = {"application/json": {"schema": {"$ref": f"{ref}Answer"}}}
    form = {"type": "object", "additionalProperties": True}
    sound = {
        "type": "object",
        "required": ["file", "model"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "model": {"type": "string"},
            "response_format": {"enum": ["json", "text", "verbose_json"]},
        },
    }
    anything = {"application/json": {"schema": {"type": "object"}}}
    streamed = {**anything, "text/event-stream": {"schema": {"type": "string"}}}
    open_: dict[str, Any] = {"security": []}
    return {
        "/predict": {
            "post": _op("Ask a release one thing.", _json(f"{ref}PredictRequest", form), {"200": answer}),
        },
        "/predict/batch": {
            "post": _op("Ask a release several things.", _json(f"{ref}BatchRequest"), {"200": anything}),
        },
        "/feedback": {
            "post": _op(
                "Say what became of an answer, or of several.",
                {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"anyOf": [{"$ref": f"{ref}FeedbackItem"}, {"$ref": f"{ref}FeedbackRequest"}]}
                        }
                    },
                },
                {"200": anything, "207": anything, "404": anything},
            ),
        },
        "/v1/chat/completions": {
            "post": _op("As OpenAI's.", _json(f"{ref}ChatRequest"), {"200": streamed}),
        },
        "/v1/embeddings": {
            "post": _op("As OpenAI's.", _json(f"{ref}EmbeddingsRequest"), {"200": anything}),
        },
        "/v1/audio/transcriptions": {
            "post": _op(
                "As OpenAI's.",
                {"required": True, "content": {"multipart/form-data": {"schema": sound}}},
                {"200": {**anything, "text/plain": {"schema": {"type": "string"}}}},
            ),
        },
        "/v1/models": {"get": _op("The models that this key may ask.", None, {"200": anything})},
        "/healthz": {"get": {**_op("Whether the process lives.", None, {"200": anything}), **open_}},
        "/readyz": {
            "get": {**_op("Whether requests can be answered.", None, {"200": anything, "503": anything}), **open_}
        },
    }


def _json(ref: str, form: Mapping[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": ref}}}
    if form is not None:
        content["multipart/form-data"] = {"schema": form}
    return {"required": True, "content": content}


def _op(summary: str, body: Mapping[str, Any] | None, answers: Mapping[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses = {status: {"description": text, "content": error} for status, text in _ERRORS.items()}
    responses |= {status: {"description": summary, "content": content} for status, content in answers.items()}
    said: dict[str, Any] = {"summary": summary, "responses": responses}
    return said if body is None else {**said, "requestBody": dict(body)}


def page(description: Mapping[str, Any]) -> bytes:
    """The description as a page for people, without any script."""
    from html import escape

    import msgspec

    rows = []
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            names = [str(kind["schema"].get("$ref", "")).rpartition("/")[2] or "form" for kind in content.values()]
            asks = ", ".join(
                f'<a href="#{escape(name)}">{escape(name)}</a>' if name != "form" else name for name in names
            )
            rows.append(
                f"<tr><td><code>{method.upper()} {escape(path)}</code></td><td>{escape(operation['summary'])}</td>"
                f"<td>{asks}</td></tr>"
            )
    schemas = []
    for name, schema in description["components"]["schemas"].items():
        text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
        schemas.append(f'<h2 id="{escape(name)}">{escape(name)}</h2><pre>{escape(text)}</pre>')
    return _PAGE.format(rows="".join(rows), schemas="".join(schemas)).encode()


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Merits: interface</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
td{{padding:.3rem .8rem .3rem 0;vertical-align:top}}pre{{background:#f4f4f4;padding:1rem;overflow:auto}}</style>
<h1>Merits: interface</h1>
<p>Send an API key with each request: <code>Authorization: Bearer mk_...</code>. The description for machines is at
<a href="openapi.json">openapi.json</a>.</p><table>{rows}</table>{schemas}</html>
"""

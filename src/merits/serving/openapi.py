"""The description of the interface (OpenAPI 3.1), made from what the endpoints decode and from the releases served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from merits.core.identity import JSON
from merits.serving.chat import BESIDE, ChatRequest
from merits.serving.embeddings import EmbeddingsRequest, may_embed
from merits.serving.feedback import FeedbackItem, FeedbackRequest
from merits.serving.opened import Opened
from merits.serving.predict import BatchRequest, PredictRequest
from merits.serving.shapes import Shape, input_example, input_shape, output_shape, target_example, target_shape

__all__ = ["chat_content", "openapi"]

_REF = "#/components/schemas/"
_MOST_EXAMPLES = 12
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


def openapi(served: Sequence[Opened], version: str, *, keys: bool = True) -> dict[str, Any]:
    """The description, with the inputs and outputs of the releases that serve: of each task first the one in force.

    `keys` says that requests need one.
    """
    requests = (ChatRequest, EmbeddingsRequest, PredictRequest, BatchRequest, FeedbackItem, FeedbackRequest)
    _, schemas = msgspec.json.schema_components(requests, ref_template=_REF + "{name}", schema_hook=_any)
    named = _named(served)
    for name in BESIDE:
        del schemas["ChatRequest"]["properties"][name]
    for name in ("audio", "function_call", "annotations"):
        del schemas["ChatMessage"]["properties"][name]
    schemas |= _predicting(schemas, named)
    _enumerate(schemas["ChatRequest"], [name for names, _ in named.values() for name in names])
    _enumerate(
        schemas["EmbeddingsRequest"], [name for names, one in named.values() if may_embed(one) for name in names]
    )
    targets = [{**target_shape(one.release), "title": f"of {one.model}"} for _, one in named.values()]
    if targets:
        schemas["FeedbackItem"]["properties"]["target"] = {"anyOf": [*targets, {"type": "null"}], "default": None}
    signs = {"key": {"type": "http", "scheme": "bearer", "description": "merits keys create"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Merits", "version": version, "description": "Releases that were proved, served."},
        "paths": _paths(named),
        "components": {"schemas": schemas | _REPLIES, **({"securitySchemes": signs} if keys else {})},
        "security": [{"key": []}] if keys else [],
    }


def _any(kind: type) -> dict[str, Any]:
    """The schema of what may be any JSON."""
    if kind is object:
        return {"description": "Any JSON."}
    raise NotImplementedError(kind)


def _named(served: Iterable[Opened]) -> dict[str, tuple[list[str], Opened]]:
    """The releases by the name of their components, each with the names of models that mean it."""
    found: dict[str, tuple[list[str], Opened]] = {}
    tasks: set[str] = set()
    for one in served:
        release = one.release
        slug = re.sub(r"[^A-Za-z0-9._-]", "_", f"{release.task_name}.{release.version}")
        while slug in found:
            slug += "_"
        names = [one.model] if release.task_name in tasks else [f"merits/{release.task_name}", one.model]
        tasks.add(release.task_name)
        found[slug] = (names, one)
    return found


def _enumerate(schema: Shape, names: Sequence[str]) -> None:
    if names:
        schema["properties"]["model"] = {"type": "string", "enum": list(names)}


def _predicting(schemas: Mapping[str, Shape], named: Mapping[str, tuple[list[str], Opened]]) -> dict[str, Shape]:
    """What is asked of each release and what it answers; and of all of them together."""
    made: dict[str, Shape] = {}
    single = len({one.release.task_name for _, one in named.values()}) < 2
    for slug, (names, one) in named.items():
        shape = input_shape(one.check.schema, one.check.forms)
        made[f"Input.{slug}"] = {**shape, "title": f"input of {one.model}"}
        for kind, key in (("PredictRequest", "input"), ("BatchRequest", "inputs")):
            request = schemas[kind]
            ref: Shape = {"$ref": f"{_REF}Input.{slug}"}
            value = ref if key == "input" else {**request["properties"]["inputs"], "items": ref}
            made[f"{kind}.{slug}"] = {
                **request,
                "properties": {**request["properties"], key: value, "model": {"type": "string", "enum": names}},
                "required": [key] if single else [key, "model"],
            }
        made[f"Answer.{slug}"] = _answer(one)
    for kind in ("PredictRequest", "BatchRequest", "Answer"):
        variants = [{"$ref": f"{_REF}{kind}.{slug}"} for slug in named]
        if variants:
            made[kind] = variants[0] if len(variants) == 1 else {"anyOf": variants}
    return made if named else {"Answer": {"type": "object"}}


def _answer(one: Opened) -> Shape:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    said: Shape = {
        "request": {"type": "string", "description": "Names this answer in feedback."},
        "release": {"const": one.model},
        "release_id": {"type": "string"},
        "arm": {"enum": ["champion", "challenger"]},
        "confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "cost": {"type": ["number", "null"], "description": "Money in `currency`; null where it is not known."},
        "currency": {"type": "string"},
        "fallback": {"type": "integer", "description": "Which fallback answered, from 1."},
    }
    if one.release.classes:
        said["probabilities"] = {
            "type": "object",
            "properties": dict.fromkeys(one.release.classes, share),
            "additionalProperties": share,
        }
    return {
        "type": "object",
        "title": f"answer of {one.model}",
        "required": ["output", "usage", "merits"],
        "properties": {
            "output": output_shape(one.release),
            "refused": {"type": "boolean", "description": "The model was asked, and said no."},
            "usage": {"$ref": f"{_REF}Usage"},
            "merits": {
                "type": "object",
                "required": ["request", "release", "release_id", "arm", "confidence", "cost", "currency"],
                "properties": said,
            },
        },
    }


def _object(**properties: Shape) -> Shape:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


_STRING: Shape = {"type": "string"}
_COUNT: Shape = {"type": "integer", "minimum": 0}
_KEPT = _object(
    request=_STRING, kept={"const": True}, task=_STRING, duplicate={"type": "boolean"}, contradicts={"type": "boolean"}
)
_NOT_KEPT = _object(
    request=_STRING, kept={"const": False}, error=_STRING, code=_STRING, status={"type": "integer"}, param=_STRING
)
_MODEL = _object(id=_STRING, object={"const": "model"}, created=_COUNT, owned_by=_STRING)
_REPLIES: dict[str, Shape] = {
    "Usage": _object(prompt_tokens=_COUNT, completion_tokens=_COUNT, total_tokens=_COUNT),
    "Error": _object(
        error=_object(message=_STRING, type=_STRING, code=_STRING, param={"type": ["string", "null"]}),
    ),
    "Batch": _object(
        request=_STRING,
        answers={
            "type": "array",
            "items": {
                "anyOf": [
                    {"$ref": f"{_REF}Answer"},
                    _object(request=_STRING, error=_object(message=_STRING, code=_STRING, status={"type": "integer"})),
                ]
            },
        },
        failed=_COUNT,
    ),
    "FeedbackReply": {
        "anyOf": [
            _KEPT,
            _object(items={"type": "array", "items": {"anyOf": [_KEPT, _NOT_KEPT]}}, kept=_COUNT, not_kept=_COUNT),
        ]
    },
    "ChatCompletion": _object(
        id=_STRING,
        object={"const": "chat.completion"},
        created=_COUNT,
        model=_STRING,
        choices={"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 1},
        usage={"$ref": f"{_REF}Usage"},
        merits={"type": "object"},
    ),
    "Embeddings": _object(
        object={"const": "list"},
        data={
            "type": "array",
            "items": _object(
                object={"const": "embedding"},
                index=_COUNT,
                embedding={"anyOf": [{"type": "array", "items": {"type": "number"}}, _STRING]},
            ),
        },
        model=_STRING,
        usage=_object(prompt_tokens=_COUNT, total_tokens=_COUNT),
        merits={"type": "object"},
    ),
    "Transcription": _object(text=_STRING, merits={"type": "object"}),
    "Model": _MODEL,
    "Models": _object(object={"const": "list"}, data={"type": "array", "items": {"$ref": f"{_REF}Model"}}),
    "Ready": _object(
        status=_STRING,
        serving={"type": "object", "additionalProperties": {"type": "integer"}},
        store=_STRING,
        cannot_open={"type": "array", "items": _STRING},
    ),
}


def chat_content(one: Opened) -> JSON:
    """What a user's message holds where the input is the example of a release."""
    value = input_example(one.check.schema)
    if isinstance(value, Mapping):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith("data:image/"):
        return [{"type": "image_url", "image_url": {"url": value}}]
    if isinstance(value, str) and value.startswith("data:audio/"):
        return [{"type": "input_audio", "input_audio": {"format": "wav", "data": value.partition(",")[2]}}]
    return value if isinstance(value, str) else "An example."


_ASK = "Ask a release one thing."
_JUDGED: dict[str, Any] = {
    "operationRef": "#/paths/~1feedback/post",
    "description": "What became of the answer.",
    "requestBody": {"request": "$response.body#/merits/request", "solved": True},
}


def _paths(named: Mapping[str, tuple[list[str], Opened]]) -> dict[str, Any]:
    first = [(names[0], one) for names, one in named.values()][:_MOST_EXAMPLES]
    inputs = [(name, input_example(one.check.schema), one) for name, one in first]
    item = _ref("FeedbackItem")
    open_: dict[str, Any] = {"security": []}
    return {
        "/predict": {
            "post": _op(
                _ASK,
                _json(
                    "PredictRequest",
                    {name: {"model": name, "input": value} for name, value, _ in inputs},
                    _form([one for _, one in named.values()]),
                ),
                {"200": _reply("Answer")},
            ),
        },
        "/predict/batch": {
            "post": _op(
                "Ask a release several things.",
                _json("BatchRequest", {name: {"model": name, "inputs": [value, value]} for name, value, _ in inputs}),
                {"200": _reply("Batch")},
            ),
        },
        "/feedback": {
            "post": _op(
                "Say what became of an answer, or of several.",
                _json(
                    {"anyOf": [item, _ref("FeedbackRequest")]},
                    {name: {"request": "REQUEST", "target": target_example(one.release)} for name, one in first}
                    | {"several": {"feedback": [{"request": "REQUEST", "solved": True}]}},
                ),
                {"200": _reply("FeedbackReply"), "207": _reply("FeedbackReply")},
            ),
        },
        "/v1/chat/completions": {
            "post": _op(
                "As OpenAI's, whole or streamed.",
                _json(
                    "ChatRequest",
                    {
                        name: {"model": name, "messages": [{"role": "user", "content": chat_content(one)}]}
                        for name, one in first
                    },
                ),
                {"200": {**_reply("ChatCompletion"), "text/event-stream": {"schema": _STRING}}},
            ),
        },
        "/v1/embeddings": {
            "post": _op(
                "As OpenAI's, of releases that answer with a vector.",
                _json(
                    "EmbeddingsRequest",
                    {name: {"model": name, "input": ["An example."]} for name, one in first if may_embed(one)},
                ),
                {"200": _reply("Embeddings")},
            ),
        },
        "/v1/audio/transcriptions": {
            "post": _op("As OpenAI's, of releases that read sounds.", _sound(named), {"200": _transcribed()}),
        },
        "/v1/models": {"get": _op("The models that this key may ask.", None, {"200": _reply("Models")})},
        "/v1/models/{model}": {
            "get": {
                **_op("One of them.", None, {"200": _reply("Model")}),
                "parameters": [{"name": "model", "in": "path", "required": True, "schema": _STRING}],
            }
        },
        "/healthz": {
            "get": {**_op("Whether the process lives.", None, {"200": _content(_object(status=_STRING))}), **open_}
        },
        "/readyz": {
            "get": {
                **_op("Whether requests can be answered.", None, {"200": _reply("Ready"), "503": _reply("Ready")}),
                **open_,
            }
        },
    }


def _form(served: Sequence[Opened]) -> Shape | None:
    """A form with files, where a release reads some; its fields are the columns."""
    if not any(one.takes_files for one in served):
        return None
    columns = {name for one in served for name in one.check.schema.names}
    file: Shape = {"type": "string", "format": "binary"}
    properties: Shape = dict.fromkeys(columns, file) | {"file": file, "model": _STRING, "user": _STRING}
    return {"type": "object", "properties": properties, "additionalProperties": True}


def _sound(named: Mapping[str, tuple[list[str], Opened]]) -> dict[str, Any]:
    names = [name for names, one in named.values() if one.check.takes("sound") for name in names]
    schema: Shape = {
        "type": "object",
        "required": ["file", "model"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "model": {"type": "string", "enum": names} if names else _STRING,
            "response_format": {"enum": ["json", "text"]},
            "user": _STRING,
        },
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _transcribed() -> dict[str, Any]:
    return {**_reply("Transcription"), "text/plain": {"schema": _STRING}}


def _ref(name: str) -> Shape:
    return {"$ref": f"{_REF}{name}"}


def _content(schema: Shape) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _reply(name: str) -> dict[str, Any]:
    return _content(_ref(name))


def _json(schema: Shape | str, examples: Mapping[str, JSON], form: Shape | None = None) -> dict[str, Any]:
    body: dict[str, Any] = _content(_ref(schema) if isinstance(schema, str) else schema)
    if examples:
        body["application/json"]["examples"] = {name: {"value": value} for name, value in examples.items()}
    if form is not None:
        body["multipart/form-data"] = {"schema": form}
    return {"required": True, "content": body}


def _op(summary: str, body: Mapping[str, Any] | None, answers: Mapping[str, Any]) -> dict[str, Any]:
    error = _reply("Error")
    responses = {status: {"description": text, "content": error} for status, text in _ERRORS.items()}
    responses |= {status: {"description": summary, "content": content} for status, content in answers.items()}
    said: dict[str, Any] = {"summary": summary, "responses": responses}
    if summary == _ASK:
        responses["200"]["links"] = {"feedback": _JUDGED}
    return said if body is None else {**said, "requestBody": dict(body)}

"""The form an answer should have: tools that may be called, or a JSON Schema, in each provider's words.

Knows nothing about how the question is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from merits.candidates.prompts import PromptParams
from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["ANSWER_TOOL", "Form", "FormParams", "Tool"]

ANSWER_TOOL = "answer"
_NO_ARGUMENTS: Mapping[str, JSON] = {"type": "object", "properties": {}}


class Tool(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A tool that the model may call; nothing is run: the calls are the answer."""

    name: Annotated[str, msgspec.Meta(min_length=1, description="What the model calls it by.")]
    description: Annotated[str, msgspec.Meta(description="What it does, for the model.")] = ""
    parameters: Annotated[dict[str, JSON], msgspec.Meta(description="The JSON Schema of its arguments.")] = {}


class FormParams(PromptParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What the model is told, and the form its answer should have."""

    tools: Annotated[
        tuple[Tool, ...],
        msgspec.Meta(description="Tools the model may call; the answer is then the list of calls, none is run."),
    ] = ()
    response_schema: Annotated[
        dict[str, JSON] | str,
        msgspec.Meta(
            description="A JSON Schema, or a file with one, that the answer is to satisfy; it is read as JSON."
        ),
    ] = {}
    stream: Annotated[
        bool, msgspec.Meta(description="Have the answer sent while it is written, as an application would.")
    ] = False


class Form:
    """Tools and schema of a recipe; `schema` is None without one."""

    def __init__(self, tools: Sequence[Tool], schema: Mapping[str, JSON] | None) -> None:
        self.tools = tuple(tools)
        self.schema = schema

    @classmethod
    def of(cls, params: FormParams, context: LoadContext) -> Form:
        """The form of a recipe; a schema in a file is looked for in the task's folder."""
        schema = params.response_schema
        if isinstance(schema, str):
            schema = _schema_in(context.folder / schema, schema)
        return cls(params.tools, schema or None)

    def openai(self) -> dict[str, JSON]:
        """What a chat completion is asked with.

        >>> Form([], {"type": "object", "properties": {}, "additionalProperties": False}).openai()["response_format"]
        {'type': 'json_schema', 'json_schema': {'name': 'answer', 'schema': {'type': 'object', 'properties': {}, \
'additionalProperties': False}, 'strict': True}}
        """
        body: dict[str, JSON] = {}
        if self.tools:
            body["tools"] = [{"type": "function", "function": _described(tool, "parameters")} for tool in self.tools]
        if self.schema is not None:
            schema: dict[str, JSON] = {"name": ANSWER_TOOL, "schema": dict(self.schema)}
            if _can_be_strict(self.schema):
                schema["strict"] = True
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def anthropic(self, *, thinking: bool) -> dict[str, JSON]:
        """What Anthropic's messages are asked with: a schema is that of a tool which the model must call.

        While it thinks a model cannot be made to call a tool, only told that it may.
        """
        tools = [_described(tool, "input_schema") for tool in self.tools]
        if self.schema is None:
            return {"tools": cast("JSON", tools)} if tools else {}
        answer: dict[str, JSON] = {
            "name": ANSWER_TOOL,
            "description": "Gives the answer. Call it exactly once.",
            "input_schema": dict(self.schema),
        }
        choice: dict[str, JSON] = {"type": "auto"}
        if not thinking:
            choice = {"type": "any"} if tools else {"type": "tool", "name": ANSWER_TOOL}
        return {"tools": cast("JSON", [*tools, answer]), "tool_choice": choice}


def _described(tool: Tool, arguments: str) -> dict[str, JSON]:
    described: dict[str, JSON] = {"name": tool.name, arguments: tool.parameters or dict(_NO_ARGUMENTS)}
    return {**described, "description": tool.description} if tool.description else described


def _schema_in(file: Path, name: str) -> dict[str, JSON]:
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise CandidateError(
            f"response_schema: {name!r} cannot be read: {problem.strerror}.", "Name a file beside the task file."
        ) from None
    except ValueError as problem:
        raise CandidateError(f"response_schema: {name!r} is not JSON: {problem}.") from None
    if not isinstance(schema, dict):
        raise CandidateError(f"response_schema: {name!r} holds no object.", "Put a JSON Schema into it.")
    return cast("dict[str, JSON]", schema)


def _can_be_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes it: every object closed, and everything in it required.

    >>> _can_be_strict({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})
    False
    """
    if isinstance(schema, list):
        return all(map(_can_be_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        names = set(schema.get("properties") or ())
        if schema.get("additionalProperties") is not False or set(schema.get("required") or ()) != names:
            return False
    return all(map(_can_be_strict, schema.values()))

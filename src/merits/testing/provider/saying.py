"""What a fake model says to a question: a text, a document of a schema, or a call of a tool. Knows no protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import msgspec

from merits.testing.provider.faults import Message

__all__ = ["Question", "Reply", "Said", "Tool", "ToolCall", "echo", "parts_of", "said", "text_of"]

Finish: TypeAlias = Literal["stop", "length", "tool_calls", "refusal"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be called, with arguments."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says; a `reply` function may return one instead of a text."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    finish: Finish = "stop"

    @property
    def n_words(self) -> int:
        """Its length in tokens, which are words here."""
        called = sum(len(msgspec.json.encode(call.arguments).split()) + 1 for call in self.calls)
        return len(self.text.split()) + len(self.refusal.split()) + called


Reply: TypeAlias = Callable[[Sequence[Message]], "str | Said"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer: its name and the JSON schema of its arguments."""

    name: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """A request for an answer, in no provider's words. `schema` is that of the document that is asked for."""

    messages: Sequence[Message]
    model: str
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, object] | None = None
    as_json: bool = False
    max_tokens: int | None = None
    stream: bool = False
    tells_usage: bool = True
    logprobs: bool = False


def echo(messages: Sequence[Message]) -> str:
    """The text of the last message.

    >>> echo([{"role": "user", "content": "Hi"}])
    'Hi'
    """
    return text_of(messages[-1]) if messages else ""


def text_of(message: Message) -> str:
    """The text in a message, its parts joined."""
    content = message.get("content", "")
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in parts_of(message) if "text" in part)


def parts_of(message: Message) -> Sequence[Mapping[str, object]]:
    """The parts of a message whose content is a list, else none."""
    content = message.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else ()


def said(question: Question, reply: Reply) -> Said:
    """What the model says: the reply as it is, or put into the document or the tool call that was asked for.

    The first tool on offer is called unless a tool has answered already. Beyond `max_tokens` words a text is cut.
    """
    answer = reply(question.messages)
    if isinstance(answer, Said):
        return answer
    if question.tools and not _has_result(question.messages):
        arguments = _document(answer, question.tools[0].schema)
        return Said(calls=(ToolCall(question.tools[0].name, arguments),), finish="tool_calls")
    if question.schema is not None:
        answer = msgspec.json.encode(_document(answer, question.schema)).decode()
    elif question.as_json and not isinstance(_parsed(answer), dict):
        answer = msgspec.json.encode({"answer": answer}).decode()
    words = answer.split(" ")
    if question.max_tokens is not None and len(words) > question.max_tokens:
        return Said(" ".join(words[: question.max_tokens]), finish="length")
    return Said(answer)


def _has_result(messages: Sequence[Message]) -> bool:
    if not messages:
        return False
    last = messages[-1]
    return last.get("role") == "tool" or any(part.get("type") == "tool_result" for part in parts_of(last))


def _parsed(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _document(text: str, schema: Mapping[str, object]) -> Mapping[str, object]:
    """The text itself where it is a document, else one of the schema in which every string is the text."""
    parsed = _parsed(text)
    if isinstance(parsed, dict):
        return parsed
    made = _made(text, schema)
    return made if isinstance(made, dict) else {}


def _made(text: str, schema: Mapping[str, object]) -> object:
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return text if text in choices else choices[0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object" or "properties" in schema:
        properties = cast("Mapping[str, Mapping[str, object]]", schema.get("properties", {}))
        return {name: _made(text, of) for name, of in properties.items()}
    simple: dict[object, object] = {"array": [], "integer": 0, "number": 0.0, "boolean": False, "null": None}
    return simple.get(kind, text)

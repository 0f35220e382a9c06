"""What a client asks, as the input that a release was evaluated on: checked, with files in the place of data URLs.

Knows nothing about HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec

import msgspec

from merits.core.identity import JSON, content_hash, hash_of_input
from merits.core.validate import did_you_mean
from merits.media.finding import Media
from merits.serving.opened import Opened
from merits.serving.refusals import Refusal
from merits.serving.uploads import Files, Ours

__all__ = ["Asked", "asked_by", "asked_in_chat", "read_in_turn"]

_MEDIA_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".wav", ".mp3", ".flac", ".m4a", ".mp4", ".ogg", ".webm")
_DEEPEST = 32
_SHORT_BODY = 64 * 2**10
P = ParamSpec("P")


class Asked(msgspec.Struct, frozen=True):
    """An input with its identity, and what is watched of it (`seen`)."""

    input: JSON
    hash: str
    seen: dict[str, float | str | None]
    embedding: tuple[float, ...] = ()


async def read_in_turn(n_bytes: int, read: Callable[P, Asked], *args: P.args, **kwargs: P.kwargs) -> Asked:
    """What `read` makes of these; of a long body in a thread, so that decoding a picture holds up nobody else."""
    if n_bytes <= _SHORT_BODY:
        return read(*args, **kwargs)
    return await asyncio.to_thread(read, *args, **kwargs)


def asked_in_chat(messages: Sequence[Mapping[str, JSON]], opened: Opened, files: Files) -> Asked:
    """The input that chat messages mean: all of them for a chat, else what the user said last.

    One message of a user is the text in it, as in the examples that the release was tried on. Where the task reads
    columns the text is their JSON; where it reads pictures or sounds, the first that the message holds.
    """
    if not messages:
        raise Refusal(400, "invalid_value", "There are no messages.", param="messages")
    said = [message for message in messages if message.get("role") == "user"]
    is_plain = len(messages) == 1 and bool(said) and isinstance(said[0].get("content"), str)
    if opened.chats and not is_plain and not opened.takes_files:
        value: JSON = [_message(message) for message in messages]
        return Asked(value, content_hash(value), opened.seen(value), opened.embedding(value))
    if not said:
        raise Refusal(400, "invalid_value", "No message is of a user.", param="messages")
    content = said[-1].get("content")
    if opened.takes_files and not isinstance(content, str):
        return asked_by(_file_in(content), opened, files, param="messages")
    text = _text_of(content)
    if len(opened.release.inputs) > 1 and text.lstrip().startswith("{"):
        return asked_by(_columns_in(text), opened, files, param="messages")
    return asked_by(text, opened, files, param="messages")


def asked_by(value: JSON, opened: Opened, files: Files, *, param: str = "input") -> Asked:
    """The input that a value means to a release; Refusal 400 where it cannot be one."""
    if value is None:
        raise Refusal(400, "invalid_value", "The input is missing.", param=param)
    reads = opened.reads
    if isinstance(value, str):
        if opened.is_file or isinstance(value, Ours):
            return _of_files(_file_of(value, files, param), opened)
        return Asked(_defused(value), content_hash(value), opened.seen(value), opened.embedding(value))
    if isinstance(value, Mapping | Sequence) and _reads_text_only(opened) and not opened.chats:
        raise Refusal(400, "invalid_value", f"{opened.model} reads a text, not columns or a list.", param=param)
    if isinstance(value, Mapping):
        return _of_columns(value, opened, files, param)
    if isinstance(value, bool | int | float):
        raise Refusal(400, "invalid_value", "The input must be a text, columns or messages, not a number.", param=param)
    if reads and set(reads) <= {"picture", "sound"}:
        raise Refusal(400, "invalid_value", "The input must be a data URL of a picture or a sound.", param=param)
    _must_be_shallow(value, param)
    return Asked(_all_defused(value), content_hash(value), opened.seen(value), opened.embedding(value))


def _reads_text_only(opened: Opened) -> bool:
    """Whether its inputs are texts: nothing else is read by its kind of task, or its examples have no columns."""
    reads = opened.reads
    return reads == ("text",) or (set(reads) == {"text", "columns"} and not opened.release.inputs)


def _of_columns(value: Mapping[str, JSON], opened: Opened, files: Files, param: str) -> Asked:
    _must_be_shallow(value, param)
    names = opened.release.inputs
    for name in value:
        if names and name not in names:
            hint = did_you_mean(name, names)
            raise Refusal(400, "unknown_column", f"The input has an unknown column {name[:80]!r}. {hint}", param=param)
    given: dict[str, JSON] = {}
    has_files = False
    for name, cell in value.items():
        path = files.from_url(cell, param) if isinstance(cell, str) else None
        has_files = has_files or path is not None
        given[name] = _all_defused(cell) if path is None else path
    if has_files:
        return _of_files(given, opened)
    return Asked(given, content_hash(value), opened.seen(value), opened.embedding(value))


def _of_files(input: JSON, opened: Opened) -> Asked:
    """An input that names files of ours: its identity is what is in them."""
    media = Media([Path("/")])
    contents = media.contents(input)
    return Asked(input, hash_of_input(input, contents), opened.seen(input, {name: Path(name) for name in contents}))


def _file_of(url: str, files: Files, param: str) -> str:
    path = files.from_url(url, param)
    if path is None:
        raise Refusal(
            400, "invalid_value", "The input must be a data URL: data:image/png;base64,... or audio.", param=param
        )
    return path


def _file_in(content: JSON) -> str:
    """The data URL of the first picture or sound among the parts of a message."""
    for part in content if isinstance(content, Sequence) else ():
        if not isinstance(part, Mapping):
            continue
        image, sound = part.get("image_url"), part.get("input_audio")
        if isinstance(image, Mapping):
            return str(image.get("url", ""))
        if isinstance(sound, Mapping):
            return f"data:audio/{sound.get('format', 'wav')};base64,{sound.get('data', '')}"
    raise Refusal(400, "invalid_value", "The message holds no picture and no sound.", param="messages")


def _columns_in(text: str) -> Mapping[str, JSON]:
    try:
        columns: dict[str, JSON] = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError:
        raise Refusal(400, "invalid_value", "The message must be a JSON object of columns.", param="messages") from None
    return columns


def _text_of(content: JSON) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    found = "\n".join(text for text in texts if isinstance(text, str))
    if not found:
        raise Refusal(400, "invalid_value", "The user's message holds no text.", param="messages")
    return found


def _message(message: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        name: message[name] for name in ("role", "content", "name", "tool_calls", "tool_call_id") if name in message
    }


def _must_be_shallow(value: JSON, param: str, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise Refusal(400, "invalid_value", f"The input is nested deeper than {_DEEPEST} levels.", param=param)
    cells = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for cell in cells:
        _must_be_shallow(cell, param, depth + 1)


def _defused(text: str) -> str:
    """A text that candidates would take for the name of a picture or a sound on this machine is one no more.

    A client names no files: it sends them.
    """
    return f"{text} " if text[-5:].lower().endswith(_MEDIA_ENDINGS) else text


def _all_defused(value: JSON) -> JSON:
    if isinstance(value, str):
        return _defused(value)
    if isinstance(value, Mapping):
        return {name: _all_defused(cell) for name, cell in value.items()}
    return [_all_defused(cell) for cell in value] if isinstance(value, Sequence) else value

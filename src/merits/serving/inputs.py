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
from merits.media.finding import Media
from merits.serving.checking import must_be_messages
from merits.serving.opened import Opened
from merits.serving.refusals import Refusal
from merits.serving.uploads import Files, Ours, defused

__all__ = ["Asked", "Form", "asked_by", "asked_in_chat", "read_in_turn"]

_DECODED = (".png", ".jpg", ".gif", ".webp", ".wav", ".flac", ".ogg")  # others some models read, and we do not
_DEEPEST = 32
_SHORT_BODY = 64 * 2**10
P = ParamSpec("P")


class Asked(msgspec.Struct, frozen=True):
    """An input with its identity, and what is watched of it (`seen`)."""

    input: JSON
    hash: str
    seen: dict[str, float | str | None]
    embedding: tuple[float, ...] = ()


class Form(dict[str, JSON]):
    """The columns of a form. One alone is the input itself where that is no object of columns."""


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
    check = opened.check
    if not messages:
        raise Refusal(400, "invalid_value", "There are no messages.", param="messages")
    said = [message for message in messages if message.get("role") == "user"]
    is_plain = len(messages) == 1 and bool(said) and isinstance(said[0].get("content"), str)
    if opened.chats and not is_plain and not opened.takes_files and check.takes("messages"):
        value: JSON = [_message(message) for message in messages]
        return Asked(value, content_hash(value), opened.seen(value), opened.embedding(value))
    if not said:
        raise Refusal(400, "invalid_value", "No message is of a user.", param="messages")
    content = said[-1].get("content")
    if opened.takes_files and not isinstance(content, str):
        return asked_by(_file_in(content), opened, files, param="messages")
    text = _text_of(content)
    if check.schema.columns and (not check.takes("text") or text.lstrip().startswith("{")):
        return asked_by(_columns_in(text, opened), opened, files, param="messages")
    return asked_by(text, opened, files, param="messages")


def asked_by(value: JSON, opened: Opened, files: Files, *, param: str = "input") -> Asked:
    """The input that a value means to a release; Refusal 400 where it cannot be one."""
    check = opened.check
    if value is None:
        raise Refusal(400, "invalid_value", "The input is missing.", param=param)
    if isinstance(value, str):
        path = files.from_url(value, param) if opened.is_file or isinstance(value, Ours) else None
        if path is not None:
            check.file(path, param)
            return _of_files(path, opened, param)
        check.must_take("text", param)
        return Asked(defused(str(value)), content_hash(value), opened.seen(value), opened.embedding(value))
    if isinstance(value, bool | int | float):
        raise check.refusal("a number" if not isinstance(value, bool) else "true or false", param)
    _must_be_shallow(value, param)
    if isinstance(value, Mapping):
        return _of_columns(value, opened, files, param)
    if "messages" in check.forms and _are_messages(value):
        must_be_messages(value, param)
    else:
        check.must_take("list", param)
    return Asked(defused(value), content_hash(value), opened.seen(value), opened.embedding(value))


def _are_messages(value: JSON) -> bool:
    return isinstance(value, list) and any(isinstance(one, Mapping) and "role" in one for one in value)


def _of_columns(value: Mapping[str, JSON], opened: Opened, files: Files, param: str) -> Asked:
    if isinstance(value, Form) and not opened.check.takes("columns") and len(value) == 1:
        return asked_by(next(iter(value.values())), opened, files, param=param)
    opened.check.must_take("columns", param)
    given, has_files = opened.check.columns(value, files, param)
    if has_files:
        return _of_files(given, opened, param)
    return Asked(given, content_hash(given), opened.seen(given), opened.embedding(given))


def _of_files(input: JSON, opened: Opened, param: str) -> Asked:
    """An input that names files of ours: its identity is what is in them. Refusal 400 where one cannot be read."""
    media = Media([Path("/")])
    contents = media.contents(input)
    seen = opened.seen(input, {name: Path(name) for name in contents})
    if seen.get("readable") == "false" and all(name.endswith(_DECODED) for name in contents):
        raise Refusal(400, "unreadable_file", "The file is damaged: it cannot be decoded.", param=param)
    return Asked(input, hash_of_input(input, contents), seen)


def _file_in(content: JSON) -> str:
    """The data URL of the picture or sound that a message holds; Refusal 400 for none, several, or texts beside it."""
    urls: list[str] = []
    n_texts = 0
    for part in content if isinstance(content, Sequence) else ():
        if not isinstance(part, Mapping):
            continue
        image, sound, text = part.get("image_url"), part.get("input_audio"), part.get("text")
        if isinstance(image, Mapping):
            urls.append(str(image.get("url", "")))
        elif isinstance(sound, Mapping):
            urls.append(f"data:audio/{sound.get('format', 'wav')};base64,{sound.get('data', '')}")
        else:
            n_texts += isinstance(text, str) and bool(text.strip())
    if not urls:
        raise Refusal(400, "invalid_value", "The message holds no picture and no sound.", param="messages")
    if len(urls) > 1 or n_texts:
        found = f"{len(urls)} files" if len(urls) > 1 else "a text beside the file"
        raise Refusal(
            400,
            "invalid_value",
            f"A release of one picture or sound is sent that alone, not {found}.",
            param="messages",
        )
    return urls[0]


def _columns_in(text: str, opened: Opened) -> Mapping[str, JSON]:
    try:
        columns: dict[str, JSON] = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        names = ", ".join(name[:80] for name in opened.check.schema.names[:12])
        text = f"The message must be a JSON object of columns ({names})."
        raise Refusal(400, "invalid_value", text, param="messages") from None
    return columns


def _text_of(content: JSON) -> str:
    """The texts of a message; Refusal 400 where it holds none, or anything beside them."""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in content if isinstance(content, Sequence) else ():
        text = part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str):
            kind = part.get("type", "a part") if isinstance(part, Mapping) else "a part"
            raise Refusal(400, "invalid_value", f"The release reads no {str(kind)[:40]!r}.", param="messages")
        texts.append(text)
    if not texts:
        raise Refusal(400, "invalid_value", "The user's message holds no text.", param="messages")
    return "\n".join(texts)


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

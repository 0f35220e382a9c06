"""What a client asks, as the input that a release was evaluated on: checked, with files in the place of data URLs.

Knows nothing about HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from merits.core.candidate import Candidate
from merits.core.identity import JSON, content_hash, hash_of_input
from merits.core.kinds import Reads, kind_names, task_kind
from merits.core.release import Release
from merits.core.validate import did_you_mean
from merits.serving.refusals import Refusal
from merits.serving.uploads import Files, Ours

__all__ = ["Asked", "asked_by", "asked_in_chat", "is_chat"]

_CHATS = frozenset({"chat", "anthropic", "any-llm", "gguf", "transformers"})
_MEDIA_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".wav", ".mp3", ".flac", ".m4a", ".mp4", ".ogg", ".webm")
_DEEPEST = 32
_FILES: frozenset[Reads] = frozenset({"picture", "sound"})


@dataclass(frozen=True, slots=True)
class Asked:
    """An input with its identity, and what is watched of it (`seen`)."""

    input: JSON
    hash: str
    seen: dict[str, float | str | None]


def is_chat(candidate: Candidate) -> bool:
    """Whether a candidate takes messages as they are: a chat model, or something made of such.

    >>> is_chat(Candidate(name="a", kind="chat", params={"model": "m"})), is_chat(Candidate(name="b", kind="constant"))
    (True, False)
    """
    if candidate.parts:
        return all(map(is_chat, candidate.parts))
    return candidate.kind in _CHATS


def asked_in_chat(messages: Sequence[Mapping[str, JSON]], release: Release, files: Files, *, chats: bool) -> Asked:
    """The input that chat messages mean: all of them for a chat, else what the user said last.

    One message of a user is the text in it, as in the examples that the release was tried on. Where the task reads
    columns the text is their JSON; where it reads pictures or sounds, the first that the message holds.
    """
    if not messages:
        raise Refusal(400, "invalid_value", "There are no messages.", param="messages")
    said = [message for message in messages if message.get("role") == "user"]
    reads = _reads(release)
    is_plain = len(messages) == 1 and bool(said) and isinstance(said[0].get("content"), str)
    if chats and not is_plain and not _FILES & set(reads):
        value: JSON = [_message(message) for message in messages]
        return Asked(value, content_hash(value), _seen(_spoken(messages)))
    if not said:
        raise Refusal(400, "invalid_value", "No message is of a user.", param="messages")
    content = said[-1].get("content")
    if _FILES & set(reads) and not isinstance(content, str):
        return asked_by(_file_in(content), release, files, param="messages")
    text = _text_of(content)
    if release.inputs and len(release.inputs) > 1 and text.lstrip().startswith("{"):
        return asked_by(_columns_in(text), release, files, param="messages")
    return asked_by(text, release, files, param="messages")


def asked_by(value: JSON, release: Release, files: Files, *, param: str = "input") -> Asked:
    """The input that a value means to a release; Refusal 400 where it cannot be one."""
    if value is None:
        raise Refusal(400, "invalid_value", "The input is missing.", param=param)
    reads = _reads(release)
    if isinstance(value, str):
        if _FILES & set(reads[:1]) or isinstance(value, Ours):
            return _of_files(_file_of(value, files, param), {}, param)
        plain = _defused(value)
        return Asked(plain, content_hash(value), _seen(value))
    if isinstance(value, Mapping):
        return _of_columns(value, release, files, param)
    if isinstance(value, bool | int | float):
        raise Refusal(400, "invalid_value", "The input must be a text, columns or messages, not a number.", param=param)
    if reads and set(reads) <= {"picture", "sound"}:
        raise Refusal(400, "invalid_value", "The input must be a data URL of a picture or a sound.", param=param)
    _must_be_shallow(value, param)
    return Asked(_all_defused(value), content_hash(value), _seen(_spoken(value)))


def _reads(release: Release) -> tuple[Reads, ...]:
    return _reads_of_kind(release.kind)


@cache
def _reads_of_kind(kind: str) -> tuple[Reads, ...]:
    return task_kind(kind).reads if kind in kind_names() else ()


def _of_columns(value: Mapping[str, JSON], release: Release, files: Files, param: str) -> Asked:
    _must_be_shallow(value, param)
    for name in value:
        if release.inputs and name not in release.inputs:
            hint = did_you_mean(name, release.inputs)
            raise Refusal(400, "unknown_column", f"The input has an unknown column {name[:80]!r}. {hint}", param=param)
    given: dict[str, JSON] = {}
    kept: list[str] = []
    for name, cell in value.items():
        path = files.from_url(cell, param) if isinstance(cell, str) else None
        if path is not None:
            kept.append(path)
        given[name] = _all_defused(cell) if path is None else path
    if kept:
        return _of_files(given, {name: value[name] for name in value if given[name] not in kept}, param)
    return Asked(given, content_hash(value), _seen_columns(value))


def _of_files(input: JSON, others: Mapping[str, JSON], param: str) -> Asked:
    from pathlib import Path

    from merits.media.finding import Media

    cells = input.values() if isinstance(input, Mapping) else [input]
    n_bytes = sum(Path(cell).stat().st_size for cell in cells if isinstance(cell, str) and cell.startswith("/"))
    contents = Media([Path("/")]).contents(input)
    return Asked(input, hash_of_input(input, contents), {**_seen_columns(others), "bytes": float(n_bytes)})


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
    import msgspec

    try:
        return msgspec.json.decode(text, type=dict[str, object])  # type: ignore[return-value]
    except msgspec.MsgspecError:
        raise Refusal(400, "invalid_value", "The message must be a JSON object of columns.", param="messages") from None


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


def _spoken(value: JSON) -> str:
    """All texts in a value, one after the other."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(_spoken(cell) for name, cell in value.items() if name not in ("role", "type"))
    return "\n".join(map(_spoken, value)) if isinstance(value, Sequence) else ""


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


def _seen(text: str) -> dict[str, float | str | None]:
    """What is watched of a text: how long it is."""
    return {"length": float(len(text)), "words": float(text.count(" ") + 1) if text else 0.0}


def _seen_columns(columns: Mapping[str, JSON]) -> dict[str, float | str | None]:
    """What is watched of columns: numbers as they are, words by a short hash, long texts by their length."""
    seen: dict[str, float | str | None] = {}
    for name, cell in columns.items():
        if cell is None:
            seen[name] = None
        elif isinstance(cell, bool | int | float):
            seen[name] = float(cell)
        elif isinstance(cell, str):
            seen[name] = f"#{content_hash(cell)[:8]}" if len(cell) <= 40 else float(len(cell))
    return seen

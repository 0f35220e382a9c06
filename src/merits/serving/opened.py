"""A loaded release as the gateway needs it: how its inputs are read, what is watched of them, who is at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.kinds import Reads, Target, kind_names, task_kind
from merits.media.seen import embedding_in, seen_of
from merits.reading.labels import reader
from merits.reading.seen import Lens, seen_of_text
from merits.serving.checking import Check
from merits.serving.package import reference_in
from merits.serving.schemas import presumed
from merits.serving.unit import Unit

__all__ = ["Opened", "is_chat"]

_CHATS = frozenset({"chat", "anthropic", "any-llm", "gguf", "transformers"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # nothing that ends a header
_SHORT = frozenset({"label", "number", "items"})


def is_chat(candidate: Candidate) -> bool:
    """Whether a candidate takes messages as they are: a chat model, or something made of such.

    >>> is_chat(Candidate(name="a", kind="chat", params={"model": "m"})), is_chat(Candidate(name="b", kind="constant"))
    (True, False)
    """
    if candidate.parts:
        return all(map(is_chat, candidate.parts))
    return candidate.kind in _CHATS


def is_short(kind: str) -> bool:
    """Whether outputs of a kind of task are labels, numbers or items, which say nothing of their own.

    >>> is_short("classification"), is_short("generation"), is_short("of another age")
    (True, False, False)
    """
    return kind in kind_names() and task_kind(kind).target in _SHORT


class Opened:
    """A loaded release. `users` are the requests that are at it; `retired` is one that serves no more.

    `reads` and `target` are those of its kind of task. `short` says that its outputs are labels, numbers or items: they
    say nothing of their own, and are kept. `check` holds inputs against what it was tried on; `takes_files` says that
    it reads pictures or sounds, `is_file` that an input which is no mapping is one. `chats` says that it takes messages
    as they are. `billed_in` is the currency of what it costs, "" where it has no price, and `promised_cost`
    what an answer was proved to cost (0.0 where there is no record). `says` reads the class that a text of a
    classification names: what else a chat model wrote is content.
    """

    __slots__ = (
        "_embeds",
        "_lens",
        "_names",
        "_texts_only",
        "billed_in",
        "chats",
        "check",
        "is_file",
        "model",
        "model_header",
        "promised_cost",
        "reads",
        "release",
        "retired",
        "says",
        "short",
        "takes_files",
        "target",
        "unit",
        "users",
    )

    def __init__(self, unit: Unit, folder: Path | None = None) -> None:
        release = unit.release
        self.unit, self.release = unit, release
        self.model = release.model
        self.billed_in = release.billed_in
        promised = release.promise.cost_per_1000
        self.promised_cost = 0.0 if promised is None else (promised.value or 0.0) / 1000.0
        self.model_header = (b"x-merits-release", _CONTROL.sub("?", release.model).encode("utf-8", "replace"))
        self.users, self.retired = 0, False
        kind = task_kind(release.kind) if release.kind in kind_names() else None
        self.reads: tuple[Reads, ...] = kind.reads if kind is not None else ()
        self._texts_only = self.reads == ("text",)
        self.target: Target = kind.target if kind is not None else "none"
        self.short = is_short(release.kind)
        self.says = _class_in(release.classes) if release.classes else None
        self.chats = is_chat(release.candidate)
        self.check = Check(presumed(release), self.model, chats=self.chats)
        forms = self.check.forms
        may_read = release.schema is None and bool({"picture", "sound"} & {*self.reads})
        self.is_file = "picture" in forms or "sound" in forms or (may_read and not forms)
        self.takes_files = self.is_file or self.check.reads_files or may_read
        reference = None if folder is None else reference_in(folder)
        self._lens = Lens(language_of=0) if reference is None else Lens.of(reference)
        self._names = reference is not None or release.content.keep
        streams = reference.streams if reference is not None else ()
        self._embeds = any(stream.name.startswith("input: embedding") for stream in streams)

    def seen(self, input: JSON, files: Mapping[str, Path] | None = None) -> dict[str, float | str | None]:
        """What is watched of an input. Of words in columns nothing, unless there is a reference or content is kept."""
        kind = self.release.kind
        if self._texts_only and isinstance(input, str):
            return seen_of_text(input, self._lens)
        if not self.reads:
            return {}
        found = seen_of(input, kind, self._lens, files.get if files else _none)
        if self._names or not isinstance(input, Mapping):
            return found
        return {
            name: value for name, value in found.items() if not isinstance(value, str) or value in ("true", "false")
        }

    def embedding(self, input: JSON) -> tuple[float, ...]:
        """The text of an input as a short vector, where texts are watched by it."""
        return embedding_in(input, self.release.kind) if self._embeds else ()


def _none(name: str) -> None:
    return None


def _class_in(classes: Sequence[str]) -> Callable[[str], str]:
    """Reads the class that a text names, "" where it names none: that is not solved, whatever else it says.

    >>> says = _class_in(("no", "yes"))
    >>> says("Yes."), says("Ann's card is 4111 1111")
    ('yes', '')
    """
    read = reader(tuple(classes))
    return lambda text: read(text) or ""

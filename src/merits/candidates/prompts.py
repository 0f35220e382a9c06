"""What a chat model is shown: instructions, the allowed labels, worked examples, and the input.

Shared by every kind that talks to a chat model. Knows nothing about how the model is reached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from merits.candidates.keeping import keep_json, kept_json
from merits.candidates.registry import LoadContext, Space
from merits.candidates.texts import as_text, is_messages, one_answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.media.finding import Media

__all__ = [
    "FEW_SHOT",
    "Message",
    "Prompt",
    "PromptParams",
    "Shown",
    "chosen",
    "fill",
    "keep_shown",
    "kept_shown",
    "shown",
]

Message: TypeAlias = dict[str, JSON]

FEW_SHOT: Space = {"few_shot": [0, 4, 8, 16]}
"""What is usually tuned of a prompt: how many worked examples are shown."""

_FIELD = re.compile(r"""\{\{(?P<literal>\w+)\}\}|\{(?P<name>[^{}"':,\n]+)\}""")
_PLAIN = re.compile(r"\w+")
_SHOWN = "shown.json"


class Shown(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A worked example: an input and the output the model should give to it."""

    input: Annotated[JSON, msgspec.Meta(description="What is asked.")]
    output: Annotated[JSON, msgspec.Meta(description="The answer that is wanted.")]


class PromptParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What the model is told."""

    prompt: Annotated[
        str, msgspec.Meta(description="What is asked; {input} or {a column's name} stands for the input.")
    ] = "{input}"
    system: Annotated[str, msgspec.Meta(description="Instructions that go before everything else.")] = ""
    labels: Annotated[
        bool, msgspec.Meta(description="In a classification, tell the model which labels are allowed.")
    ] = True
    few_shot: Annotated[
        int, msgspec.Meta(ge=0, description="Show so many examples of the dev split, drawn evenly over the classes.")
    ] = 0
    few_shot_draw: Annotated[
        int, msgspec.Meta(ge=0, description="Another number draws other examples, as many of them.")
    ] = 0
    examples: Annotated[tuple[Shown, ...], msgspec.Meta(description="Show these worked examples.")] = ()

    def __post_init__(self) -> None:
        if not any(match["name"] for match in _FIELD.finditer(self.prompt)):
            raise ValueError(f"the prompt {self.prompt!r} shows no input: write {{input}} or {{a column's name}} in it")


class Prompt:
    """Makes the messages for an input, from parameters, the task's labels and the examples that are shown.

    With `media`, pictures and sounds that an input names are put into the message; without, they stay names.
    """

    def __init__(
        self, params: PromptParams, context: LoadContext, shown: Sequence[Shown] = (), media: Media | None = None
    ) -> None:
        self._template = params.prompt
        self._is_bare = params.prompt == "{input}"
        self._media = media
        self.labels = context.classes if params.labels and context.is_labelled else ()
        system = "\n".join(part for part in (params.system, _allowed(self.labels)) if part)
        self._start: list[Message] = [{"role": "system", "content": system}] if system else []
        for example in (*params.examples, *shown):
            self._start.append({"role": "user", "content": self._content(example.input)})
            self._start.append({"role": "assistant", "content": as_text(example.output)})

    def messages(self, input: JSON) -> list[Message]:
        """The messages for an input; an input that is a list of messages goes in as it is, after the instructions."""
        if self._is_bare and is_messages(input):
            return [*self._start, *({**message} for message in input)]
        return [*self._start, {"role": "user", "content": self._content(input)}]

    def _content(self, input: JSON) -> JSON:
        """The filled prompt; where the input holds pictures or sounds, a list of parts: what is asked, then these."""
        rest, parts = self._media.split(input) if self._media is not None else (input, [])
        if self._is_bare and isinstance(rest, str) and not parts:
            return rest
        text = fill(self._template, rest)
        if not parts:
            return text
        return [*([{"type": "text", "text": text}] if text.strip() else []), *parts]


def _allowed(labels: Sequence[str]) -> str:
    return f"Answer with exactly one of these labels and nothing else: {', '.join(labels)}" if labels else ""


def fill(template: str, input: JSON) -> str:
    """The template with `{input}` and `{column}` replaced; CandidateError naming the near miss of an unknown one.

    JSON in a prompt needs no escaping: braces count around a column's name or around a single word, and `{{word}}` is
    a literal `{word}`. What is put in is not looked at again: an input that holds braces changes nothing.

    >>> fill('Reply as {"label": ...} to {subject}: {input}', {"subject": "Refund", "body": "{subject}"})
    'Reply as {"label": ...} to Refund: subject: Refund\\nbody: {subject}'
    >>> fill("{inptu}", "Hi")
    Traceback (most recent call last):
    ...
    merits.core.errors.CandidateError: the prompt names {inptu}, which the input does not have. Did you mean 'input'?
    """
    values = {**input, "input": input} if isinstance(input, Mapping) else {"input": input}

    def value(match: re.Match[str]) -> str:
        if match["literal"]:
            return f"{{{match['literal']}}}"
        if match["name"] not in values and not _PLAIN.fullmatch(match["name"]):
            return match[0]
        if match["name"] not in values:
            raise CandidateError(
                f"the prompt names {{{match['name']}}}, which the input does not have.",
                did_you_mean(match["name"], values),
            )
        return as_text(values[match["name"]])

    return _FIELD.sub(value, template)


def chosen(examples: Sequence[Example], n: int, seed: int, kind: str = "", *, draw: int = 0) -> tuple[Example, ...]:
    """So many examples, drawn evenly over the targets and shuffled; the same for the same seed, in whatever order.

    Takes turns through the targets, so that with fewer examples than targets none is shown twice. What is drawn is
    decided by a hash of each example and the seed: another example more or less changes the choice only where it is
    chosen itself, or makes room. Examples that say the same are one. In a task of texts (`kind`) an example with
    several right answers has its first: see `one_answer`. Another `draw` is another choice.

    >>> pool = [Example(str(i), f"text {i}", "ab"[i % 5 == 0]) for i in range(20)]
    >>> sorted(str(example.target) for example in chosen(pool, 4, seed=1))
    ['a', 'a', 'b', 'b']
    """
    told = [msgspec.structs.replace(e, target=one_answer(e.target, kind)) for e in examples if e.target is not None]
    drawn = (seed, draw) if draw else (seed,)
    ranked = {content_hash([*drawn, e.input_hash, e.target]): e for e in told}
    by_target: dict[str, list[Example]] = {}
    for rank in sorted(ranked):
        by_target.setdefault(as_text(ranked[rank].target), []).append(ranked[rank])
    turns = chain.from_iterable(zip_longest(*by_target.values()))
    picked = [example for example in turns if example is not None][:n]
    return tuple(sorted(picked, key=lambda e: content_hash(["place", *drawn, e.input_hash, e.target])))


def keep_shown(examples: Sequence[Shown], folder: Path) -> None:
    """Writes the examples that are shown."""
    keep_json(list(examples), folder / _SHOWN)


def kept_shown(folder: Path) -> tuple[Shown, ...]:
    """The examples that were written to a folder; CandidateError where there are none."""
    return kept_json(folder / _SHOWN, tuple[Shown, ...])


def shown(examples: Sequence[Example]) -> tuple[Shown, ...]:
    """Examples as they are shown."""
    return tuple(Shown(input=example.input, output=example.target) for example in examples)

"""What language models that run in this process share: how long they write, where they stop, what their habits are.

Knows nothing about the engine that computes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from merits.candidates.label_shares import scaled
from merits.candidates.prompts import Message, PromptParams
from merits.candidates.texts import as_text

__all__ = ["CONTENT_FREE", "LocalChatParams", "cut", "habits", "plain_text", "without_habits"]

CONTENT_FREE = ("N/A", "", "[MASK]")
_APART = "\n\n"


class LocalChatParams(PromptParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What a local language model is told, and how it writes."""

    max_tokens: Annotated[int, msgspec.Meta(ge=1, description="Longest answer, where no labels are given.")] = 64
    temperature: Annotated[float, msgspec.Meta(ge=0, description="0 always takes the likeliest token.")] = 0.0
    stop: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
        msgspec.Meta(description="Texts before which an answer ends; with `plain`, a blank line unless named."),
    ] = ()
    plain: Annotated[
        bool, msgspec.Meta(description="Show the prompt as plain text, for a base model without a chat template.")
    ] = False
    context_tokens: Annotated[int, msgspec.Meta(ge=64, description="Longest prompt and answer together.")] = 2048
    threads: Annotated[int, msgspec.Meta(ge=1, description="Processor threads to compute with.")] = 1
    calibrate: Annotated[
        bool,
        msgspec.Meta(description="Divide label probabilities by those for an empty input, against the model's habits."),
    ] = True

    def stops(self, *, plain: bool) -> tuple[str, ...]:
        """Before what an answer ends."""
        return self.stop or ((_APART,) if plain else ())


def plain_text(messages: Sequence[Message]) -> str:
    """Messages as a base model reads them: questions, each answer after a space, a blank line between.

    >>> plain_text([{"role": "user", "content": "Q: 1+1?\\nA:"}, {"role": "assistant", "content": "2"},
    ...             {"role": "user", "content": "Q: 1+2?\\nA:"}])
    'Q: 1+1?\\nA: 2\\n\\nQ: 1+2?\\nA:'
    """
    text = ""
    for message in messages:
        answers = message["role"] == "assistant"
        text += f"{' ' if answers else _APART if text else ''}{as_text(message['content'])}"
    return text


def cut(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stops that comes after its beginning's white space.

    >>> cut("\\n18\\n\\nQ: more", ("\\n\\n",))
    '\\n18'
    """
    start = len(text) - len(text.lstrip())
    ends = [end for stop in stops if (end := text.find(stop, start)) >= 0]
    return text[: min(ends)] if ends else text


def habits(found: Sequence[Mapping[str, float]], labels: Sequence[str]) -> dict[str, float]:
    """The mean probability of each label over answers to nothing: a model's habit, which says nothing of an input.

    Zhao et al., "Calibrate Before Use", ICML 2021.
    """
    return {label: sum(shares[label] for shares in found) / len(found) for label in labels}


def without_habits(found: Mapping[str, float], habit: Mapping[str, float] | None) -> dict[str, float]:
    """The probabilities divided by the habits, and by their sum.

    >>> without_habits({"a": 0.8, "b": 0.2}, {"a": 0.8, "b": 0.2})
    {'a': 0.5, 'b': 0.5}
    """
    if habit is None:
        return dict(found)
    return scaled({label: share / habit[label] for label, share in found.items()})

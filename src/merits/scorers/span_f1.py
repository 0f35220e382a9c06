"""Which of the wanted spans or entities an answer found, and what it made up: F1 over all answers together (micro)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.reading.texts import normalise
from merits.reading.values import json_of, shorten, text_of
from merits.scorers.reading import CannotJudge

__all__ = ["Params", "Span", "load", "spans_in"]

Span: TypeAlias = tuple[str, str]  # label, and text or place
_LABELS = ("label", "type", "entity_group", "entity", "tag")
_TEXTS = ("text", "value", "word", "span")
_MOST = 10_000  # spans of an answer that are read


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What makes two spans the same."""

    labels: Annotated[bool, msgspec.Meta(description="The labels must agree too, not only the spans.")] = True
    even_out: Annotated[
        bool, msgspec.Meta(description="Case, white space and punctuation of a span's text do not matter.")
    ] = True


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer of lists of spans: solved when all are found and none is made up.

    Target and output are JSON, or a text that holds it: a list of texts; of mappings with a label (`label`, `type`)
    and a `text`, or `start` and `end`; of lists [start, end, label]; or a mapping from label to texts. A span counts
    as often as it stands there. Output that is none of these found nothing. The measure, `span_f1`, is twice the
    right ones over all that were said and all that were wanted, in all answers (micro-averaged, as CoNLL-2003 has it);
    an answer's value is the same of itself.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> wanted = [{"label": "person", "text": "Ada Lovelace"}, {"label": "place", "text": "London"}]
    >>> found = score(Example(id="1", input="?", target=wanted), Answer('{"person": ["ada lovelace", "Byron"]}'))
    >>> found.value, found.solved, found.counts.values
    (0.5, False, (1.0, 2.0, 2.0))
    """

    def score(example: Example, answer: Answer) -> Score:
        wanted = _read(example.target, params)
        if wanted is None:
            raise CannotJudge(f"the target of example {example.id!r} is no list of spans: {shorten(example.target)!r}")
        said = _read(answer.output, params)
        reason = ""
        if said is None:
            said, reason = Counter(), f"no list of spans: {shorten(answer.output)!r}"
        right, n_said, n_wanted = (said & wanted).total(), said.total(), wanted.total()
        value = 2 * right / (n_said + n_wanted) if n_said + n_wanted else float(not reason)
        counts = Counts("f1", (float(right), float(n_said), float(n_wanted)))
        reason = reason or _difference(said, wanted)
        return Score(value, said == wanted and value == 1.0, reason, counts)

    return score


def _difference(said: Counter[Span], wanted: Counter[Span]) -> str:
    parts = []
    for what, spans in (("missed", wanted - said), ("made up", said - wanted)):
        if spans:
            parts.append(f"{what} {shorten(', '.join(' '.join(span).strip() for span in spans), 60)!r}")
    return "; ".join(parts)


def _read(value: JSON, params: Params) -> Counter[Span] | None:
    if isinstance(value, str):
        try:
            value = json_of(value)
        except ValueError:
            return None
    spans = spans_in(value)
    if spans is None:
        return None
    even = normalise if params.even_out else str
    return Counter((even(label) if params.labels else "", even(text)) for label, text in spans)


def spans_in(value: JSON) -> list[Span] | None:
    """The spans that a value lists, as pairs of label and text or "start-end"; None where it is no such list.

    >>> spans_in([{"type": "place", "text": "Bern"}, [4, 9, "person"], "Rome"])
    [('place', 'Bern'), ('person', '4-9'), ('', 'Rome')]
    >>> spans_in({"place": ["Bern", "Rome"], "person": None})
    [('place', 'Bern'), ('place', 'Rome')]
    """
    if isinstance(value, Mapping):
        for name in ("entities", "spans"):
            if isinstance(value.get(name), Sequence) and len(value) == 1:
                return spans_in(value[name])
        listed = [(label, text) for label, texts in value.items() for text in _listed(texts)]
        return [(str(label), text_of(text)) for label, text in listed[:_MOST]]
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    spans = [_span(item) for item in value[:_MOST]]
    return None if None in spans else [span for span in spans if span is not None]


def _listed(value: JSON) -> Sequence[JSON]:
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def _span(item: JSON) -> Span | None:
    if isinstance(item, Mapping):
        label = next((text_of(item[name]) for name in _LABELS if name in item), "")
        if "start" in item and "end" in item:
            return label, f"{text_of(item['start'])}-{text_of(item['end'])}"
        text = next((text_of(item[name]) for name in _TEXTS if name in item), None)
        return None if text is None else (label, text)
    if isinstance(item, Sequence) and not isinstance(item, str):
        if len(item) == 3:
            return text_of(item[2]), f"{text_of(item[0])}-{text_of(item[1])}"
        return (text_of(item[0]), text_of(item[1])) if len(item) == 2 else None
    return "", text_of(item)

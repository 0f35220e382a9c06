"""Looks at texts: how long they are in tokens, which languages they are in, and what personal data they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from merits.core.task import Example
from merits.reading.languages import INSTALL, UNSURE, languages_of
from merits.tasks.looks.personal import personal_data
from merits.tasks.looks.seeing import Fact, Finding, Seen, Sight, spread_of
from merits.tasks.normalise import text_of

__all__ = ["CODES", "features", "look", "reads"]

CODES = {
    "mixed-languages": "Texts in several languages, so that a figure over all of them hides how each fares.",
    "personal-data": "Texts that hold personal data, which must not go to everybody's servers.",
}
_BYTES_A_TOKEN = 4.0  # English, to a quarter; other languages take more tokens
_MOST_SEEN = 20_000  # texts; a second or two for all there is to look for
_MOST_DETECTED = 5_000  # of them; a tenth of a millisecond each
_MINOR = 0.05  # of the texts in a language other than the commonest


def look(sight: Sight) -> Seen | None:
    """Lengths, languages and personal data of inputs that are texts (or messages); None where there are none.

    Tokens are estimated, four bytes of UTF-8 to one: every model has its own.
    """
    positions = [i for i, example in enumerate(sight.examples) if reads(example)]
    if not positions:
        return None
    chosen = sight.sample(positions, _MOST_SEEN)
    texts = [text_of(sight.examples[position].input) for position in chosen]
    facts, findings = [_tokens(texts)], []
    for part in (_languages(sight.sample(texts, _MOST_DETECTED)), _personal(sight, texts)):
        facts += part[0]
        findings += part[1]
    return Seen(n=len(positions), n_seen=len(chosen), facts=facts, findings=findings)


def reads(example: Example) -> bool:
    """Whether an input is a text, or a list of messages, that names no file."""
    input = example.input
    if isinstance(input, str):
        return not example.files
    return isinstance(input, list | tuple) and bool(input) and all(isinstance(part, Mapping) for part in input)


def _tokens(texts: Sequence[str]) -> Fact:
    spread = spread_of([round(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN) for text in texts])
    low, middle, p95, high = (f"{value:,.0f}" for value in spread.values())
    return Fact("tokens", f"about {low} to {high}, half up to {middle}, 95 % up to {p95}", {**spread})


def _languages(texts: Sequence[str]) -> tuple[list[Fact], list[Finding]]:
    """The languages found; a finding where more than one in twenty of the texts is not in the commonest."""
    counts = languages_of(texts)
    if counts is None:
        return [Fact("languages", f"not looked at: {INSTALL}")], []
    known = Counter({code: n for code, n in counts.items() if code != UNSURE})
    ranked = sorted(known.items(), key=lambda pair: (-pair[1], pair[0]))
    unsure = counts[UNSURE]
    shown = [f"{code} {n / len(texts):.0%}" for code, n in ranked[:6]]
    shown += [f"{len(ranked) - 6} more"] if len(ranked) > 6 else []
    shown += [f"unsure {unsure / len(texts):.0%}"] if unsure else []
    fact = Fact("languages", ", ".join(shown), {code: n for code, n in [*ranked, (UNSURE, unsure)] if n})
    minor = sum(n for _, n in ranked[1:])
    if minor <= _MINOR * max(1, sum(known.values())):
        return [fact], []
    others = ", ".join(code for code, _ in ranked[1:4])
    return [fact], [
        Finding(
            code="mixed-languages",
            text=f"{minor:,} of {len(texts):,} texts are not in {ranked[0][0]} ({others}).",
            next_step="Name a column with the language under `slices:`, and require worst_slice(... by language).",
        )
    ]


def _personal(sight: Sight, texts: Sequence[str]) -> tuple[list[Fact], list[Finding]]:
    """Which personal data was found, in how many texts."""
    found = sight.watched("personal data", texts, personal_data)
    in_texts = Counter(kind for kinds in found if isinstance(kinds, dict) for kind in kinds)
    if not in_texts:
        return [Fact("personal data", "none found (e-mail, IBAN, card, IP, telephone; names are not looked for)")], []
    n = sum(bool(kinds) for kinds in found)
    said = ", ".join(f"{kind} in {count:,}" for kind, count in in_texts.most_common())
    return [Fact("personal data", said, dict(in_texts))], [
        Finding(
            code="personal-data",
            text=f"{n:,} of {len(texts):,} texts hold personal data: {said}.",
            next_step="Redact it, or require `on-premises`, so that it is sent to nobody.",
        )
    ]


def features(sight: Sight, positions: Sequence[int]) -> object | None:
    """TF-IDF of words and word pairs, sparse."""
    from merits.candidates.features import words

    texts = [text_of(sight.examples[position].input) for position in positions]
    return words().fit_transform(texts) if any(text.strip() for text in texts) else None

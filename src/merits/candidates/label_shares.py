"""The probability of each label as a language model's answer, read off its next tokens. Knows nothing about models."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TypeAlias

__all__ = ["Looks", "NextTokens", "scaled", "shares", "shares_by_looks", "shares_on_the_way"]

NextTokens: TypeAlias = Sequence[tuple[str, float]]
Looks: TypeAlias = Generator[str, NextTokens | None, dict[str, float]]

_MOST_STEPS = 24  # looks at the model for one answer; labels that share long beginnings need several
_LEAST_SHARE = 0.01  # labels that cannot be told apart yet are followed up while they hold this much


def shares(labels: Sequence[str], look: Callable[[str], NextTokens | None]) -> dict[str, float]:
    """The probability of each label as the answer, if the model had to answer with one of them. They sum to 1.

    `look(beginning)` gives the likeliest next tokens, with their probabilities, after an answer that begins so; None
    where that cannot be known. This needs one look where labels begin differently, and no knowledge of how the model
    cuts words into tokens.

    >>> said = {"": [("pos", 0.5), ("neg", 0.2), ("The", 0.3)]}
    >>> {label: round(share, 3) for label, share in shares(["positive", "negative"], said.__getitem__).items()}
    {'positive': 0.714, 'negative': 0.286}
    """
    looks = shares_by_looks(labels)
    beginning = next(looks)
    while True:
        try:
            beginning = looks.send(look(beginning))
        except StopIteration as end:
            found: dict[str, float] = end.value
            return found


def shares_by_looks(labels: Sequence[str]) -> Looks:
    """The same, asking its driver: yields beginnings, is sent the tokens after each, returns the probabilities.

    A token that only one label continues with gives that label its probability; a token that several labels share is
    followed up, likeliest first, as long as it matters. What remains undistinguished is shared out evenly.
    """
    found = dict.fromkeys(labels, 0.0)
    waiting: dict[str, float] = {"": 1.0}
    steps = 0
    while waiting:
        beginning = max(waiting, key=lambda text: waiting[text])
        mass = waiting.pop(beginning)
        possible = [label for label in labels if label.startswith(beginning)]
        tokens = None
        if steps < _MOST_STEPS and mass >= _LEAST_SHARE:
            steps += 1
            tokens = yield beginning
        if tokens is None:
            for label in possible:
                found[label] += mass / len(possible)
            continue
        for text, share in _split(beginning, possible, tokens).items():
            begun = [label for label in possible if label.startswith(text)]
            if text in possible and (len(begun) == 1 or text == beginning):
                found[text] += mass * share
            elif len(begun) == 1:
                found[begun[0]] += mass * share
            else:
                waiting[text] = waiting.get(text, 0.0) + mass * share
    return scaled(found)


def _split(beginning: str, labels: Sequence[str], tokens: NextTokens) -> dict[str, float]:
    """How the probability after a beginning divides over longer beginnings; sums to 1.

    A label that ends here competes with the longer ones by everything that does not continue any of them.
    """
    masses: dict[str, float] = {}
    elsewhere = max(0.0, 1.0 - sum(share for _, share in tokens))
    for token, share in tokens:
        text = beginning + (token if beginning else token.lstrip())
        if text != beginning and any(label.startswith(text) for label in labels):
            masses[text] = masses.get(text, 0.0) + share
        else:
            elsewhere += share
    if beginning in labels:
        masses[beginning] = elsewhere
    elif not masses:  # none of the labels is among the likely answers: no preference
        return {label: 1 / len(labels) for label in labels}
    total = sum(masses.values())
    return {text: mass / total for text, mass in masses.items()}


def shares_on_the_way(labels: Sequence[str], said: Sequence[tuple[str, NextTokens]]) -> dict[str, float] | None:
    """The probability of each label, from the tokens that were said and the likeliest ones in the place of each.

    None where what was said is none of the labels, but for case and a full stop. What a model would have said after
    other beginnings is not known: labels that cannot be told apart by what was looked at share evenly.

    >>> found = shares_on_the_way(["positive", "negative"], [("Pos", [("Pos", 0.6), ("Neg", 0.2)]), ("itive", [])])
    >>> {label: round(share, 2) for label, share in found.items()}
    {'positive': 0.75, 'negative': 0.25}
    """
    fold = str.casefold if len({label.casefold() for label in labels}) == len(labels) else str
    plain = {fold(label): label for label in labels}
    told: dict[str, NextTokens] = {}
    text = ""
    for token, likely in said:
        told.setdefault(text, [(fold(other), share) for other, share in likely])
        text = (text + fold(token)).lstrip()
    if text.strip().rstrip(".") not in plain:
        return None
    return {plain[label]: share for label, share in shares(list(plain), told.get).items()}


def scaled(values: Mapping[str, float]) -> dict[str, float]:
    """The values, with a floor far below any that matters, divided by their sum.

    >>> scaled({"a": 3.0, "b": 1.0})
    {'a': 0.75, 'b': 0.25}
    """
    raised = {name: max(value, 1e-6) for name, value in values.items()}
    total = sum(raised.values())
    return {name: value / total for name, value in raised.items()}

"""Reads `robustness:` of a task file: which perturbations, at which strengths, on how many examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice

from merits.core.candidate import Candidate
from merits.core.errors import TaskError
from merits.core.identity import JSON
from merits.core.kinds import Reads, task_kind
from merits.core.robustness import PARAPHRASE, Robustness, Strengths
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.media.finding import Media
from merits.perturbations.inputs import holds, texts_of
from merits.perturbations.registry import perturbation, perturbation_names
from merits.tasks.recipes import candidate_of, with_place
from merits.tasks.source import Place, Source

__all__ = ["robustness_of"]

_DEFAULT = "default"
_LOOKED_AT = 50  # examples among which one must hold what a perturbation reads
_HOW = "Write it like `robustness: {typos: [0.02, 0.05, 0.1]}`, `robustness: [typos]` or `robustness: default`."


def robustness_of(
    said: object,
    kind: str,
    examples: Sequence[Example],
    *,
    media: Media,
    candidates: Sequence[Candidate],
    source: Source,
) -> Robustness:
    """The robustness that a task file asks for; TaskError, with the line, for what cannot be.

    A list names perturbations at their customary strengths, `default` those of the kind of task. In a mapping each has
    its strengths, `sample` says on how many examples, and `paraphrase: {by: NAME}` who puts inputs in other words: a
    candidate of the task, or a recipe.
    """
    if isinstance(said, Robustness):
        return said
    if said is None or said in ([], {}):
        return Robustness()
    inputs = _Inputs([example.input for example in islice(examples, _LOOKED_AT)], media)
    if said == _DEFAULT:
        return Robustness(_customary(kind, inputs, source))
    if isinstance(said, str):
        said = [said]
    if isinstance(said, Mapping):
        return _of_mapping(said, inputs, candidates, source)
    if not isinstance(said, list | tuple):
        raise TaskError(f"{source.at('robustness')}: {said!r} names no perturbations.", _HOW)
    if len(set(map(str, said))) < len(said):
        raise TaskError(f"{source.at('robustness')}: a perturbation is named twice.", "Leave one out.")
    places: list[Place] = [("robustness", number) for number in range(len(said))]
    return Robustness(
        tuple(_one(name, _DEFAULT, inputs, source, place) for name, place in zip(said, places, strict=True))
    )


class _Inputs:
    """What some inputs of the task hold."""

    def __init__(self, inputs: Sequence[JSON], media: Media) -> None:
        self._inputs, self._media = inputs, media

    def hold(self, reads: Reads) -> bool:
        return any(holds(one, reads, self._media) for one in self._inputs)

    @property
    def hold_texts(self) -> bool:
        return any(texts_of(one, self._media) for one in self._inputs)

    @property
    def suited(self) -> list[str]:
        """The perturbations of what is there."""
        return [name for name in perturbation_names() if self.hold(perturbation(name).READS)]


def _customary(kind: str, inputs: _Inputs, source: Source) -> tuple[Strengths, ...]:
    named = [name for name in task_kind(kind).perturbations if inputs.hold(perturbation(name).READS)]
    if not named:
        suited = ", ".join(inputs.suited)
        raise TaskError(
            f"{source.at('robustness')}: no perturbations are customary for these inputs of a task of kind {kind}.",
            f"Name some: {suited}." if suited else "Take it out.",
        )
    return tuple(Strengths(name, tuple(perturbation(name).LEVELS)) for name in named)


def _of_mapping(
    said: Mapping[str, object], inputs: _Inputs, candidates: Sequence[Candidate], source: Source
) -> Robustness:
    sample = said.get("sample")
    if sample is not None and (not isinstance(sample, int) or isinstance(sample, bool) or sample < 1):
        raise TaskError(
            f"{source.at('robustness', 'sample')}: {sample!r} is no number of examples.", "Write it like `sample: 100`."
        )
    found = []
    for name, strengths in said.items():
        place: Place = ("robustness", str(name))
        if name == "sample":
            continue
        if name == PARAPHRASE:
            found.append(_paraphrase(strengths, inputs, candidates, source, place))
        else:
            found.append(_one(name, strengths, inputs, source, place))
    if not found:
        raise TaskError(f"{source.at('robustness')}: no perturbation is named.", _HOW)
    return Robustness(tuple(found), sample)


def _one(name: object, strengths: object, inputs: _Inputs, source: Source, place: Place) -> Strengths:
    if name == PARAPHRASE:
        raise TaskError(
            f"{source.at(*place)}: who paraphrases is not said.", "Write `robustness: {paraphrase: {by: CANDIDATE}}`."
        )
    if not isinstance(name, str):
        raise TaskError(f"{source.at(*place)}: {name!r} is no name of a perturbation.", _HOW)
    found = with_place(partial(perturbation, name), source, place)
    if not inputs.hold(found.READS):
        suited = inputs.suited
        raise TaskError(
            f"{source.at(*place)}: {name} changes {_PLURAL[found.READS]}, and the inputs of this task hold none.",
            f"What they hold can be changed by {', '.join(suited)}." if suited else "Take it out.",
        )
    return Strengths(name, _strengths(name, strengths, tuple(found.LEVELS), source, place))


_PLURAL: Mapping[str, str] = {
    "text": "texts",
    "picture": "pictures",
    "sound": "sounds",
    "columns": "columns of a table",
    "events": "events",
}


def _strengths(
    name: str, said: object, customary: tuple[float, ...], source: Source, place: Place
) -> tuple[float, ...]:
    if said is None or said == _DEFAULT:
        return customary
    listed = said if isinstance(said, list | tuple) else [said]
    numbers = [one for one in listed if isinstance(one, int | float) and not isinstance(one, bool)]
    usual = ", ".join(f"{level:g}" for level in customary)
    if len(numbers) != len(listed) or not numbers or not all(abs(one) < float("inf") for one in numbers):
        raise TaskError(
            f"{source.at(*place)}: {said!r} are no strengths of {name}.",
            f"Write `{name}: [{usual}]` or `{name}: default`.",
        )
    strengths = tuple(map(float, numbers))
    if len(set(strengths)) < len(strengths):
        raise TaskError(f"{source.at(*place)}: a strength of {name} is there twice.", "Leave one out.")
    return strengths


def _paraphrase(
    said: object, inputs: _Inputs, candidates: Sequence[Candidate], source: Source, place: Place
) -> Strengths:
    by = said.get("by") if isinstance(said, Mapping) and set(said) == {"by"} else None
    if by is None:
        raise TaskError(
            f"{source.at(*place)}: who paraphrases is not said.",
            "Write `paraphrase: {by: NAME}` with the name of a candidate, or with a recipe: `{by: {kind: chat, ...}}`.",
        )
    if not inputs.hold_texts:
        raise TaskError(
            f"{source.at(*place)}: the inputs of this task hold no texts to put in other words.", "Take it out."
        )
    if isinstance(by, str):
        names = [candidate.name for candidate in candidates]
        if by not in names:
            raise TaskError(f"{source.at(*place, 'by')}: no candidate is named {by!r}.", did_you_mean(by, names))
        return Strengths(PARAPHRASE, by=candidates[names.index(by)])
    return Strengths(PARAPHRASE, by=candidate_of(by, source, (*place, "by")))

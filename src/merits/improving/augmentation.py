"""More examples to learn from, made of those there are: changed, mixed, or in other words.

Knows nothing about how they are made; see the kind `augmented`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from merits.candidates.augmenting.making import strengths_of
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.errors import CandidateError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.kinds import Reads, task_kind
from merits.core.validate import did_you_mean
from merits.improving.learning import against, held, learners, reading, values_of, with_findings
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "trains"
TITLE = "Augmentation: more examples to learn from, made of those there are"

_LEVEL = 0.8  # of the one-sided bound by which one is kept; test decides at the confidence of the Needs
# What is tried where nothing is named, each by itself and then all together. Mirrored pictures are not: of letters,
# digits and arrows a mirror makes something else.
_USUAL: Mapping[Reads, Mapping[str, float]] = {
    "text": {"synonyms": 0.5, "dropped_words": 0.1, "word_swap": 0.2, "typos": 0.05},
    "picture": {"crop": 2.0, "rotation": 2.0, "colour": 2.0, "occlusion": 3.0},
    "sound": {"white_noise": 20.0, "speed": 1.1, "pitch": 1.0, "masking": 0.2},
    "columns": {"smote": 1.0, "jitter": 0.1},
}


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Trained candidates that learn from more examples."""

    candidates: Annotated[
        tuple[str, ...], Meta(description="Who learns from more. Default: all that are trained here.")
    ] = ()
    methods: Annotated[
        dict[str, float],
        Meta(description="How examples are changed, with strengths. Default: what is usual for the inputs."),
    ] = {}
    copies: Annotated[int, Meta(ge=1, le=20, description="New examples of each, by each method.")] = 2
    paraphraser: Annotated[
        str, Meta(description="A candidate that says texts in other words (its prompt asks for them); asked once each.")
    ] = ""
    extra: Annotated[str, Meta(description="A file of further labelled examples that is tried too.")] = ""
    keep: Annotated[int, Meta(ge=1, description="The most candidates that are kept.")] = 2


def make(params: Params) -> Improver:
    """The improver: one round, each method by itself, and all of them together.

    Kept are those that gain over the same candidate without, by a paired one-sided bound at 80 %: where augmentation
    helps, examples are few, and few of dev make nothing certain. Dev only proposes, and test decides. The gain stands
    in their metadata, with its interval at 95 %. It raises UsageError for a name that no candidate has.
    """

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        students = _students(params, brief)
        trials = [trial for student in students for trial in _trials(params, brief, student)]
        if not trials:
            return []
        evaluation = yield Trials(trials)
        return _kept(params, brief, trials, evaluation)

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why no candidate can learn from more examples, and what could; "" where one can."""
    params = params or Params()
    if not _students(params, brief):
        return (
            "No candidate is trained here, so none learns from more examples. Name one, such as text-linear, "
            "image-cnn, sklearn or transformer-finetune."
        )
    try:
        strengths_of(params.methods)
    except CandidateError as problem:
        raise UsageError(f"augmentation: {problem.found}", problem.next_step) from problem
    if params.extra and not (Path(brief.task.folder) / params.extra).is_file():
        raise UsageError(
            f"augmentation: there is no file {params.extra!r} in {brief.task.folder}.", "Look at its name."
        )
    if not (_methods(params, brief) or params.extra or params.paraphraser):
        return f"Nothing is known that makes further examples of a {brief.task.kind}; name an `extra` file."
    return ""


def _students(params: Params, brief: Brief) -> list[Candidate]:
    if not params.candidates:
        return list(learners(brief))
    names = [seed.name for seed in brief.seeds]
    for name in (*params.candidates, *([params.paraphraser] if params.paraphraser else [])):
        if name not in names:
            raise UsageError(f"augmentation: there is no candidate {name!r}.", did_you_mean(name, names))
    return [seed for seed in brief.seeds if seed.name in params.candidates]


def _methods(params: Params, brief: Brief) -> dict[str, float]:
    if params.methods:
        return dict(params.methods)
    found = {name: strength for one in reading(brief) for name, strength in _USUAL.get(one, {}).items()}
    if task_kind(brief.task.kind).target != "label":  # between two numbers to learn there is no class
        found.pop("smote", None)
    return found


def _trials(params: Params, brief: Brief, student: Candidate) -> list[Candidate]:
    methods = _methods(params, brief)
    if student.kind == "image-cnn":  # which moves its pictures anew in every epoch
        methods = {name: strength for name, strength in methods.items() if name not in ("crop", "rotation")}
    found = [_augmented(params, student, name, {name: strength}) for name, strength in methods.items()]
    if len(methods) > 1:
        found.append(_augmented(params, student, "all", methods))
    if params.extra:
        found.append(_augmented(params, student, params.extra, {}, extra=params.extra))
    if params.paraphraser:
        reworder = next(seed for seed in brief.seeds if seed.name == params.paraphraser)
        found.append(_augmented(params, student, f"words of {reworder.name}", {}, reworder))
    return found


def _augmented(
    params: Params,
    student: Candidate,
    by: str,
    methods: Mapping[str, float],
    *others: Candidate,
    extra: str = "",
) -> Candidate:
    given: dict[str, JSON] = {}
    if methods:
        given |= {"methods": dict(methods), "copies": params.copies}
    if extra:
        given["extra"] = extra
    return Candidate(
        name=f"{student.name} with {by}",
        kind="augmented",
        params=given,
        parts=(student, *others),
        price=student.price,
    )


def _kept(params: Params, brief: Brief, trials: Sequence[Candidate], evaluation: Evaluation) -> list[Candidate]:
    plain = {seed.id: values_of(brief.evaluation, number) for number, seed in enumerate(brief.seeds)}
    found: list[tuple[float, Candidate]] = []
    for number, candidate in enumerate(trials):
        values = values_of(evaluation, number)
        without = plain[candidate.parts[0].id]
        least = against(values, without, brief.evaluation, _LEVEL).low
        if held(evaluation, number) and least is not None and least > 0.0:
            gain = against(values, without, brief.evaluation)
            found.append((float(np.mean(values)), with_findings(candidate, [("gain on dev", gain)])))
    found.sort(key=lambda pair: -pair[0])
    return [candidate for _, candidate in found[: params.keep]]

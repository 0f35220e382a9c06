"""Compressed copies of what runs here: those that are no worse by more than a margin, and faster or smaller.

Knows nothing about how a copy is made: that is the kind `compressed`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.registry import opens_as, reads_of
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.stats import difference_bounds

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT = "trains"
TITLE = "compression: int8, ONNX, pruning, lower precision and GGUF levels"

_FASTER = 0.95  # of the parent's latency: less is no difference that anybody could feel
_LEVELS = ("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "Q3_K_M")
_LEVEL = re.compile("|".join(f"(?<![A-Za-z0-9]){level}(?![A-Za-z0-9])" for level in _LEVELS), re.IGNORECASE)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which copies are kept."""

    margin: Annotated[
        float, msgspec.Meta(gt=0, le=20, description="Points that a copy may be worse than its parent, at most.")
    ] = 1.0
    confidence: Annotated[
        float, msgspec.Meta(gt=0.5, lt=1, description="Of its being no worse than that, on dev (one-sided).")
    ] = 0.95
    share: Annotated[
        float, msgspec.Meta(ge=0, lt=1, description="Share of a network's units that is pruned in the end; 0: none.")
    ] = 0.3
    levels: Annotated[
        tuple[str, ...], msgspec.Meta(description="Levels of GGUF that are tried, if these files are there.")
    ] = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")


def make(params: Params) -> Improver:
    """An improver in two rounds: copies that need no training of their own, then pruned ones of what bore the first.

    A copy is kept where it is certainly no worse than its parent by the margin, and smaller or at least 5 % faster.
    """

    def improver(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        kept: list[Candidate] = []
        first = [copy for seed in _answering(brief) for copy in _copies(seed, params)]
        if not first:
            return kept
        found = yield Trials([copy.candidate for copy in first])
        passed = _passed(first, found, brief.evaluation, params)
        kept += [copy.candidate for copy in passed]
        second = [copy for parent in _parents(passed) for copy in _pruned(parent, params)]
        if second:
            found = yield Trials([copy.candidate for copy in second])
            kept += [copy.candidate for copy in _passed(second, found, brief.evaluation, params)]
        return kept

    return improver


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why nothing can be compressed here, or no copy be proved to be good enough; "" where that is not so."""
    params = params or Params()
    seeds = list(_answering(brief))
    if not any(True for seed in seeds for _ in _copies(seed, params)):
        return (
            "None of the candidates can be compressed; transformer-finetune, image-cnn, sklearn and text-linear can, "
            "a GGUF file of which there are lower levels, and transformers in 32 bits."
        )
    alike = np.zeros(brief.evaluation.n_rows)
    bound = difference_bounds(alike, alike, brief.evaluation.group, params.confidence).low
    if bound is None or bound < -params.margin / 100.0:
        return (
            f"{brief.evaluation.n_rows} rows of dev are too few to prove that a copy is not worse by "
            f"{params.margin:g} point, even if it answered all of them alike; label more, or allow a larger margin."
        )
    return ""


@dataclass(frozen=True)
class _Copy:
    """A candidate that is made of another; `smaller` where it is so by its making, whatever it is measured at."""

    candidate: Candidate
    parent: Candidate
    smaller: bool


def _answering(brief: Brief) -> Iterator[Candidate]:
    """The seeds that answered anything."""
    for number, seed in enumerate(brief.seeds):
        if brief.evaluation.scored[number].any():
            yield seed


def _copies(seed: Candidate, params: Params) -> Iterator[_Copy]:
    """Copies that need no training of their own, cheapest first."""
    form = opens_as(seed.kind)
    if form:
        yield _Copy(_compressed(seed, "in ONNX", ["onnx"]), seed, smaller=False)
    if form == "network":
        method = _int8(seed)
        yield _Copy(_compressed(seed, "in int8 ONNX", [method]), seed, smaller=True)
    if seed.kind == "transformers" and seed.params.get("dtype", "auto") in ("auto", "float32"):
        yield _Copy(_changed(seed, "in bfloat16", dtype="bfloat16"), seed, smaller=True)
    if seed.kind == "gguf":
        yield from _other_levels(seed, params.levels)


def _pruned(parent: Candidate, params: Params) -> Iterator[_Copy]:
    if params.share:
        said = f"without {params.share:.0%} of its units, in int8 ONNX"
        made = _compressed(parent, said, ["pruned", _int8(parent)], share=params.share)
        yield _Copy(made, parent, smaller=True)


def _int8(seed: Candidate) -> str:
    """Convolutions gain from static int8 alone; of linear layers dynamic int8 loses least."""
    return "int8-static" if reads_of(seed.kind) == ("picture",) else "onnx-int8"


def _parents(passed: Sequence[_Copy]) -> list[Candidate]:
    """The networks of which a smaller copy was good enough, so that an even smaller one may be."""
    found = {copy.parent.id: copy.parent for copy in passed if copy.smaller and opens_as(copy.parent.kind) == "network"}
    return list(found.values())


def _compressed(seed: Candidate, said: str, methods: Sequence[str], **more: JSON) -> Candidate:
    params: dict[str, JSON] = {"method": list(methods), **more}
    name = f"{seed.name} {said}"
    return msgspec.structs.replace(seed, name=name, kind="compressed", params=params, parts=(seed,))


def _changed(seed: Candidate, said: str, **more: JSON) -> Candidate:
    return msgspec.structs.replace(seed, name=f"{seed.name} {said}", params={**seed.params, **more})


def _other_levels(seed: Candidate, levels: Sequence[str]) -> Iterator[_Copy]:
    """The same file at lower levels, by its name; one that is not there cannot be loaded, which is soon known."""
    path = str(seed.params.get("path", ""))
    level = _LEVEL.search(path)
    if level is None:
        return
    place = _LEVELS.index(level.group().upper())
    for lower in levels:
        if lower in _LEVELS and _LEVELS.index(lower) > place:
            spelled = lower.lower() if level.group().islower() else lower
            params = {name: value for name, value in seed.params.items() if name != "sha256"}
            params["path"] = path[: level.start()] + spelled + path[level.end() :]
            yield _Copy(msgspec.structs.replace(seed, name=f"{seed.name} at {lower}", params=params), seed, True)


def _passed(copies: Sequence[_Copy], found: Evaluation, before: Evaluation, params: Params) -> list[_Copy]:
    """The copies that are good enough, the fastest first."""
    good = []
    for number, copy in enumerate(copies):
        parent = before.index(copy.parent.name)
        ratio = _times(found.latency_s[number], before.latency_s[parent], found.scored[number] & before.scored[parent])
        if _not_worse(found, number, before, parent, params) and (copy.smaller or ratio < _FASTER):
            good.append((ratio, copy))
    return [copy for _, copy in sorted(good, key=lambda one: one[0])]


def _not_worse(found: Evaluation, number: int, before: Evaluation, parent: int, params: Params) -> bool:
    """Whether it certainly solves no less than its parent by the margin; what could not be asked is not solved."""
    asked = (found.status[number] != Status.MISSING) & (before.status[parent] != Status.MISSING)
    asked &= (found.status[number] != Status.UNSCORED) & (before.status[parent] != Status.UNSCORED)
    if not found.scored[number].any():
        return False
    mine, theirs = found.solved[number] & found.scored[number], before.solved[parent] & before.scored[parent]
    bounds = difference_bounds(
        mine[asked].astype(np.float64), theirs[asked].astype(np.float64), before.group[asked], params.confidence
    )
    return bounds.low is not None and bounds.low >= -params.margin / 100.0


def _times(mine: NDArray[np.float64], theirs: NDArray[np.float64], both: NDArray[np.bool_]) -> float:
    """How many times as long it takes, by the medians; inf where no answer can be compared."""
    if not both.any() or not np.median(theirs[both]):
        return float("inf")
    return float(np.median(mine[both]) / np.median(theirs[both]))

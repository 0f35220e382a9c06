"""Other candidates, each on some of the columns, and a classifier that learns how far to trust each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates import registry
from merits.candidates.imports import versions
from merits.candidates.keeping import (
    keep_arrays,
    keep_estimator,
    keep_inside,
    kept_arrays,
    kept_estimator,
    restore_inside,
)
from merits.candidates.linear_head import linear_head
from merits.candidates.memory import together, weights_of
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Usage
from merits.core.candidate import Candidate
from merits.core.clusters import units_of
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError, DataError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example

__all__ = ["Params", "load"]

ON_PREMISES = True

_LEAST = 1e-3  # a probability below this counts as this: one member must not decide alone by being sure
_UNTOLD = 0.9  # what a member that names a label and no probability is taken to mean


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Classifiers of some of the columns each, fused by a logistic regression on their confidences."""

    members: Annotated[
        tuple[dict[str, JSON], ...],
        msgspec.Meta(
            min_length=2, description="Recipes like a candidate's, each with the `columns` of the input that it reads."
        ),
    ]
    folds: Annotated[
        int,
        msgspec.Meta(ge=2, le=20, description="Folds for confidences on examples that a member did not learn from."),
    ] = 4
    strength: Annotated[float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C) of the fusion.")] = 1.0

    def __post_init__(self) -> None:
        for member in self.members:
            _recipe(member)


def _recipe(member: Mapping[str, JSON]) -> tuple[Candidate, tuple[str, ...]]:
    """The candidate and its columns; ValueError for what is no recipe."""
    kind, columns = member.get("kind"), member.get("columns")
    if not isinstance(kind, str):
        raise ValueError("a member is a recipe with `kind`, its parameters and `columns`")
    names = [columns] if isinstance(columns, str) else columns
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"say which columns of the input {kind} reads: `columns: [...]`")
    name = str(member.get("name") or f"{kind} on {', '.join(map(str, names))}")
    params = {key: value for key, value in member.items() if key not in ("kind", "columns", "name")}
    return Candidate(name=name, kind=kind, params=params), tuple(map(str, names))


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier made of others ("stacking", Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1).

    The fusion learns from what each member says of examples that it was not shown (cross-validation, whole groups and
    duplicates in one fold); then every member learns from all. What a member says counts as evidence against the
    commonness of the classes: where all its columns are empty it is not asked, and says nothing.

    Raises CandidateError for a member that another machine answers: its answers would not be kept.
    """
    if not context.is_labelled or not context.classes:
        raise CandidateError("late-fusion fuses the confidences of classes.", "Use it in a classification.")
    members = []
    for recipe in params.members:
        candidate, columns = _recipe(recipe)
        registry.check_columns(columns, context, f"the member {candidate.name!r}: ")
        if not getattr(registry.kind_of(candidate), "RUNS_HERE", True):
            raise CandidateError(
                f"the member {candidate.name!r} is asked over a network, and its answers would not be kept.",
                "Fuse members that run here, and compare with the others.",
            )
        members.append(_Member(candidate, columns, replace(context, columns=columns, trial=False)))
    return _Fusion(params, context, members)


@dataclass
class _Member:
    """A candidate on some of the columns, and the model that it is once it has learned."""

    candidate: Candidate
    columns: tuple[str, ...]
    context: LoadContext

    def __post_init__(self) -> None:
        self.model = self.fresh()

    def fresh(self) -> Model:
        """A model that has learned nothing yet."""
        return registry.load(self.candidate, self.context)

    def of(self, input: JSON) -> JSON:
        """What it reads of an input: one column as it is, several as columns; None where all of them are empty."""
        if not isinstance(input, Mapping):
            raise TypeError(f"expected columns, got {type(input).__name__}")
        cells = {name: input.get(name) for name in self.columns}
        if all(cell in (None, "") for cell in cells.values()):
            return None
        return next(iter(cells.values())) if len(cells) == 1 else cells

    def shown(self, examples: Sequence[Example]) -> list[Example]:
        """The examples as it sees them, without those that it can see nothing of."""
        seen = ((example, self.of(example.input)) for example in examples)
        return [msgspec.structs.replace(example, input=own) for example, own in seen if own is not None]


class _Fusion:
    concurrency = 16

    def __init__(self, params: Params, context: LoadContext, members: Sequence[_Member]) -> None:
        self._params, self._context, self._members = params, context, members
        self._classes = context.classes
        self._prior = np.zeros(len(self._classes))
        self._head: Any = None
        fingerprints = [member.model.fingerprint for member in members]
        self.weights = together(weights_of(member.model) for member in members)
        self.fingerprint = content_hash(["late-fusion 1", fingerprints, versions("sklearn"), context.seed])

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn how far to trust whom, then let every member learn from all."""
        known = [example for example in examples if example.target is not None]
        targets = [str(example.target) for example in known]
        if len(set(targets)) < 2:
            raise CandidateError(
                f"the {len(known)} examples to learn from are of {len(set(targets))} class.",
                "A classifier needs examples of two classes in the dev split.",
            )
        counts = np.array([targets.count(name) for name in self._classes], float) + 0.5
        self._prior = np.log(counts / counts.sum())
        said = [self._out_of_fold(member, known, targets) for member in self._members]
        head = linear_head(strength=self._params.strength, balanced=False, seed=self._context.seed)
        self._head = head.fit(np.concatenate(said, axis=1), targets)
        for member in self._members:
            if isinstance(member.model, Trainable):
                member.model.fit(member.shown(known))

    async def answer(self, input: JSON) -> Answer:
        """The likeliest class by what all members say."""
        if self._head is None:
            raise RuntimeError("asked before it was fitted")
        found = await asyncio.gather(*(self._asked(member.model, member.of(input)) for member in self._members))
        evidence = np.concatenate([self._evidence(answer) for answer in found])
        probabilities = dict(zip(map(str, self._head.classes_), self._head.predict_proba([evidence])[0], strict=True))
        shares = {name: float(share) for name, share in probabilities.items()}
        usage = Usage(machine_s=sum(answer.usage.machine_s for answer in found if answer is not None))
        return Answer(max(shares, key=lambda name: shares[name]), shares, usage=usage)

    def keep(self, folder: Path) -> None:
        """Writes the fusion and every member that learned."""
        if self._head is None:
            raise RuntimeError("kept before it was fitted")
        keep_estimator(self._head, folder / "head.skops")
        keep_arrays({"prior": self._prior}, folder / "prior.npz")
        for number, member in enumerate(self._members):
            if isinstance(member.model, Trainable):
                keep_inside(member.model, folder, str(number))

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        for number, member in enumerate(self._members):
            if isinstance(member.model, Trainable):
                restore_inside(member.model, folder, str(number))
        self._prior = kept_arrays(folder / "prior.npz")["prior"]
        self._head = kept_estimator(folder / "head.skops")

    async def close(self) -> None:
        """Releases the members. May be called twice."""
        for member in self._members:
            await member.model.close()

    def _out_of_fold(self, member: _Member, known: Sequence[Example], targets: Sequence[str]) -> NDArray[np.float64]:
        """What a member says of each example after it learned from the other folds; shape (examples, classes)."""
        if not isinstance(member.model, Trainable):
            return asyncio.run(self._said(member, member.fresh(), known))
        found = np.zeros((len(known), len(self._classes)))
        for rest, held_out in _folds(known, targets, self._params.folds, self._context.seed):
            model = member.fresh()
            assert isinstance(model, Trainable)
            model.fit(member.shown([known[place] for place in rest]))
            found[held_out] = asyncio.run(self._said(member, model, [known[place] for place in held_out]))
        return found

    async def _said(self, member: _Member, model: Model, examples: Sequence[Example]) -> NDArray[np.float64]:
        try:
            asked = (self._asked(model, member.of(example.input)) for example in examples)
            return np.stack([self._evidence(answer) for answer in await asyncio.gather(*asked)])
        finally:
            await model.close()

    async def _asked(self, model: Model, input: JSON) -> Answer | None:
        """What a member says; None where it has nothing to go by: no input, or a file that cannot be read."""
        if input is None:
            return None
        try:
            return await model.answer(input)
        except DataError:
            return None

    def _evidence(self, answer: Answer | None) -> NDArray[np.float64]:
        """How much likelier than common each class is to a member, as logarithms; zeros where it says nothing."""
        if answer is None:
            return np.zeros(len(self._classes))
        shares = answer.probabilities or self._named(answer)
        likely = np.array([shares.get(name, 0.0) for name in self._classes])
        likely = np.maximum(likely, _LEAST)
        return np.asarray(np.log(likely / likely.sum()) - self._prior)

    def _named(self, answer: Answer) -> dict[str, float]:
        """Probabilities for a member that gives a label and perhaps how sure it is."""
        sure = answer.confidence if answer.confidence is not None else _UNTOLD
        rest = (1.0 - sure) / max(len(self._classes) - 1, 1)
        return {name: sure if name == str(answer.output) else rest for name in self._classes}


def _folds(
    known: Sequence[Example], targets: Sequence[str], folds: int, seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Which examples to learn from and which are held out, for each fold; every class is in every training part.

    Where the groups are too few for so many folds there are fewer; CandidateError where there is one.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    groups = np.array(units_of([e.input_hash for e in known], [e.group for e in known]))
    n_folds = min(folds, len(set(groups.tolist())))
    if n_folds < 2:
        raise CandidateError("all examples to learn from are one group.", "late-fusion needs two at least.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer examples than folds
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        return list(splitter.split(np.zeros((len(known), 1)), np.array(targets), groups))

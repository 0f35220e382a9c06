"""A trained candidate that goes on from what another one of its recipe had learned, and does not begin from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import msgspec

from merits.candidates.registry import LoadContext
from merits.candidates.starting import start_in
from merits.candidates.wrapped import Wrapped, trainable_part
from merits.core.doors import Continuing, Model
from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.core.task import Example

__all__ = ["PARTS", "Params", "load"]

PARTS = (1, 1)
ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A trained candidate that begins with what another one of its recipe had learned (`merits retrain` makes it)."""

    start: Annotated[
        str, msgspec.Meta(min_length=1, description="The folder with what was learned, as `merits retrain` writes it.")
    ]
    hash: Annotated[str, msgspec.Meta(min_length=1, description="The hash of all that is in it.")]
    share: Annotated[
        float,
        msgspec.Meta(gt=0, le=1, description="How much of a whole training follows: of its epochs, or of its trees."),
    ] = 0.3


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model whose answers are its part's, which goes on from the start with the examples that it is given.

    The folder is read when it learns; what it learned then is kept as the part's is, and needs no start. CandidateError
    where the part cannot go on, and from `fit` where some of what the start had learned is not among the examples: that
    is held out, by cross-validation say, and answers to it would look better than they are.
    """
    part = trainable_part(context, 0, "taught")
    if not isinstance(part, Continuing):
        one = context.parts[0]
        raise CandidateError(
            f"{one.name!r} ({one.kind}) begins anew whenever it learns.", "Leave warm-start out, and train it from dev."
        )
    return _WarmStart(params, context, part)


class _WarmStart(Wrapped):
    def __init__(self, params: Params, context: LoadContext, part: Continuing) -> None:
        super().__init__(cast(Model, part))
        self._part, self._params, self._folder = part, params, Path(context.folder) / params.start
        self._note = context.note

    @property
    def fingerprint(self) -> str:
        """Of the part, and of what it begins with."""
        return content_hash(["warm-start 1", self._part.fingerprint, self._params.hash, self._params.share])

    def fit(self, examples: Sequence[Example]) -> None:
        """Goes on from the start, until it knows the examples too."""
        start = start_in(self._folder, self._params.hash)
        known = [one for one in examples if one.target is not None and one.input_hash in start.learned]
        new = [one for one in examples if one.target is not None and one.input_hash not in start.learned]
        lacking = len(start.learned) - len({one.input_hash for one in known})
        if lacking:
            raise CandidateError(
                f"what it begins with has learned {lacking:,} examples that are held out here.",
                "Its answers to those would look better than they are: train it from nothing, or test it on others.",
            )
        why = self._part.cannot_go_on(start.model, known, new)
        if why:
            raise CandidateError(f"it cannot go on from what it begins with: {why}.", "Train it from nothing.")
        self._note(f"goes on from what knows {len(known):,} examples with {len(new):,} new ones")
        self._part.go_on(start.model, known, new, self._params.share)

"""The kernel distance (KID) of the pictures that were made from those that were wanted, unbiased: lower is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merits.core.doors import Scorer
from merits.media.finding import Media
from merits.scorers.picture_sets import DIMENSIONS, Floats, kid_counts
from merits.scorers.set_measures import SetParams, fingerprint, set_scorer

__all__ = ["Params", "fingerprint", "load"]

READS_FILES = True


class Params(SetParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What pictures are compared by. The measure, KID, is one of all pictures together."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: Sequence[Path] = ()) -> Scorer:
    """A scorer whose measure is that of the whole set; an answer without a picture counts as a blank page."""
    return set_scorer(params, Media([*data_folders, folder]), folder, "kid", _counts)


def _counts(answered: Floats | None, wanted: Floats) -> Floats:
    return kid_counts(np.zeros(DIMENSIONS) if answered is None else answered, wanted)

"""How far the pictures that were made lie apart, over how far the wanted ones do: 1 is as diverse as these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merits.core.doors import Scorer
from merits.media.finding import Media
from merits.scorers.picture_sets import diversity_counts
from merits.scorers.set_measures import SetParams, fingerprint, set_scorer

__all__ = ["Params", "fingerprint", "load"]

READS_FILES = True


class Params(SetParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What pictures are compared by. The measure, diversity, is one of all pictures together."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: Sequence[Path] = ()) -> Scorer:
    """A scorer whose measure is that of the whole set; an answer without a picture adds nothing to it."""
    return set_scorer(params, Media([*data_folders, folder]), folder, "diversity", diversity_counts)

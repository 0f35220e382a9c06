"""Solved when a picture looks like the one that was wanted, by features of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merits.core.doors import Scorer
from merits.media.finding import Media
from merits.scorers.set_measures import SetParams, fingerprint, set_scorer

__all__ = ["Params", "fingerprint", "load"]

READS_FILES = True


class Params(SetParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What pictures are compared by, and how alike is alike enough."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: Sequence[Path] = ()) -> Scorer:
    """A scorer of the likeness of an answer to the picture that the target names: 1 the same, 0 a blank page."""
    return set_scorer(params, Media([*data_folders, folder]), folder)

"""Pictures as vectors of a trained network, for what learns from them beside other things.

Knows nothing about what learns, nor from what else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.candidates.ahead import decoded_ahead
from merits.candidates.feature_store import FeatureStore
from merits.candidates.modalities import Vectors
from merits.candidates.registry import LoadContext
from merits.media.backbones import Backbone
from merits.media.files import file_hash
from merits.media.pictures import read_picture

__all__ = ["network_vectors"]

_BATCH = 16  # pictures in one pass


def network_vectors(network: Backbone, context: LoadContext) -> Vectors:
    """A function from files and whether they are learned from to vectors, shape (files, dimensions).

    Those of pictures to learn from are kept in `.merits/features.sqlite`, where every candidate finds them again;
    answers are computed, or the second candidate would look faster than it is. DataError for what is no picture.
    """
    kept = FeatureStore(Path(context.folder) / ".merits" / "features.sqlite", network.fingerprint)

    def computed(files: Sequence[Path]) -> list[NDArray[np.float32]]:
        found: list[NDArray[np.float32]] = []
        decoded = decoded_ahead(lambda file: network.pixels(read_picture(file)), files, ahead=2 * _BATCH)
        while pictures := list(islice(decoded, _BATCH)):
            groups = [pictures] if len({picture.shape for picture in pictures}) == 1 else [[one] for one in pictures]
            found += [vector for group in groups for vector in network.features(group)]
        return found

    def vectors(files: Sequence[Any], training: bool) -> NDArray[np.float64]:
        if not training:
            return np.asarray(computed(files), np.float64)
        by_hash = {file_hash(file): file for file in files}
        known = kept.get(by_hash)
        new = [hash for hash in by_hash if hash not in known]
        made = dict(zip(new, computed([by_hash[hash] for hash in new]), strict=True))
        kept.add(made)
        there = {**known, **made}
        return np.asarray([there[file_hash(file)] for file in files], np.float64)

    return vectors

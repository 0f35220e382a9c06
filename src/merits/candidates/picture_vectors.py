"""Pictures as vectors, for what learns from them beside other things.

Knows nothing about what learns, nor from what else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.candidates.ahead import decoded_ahead
from merits.candidates.imports import versions
from merits.candidates.known_vectors import Compute, KnownVectors, remembered_of
from merits.candidates.registry import LoadContext
from merits.core.identity import content_hash
from merits.media.backbones import Backbone
from merits.media.files import file_hash
from merits.media.picture_features import LAYOUT_VERSION, layout_of
from merits.media.pictures import read_picture

__all__ = ["layout_vectors", "network_vectors"]

_BATCH = 16  # pictures in one pass


def network_vectors(network: Backbone, context: LoadContext, together: int) -> KnownVectors[Path]:
    """What a trained network makes of pictures, by their files. DataError for what is no picture.

    `together` is how many pictures whoever answers hands over at a time, at the most.
    """

    def computed(files: Sequence[Path]) -> NDArray[np.float32]:
        found: list[NDArray[np.float32]] = []
        decoded = decoded_ahead(lambda file: network.pixels(read_picture(file)), files, ahead=2 * _BATCH)
        while pictures := list(islice(decoded, _BATCH)):
            groups = [pictures] if len({picture.shape for picture in pictures}) == 1 else [[one] for one in pictures]
            found += [vector for group in groups for vector in network.features(group)]
        return np.asarray(found)

    return _known(context, network.fingerprint, computed, together)


def layout_vectors(context: LoadContext, together: int) -> KnownVectors[Path]:
    """Colours and edges of pictures by place; otherwise as `network_vectors`."""

    def computed(files: Sequence[Path]) -> NDArray[np.float64]:
        return np.stack([layout_of(picture) for picture in decoded_ahead(read_picture, files)])

    return _known(context, content_hash([LAYOUT_VERSION, versions("PIL")]), computed, together)


def _known(context: LoadContext, extractor: str, computed: Compute[Path], together: int) -> KnownVectors[Path]:
    known = remembered_of(context, extractor)
    return KnownVectors(known, file_hash, computed, computed, together=together, trial=context.trial)

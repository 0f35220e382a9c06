"""What scorers of pictures share: the picture that an answer or a target names, and its features.

A picture is described once in a process, whichever scorers look at it. Knows nothing about what is good.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.errors import CandidateError, DataError, MissingExtra, TaskError
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media
from merits.media.picture_features import LAYOUT_VERSION, layout_of
from merits.media.pictures import png_of, read_picture
from merits.reading.values import shorten
from merits.scorers.picture_sets import DIMENSIONS
from merits.scorers.reading import CannotJudge, targets_of

__all__ = [
    "LAYOUT",
    "Description",
    "Features",
    "Here",
    "alike",
    "answered_picture",
    "description",
    "reduced",
    "wanted_picture",
]

Floats: TypeAlias = NDArray[np.float64]

LAYOUT = "layout"
Features = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        description="What pictures are compared by. layout: colours and edges by place, without a network. "
        "efficientnet-lite0 (extra `backbone`), or a folder with a model in the Hugging Face format: what a trained "
        "network makes of them.",
    ),
]


def answered_picture(answer: Answer, media: Media) -> Path | None:
    """The file that an answer names, `{"file": ...}` or a name; None where it names no picture.

    CannotJudge where it names one that is not there, or an address, which is fetched by nobody here.
    """
    output = answer.output
    if isinstance(output, Mapping) and isinstance(output.get("url"), str) and "file" not in output:
        raise CannotJudge("the answer is the address of a picture, not a picture: ask for `response_format: b64_json`")
    name = output.get("file") if isinstance(output, Mapping) else output
    if not isinstance(name, str) or not name:
        return None
    file = media.file(name)
    if file is None and isinstance(output, Mapping):
        raise CannotJudge(f"the picture {shorten(name)} is no longer there")
    return file


def wanted_picture(example: Example, media: Media) -> Path:
    """The file that the target names. CannotJudge where there is none."""
    for target in targets_of(example):
        file = media.file(target) if isinstance(target, str) else None
        if file is not None:
            return file
    raise CannotJudge(f"the target of {example.id!r} names no picture that is there: {shorten(example.target)}")


@dataclass(frozen=True)
class Description:
    """How pictures become vectors, about from 0 to 1 each; `version` says by what. `of` takes a file or its bytes."""

    version: str
    of: Callable[[Path | bytes], Floats]

    def seen(self, file: Path) -> Floats:
        """The features of the picture in a file, remembered while the file stays as it is.

        CannotJudge for a file that is no picture.
        """
        try:
            return _described(self, file, file_hash(file))
        except DataError as problem:
            raise CannotJudge(str(problem)) from None

    @property
    def blank(self) -> Floats:
        """The features of a blank page, which is what is seen where no picture is."""
        return _blank(self)


@lru_cache(maxsize=16_384)
def _described(by: Description, file: Path, content: str) -> Floats:
    return by.of(file)


@lru_cache(maxsize=8)
def _blank(by: Description) -> Floats:
    from PIL import Image

    return by.of(png_of(Image.new("RGB", (64, 64), "white")))


def description(features: str, folder: Path) -> Description:
    """The description of pictures by that name; the same one for all scorers that use it.

    MissingExtra or TaskError where it cannot be had; a network is read when the first picture is seen.
    """
    if importlib.util.find_spec("PIL") is None:
        raise MissingExtra("pictures need the package Pillow.", "pip install 'merits[images]'")
    return _layout() if features == LAYOUT else _by_network(features, folder, os.environ.get("MERITS_ASSETS", ""))


@lru_cache(maxsize=1)
def _layout() -> Description:
    return Description(LAYOUT_VERSION, lambda picture: layout_of(read_picture(picture)))


@lru_cache(maxsize=4)
def _by_network(model: str, folder: Path, assets: str) -> Description:
    from merits.media.backbones import backbone

    try:
        network = backbone(model, None, "", Here(folder))
    except CandidateError as problem:
        raise TaskError(f"features: {problem.found}", problem.next_step) from None

    def features(picture: Path | bytes) -> Floats:
        return np.asarray(network.features([network.pixels(read_picture(picture))])[0], np.float64)

    return Description(network.fingerprint, features)


@dataclass(frozen=True)
class Here:
    """Where scorers look for models: beside the task, and among the fetched assets of this machine."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


def alike(one: Floats, other: Floats, blank: Floats) -> float:
    """How alike two pictures are, from 0 to 1: their distance over the way from one to the other by a blank page.

    1 for the same, 0 for a blank page beside anything else.

    >>> alike(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.zeros(2)).__round__(2)
    0.29
    """
    way = float(np.linalg.norm(one - blank) + np.linalg.norm(other - blank))
    return 1.0 - float(np.linalg.norm(one - other)) / way if way > 0 else 1.0


def reduced(features: Floats, blank: Floats) -> Floats:
    """The features as 16 numbers, shape (16,): what they differ by from a blank page, seen from 16 fixed directions.

    Directions are drawn once, at right angles, from a fixed seed: distances keep their proportions to about a quarter
    (Johnson & Lindenstrauss 1984), and nothing is learned from the pictures that are judged.
    """
    return np.asarray((features - blank) @ _directions(len(features)))


@lru_cache(maxsize=8)
def _directions(dimensions: int) -> Floats:
    drawn = np.random.default_rng(16).standard_normal((dimensions, DIMENSIONS))
    directions, triangle = np.linalg.qr(drawn)
    return np.asarray(directions * np.sign(np.diag(triangle)))

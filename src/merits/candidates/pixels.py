"""Pictures as numbers: resized, one after the other for a network, or flattened for a scikit-learn estimator.

Knows nothing about what reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.registry import LoadContext, holds
from merits.core.identity import JSON
from merits.media.finding import Media, names_picture, picture_file
from merits.media.pictures import read_picture, squared

__all__ = ["Pixels", "Resizing", "pixels_for"]

Bytes = NDArray[np.uint8]


class Resizing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """To which size pictures are brought, and whether their colours are kept."""

    size: Annotated[int, msgspec.Meta(ge=4, le=1024, description="Side of the square, in pixels.")] = 32
    colour: Annotated[bool, msgspec.Meta(description="Keep colours; false: shades of grey.")] = True


@dataclass(frozen=True)
class Pixels:
    """Reads every input as the picture that it names."""

    media: Media
    size: int
    colour: bool

    DECODES: ClassVar[bool] = True
    LEARNS_NOTHING: ClassVar[bool] = True

    def square(self, input: JSON) -> Bytes:
        """The pixels of one picture, 0 to 255, shape (size, size, 3 or 1); DataError where it cannot be read."""
        return squared(read_picture(picture_file(self.media, input), "RGB" if self.colour else "L"), self.size)

    def row(self, input: JSON) -> NDArray[np.float32]:
        """The pixels of one picture in one row, 0 to 1."""
        return self.square(input).reshape(-1).astype(np.float32) / np.float32(255)

    def matrix(self, rows: Sequence[object]) -> NDArray[np.float32]:
        """Shape (pictures, size * size * channels)."""
        return np.stack([np.asarray(row, np.float32) for row in rows])

    def encoder(self, rows: Sequence[object], vectoriser: Callable[[], Any], *, sparse: bool, seed: int) -> Any:
        """None is needed."""
        return "passthrough"


def pixels_for(inputs: Sequence[JSON], context: LoadContext, resizing: Resizing) -> Pixels | None:
    """The reader of inputs that are pictures: by the kind of task, or because all are called so; None for others.

    In a task of pictures a wrong name is a mistake of that example, not a text to learn from.
    """
    if holds(context) != ("picture",) and not (inputs and all(map(names_picture, inputs))):
        return None
    return Pixels(Media.of(context), resizing.size, resizing.colour)

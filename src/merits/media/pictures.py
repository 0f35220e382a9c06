"""Pictures as pixels, read with Pillow so that no file can harm: too large a picture is refused before it is decoded.

Pillow (MIT-CMU) because it is the picture library of Python, kept since 1995; 30 ms to import, an extra.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_PIXELS", "needs_pillow", "png_of", "read_picture", "squared", "thumbnail"]

MOST_PIXELS = 50_000_000  # a picture of 8,000 x 6,000; decoded it takes 150 MB
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
# What Pillow raises for files that are broken, by what is broken in them (found by breaking files at random).
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
_NEXT_STEP = "Open it in a viewer; replace it, or leave the example out."


def needs_pillow() -> None:
    """Nothing where Pillow is installed; else MissingExtra, for what will open pictures later."""
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise MissingExtra("pictures need the package Pillow.", "pip install 'merits[images]'") from None


def read_picture(source: Path | bytes, mode: Literal["RGB", "L"] = "RGB") -> Image:
    """A picture as its file shows it, upright, in a mode: RGB, or L (grey). What is transparent is white.

    Of one that moves it is the first frame; 16 bits a colour become 8. Its ending does not matter, what is in it does.

    Raises DataError, with the file's name, for what is no picture, is cut off, or has more than `MOST_PIXELS` pixels
    (a "picture bomb" of a few bytes may hold gigabytes); MissingExtra without Pillow.
    """
    needs_pillow()
    from PIL import Image, ImageOps, UnidentifiedImageError

    _quiet(Image.DecompressionBombWarning)
    name = source.name if isinstance(source, Path) else "the picture"
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise DataError(
                    f"{name} has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}.", "Make it smaller."
                )
            return _on_white(ImageOps.exif_transpose(opened), mode)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{name} has more than {MOST_PIXELS:,} pixels.", "Make it smaller.") from None
    except UnidentifiedImageError:
        raise DataError(f"{name} is no picture in the format {' or '.join(_FORMATS)}.", _NEXT_STEP) from None
    except _BROKEN as problem:
        raise DataError(f"{name} cannot be read as a picture: {_short(problem)}.", _NEXT_STEP) from None


@cache
def _quiet(warning: type[Warning]) -> None:
    """Keeps Pillow's warning of large pictures off the screen: what is too large is refused here, with its name."""
    warnings.filterwarnings("ignore", category=warning)


def _on_white(picture: Image, mode: str) -> Image:
    import numpy as np
    from PIL import Image as Images

    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would cut all above 255 off
        picture = Images.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        coloured = picture.convert("RGBA")
        white = Images.new("RGBA", coloured.size, (255, 255, 255, 255))
        return Images.alpha_composite(white, coloured).convert(mode)
    return picture.convert(mode)


def thumbnail(picture: Image, size: int = 96) -> bytes:
    """A small copy as PNG or JPEG, whichever is smaller, neither side above `size` pixels."""
    small = picture.copy()
    small.thumbnail((size, size))
    jpeg = io.BytesIO()
    small.convert("RGB").save(jpeg, "JPEG", quality=80)
    return min(png_of(small), jpeg.getvalue(), key=len)


def png_of(picture: Image) -> bytes:
    """A picture as the bytes of a PNG file: without loss, and always the same."""
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()


def _short(problem: Exception) -> str:
    return str(problem).split("\n")[0][:120].rstrip(".") or type(problem).__name__


def squared(picture: Image, size: int) -> NDArray[np.uint8]:
    """The picture as a square of `size` pixels, shape (size, size, channels): the whole of it, stretched to fit.

    Averaged over all pixels that a new one covers (Pillow's bilinear filter with antialiasing), not picked.
    """
    from PIL.Image import Resampling

    found = picture if picture.size == (size, size) else picture.resize((size, size), Resampling.BILINEAR)
    pixels: NDArray[np.uint8] = np.asarray(found, np.uint8)
    return pixels.reshape(size, size, -1)

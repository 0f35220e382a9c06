"""Examples of pictures with captions, for models that learn to draw: what they share in reading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from merits.candidates.texts import as_text
from merits.core.errors import CandidateError
from merits.core.task import Example
from merits.media.finding import Media

__all__ = ["Captioned", "captioned"]

Captioned: TypeAlias = tuple[str, Path]


def captioned(examples: Sequence[Example], media: Media) -> list[Captioned]:
    """The captions with the files of their pictures, of the examples whose targets name one (the first that is there).

    CandidateError where there is none.
    """
    found = [(as_text(example.input), file) for example in examples if (file := _picture(example, media))]
    if not found:
        raise CandidateError(
            f"none of the {len(examples)} examples to learn from names a picture that is there as its target.",
            "The target should be a path relative to the data file that ends in .png, .jpg, .gif or .webp.",
        )
    return found


def _picture(example: Example, media: Media) -> Path | None:
    targets = [example.target] if isinstance(example.target, str) else example.target
    names = targets if isinstance(targets, Sequence) else []
    return next((file for name in names if isinstance(name, str) and (file := media.file(name))), None)

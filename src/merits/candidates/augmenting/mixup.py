"""Two pictures laid over each other, with a share of each label (mixup). Knows nothing about who learns from them.

Zhang, Cisse, Dauphin and Lopez-Paz (2018), "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merits.core.errors import DataError
from merits.core.identity import content_hash
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media, picture_file
from merits.media.pictures import png_of, read_picture
from merits.perturbations.inputs import write_whole

__all__ = ["mixed"]


def mixed(
    examples: Sequence[Example], strength: float, random: np.random.Generator, media: Media, folder: Path
) -> list[tuple[int, int, float, str]]:
    """For each picture one that is partly another: the numbers of both, the share of the first, and the new file.

    The share is drawn from a beta distribution with both parameters `strength` (0.2 to 0.4 are usual); the second
    picture is brought to the size of the first. Files go to `folder`, under the hash of what they were made of. What
    cannot be read as a picture is passed over.
    """
    if not 0 < strength <= 10:
        raise ValueError(f"mixup draws from Beta(a, a) with a above 0, not {strength:g}")
    from PIL import Image

    made = []
    partners = random.permutation(len(examples)).tolist()
    drawn = random.beta(strength, strength, len(examples)).tolist()
    for first, second in enumerate(partners):
        share = max(drawn[first], 1.0 - drawn[first])  # a picture and its partner are drawn in both orders
        try:
            files = [picture_file(media, examples[n].input) for n in (first, second)]
            one, other = (read_picture(file) for file in files)
        except DataError:  # said by the student, which reads them all
            continue
        name = content_hash(["mixup 1", [file_hash(file) for file in files], share])
        target = folder.absolute() / f"{name}.png"
        if not target.is_file():
            write_whole(target, png_of(Image.blend(other.resize(one.size), one, share)))
        made.append((first, second, share, str(target)))
    return made

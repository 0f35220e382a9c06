"""Solved when a picture looks like one of the class of its caption, to a classifier of labelled pictures.

Agreement of captions and pictures where no CLIP-type model is at hand: it sees the class (animals), not the caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import TaskError
from merits.core.identity import content_hash
from merits.core.outcome import Score
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media, names_picture
from merits.reading.values import text_of
from merits.scorers.reading import CannotJudge, wrong
from merits.scorers.seen import LAYOUT, Description, Features, answered_picture, description

__all__ = ["Params", "fingerprint", "load", "study"]

READS_FILES = True
_FOLDS = 5

Content: TypeAlias = tuple[tuple[str, tuple[tuple[Path, str], ...]], ...]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which pictures show what the classes look like, and where the class of a caption stands."""

    reference: Annotated[
        str,
        msgspec.Meta(
            description="A folder of pictures beside the task file, in a folder per class. Left out: those of dev."
        ),
    ] = ""
    slice: Annotated[
        str, msgspec.Meta(description="The slice that holds the class of a caption. Left out: the target is the class.")
    ] = ""
    features: Features = LAYOUT

    def __post_init__(self) -> None:
        if not self.reference and not self.slice:
            raise ValueError("name a folder of pictures by class (`reference:`), or the `slice:` that holds the class")


def load(
    params: Params,
    *,
    classes: tuple[str, ...],
    folder: Path,
    data_folders: Sequence[Path] = (),
    studied: Sequence[tuple[str, str]] = (),
) -> Scorer:
    """A scorer that a linear discriminant analysis of features of the reference pictures stands behind.

    Covariances are shrunk as Ledoit & Wolf (2004) say, doi:10.1016/S0047-259X(03)00096-4.

    The value is the probability that it gives the class of the caption; solved is where that class is the likeliest.
    Every reason says how often the classifier is right on reference pictures that it has not seen (cross-validated):
    no agreement that is measured by it can be known better than that. Trained when first asked.

    Raises TaskError where there are fewer than two classes of two pictures.
    """
    media, seen = Media([*data_folders, folder]), description(params.features, folder)
    content = _content(params, folder, media, studied)

    def score(example: Example, answer: Answer) -> Score:
        classifier, right = _classifier(content, seen)
        wanted = text_of(example.tags.get(params.slice) if params.slice else example.target)
        if wanted not in classifier.classes_:
            where = f"slice {params.slice!r}" if params.slice else "target"
            raise CannotJudge(f"the {where} of {example.id!r} is {wanted!r}, which no reference picture is of")
        file = answered_picture(answer, media)
        if file is None:
            return wrong("no picture")
        probabilities = classifier.predict_proba([seen.seen(file)])[0]
        value = float(probabilities[list(classifier.classes_).index(wanted)])
        likeliest = str(classifier.classes_[int(np.argmax(probabilities))])
        reason = f"looks like {likeliest} ({probabilities.max():.2f}); the classifier is right on {right:.0%}"
        return Score(min(max(value, 0.0), 1.0), likeliest == wanted, reason)

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """What pictures are described by; the reference pictures by class and content, where they have a folder."""
    found = _by_folder(folder / params.reference) if params.reference else []
    pictures = [[name, [file_hash(file) for file in of]] for name, of in found]
    return content_hash([pictures, description(params.features, folder).version])


def study(params: Params, examples: Sequence[Example]) -> Sequence[tuple[str, str]]:
    """The class and the name of the picture of each example that has both."""
    found = ((example.tags.get(params.slice, ""), example.target) for example in examples)
    return [(name, target) for name, target in found if name and isinstance(target, str)]


def _content(params: Params, folder: Path, media: Media, studied: Sequence[tuple[str, str]]) -> Content:
    """The classes, sorted, each with its pictures and the hashes of these. TaskError for fewer than two classes."""
    if params.reference:
        found, where = _by_folder(folder / params.reference), f"the folders in {folder / params.reference}"
    else:
        named = sorted((name, file) for name, target in studied if (file := media.file(target)) is not None)
        found = [(name, [file for _, file in of]) for name, of in groupby(named, lambda pair: pair[0])]
        where = f"the classes of dev (slice {params.slice!r})"
    there = [(name, files) for name, files in found if len(files) >= 2]
    if len(there) < 2:
        raise TaskError(
            f"caption_class: {len(there)} of {where} hold two pictures or more; two must.",
            "Name a folder that holds a folder of pictures for each class: `reference:`.",
        )
    return tuple((name, tuple((file, file_hash(file)) for file in files)) for name, files in there)


def _by_folder(folder: Path) -> list[tuple[str, list[Path]]]:
    classes = sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    return [(place.name, sorted(file for file in place.iterdir() if names_picture(file.name))) for place in classes]


@lru_cache(maxsize=4)
def _classifier(content: Content, seen: Description) -> Any:
    """The classifier, and how often it is right on pictures that it was not trained on."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    vectors = np.stack([seen.seen(file) for _, of in content for file, _ in of])
    labels = np.array([name for name, of in content for _ in of])
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")  # in closed form: scoring must not wait
    folds = StratifiedKFold(min(_FOLDS, *(len(of) for _, of in content)), shuffle=True, random_state=0)
    right = float(cross_val_score(classifier, vectors, labels, cv=folds).mean())
    return classifier.fit(vectors, labels), right

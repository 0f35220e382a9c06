"""Solved when a picture looks like one of the class of its caption, to a classifier of labelled pictures.

Agreement of captions and pictures where no CLIP-type model is at hand: it sees the class (animals), not the caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

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
from merits.scorers.reading import CannotJudge, text_of, wrong
from merits.scorers.seen import Features, answered_picture, description

__all__ = ["Params", "fingerprint", "load"]

READS_FILES = True
_FOLDS = 5


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which pictures show what the classes look like, and where the class of a caption stands."""

    reference: Annotated[
        str,
        msgspec.Meta(min_length=1, description="A folder of pictures beside the task file, in a folder per class."),
    ]
    slice: Annotated[
        str, msgspec.Meta(description="The slice that holds the class of a caption. Left out: the target is the class.")
    ] = ""
    features: Features = "layout"
    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C) of the classifier.")
    ] = 0.1


def load(params: Params, *, classes: tuple[str, ...], folder: Path, media: Media) -> Scorer:
    """A scorer that a logistic regression on features of the reference pictures stands behind.

    The value is the probability that it gives the class of the caption; solved is where that class is the likeliest.
    Every reason says how often the classifier is right on reference pictures that it has not seen (cross-validated):
    no agreement that is measured by it can be known better than that. Trained when first asked.

    Raises TaskError where the folder holds fewer than two classes of two pictures.
    """
    files = _reference(folder / params.reference)
    content = tuple((name, tuple((file, file_hash(file)) for file in of)) for name, of in files)

    def score(example: Example, answer: Answer) -> Score:
        classifier, right = _classifier(content, params.features, params.strength)
        wanted = text_of(example.tags.get(params.slice) if params.slice else example.target)
        if wanted not in classifier.classes_:
            where = f"slice {params.slice!r}" if params.slice else "target"
            raise CannotJudge(f"the {where} of {example.id!r} is {wanted!r}, which no reference picture is of")
        file = answered_picture(answer, media)
        if file is None:
            return wrong("no picture")
        probabilities = classifier.predict_proba([description(params.features).seen(file)])[0]
        value = float(probabilities[list(classifier.classes_).index(wanted)])
        likeliest = str(classifier.classes_[int(np.argmax(probabilities))])
        reason = f"looks like {likeliest} ({probabilities.max():.2f}); the classifier is right on {right:.0%}"
        return Score(min(max(value, 0.0), 1.0), likeliest == wanted, reason)

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """The reference pictures by class and content."""
    return content_hash(
        [[name, [file_hash(file) for file in of]] for name, of in _reference(folder / params.reference)]
    )


def _reference(folder: Path) -> Sequence[tuple[str, Sequence[Path]]]:
    classes = sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    found = [(place.name, sorted(file for file in place.iterdir() if names_picture(file.name))) for place in classes]
    there = [(name, files) for name, files in found if len(files) >= 2]
    if len(there) < 2:
        raise TaskError(
            f"caption_class: {len(there)} of the folders in {folder} hold two pictures or more; two must.",
            "Name a folder that holds a folder of pictures for each class: `reference:`.",
        )
    return there


@lru_cache(maxsize=4)
def _classifier(content: tuple[tuple[str, tuple[tuple[Path, str], ...]], ...], features: str, strength: float) -> Any:
    """The classifier, and how often it is right on pictures that it was not trained on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen = description(features)
    vectors = np.stack([seen.seen(file) for _, of in content for file, _ in of])
    labels = np.array([name for name, of in content for _ in of])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    folds = StratifiedKFold(min(_FOLDS, *(len(of) for _, of in content)), shuffle=True, random_state=0)
    right = float(cross_val_score(classifier, vectors, labels, cv=folds).mean())
    return classifier.fit(vectors, labels), right

"""Words, pieces of words, and a linear classifier on top: the strongest cheap answer to many text problems."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec

from merits.candidates.features import Reader, reader_of
from merits.candidates.imports import versions
from merits.candidates.learner import Learner, learning_model
from merits.candidates.linear_head import linear_head
from merits.candidates.registry import LoadContext, Space
from merits.core.doors import Model
from merits.core.identity import content_hash
from merits.core.kinds import Reads

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

__all__ = ["SPACE", "Params", "load"]

READS: tuple[Reads, ...] = ("text", "columns")
ON_PREMISES = True
SPACE: Space = {
    "strength": {"low": 0.03, "high": 300.0, "log": True},
    "words": [1, 2, 3],
    "characters": [0, 3, 4, 5],
    "balanced": [False, True],
}
OPENS = "estimator"  # see `insides`

_MANY = 1000  # from so many examples on, what stands in one of them only is noise and half of the features


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """TF-IDF of words and of pieces of words with logistic regression, trained on the dev split."""

    words: Annotated[int, msgspec.Meta(ge=0, le=5, description="Longest run of words counted; 0 counts no words.")] = 2
    characters: Annotated[
        int, msgspec.Meta(ge=0, le=8, description="Longest piece of a word counted, in characters; 0 counts none.")
    ] = 4
    min_examples: Annotated[
        int | None,
        msgspec.Meta(description="Leave out what stands in fewer examples. Default: 2 of 1,000 or more, else 1."),
    ] = None
    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C): larger fits the examples closer.")
    ] = 5.0
    balanced: Annotated[
        bool, msgspec.Meta(description="Weigh rare classes up, as if all classes were equally common.")
    ] = False

    def __post_init__(self) -> None:
        if not self.words and not self.characters:
            raise ValueError("words and characters are both 0, which leaves nothing to count")
        if self.min_examples is not None and self.min_examples < 1:
            raise ValueError("min_examples must be at least 1")


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of texts.

    Of tabular inputs, columns that hold text are read like this, the others as numbers or categories. Punctuation
    counts as words, because "!" tells moods apart.
    """

    def build(reader: Reader, rows: Sequence[object]) -> Pipeline:
        from sklearn.pipeline import make_pipeline

        vectoriser = partial(_vectoriser, params, len(rows))
        encoder = reader.encoder(rows, vectoriser, sparse=True, seed=context.seed)
        head = linear_head(strength=params.strength, balanced=params.balanced, seed=context.seed)
        return make_pipeline(encoder, head)

    fingerprint = content_hash(["text-linear 1", versions("sklearn"), context.seed])
    learner = Learner(reader_of, build, needs_classes=True, shares=context.trial)
    return learning_model(learner, fingerprint=fingerprint, timeout_s=context.timeout_s)


def _vectoriser(params: Params, n_examples: int) -> BaseEstimator:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    counted = params.min_examples or (2 if n_examples >= _MANY else 1)
    tfidf = partial(TfidfVectorizer, sublinear_tf=True, strip_accents="unicode", min_df=counted)
    parts = []
    if params.words:
        parts.append(tfidf(ngram_range=(1, params.words), token_pattern=r"(?u)\b\w+\b|[^\w\s]"))
    if params.characters:
        parts.append(tfidf(analyzer="char_wb", ngram_range=(min(2, params.characters), params.characters)))
    return make_union(*parts)

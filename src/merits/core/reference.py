"""What live traffic is held against: streams as they were on `test` when a release was made. Kept as `reference.json`.

Knows nothing about how streams are watched.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Confidences", "Reference", "StreamReference", "Topics"]


class StreamReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stream. Of a number, `edges` part its values into bins; of a category, `categories` are its bins.

    Two more bins follow: of a number one for "no value", of a category one for "no value" and one for what was never
    seen; they are the last. `shares` (bins,) come from one half of the test examples, as the edges do, and `counts`
    (bins,) from the other half: that is what makes the tests exact. `group` joins streams that say one thing together.
    `mean` is the mean of the numbers, None where there is none.
    """

    name: str
    kind: Literal["number", "category"]
    counts: tuple[int, ...]
    shares: tuple[float, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    group: str = ""
    mean: float | None = None


class Confidences(msgspec.Struct, frozen=True, kw_only=True):
    """What confidences meant on test: of those in each bin, so many of `n` were `solved`; `edges` part the bins."""

    edges: tuple[float, ...]
    solved: tuple[int, ...]
    n: tuple[int, ...]


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """What texts of `dev` are about: how much each word weighs for each subject, as int8 (words, names) by rows."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    weights: bytes


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All streams of a release, and what else is known of its test examples.

    `n` are the test examples, of which `n_scored` were scored and `n_solved` solved. `vocabulary` holds the words of
    other examples (dev), so that the share of unknown ones means the same on test and live; `pairs` holds what words
    stand side by side there (numbers of 32 bits), and `topics` what texts there are about, None where that cannot be
    told. `confidences` is None where the model says none.
    """

    kind: str
    n: int
    streams: tuple[StreamReference, ...]
    n_scored: int = 0
    n_solved: int = 0
    vocabulary: tuple[str, ...] = ()
    pairs: bytes = b""
    topics: Topics | None = None
    confidences: Confidences | None = None

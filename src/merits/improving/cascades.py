"""Ask the cheap one first, and go on where it is unsure, where two disagree, or where its answer looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import msgspec
import numpy as np

from merits.core.doors import Brief, Improver
from merits.improving.composing.by_label import by_label
from merits.improving.composing.chains import agreements, chains
from merits.improving.composing.frontier import Family
from merits.improving.composing.learners import learners_of
from merits.improving.composing.pool import pool_of
from merits.improving.composing.proposals import Goals, Proposing, Space, propose, too_little
from merits.improving.composing.surfaces import by_surface
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "families", "make", "why_not"]

EFFORT: Effort = "replays"
TITLE = "cascades: ask the cheap one first, and go on where it is unsure"


class Params(Goals, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which cascades are searched, and what is promised of the one that is proposed."""

    most_parts: Annotated[int, msgspec.Meta(ge=2, le=3, description="How many parts a cascade may have.")] = 3
    thresholds: Annotated[int, msgspec.Meta(ge=2, le=200, description="How many are tried for each part.")] = 24


def families(most_parts: int = 3, n_cuts: int = 24) -> Sequence[Family]:
    """The sorts of cascades that are searched: by confidence, by label said, by agreement, by the look of answers."""
    return (
        partial(chains, most_parts=most_parts, n_cuts=n_cuts),
        partial(by_label, n_cuts=n_cuts),
        partial(agreements, most_parts=most_parts),
        partial(by_surface, n_cuts=n_cuts),
    )


def make(params: Params) -> Improver:
    """The search, on what the candidates said on dev: it asks for nothing but the few winners."""

    def improver(brief: Brief) -> Proposing:
        if why_not(brief):
            return []
        pool, rows = pool_of(brief, reads=True)
        searched = families(params.most_parts, params.thresholds)
        return (yield from propose(brief, params, Space(pool, rows, searched, learners_of(pool))))

    return improver


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why no cascade can be found here; "" where one may."""
    lacking = too_little(brief)
    if lacking:
        return lacking
    pool, _ = pool_of(brief)
    says_how_sure = (np.ptp(np.where(pool.answered, pool.sure, 0.0), axis=1) > 0.0).any()
    if says_how_sure or pool.looks is not None or pool.size > 2:
        return ""
    return "Neither candidate says how sure it is, and two that disagree need a third. Name another candidate."

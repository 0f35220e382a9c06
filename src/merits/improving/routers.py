"""Choose whom to ask before anything is asked, by what the input foretells."""

from __future__ import annotations

from merits.core.doors import Brief, Improver
from merits.improving.composing.learners import learners_of
from merits.improving.composing.looking import with_looking
from merits.improving.composing.pool import pool_of
from merits.improving.composing.proposals import Goals, Proposing, Space, propose, too_little
from merits.improving.composing.routing import families_of
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "replays"
TITLE = "routers: choose whom to ask by the input"


class Params(Goals, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is promised of the router that is proposed."""


def make(params: Params) -> Improver:
    """The search, on what the candidates did on dev: it asks for the few winners, and for the embeddings of the texts.

    What was learned (a table, or coefficients) stands in the recipe, so that what was evaluated is what is served. Its
    evaluation on dev is of rows that it was learned from; what it is chosen by, and what its metadata say, is not.
    """

    def improver(brief: Brief) -> Proposing:
        if why_not(brief):
            return []
        pool, rows = pool_of(brief, reads=True)
        pool = with_looking(brief, pool)
        learners = learners_of(pool)
        space = Space(pool, rows, families_of(learners), learners, tables_first=True)
        return (yield from propose(brief, params, space))

    return improver


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why no router can be found here; "" where one may."""
    lacking = too_little(brief)
    if lacking:
        return lacking
    pool, _ = pool_of(brief, reads=True)
    if learners_of(pool):
        return ""
    return "Inputs are neither texts nor columns, so nothing is seen of them before one is asked. Try cascades."

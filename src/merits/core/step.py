"""The trace that a rule leaves: which questions it asked on its way to a verdict, and what answered them."""

from __future__ import annotations

import msgspec

from merits.core.estimate import Estimate

__all__ = ["Evidence", "Step"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a step rests on: what of which candidate, its estimate, and what was found.

    The estimate's `method` is its source. `estimate` is None where a fact or a missing record decided; `found` says so.
    """

    candidate: str
    what: str
    estimate: Estimate | None = None
    p_value: float | None = None
    found: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question of the rule with its answer and evidence; `code` is stable.

    `policy` is how failures were counted, "" where nothing failed and it makes no difference.
    """

    code: str
    question: str
    answer: str
    evidence: tuple[Evidence, ...] = ()
    policy: str = ""

"""What can be done about questions that failed: ask again; but what another tool asked, only that tool can."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status

__all__ = ["failed_candidates", "is_imported", "not_here", "settle_failures"]

_ASK = "Run again: only what failed is asked again."


def is_imported(candidate: Candidate) -> bool:
    """Whether another tool (or another run, in a file) asked it: it cannot be asked here.

    >>> is_imported(Candidate(name="gpt", kind="imported", params={"candidate": "gpt"}))
    True
    """
    return candidate.kind == "imported"


def not_here(names: Iterable[str]) -> str:
    """Why imported candidates are not asked again, and what does help.

    >>> not_here(["gpt"]).partition(":")[0]
    'gpt was imported, and what it failed on cannot be asked again here'
    """
    listed = list(names)
    verb, it = ("was", "it") if len(listed) == 1 else ("were", "they")
    return (
        f"{' and '.join(listed)} {verb} imported, and what {it} failed on cannot be asked again here: let the tool "
        "that asked do so and import its new file (an answer replaces a failure), or list the model itself as a "
        "candidate."
    )


def settle_failures(candidates: Iterable[Candidate]) -> str:
    """The next step about questions on which these candidates failed.

    >>> settle_failures([Candidate(name="gpt", kind="chat", params={"model": "gpt"})])
    'Run again: only what failed is asked again.'
    """
    failed = list(candidates)
    imported = [candidate.name for candidate in failed if is_imported(candidate)]
    steps = [] if failed and len(imported) == len(failed) else [_ASK]
    return " ".join([*steps, *([not_here(imported)] if imported else [])])


def failed_candidates(evaluation: Evaluation) -> list[Candidate]:
    """The candidates of an evaluation that failed on anything."""
    failed = np.any(evaluation.status == Status.FAILED, axis=1)
    return [candidate for candidate, any_ in zip(evaluation.candidates, failed, strict=True) if any_]

"""What to say when a run ends before its batches do."""

from __future__ import annotations

import time
from collections.abc import Mapping

from merits.core.errors import BatchesOpen
from merits.evaluating.batches.run import BatchRun

__all__ = ["still_open"]


def still_open(runs: Mapping[str, BatchRun]) -> BatchesOpen:
    """What to say when a run does not wait for the batches of these candidates."""
    n = sum(run.n_open for run in runs.values())
    who = "; ".join(f"{name}: {', '.join(run.names) or 'not submitted yet'}" for name, run in runs.items())
    ends = max((run.ends_at for run in runs.values() if run.ends_at is not None), default=None)
    waits = ", or wait to be submitted" if any(not run.names for run in runs.values()) else ""
    at = "" if ends is None else f", by {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(ends))} at the latest"
    return BatchesOpen(
        f"{n:,} answers are on their way in batches{waits} ({who}); nothing is decided yet.",
        f"Give the same command again later{at or ', within a day'}: it collects them and asks nothing twice.",
    )

"""What to say when a run ends before its batches do."""

from __future__ import annotations

import time
from collections.abc import Mapping

from merits.core.errors import BatchesOpen, MeritsError, ProviderError
from merits.evaluating.batches.run import BatchRun

__all__ = ["still_open"]


def still_open(runs: Mapping[str, BatchRun]) -> MeritsError:
    """What to say when the batches of these candidates are not collected.

    A ProviderError when a provider that accepted one cannot be asked about it, with its reason; BatchesOpen when they
    are on their way, and the run was not to wait.
    """
    lost = {name: run for name, run in runs.items() if run.given_up}
    return _unreached(lost) if lost else _on_their_way(runs)


def _unreached(runs: Mapping[str, BatchRun]) -> ProviderError:
    n = sum(run.n_open for run in runs.values())
    why = "; ".join(f"{name}: {', '.join(run.names)}: {run.given_up}" for name, run in runs.items())
    first = " ".join(dict.fromkeys(run.next_step for run in runs.values()))
    return ProviderError(
        f"{n:,} answers in batches could not be collected ({why}); nothing is decided yet.",
        f"{first} Then give the same command again: it collects what the provider has kept, and asks nothing twice.",
    )


def _on_their_way(runs: Mapping[str, BatchRun]) -> BatchesOpen:
    n = sum(run.n_open for run in runs.values())
    who = "; ".join(f"{name}: {', '.join(run.names) or 'not submitted yet'}" for name, run in runs.items())
    ends = max((run.ends_at for run in runs.values() if run.ends_at is not None), default=None)
    waits = ", or wait to be submitted" if any(not run.names for run in runs.values()) else ""
    at = "" if ends is None else f", by {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(ends))} at the latest"
    return BatchesOpen(
        f"{n:,} answers are on their way in batches{waits} ({who}); nothing is decided yet.",
        f"Give the same command again later{at or ', within a day'}: it collects them and asks nothing twice.",
    )

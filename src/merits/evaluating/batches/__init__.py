"""Asks one candidate its questions in batches, from wherever an earlier run left them, and never twice.

On disk before anything is sent: which questions, and under which id the provider will have them. So whoever comes
after a `kill -9` knows what may be in flight, looks for it at the provider, and asks only what is not.

`run` is the loop; `submitting`, `following` and `collecting` are what it does in turn. They share the `questions` that
are not answered yet, the submissions `in_flight`, and the `desk` at which the provider is asked. `affording` and
`waiting` are what is said before and after.
"""

from merits.evaluating.batches.affording import check_affordable
from merits.evaluating.batches.desk import Desk, Who
from merits.evaluating.batches.in_flight import check_none_in_flight, in_flight, note_collected
from merits.evaluating.batches.run import BatchRun
from merits.evaluating.batches.waiting import still_open

__all__ = [
    "BatchRun",
    "Desk",
    "Who",
    "check_affordable",
    "check_none_in_flight",
    "in_flight",
    "note_collected",
    "still_open",
]

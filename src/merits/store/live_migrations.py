"""What becomes of a live store that an earlier Merits made. The same for every database but for how it reads JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["migration"]


def migration(schema: int, field: Callable[[str], str], real: str) -> Sequence[str]:
    """What brings tables of that schema up to the present one, in order; to be run in one transaction.

    `field` is the expression for a field of the JSON in `record`, as a text; `real` the type of a number. A row of a
    process that still runs the earlier version meanwhile has the default of a column that it does not know.

    >>> migration(2, str, "REAL")
    ()
    """
    return () if schema > 1 else _to_2(field, real)


def _to_2(field: Callable[[str], str], real: str) -> Sequence[str]:
    """Currencies and the age of feedback have columns, and what is watched may hold words, which are forgotten too.

    An id is unique within a task: before, it was among all tasks in stores of the first days.
    """
    return (
        "ALTER TABLE merits_served ADD COLUMN currency TEXT DEFAULT 'USD'",
        f"UPDATE merits_served SET currency = {field('currency')} WHERE {field('currency')} IS NOT NULL",
        "UPDATE merits_served SET kept = 1 WHERE kept = 0 AND record LIKE '%\"seen\":{%'",
        f"ALTER TABLE merits_feedback ADD COLUMN at {real}",
        "ALTER TABLE merits_feedback ADD COLUMN kept INTEGER DEFAULT 1",
        f"UPDATE merits_feedback SET at = CAST({field('at')} AS {real}), kept = 1",
        "DROP INDEX merits_served_once",
        "CREATE UNIQUE INDEX merits_served_once ON merits_served (request, task, arm)",
        "DROP INDEX merits_served_to_key",
        "CREATE INDEX merits_served_to_key ON merits_served (key, currency, at, cost) WHERE key <> ''",
        "CREATE INDEX merits_feedback_kept ON merits_feedback (task, at) WHERE kept = 1",
    )

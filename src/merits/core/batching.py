"""Questions that are put to a provider as a batch: what is said of one on disk, and how a run deals with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from merits.core.errors import UsageError

__all__ = ["Batching", "Stage", "Submission", "latest"]

Stage: TypeAlias = Literal["intended", "sent", "accepted", "collected", "void"]


class Submission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was, or may have been, put to a provider as one batch. Append-only: of one `id` the latest stage counts.

    `id` is in the provider's own record of the batch, so that it can be found there. `version` is who is asked, and
    `keys` what (as `AnswerKey`s), in the order of the numbers in the requests' ids; they are kept with the first stage
    only.

    The stages: `intended` (nothing has been sent that could be accepted), `sent` (the provider may have it: whoever
    finds this must look there before asking again), `accepted` (it has it, as `batch`), `collected` (what came of it
    is stored), `void` (it never had it, or would not take it: `why`). `file` is what the provider calls the uploaded
    questions. `at` is UNIX seconds.
    """

    id: str
    version: str
    stage: Stage
    at: float
    keys: tuple[tuple[str, int, str], ...] = ()
    file: str = ""
    batch: str = ""
    why: str = ""

    @property
    def is_open(self) -> bool:
        """Whether answers may still come of it.

        >>> Submission(id="a", version="v", stage="sent", at=0.0).is_open
        True
        """
        return self.stage in ("sent", "accepted")


def latest(records: Iterable[Submission]) -> tuple[Submission, ...]:
    """The latest stage of each submission, with the keys of the first, in the order in which they were intended.

    >>> first = Submission(id="a", version="v", stage="intended", at=1.0, keys=(("k", 0, ""),))
    >>> (now,) = latest([first, Submission(id="a", version="v", stage="accepted", at=2.0, batch="batch_1")])
    >>> now.stage, now.batch, now.keys[0]
    ('accepted', 'batch_1', ('k', 0, ''))
    """
    found: dict[str, Submission] = {}
    for record in records:
        known = found.get(record.id)
        if known is not None:
            keys, file, batch = record.keys or known.keys, record.file or known.file, record.batch or known.batch
            found[record.id] = msgspec.structs.replace(record, keys=keys, file=file, batch=batch)
        else:
            found[record.id] = record
    return tuple(found.values())


class Batching(msgspec.Struct, frozen=True, kw_only=True):
    """That questions are put to providers as batches where they offer that: about half the price, within a day.

    With `wait` the run asks every `poll_s` seconds how far they are, and goes on when they are done; without, it
    submits, collects what is ready, and ends with `BatchesOpen`: the same call again goes on from there. A submission
    of which it is not known whether it arrived (the process was killed) is looked for at the provider until it is
    `grace_s` seconds old; only then is it taken for lost.

    >>> Batching(poll_s=0.0)
    Traceback (most recent call last):
    ...
    merits.core.errors.UsageError: batches cannot be looked after every 0 seconds. Give a number above 0, such as 60.
    """

    wait: bool = True
    poll_s: float = 60.0
    grace_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.poll_s > 0:
            raise UsageError(
                f"batches cannot be looked after every {self.poll_s:g} seconds.", "Give a number above 0, such as 60."
            )

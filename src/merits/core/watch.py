"""How a release is watched: `monitor:` in the task file says otherwise than the defaults here."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Watching"]


class Watching(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be accused how easily. `alpha` is the probability that any stream of an unchanged release ever alarms.

    A change below its floor raises no alarm however certain it is. Floors are shares: 0.1 is 10 points.
    """

    alpha: Annotated[
        float, Meta(gt=0, lt=0.5, description="Probability that anything unchanged ever raises an alarm, all together.")
    ] = 0.05
    floor: Annotated[
        float, Meta(ge=0, lt=1, description="The least shift of a share that is worth an alarm: 0.1 is 10 points.")
    ] = 0.1
    rate_floor: Annotated[float, Meta(ge=0, lt=1, description="The same for errors and refusals.")] = 0.02
    quality_floor: Annotated[
        float, Meta(ge=0, lt=1, description="How far quality may lie below what was promised before it is an alarm.")
    ] = 0.02
    certain: Annotated[
        bool, Meta(description="Alarm only when the shift is certainly above its floor, not only by its estimate.")
    ] = False
    ignore: Annotated[tuple[str, ...], Meta(description="Streams that are not watched, by name.")] = ()
    detector: Annotated[
        Literal["conformal", "adwin", "kswin", "page-hinkley"],
        Meta(description="What watches numbers: ours, or one of the package river (extra `drift`)."),
    ] = "conformal"

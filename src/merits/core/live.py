"""What happens in production, as records that are only ever added: what was served, and what became of it.

`Served` with its `Feedback` is an Outcome of the split `live`; the others say by what rules it came about.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.answer import Answer, Failure
from merits.core.identity import JSON
from merits.core.release import Release
from merits.core.watch import Severity

__all__ = [
    "LOOP",
    "SCOPES",
    "Alert",
    "AlertMark",
    "ApiKey",
    "Arm",
    "Aside",
    "Checkpoint",
    "Feedback",
    "LiveRecord",
    "Mode",
    "Rollout",
    "Served",
    "Source",
    "of_candidate",
    "tells",
]

Arm: TypeAlias = Literal["champion", "challenger", "shadow"]
Mode: TypeAlias = Literal["alone", "shadow", "canary", "a/b"]
Source: TypeAlias = Literal["label", "user", "judge"]
Aside: TypeAlias = Literal["", "release", "left", "deadline"]
LOOP = "the loop"
"""Who it was, where no person did it."""
SCOPES = ("predict", "feedback", "label", "admin")
"""What an API key may do: ask; say what became of its own requests; say what is right of any; all of it."""


class Served(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request that was answered, or could not be (`answer.failure`). `request` is its id, which feedback names.

    `task` is the task's name, `release` the version of it that answered, `arm` in which part: a shadow's answer nobody
    was given, and it has the request's id too. `at` is UNIX seconds of when it arrived. `input_hash` identifies the
    input; `input`, and the answer's output where that is a text of its own, are there only where the release keeps
    content, redacted. `seen` is what is watched of the input instead: numbers (length, loudness), categories
    (language, a column). `embedding` is the input as a short vector, where texts are watched by it. `cost` is money in
    `currency`, None where there is no price. `user` is a keyed hash of who asked, "" where nobody said. `key` is the id
    of the API key. `fallback` is the number of the fallback that answered, from 1; 0 is the candidate itself. `aside`
    says what its client decided, so that it is no evidence about the release: "release" where he named the version (in
    a comparison only), "left" where he went before the end, "deadline" where his own was shorter than the server's.
    """

    request: str
    task: str
    release: int
    arm: Arm
    at: float
    input_hash: str
    answer: Answer
    cost: float | None = None
    currency: str = "USD"
    input: JSON = None
    seen: dict[str, float | str | None] = {}
    embedding: tuple[float, ...] = ()
    user: str = ""
    key: str = ""
    fallback: int = 0
    seconds: float = 0.0  # from the request's arrival to its answer, waiting for a turn included
    aside: Aside = ""


def tells(served: Served) -> bool:
    """Whether an answer is evidence about the release that serves: its client neither left nor gave it too little time.

    >>> one = Served(request="r", task="t", release=1, arm="champion", at=0.0, input_hash="", answer=Answer("yes"))
    >>> tells(one), tells(msgspec.structs.replace(one, aside="left"))
    (True, False)
    """
    return served.aside in ("", "release")


def of_candidate(served: Served) -> Served:
    """What the release's candidate itself did: where a fallback had to answer, it failed.

    >>> one = Served(request="r", task="t", release=1, arm="champion", at=0.0, input_hash="", answer=Answer("yes"))
    >>> of_candidate(msgspec.structs.replace(one, fallback=1)).answer.failure.message
    'fallback 1 answered'
    """
    if not served.fallback or served.answer.failure is not None:
        return served
    failure = Failure("raised", f"fallback {served.fallback} answered")
    usage, latency_s = served.answer.usage, served.answer.latency_s
    return msgspec.structs.replace(served, answer=Answer(failure=failure, usage=usage, latency_s=latency_s))


class Feedback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was learned later of a served request: the right answer (`target`), or only whether it was `solved`.

    `source` says from where: a label, the user, or a model that judges; `by` who. Of several from one source the last
    counts; labels count before users, users before judges. `score` is from 0 (worst) to 1.
    """

    request: str
    task: str
    at: float
    source: Source = "user"
    target: JSON = None
    solved: bool | None = None
    score: float | None = None
    arm: Arm | None = None  # of whose answer `solved` speaks; None: of the one that was given
    by: str = ""
    comment: str = ""


class Rollout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which releases of a task serve from `at` (UNIX seconds) on, until the next rollout. The last one counts.

    `champion` serves; a `challenger` answers a `share` of the requests: silently in addition ("shadow"), or in its
    stead ("canary", "a/b": by user where one is named). `reason` says why, `by` who decided. `previous` is the champion
    before. `margin` is the loss of quality that a promotion may risk, and `alpha` the probability of ever deciding
    wrongly: both are fixed when a comparison begins.
    """

    task: str
    at: float
    champion: int
    challenger: int | None = None
    mode: Mode = "alone"
    share: float = 0.0
    previous: int | None = None
    reason: str = ""
    by: str = ""
    seed: str = ""  # of who is sent where; the same as long as a comparison goes on
    margin: float = 0.02
    alpha: float = 0.05


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may ask. The key itself is not here: `hash` is BLAKE2b of it (keys are 256 random bits, so no salt helps).

    `scopes` are what it may do (of `SCOPES`; "admin" may all), `tasks` for which tasks (all when empty). The latest
    record of an id counts; one with `revoked_at` lets nobody in from then on.
    """

    id: str
    hash: str
    at: float
    name: str = ""
    scopes: tuple[str, ...] = ("predict", "feedback")
    tasks: tuple[str, ...] = ()
    per_minute: int | None = None
    budget: float | None = None  # money a calendar month (UTC), in `currency`
    currency: str = "USD"
    expires_at: float | None = None
    revoked_at: float | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is no longer as it was. `kind` is a stable code, `stream` what was watched ("drift: length").

    `evidence` holds the numbers it rests on, `next_step` the cheapest thing to do. `group` joins alerts that are about
    one thing: they are sent as one.
    """

    id: str
    task: str
    at: float
    kind: str
    stream: str
    severity: Severity
    text: str
    next_step: str = ""
    evidence: dict[str, JSON] = {}
    group: str = ""
    release: int | None = None


class AlertMark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done about an alert (`alert` is its id, or a stream's name where `silenced`). The last mark counts."""

    alert: str
    task: str
    at: float
    mark: Literal["sent", "acknowledged", "silenced", "resolved"]
    until: float | None = None
    by: str = ""
    reason: str = ""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of what goes on where it was (a detector, a model that learns online). The last one counts."""

    task: str
    name: str
    at: float
    state: bytes
    cursor: int = 0  # what of the live store it has seen


LiveRecord: TypeAlias = Served | Feedback | Release | Rollout | ApiKey | Alert | AlertMark | Checkpoint

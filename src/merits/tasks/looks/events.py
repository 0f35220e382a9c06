"""Looks at events: users and items, sparsity, the range of times, and how much of it nothing could learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from merits.core.interactions import items_of
from merits.core.task import Example
from merits.tasks.looks.seeing import Fact, Finding, Seen, Sight

__all__ = ["CODES", "EventFacts", "event_facts", "event_findings", "look", "reads"]

CODES: Mapping[str, str] = {
    "cold-items": "Many of the items chosen after the cut were never chosen before it, so nothing learned them.",
    "cold-users": "Most users that are asked for are unknown before the cut, so nothing learned them.",
    "few-events": "Users have so few events that there is little to tell them apart by.",
    "one-moment": "Most events of a user bear one moment, so their order means nothing.",
}
_COLD_USERS, _COLD_ITEMS, _FEW, _ONE_MOMENT = 0.5, 0.2, 5, 0.5
_YEAR_1985 = 473_385_600  # a time from here on, and before the year 2100, is taken for seconds since 1970
_YEAR_2100 = 4_102_444_800


class EventFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Users, items and events on both sides of the cut, and how many of those after it nothing could learn.

    `density` is the share of all pairs of a user and an item, before the cut, that are events. `head` is the share of
    the events before the cut that the tenth of the items most often chosen has. `first` and `last` are moments, None
    without times; `cut` is the first of test. `same_moment` is the share of events before the cut that bear the moment
    of the event before, of the same user.
    """

    n_users: int
    n_items: int
    n_events: int
    n_asked: int
    n_chosen_after: int
    density: float
    events_per_user: float
    head: float
    first: float | None
    cut: float | None
    last: float | None
    new_users: int
    new_items: int
    same_moment: float


def look(sight: Sight) -> Seen | None:
    """Of inputs that are the histories of users: what is in them on both sides of the cut; None without any."""
    examples = [example for example in sight.examples if reads(example)]
    if not examples:
        return None
    found = event_facts(examples)
    return Seen(n=len(examples), n_seen=len(examples), facts=_facts(found), findings=[*event_findings(found)])


def reads(example: Example) -> bool:
    """Whether an input is the history of a user: items, and when they were chosen."""
    return isinstance(example.input, Mapping) and {"user", "items"} <= example.input.keys()


def _facts(found: EventFacts) -> list[Fact]:
    """What a reader is told, with the figures behind it."""
    figures = msgspec.to_builtins(found)
    before = (
        f"{found.n_events:,} before the cut, of {found.n_users:,} users and {found.n_items:,} items; "
        f"{found.events_per_user:g} for each user in the middle"
    )
    asked = (
        f"{found.n_asked:,} users are asked for, {found.new_users:,} of them new, who chose {found.n_chosen_after:,} "
        f"times, {found.new_items:,} times an item that nobody had chosen"
    )
    facts = [
        Fact("events", before, figures),
        Fact("sparsity", f"{found.density:.2%} of all pairs of a user and an item are events"),
        Fact("popularity", f"the tenth of the items that is chosen most has {found.head:.0%} of the events"),
        Fact("after the cut", asked),
    ]
    if found.first is not None and found.last is not None and found.cut is not None:
        range_ = f"{_moment(found.first)} to {_moment(found.last)}, cut at {_moment(found.cut)}"
        facts.append(Fact("times", range_))
    return facts


def event_facts(examples: Sequence[Example]) -> EventFacts:
    """What is in the examples of both splits of a recommendation; 0 where there is nothing.

    >>> dev = Example("1", {"user": "a", "items": ["x"], "times": [1]}, {"items": ["y"], "times": [2]}, split="dev")
    >>> test = Example("2", {"user": "b", "items": [], "times": []}, {"items": ["z"], "times": [9]}, split="test")
    >>> found = event_facts([dev, test])
    >>> found.n_events, found.density, found.new_users, found.new_items, found.cut
    (2, 1.0, 1, 1, 9.0)
    """
    before = [example for example in examples if example.split == "dev"]
    after = [example for example in examples if example.split == "test"]
    counts = Counter(item for e in before for run in (e.input, e.target) for item in items_of(run))
    sizes = [len(items_of(e.input)) + len(items_of(e.target)) for e in before]
    n, users = counts.total(), {_user(e) for e in before}
    head = sum(count for _, count in counts.most_common(max(1, len(counts) // 10)))
    known, asked = (_times(some) for some in (before, after))
    chosen = [item for e in after for item in items_of(e.target)]
    gaps = [np.diff(np.array(_own_times(e), np.float64)) for e in before]
    same, pairs = sum(int((gap == 0).sum()) for gap in gaps), sum(len(gap) for gap in gaps)
    return EventFacts(
        n_users=len(users),
        n_items=len(counts),
        n_events=n,
        n_asked=len(after),
        n_chosen_after=len(chosen),
        density=n / (len(users) * len(counts)) if n else 0.0,
        events_per_user=float(np.median(sizes)) if sizes else 0.0,
        head=head / n if n else 0.0,
        first=min(known, default=None),
        cut=_cut(after),
        last=max([*known, *asked], default=None),
        new_users=sum(_user(e) not in users for e in after),
        new_items=sum(item not in counts for item in chosen),
        same_moment=same / pairs if pairs else 0.0,
    )


def event_findings(found: EventFacts) -> Iterator[Finding]:
    """What should be looked at, by the codes of CODES."""
    if found.n_asked and found.new_users / found.n_asked > _COLD_USERS:
        yield Finding(
            code="cold-users",
            text=f"{found.new_users:,} of {found.n_asked:,} users that are asked for have no event before the cut.",
            next_step="Look at the slices by user; `events: {known_after: 5}` tells candidates their first choices.",
        )
    if found.n_chosen_after and found.new_items / found.n_chosen_after > _COLD_ITEMS:
        yield Finding(
            code="cold-items",
            text=f"{found.new_items:,} of {found.n_chosen_after:,} choices after the cut are of items that nobody had "
            "chosen before.",
            next_step="Look at the slices by items; a later cut, or updates as in production, leave fewer.",
        )
    if found.n_events and found.events_per_user < _FEW:
        yield Finding(
            code="few-events",
            text=f"Half of the users have fewer than {_FEW} events before the cut.",
            next_step="Popularity will be hard to beat; add events of other kinds (views), if there are any.",
        )
    if found.same_moment > _ONE_MOMENT:
        yield Finding(
            code="one-moment",
            text=f"{found.same_moment:.0%} of the events bear the same moment as the event before, of the same user.",
            next_step="Name a column with finer times; else what goes by the order of a history learns from none.",
        )


def _user(example: Example) -> str:
    return str(example.input.get("user", "")) if isinstance(example.input, Mapping) else ""


def _run_times(run: object) -> list[float]:
    times = run.get("times") if isinstance(run, Mapping) else None
    return [float(time) for time in times] if isinstance(times, Sequence) else []


def _own_times(example: Example) -> list[float]:
    return _run_times(example.input) + _run_times(example.target)


def _times(examples: Sequence[Example]) -> list[float]:
    """The earliest and the latest moment of each example."""
    each = [_own_times(example) for example in examples]
    return [end for times in each if times for end in (min(times), max(times))]


def _cut(after: Sequence[Example]) -> float | None:
    return min((min(times) for example in after if (times := _run_times(example.target))), default=None)


def _moment(time: float) -> str:
    if _YEAR_1985 <= time < _YEAR_2100:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"
    return f"{time:g}"

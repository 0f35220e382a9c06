"""Recommenders that take in new users and items as they come, beside training anew (quality, processor time).

MovieLens-100K in the order of time: trained on the oldest 80 % of the ratings, told the next 15 % in lessons, asked for
whom the last 5 % are of. Prepare the data once: python -m examples recommendation
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Learning
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["main", "table"]

_DATA = Path(__file__).parents[1] / "examples" / "recommendation" / "data" / "ratings.csv"
_KINDS = ("popularity", "item-knn", "ease", "implicit-als")
_SINGLE = 30  # lessons of one event that are timed

Event = tuple[float, str, str]
Question = tuple[dict[str, JSON], set[str]]


def main(options: Sequence[str]) -> dict[str, JSON]:
    """The figures of each kind: hits among ten, and processor seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks fold-in")
    parser.add_argument("--data", type=Path, default=_DATA, help="ratings.csv (user, film, rating, time)")
    parser.add_argument("--lesson", type=int, default=500, help="events of one lesson")
    args = parser.parse_args(list(options))
    if not args.data.is_file():
        raise SystemExit(f"{args.data} is not there. Prepare it: python -m examples recommendation")
    with args.data.open(encoding="utf-8", newline="") as lines:
        events = sorted((float(row["time"]), row["user"], row["film"]) for row in csv.DictReader(lines))
    first, known = events[: int(0.8 * len(events))], events[: int(0.95 * len(events))]
    later, last = known[len(first) :], events[len(known) :]
    asked = _asked(known, last)
    there = {film for _, _, film in first}
    users = {user for _, user, _ in first}
    return {
        "events": len(events),
        "asked": len(asked),
        "new_users_asked": sum(str(input["user"]) not in users for input, _ in asked),
        "new_items_later": len({film for _, _, film in later} - there),
        "lesson": args.lesson,
        "kinds": {kind: _measured(kind, first, later, asked, args.lesson) for kind in _KINDS},
    }


def _asked(known: Sequence[Event], last: Sequence[Event]) -> list[Question]:
    """Whom the last events are of: what is known of each, and what each chose next."""
    history, wanted = defaultdict[str, list[str]](list), defaultdict[str, set[str]](set)
    for _, user, film in known:
        history[user].append(film)
    for _, user, film in last:
        wanted[user].add(film)
    return [({"user": user, "items": [*history[user]]}, films) for user, films in wanted.items()]


def _measured(
    kind: str, first: Sequence[Event], later: Sequence[Event], asked: Sequence[Question], lesson: int
) -> dict[str, JSON]:
    known = [*first, *later]
    stale, anew = _model(kind), _model(kind)
    fitting = _cpu_s(lambda: stale.fit(_examples(first)))
    before = _hits(stale, asked)
    lessons = [later[start : start + lesson] for start in range(0, len(later), lesson)]
    told = _cpu_s(lambda: _teach(stale, map(_examples, lessons)))
    after = _hits(stale, asked)
    retraining = _cpu_s(lambda: anew.fit(_examples(known)))
    fresh = _hits(anew, asked)
    singles = [_examples([(later[-1][0] + n, f"somebody {n}", later[n][2])]) for n in range(_SINGLE)]
    single = _cpu_s(lambda: _teach(stale, singles)) / _SINGLE
    return {
        "hit_stale": before,
        "hit_learned_on": after,
        "hit_trained_anew": fresh,
        "fit_s": fitting,
        "all_lessons_s": told,
        "lesson_s": told / len(lessons),
        "one_event_s": single,
        "training_anew_s": retraining,
        "state_mb": len(stale.state()) / 1e6,
    }


def _model(kind: str) -> Learning:
    found = load(Candidate(name=kind, kind=kind, params={"k": 10}), LoadContext(task_kind="recommendation", env={}))
    assert isinstance(found, Learning)
    return found


def _examples(events: Sequence[Event]) -> list[Example]:
    runs = defaultdict[str, list[tuple[float, str]]](list)
    for at, user, film in events:
        runs[user].append((at, film))
    return [
        Example(user, {"user": user, "items": [film for _, film in run], "times": [at for at, _ in run]})
        for user, run in runs.items()
    ]


def _hits(model: Learning, asked: Sequence[Question]) -> float:
    """The share of those asked for who chose one of the ten next."""

    async def ask() -> int:
        answers = await asyncio.gather(*(model.answer(input) for input, _ in asked))
        return sum(bool({*answer.output} & films) for answer, (_, films) in zip(answers, asked, strict=True))  # type: ignore[misc]

    return asyncio.run(ask()) / len(asked)


def _teach(model: Learning, lessons: Iterable[Sequence[Example]]) -> None:
    for lesson in lessons:
        model.learn_many(lesson)


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def table(figures: dict[str, JSON]) -> str:
    """The figures as a table in Markdown."""
    kinds = figures["kinds"]
    assert isinstance(kinds, dict)
    lines = [
        "| kind | hit@10 stale | learned on | trained anew | a lesson | one event | training anew | state |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, found in kinds.items():
        lines.append(
            f"| `{kind}` | {found['hit_stale']:.1%} | {found['hit_learned_on']:.1%} | {found['hit_trained_anew']:.1%} "
            f"| {1e3 * found['lesson_s']:.0f} ms | {1e3 * found['one_event_s']:.1f} ms "
            f"| {found['training_anew_s']:.2f} s | {found['state_mb']:.1f} MB |"
        )
    return "\n".join(lines)

"""Outcomes of several files, brought together: paired on examples, and nothing guessed where two files disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from merits.core.errors import DataError
from merits.core.outcome import Status
from merits.evaluating.importing.outcomes import Found, Imported, Source

__all__ = ["after", "merged", "renamed"]

_KNOWN = (Status.MISSING, Status.FAILED, Status.UNSCORED, Status.SCORED)  # each says more than those before it


def renamed(found: Found, name: str) -> Found:
    """The outcomes of a file's one candidate under another name. Raises DataError where it has several."""
    names = dict.fromkeys(row.candidate for row in found.rows)
    if len(names) > 1:
        raise DataError(
            f"{found.source.file} holds several candidates: {', '.join(names)}.", "Only a single one can be renamed."
        )
    return replace(found, rows=[replace(row, candidate=name) for row in found.rows])


def merged(parts: Sequence[Found], *, as_repeats: bool = False) -> Found:
    """All outcomes as those of one evaluation.

    An outcome that two files have alike counts once. An answer stands for a failure, and a score for an answer that
    could not be judged: the tool was run again for these. Where one candidate has two scores or two answers that differ
    on one example, they are further repeats with `as_repeats`, and an error without. Raises DataError, too, for scores
    that are not of one measure, and for a candidate that shares no example with any other.
    """
    first = parts[0].source
    for part in parts[1:]:
        _check_alike(first, part.source)
    rows: dict[tuple[str, str, int], Imported] = {}
    repeats: dict[str, int] = {}
    for part in parts:
        fresh = [_shifted(row, repeats, as_repeats) for row in part.rows]
        _add(fresh, rows)
        for row in fresh:
            repeats[row.candidate] = max(repeats.get(row.candidate, 0), row.repeat + 1)
    _check_paired(list(rows.values()))
    return Found(list(rows.values()), _source([part.source for part in parts]), parts[0].currency)


def after(before: Found, found: Found) -> Found:
    """The outcomes as further repeats of those that were imported before, each candidate's apart.

    A candidate whose outcomes are all there already, in one of the earlier repeats, has no new ones: the file was
    imported before. So has one of which everything that is recorded (scores, costs, latencies) is the same by chance.
    """
    known = {(row.candidate, row.example, row.repeat): row for row in before.rows}
    shifts = {}
    for name in dict.fromkeys(row.candidate for row in found.rows):
        own = [row for row in found.rows if row.candidate == name]
        n = 1 + max((repeat for candidate, _, repeat in known if candidate == name), default=-1)
        shifts[name] = next((shift for shift in range(n) if all(_is_known(row, shift, known) for row in own)), n)
    return replace(found, rows=[replace(row, repeat=row.repeat + shifts[row.candidate]) for row in found.rows])


def _is_known(row: Imported, shift: int, known: Mapping[tuple[str, str, int], Imported]) -> bool:
    there = known.get((row.candidate, row.example, row.repeat + shift))
    return there is not None and _facts(there) == _facts(row)


def _facts(row: Imported) -> tuple[object, ...]:
    if row.status != Status.SCORED:
        return (row.status,)
    return row.status, row.value, row.solved, row.latency_s, row.cost


def _shifted(row: Imported, repeats: dict[str, int], as_repeats: bool) -> Imported:
    return replace(row, repeat=row.repeat + repeats.get(row.candidate, 0)) if as_repeats else row


def _add(fresh: Sequence[Imported], rows: dict[tuple[str, str, int], Imported]) -> None:
    there = dict(rows)  # of one file, a second outcome is an error whatever it says: `evaluation_of` has the words
    for row in fresh:
        key = row.candidate, row.example, row.repeat
        known = there.get(key)
        if known is None:
            if key in rows:
                raise _second(row, rows[key])
            rows[key] = row
        elif _KNOWN.index(known.status) < _KNOWN.index(row.status):
            rows[key] = row
        elif known.status == row.status and not _alike(known, row):
            raise _differ(known, row)


def _alike(known: Imported, row: Imported) -> bool:
    if known.status == Status.FAILED:
        return True
    if (known.status, known.value, known.solved) != (row.status, row.value, row.solved):
        return False
    return known.output is None or row.output is None or known.output == row.output


def _second(row: Imported, known: Imported) -> DataError:
    return DataError(
        f"{row.place}: a second outcome of {row.candidate!r} on example {row.example!r} (the first: {known.place}).",
        "Give each example an id of its own, or number the repeats in a column `repeat`.",
    )


def _differ(known: Imported, row: Imported) -> DataError:
    return DataError(
        f"{row.place}: {row.candidate!r} {_what(row)} example {row.example!r}, and at {known.place} it "
        f"{_what(known)} it.",
        "If it was asked twice, add --repeats; if it is another candidate, name it: NAME=FILE.",
    )


def _what(row: Imported) -> str:
    if row.status == Status.SCORED:
        return "solved" if row.solved else f"scored {row.value:g} and did not solve"
    return "failed on" if row.status == Status.FAILED else "was not scored on"


def _check_alike(one: Source, other: Source) -> None:
    if one.metric != other.metric:
        raise DataError(
            f"{one.file} is scored by {one.metric!r} and {other.file} by {other.metric!r}: no two scores of them can "
            "be compared.",
            "Name a score that all files have with --metric, or import them apart: --name.",
        )
    if one.solved != other.solved:
        raise DataError(
            f"solved means {one.solved} in {one.file}, and {other.solved} in {other.file}.",
            "Say what it means with --solved-at, or import them apart: --name.",
        )


def _check_paired(rows: Sequence[Imported]) -> None:
    examples: dict[str, set[str]] = {}
    for row in rows:
        examples.setdefault(row.candidate, set()).add(row.example)
    for name, own in examples.items():
        others = set().union(*(theirs for other, theirs in examples.items() if other != name))
        if others and not own & others:
            raise DataError(
                f"{name!r} has no example that another candidate has, so it can be compared with none.",
                "Import files with results on the same examples, or import them apart: --name.",
            )


def _source(sources: Sequence[Source]) -> Source:
    first = sources[0]
    facts: dict[str, str] = {}
    for source in sources:
        for name, text in source.facts.items():
            alone = len(sources) == 1 or " of " in name
            facts[name if alone else f"{name} of {source.file}"] = text
    return replace(
        first,
        file=", ".join(dict.fromkeys(source.file for source in sources)),
        tool=", ".join(dict.fromkeys(source.tool for source in sources)),
        facts=facts,
    )

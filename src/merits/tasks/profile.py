"""Profiles a task before anything is spent: what is in the data, what is wrong with it, and what it can show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from merits.core.identity import JSON
from merits.core.kinds import is_labelled, task_kind
from merits.core.task import Example, Task
from merits.tasks.findings import RARE, findings
from merits.tasks.label_noise import LabelNoise, label_noise
from merits.tasks.looks import texts
from merits.tasks.looks.seeing import Finding, Look, Progress, Seen, Sight, lookers
from merits.tasks.normalise import normalised, text_of
from merits.tasks.outlook import Outlook, Power, outlooks, power_of
from merits.tasks.twins import near_twins

__all__ = [
    "ColumnProfile",
    "Conflict",
    "LabelCount",
    "Leak",
    "Profile",
    "SliceCount",
    "Spread",
    "Twins",
    "profile",
]

_SHOWN = 10


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How a length is spread: the smallest, the median, the 95th percentile and the largest."""

    low: int
    median: float
    p95: float
    high: int


class LabelCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often a label is the target, in dev and in test, and its share of all."""

    label: str
    dev: int
    test: int
    share: float


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One input column of tabular data; `type` is number, text, truth, other, or empty."""

    name: str
    type: str
    n_distinct: int
    share_missing: float


class SliceCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many examples a slice has."""

    name: str
    value: str
    dev: int
    test: int


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """One input with several targets: how often each is given, and the ids of the examples."""

    input: str
    targets: dict[str, int]
    examples: tuple[str, ...]


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """A test example and the dev example that is its twin: exact, normalised (but for case and signs), or near."""

    test: str
    dev: str
    how: str
    test_input: str
    dev_input: str


class Twins(msgspec.Struct, frozen=True, kw_only=True):
    """Examples that have a twin: each is counted once, under the closest kind.

    `exact` inputs are equal; `normalised` ones but for case, space and signs; `near` ones share four fifths of their
    5-character pieces (texts of 20 characters and more).
    """

    exact: int = 0
    normalised: int = 0
    near: int = 0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a task's data. Plain data: JSON-able, and the same for the same task.

    `duplicates` counts examples that repeat an earlier one, `leakage` test examples with a twin in dev (`leaks` shows
    some). `n_unsolvable` counts the test examples that no candidate can solve, because the same input has another
    target more often. `columns` describe tabular inputs, `characters` and `words` texts;
    `looks` are what was seen of inputs of each sort that the kind of task reads (tokens, languages, sizes, rates).
    """

    name: str
    kind: str
    n_dev: int
    n_test: int
    n_candidates: int
    labels: tuple[LabelCount, ...]
    characters: Spread | None
    words: Spread | None
    columns: tuple[ColumnProfile, ...]
    duplicates: Twins
    leakage: Twins
    leaks: tuple[Leak, ...]
    n_conflicts: int
    n_conflicting: int
    n_unsolvable: int
    conflicts: tuple[Conflict, ...]
    labels_only_in_test: tuple[str, ...]
    rare_labels: tuple[str, ...]
    n_groups: int
    n_groups_test: int
    n_groups_straddling: int
    slices: tuple[SliceCount, ...]
    power: Power
    requirements: tuple[Outlook, ...]
    looks: tuple[Look, ...] = ()
    label_noise: LabelNoise | None = None
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    perturbations: tuple[str, ...] = ()
    n_perturbed: int = 0

    def __str__(self) -> str:
        """Sizes, what can be shown, and what to look at, a line each; the fields hold the rest."""
        classes = f", {len(self.labels):,} classes" if self.labels else ""
        lines = [
            f"{self.name}: {self.kind}, {self.n_dev:,} dev and {self.n_test:,} test examples{classes}",
            f"differences of about {100 * self.power.detectable:.1f} points and more can be shown",
            *(f"{warning.code}: {warning.text} {warning.next_step}" for warning in self.warnings),
        ]
        return "\n".join(lines)


def profile(task: Task, *, thorough: bool = True, progress: Progress | None = None) -> Profile:
    """What a task's data holds, what is wrong with it, and what difference this many test examples can show.

    Deterministic; asks no candidate. 100,000 short texts take a few seconds, most of it the search for near twins. Of
    many pictures, sounds and labels a sample is looked at, which the profile says; `progress` is told how far that is.
    Not `thorough`, files are not opened and labels not doubted.

    >>> from merits.tasks.make import make_task
    >>> rows = [{"text": f"{word} number {n}", "label": word} for n in range(30) for word in ("good", "bad")]
    >>> found = profile(make_task(rows, name="words"))
    >>> found.n_dev, found.n_test, found.leakage.exact
    (30, 30, 0)
    """
    # dev first, so that the first of several twins is a dev example where there is one
    examples = (*task.split("dev"), *task.split("test"))
    keys = [normalised(example.input) for example in examples]
    labels = _labels(examples) if is_labelled(task.kind) else ()
    sight = Sight(task, examples, progress) if progress else Sight(task, examples)
    seen = _seen(sight, thorough=thorough)
    as_texts = [texts.reads(example) for example in examples]
    near = _near(keys, as_texts, seen)
    leaks, leakage = _leakage(examples, keys, near)
    one_is_right = task_kind(task.kind).target != "picture"  # of a caption there are many right pictures
    conflicts = _conflicts(examples, keys) if one_is_right else []
    groups = {split: {e.group for e in task.split(split) if e.group} for split in ("dev", "test")}
    found = Profile(
        name=task.name,
        kind=task.kind,
        n_dev=len(task.split("dev")),
        n_test=len(task.split("test")),
        n_candidates=len(task.candidates),
        labels=labels,
        characters=_spread(len(text_of(e.input)) for e in examples) if all(as_texts) else None,
        words=_spread(len(text_of(e.input).split()) for e in examples) if all(as_texts) else None,
        columns=_columns(examples) if _is_tabular(examples) else (),
        duplicates=_duplicates(examples, keys, near),
        leakage=leakage,
        leaks=leaks,
        n_conflicts=len(conflicts),
        n_conflicting=sum(len(conflict.examples) for conflict in conflicts),
        n_unsolvable=_unsolvable(examples, keys) if one_is_right else 0,
        conflicts=tuple(conflicts[:_SHOWN]),
        labels_only_in_test=tuple(count.label for count in labels if count.test and not count.dev),
        rare_labels=tuple(count.label for count in labels if min(count.dev, count.test) < RARE),
        n_groups=len(groups["dev"] | groups["test"]),
        n_groups_test=len(groups["test"]),
        n_groups_straddling=len(groups["dev"] & groups["test"]),
        slices=_slices(examples),
        perturbations=task.robustness.ids,
        n_perturbed=min(task.robustness.sample or len(task.split("test")), len(task.split("test"))),
        power=power_of(task),
        requirements=outlooks(task),
        looks=tuple(Look(reads=name, n=one.n, n_seen=one.n_seen, facts=tuple(one.facts)) for name, one in seen.items()),
        label_noise=label_noise(sight) if thorough else None,
        notes=task.notes,
    )
    of_inputs = [finding for one in seen.values() for finding in one.findings]
    return msgspec.structs.replace(found, warnings=(*findings(found, task), *of_inputs))


def _seen(sight: Sight, *, thorough: bool) -> dict[str, Seen]:
    """What there is to see of the inputs, by what the kind of task reads; files are opened only when `thorough`."""
    found = {}
    for name, looker in lookers(sight.task.kind).items():
        if thorough or not getattr(looker, "OPENS_FILES", False):
            seen = looker.look(sight)
            if seen is not None:
                found[name] = seen
    return found


def _near(keys: Sequence[str], as_texts: Sequence[bool], seen: Mapping[str, Seen]) -> list[tuple[int, int]]:
    """Pairs of positions of inputs that are nearly the same: texts, and whatever else looks found to be so."""
    of_texts = near_twins([key if is_one else "" for key, is_one in zip(keys, as_texts, strict=True)])
    of_others = {pair for one in seen.values() for pair in one.twins if keys[pair[0]] != keys[pair[1]]}
    return sorted({*of_texts, *of_others})


def _labels(examples: Sequence[Example]) -> tuple[LabelCount, ...]:
    """The labels, commonest first."""
    counts = {split: Counter(str(e.target) for e in examples if e.split == split) for split in ("dev", "test")}
    total = counts["dev"] + counts["test"]
    return tuple(
        LabelCount(label=label, dev=counts["dev"][label], test=counts["test"][label], share=n / len(examples))
        for label, n in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _is_tabular(examples: Sequence[Example]) -> bool:
    return isinstance(examples[0].input, Mapping)


def _spread(lengths: Iterable[int]) -> Spread:
    ordered = sorted(lengths)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Spread(low=ordered[0], median=float(median(ordered)), p95=float(p95), high=ordered[-1])


def _columns(examples: Sequence[Example]) -> tuple[ColumnProfile, ...]:
    values: dict[str, list[JSON]] = defaultdict(list)
    for example in examples:
        if isinstance(example.input, Mapping):
            for name, value in example.input.items():
                values[name].append(value)
    return tuple(_column(name, column, len(examples)) for name, column in values.items())


def _column(name: str, values: Sequence[JSON], n: int) -> ColumnProfile:
    there = [value for value in values if value not in (None, "")]
    return ColumnProfile(
        name=name,
        type=_type(there),
        n_distinct=len({value if isinstance(value, str) else repr(value) for value in there}),
        share_missing=1 - len(there) / n,
    )


def _type(values: Sequence[JSON]) -> str:
    if not values:
        return "empty"
    for name, types in (("truth", bool), ("number", int | float), ("text", str)):
        if all(isinstance(value, types) for value in values):
            return name
    return "other"


def _slices(examples: Sequence[Example]) -> tuple[SliceCount, ...]:
    counts = Counter((name, value, example.split) for example in examples for name, value in example.tags.items())
    pairs = sorted({(name, value) for name, value, _ in counts})
    return tuple(
        SliceCount(name=name, value=value, dev=counts[name, value, "dev"], test=counts[name, value, "test"])
        for name, value in pairs
    )


def _duplicates(examples: Sequence[Example], keys: Sequence[str], near: Sequence[tuple[int, int]]) -> Twins:
    """Examples that repeat an earlier one of the same split."""
    exact, again = set[int](), set[int]()
    seen: set[tuple[str, str]] = set()
    for index, (example, key) in enumerate(zip(examples, keys, strict=True)):
        if (example.split, example.input_hash) in seen:
            exact.add(index)
        elif (example.split, key) in seen:
            again.add(index)
        seen |= {(example.split, example.input_hash), (example.split, key)}
    nearly = {b for a, b in near if examples[a].split == examples[b].split} - exact - again
    return Twins(exact=len(exact), normalised=len(again), near=len(nearly))


def _leakage(
    examples: Sequence[Example], keys: Sequence[str], near: Sequence[tuple[int, int]]
) -> tuple[tuple[Leak, ...], Twins]:
    """Test examples whose twin is in dev; the closest twin counts."""
    in_dev = [index for index, example in enumerate(examples) if example.split == "dev"]
    by_hash = {examples[index].input_hash: index for index in reversed(in_dev)}
    by_key = {keys[index]: index for index in reversed(in_dev)}
    found: dict[int, tuple[str, int]] = {}
    for index, example in enumerate(examples):
        if example.split == "test" and example.input_hash in by_hash:
            found[index] = ("exact", by_hash[example.input_hash])
        elif example.split == "test" and keys[index] in by_key:
            found[index] = ("normalised", by_key[keys[index]])
    for a, b in near:
        if examples[a].split == "dev" and examples[b].split == "test":
            found.setdefault(b, ("near", a))
    counts = Counter(how for how, _ in found.values())
    order = ("exact", "normalised", "near")
    ranked = sorted(found.items(), key=lambda item: (order.index(item[1][0]), item[0]))[:_SHOWN]
    leaks = tuple(_leak(examples[index], examples[twin], how) for index, (how, twin) in ranked)
    return leaks, Twins(exact=counts["exact"], normalised=counts["normalised"], near=counts["near"])


def _leak(test: Example, dev: Example, how: str) -> Leak:
    return Leak(test=test.id, dev=dev.id, how=how, test_input=_short(test.input), dev_input=_short(dev.input))


def _targets_by_key(examples: Sequence[Example], keys: Sequence[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        if examples[index].target is not None:
            rows[key].append(index)
    return {key: indices for key, indices in rows.items() if len(indices) > 1}


def _conflicts(examples: Sequence[Example], keys: Sequence[str]) -> list[Conflict]:
    """Inputs (but for case and signs) with several targets, those with the most examples first."""
    conflicts = []
    for indices in _targets_by_key(examples, keys).values():
        targets = Counter(_short(examples[index].target) for index in indices)
        if len(targets) > 1:
            ids = tuple(examples[index].id for index in indices)
            conflicts.append(
                Conflict(input=_short(examples[indices[0]].input), targets=dict(targets.most_common()), examples=ids)
            )
    return sorted(conflicts, key=lambda conflict: (-len(conflict.examples), conflict.examples))


def _unsolvable(examples: Sequence[Example], keys: Sequence[str]) -> int:
    """Test examples that the best constant answer to their input leaves unsolved."""
    lost = 0
    for indices in _targets_by_key(examples, keys).values():
        counts = Counter(repr(examples[index].target) for index in indices if examples[index].split == "test")
        lost += sum(counts.values()) - max(counts.values(), default=0)
    return lost


def _short(value: JSON, most: int = 120) -> str:
    text = " ".join(text_of(value).split()) if not isinstance(value, Mapping) else repr(dict(value))
    return text if len(text) <= most else f"{text[: most - 1]}…"

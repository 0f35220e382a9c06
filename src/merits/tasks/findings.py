"""Says what in a task's profile should be looked at, with a code, a sentence and the next step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from merits.candidates.registry import reads_of, unread
from merits.core.errors import MeritsError
from merits.core.interactions import items_of
from merits.core.kinds import Reads, kind_names, task_kind
from merits.core.task import Example, Task
from merits.media.finding import sorts_named
from merits.tasks.looks.seeing import Finding
from merits.tasks.normalise import normalised, text_of

if TYPE_CHECKING:
    from merits.tasks.profile import Profile

__all__ = ["RARE", "WARNINGS", "Finding", "findings", "readiness"]

# Every code that a finding can have, and what it means. Documented, stable, for programs to test.
WARNINGS: Mapping[str, str] = {
    "candidate-cannot-read": "A candidate reads nothing of what the inputs hold: words of a picture, say.",
    "candidate-not-ready": "A candidate cannot run here yet: a package, a file or a key is missing.",
    "conflicting-targets": "The same input has different targets, so no candidate can solve all of them.",
    "duplicates": "Inputs that are the same count as several pieces of evidence, though they are one.",
    "empty-inputs": "Inputs without any text.",
    "empty-files": "Pictures or sounds whose files hold no byte.",
    "few-examples": "So few test examples that only huge differences can be shown.",
    "few-groups": "So few groups in test that the intervals rest on little.",
    "groups-on-both-sides": "Examples of one group are in dev and in test, so test is easier than reality.",
    "imbalance": "One label is so common that always answering it solves nearly all.",
    "label-noise": "Labels that are likely wrong, so that no candidate can be seen to be better than they are.",
    "k-takes-all": "A scorer looks at the first k, and there are no more than that.",
    "labels-alike": "Labels that differ only in case or signs, which scorers read as the same.",
    "labels-only-in-test": "Labels that nothing can learn, because no dev example has them.",
    "leakage": "Test inputs that candidates have seen in dev, so test is easier than reality.",
    "missing-files": "Inputs that name no picture or sound that is there, in a task of pictures or sounds.",
    "missing-values": "Columns in which many values are missing.",
    "near-leakage": "Test inputs that are nearly the same as dev inputs.",
    "no-dev": "No example to learn from.",
    "rare-labels": "Labels with so few examples that little can be learned or shown about them.",
    "scorer-not-ready": "A scorer cannot judge here yet: a package or a file is missing.",
    "requirement-out-of-reach": "A requirement that no candidate could be shown to meet with this many examples.",
}
RARE = 5  # examples of a label on a side; fewer are rare
_MANY_WRONG = 0.03  # of the labels, at least, at the lower end of the interval
_MANY_MISSING = 0.2
_INPUTS_LOOKED_AT = 1_000  # those of a task are of one sort
_EVENTS_LOOKED_AT = 20_000
_DEFAULT_K = {"top_k": 5, "hit": 10, "ndcg": 10, "recall_at": 10, "mrr": 10, "map": 10}
_FILES = frozenset({"picture", "sound"})
_NOTHING = sha256(b"").hexdigest()
_FEW_SHOWN = 3
_FEW_GROUPS = 20
_IMBALANCE = 0.9
_FEW_EXAMPLES = 100


def findings(found: Profile, task: Task) -> Iterator[Finding]:
    """What a profile of a task says should be looked at, worst first: candidates that read nothing of the inputs,
    splits, labels, inputs, then what can be shown."""
    examples = task.examples
    yield from _findings_on_candidates(task)
    yield from _findings_on_scorers(task)
    yield from _findings_on_splits(found)
    yield from _findings_on_labels(found)
    yield from _findings_on_noise(found)
    yield from _findings_on_inputs(found, examples)
    yield from _findings_on_power(found)


def readiness(
    found: Sequence[Finding], candidates: Mapping[str, MeritsError], scorers: Mapping[str, MeritsError]
) -> tuple[Finding, ...]:
    """Findings with those on candidates and scorers that cannot run, by name, before them: a run is refused for each.

    Who reads nothing of the inputs is refused for that too, and is named once.
    """
    named = " ".join(one.text for one in found if one.code == "candidate-cannot-read")
    asked = [problem for name, problem in candidates.items() if repr(name) not in named]
    return (
        *(Finding(code="scorer-not-ready", text=one.found, next_step=one.next_step) for one in scorers.values()),
        *(Finding(code="candidate-not-ready", text=one.found, next_step=one.next_step) for one in asked),
        *found,
    )


def _findings_on_candidates(task: Task) -> Iterator[Finding]:
    """Candidates that cannot read the inputs: by the kind of task, or because these are names of files throughout."""
    some = list(islice(task.examples, _INPUTS_LOOKED_AT))
    named = [sorts_named(example.input, example.files) for example in some]
    bare = set.intersection(*named) if all(isinstance(example.input, str) for example in some) else set()
    for candidate in task.candidates:
        why, reads = unread(candidate.kind, task.kind, tuple(set().union(*named))), set(reads_of(candidate.kind))
        step = f"Take it out, or name another: `merits kinds {task.kind}` lists those that read such inputs."
        if not why and bare and reads and not reads & bare:
            sort = min(bare)
            why = (
                f"{candidate.kind} reads {' and '.join(reads_of(candidate.kind))}, and every input is a {sort}'s name."
            )
            fitting = _fitting(sort, task.kind)
            step = f"Say `kind: {fitting}`, or take it out: it would learn the names of the files." if fitting else step
        if why:
            yield Finding(
                code="candidate-cannot-read",
                text=f"{candidate.name!r} can solve nothing here: {why}",
                next_step=step,
            )


def _findings_on_scorers(task: Task) -> Iterator[Finding]:
    """Scorers that look at the first k of something, where there are no more than k: whatever is said is right."""
    for spec in task.scorers:
        k = spec.params.get("k", _DEFAULT_K.get(spec.kind))
        if spec.kind not in _DEFAULT_K or not isinstance(k, int):
            continue
        there, what = (len(task.classes), "labels") if spec.kind == "top_k" else (_n_items(task), "items")
        if 0 < there <= k:
            yield Finding(
                code="k-takes-all",
                text=f"{spec.label} looks at the first {k:,}, and there are {there:,} {what}: a list of all is right.",
                next_step=f"Take a smaller k: `{{kind: {spec.kind}, k: {max(1, min(10, there // 4))}}}`.",
            )


def _n_items(task: Task) -> int:
    """The different items that users chose, as far as the first examples show; 0 for tasks without any."""
    if "events" not in task_kind(task.kind).reads:
        return 0
    some = islice(task.examples, _EVENTS_LOOKED_AT)
    return len({item for example in some for item in (*items_of(example.input), *items_of(example.target))})


def _fitting(sort: Reads, kind: str) -> str:
    """The kind of task for inputs of one sort with a target like that of another kind; "" for none."""
    return next(
        (
            name
            for name in kind_names()
            if task_kind(name).reads == (sort,) and task_kind(name).target == task_kind(kind).target
        ),
        "",
    )


def _findings_on_splits(found: Profile) -> Iterator[Finding]:
    if not found.n_dev:
        yield Finding(
            code="no-dev",
            text="There is no dev example: candidates that learn from examples cannot be evaluated.",
            next_step="Add dev data, or let the data be divided: `split: {test: 0.5}`.",
        )
    seen = found.leakage.exact + found.leakage.normalised
    if seen:
        yield Finding(
            code="leakage",
            text=f"{seen:,} of {found.n_test:,} test inputs are also in dev"
            f" ({found.leakage.normalised:,} of them written with other case or signs).",
            next_step="Remove them from dev, or leave the split to Merits: it keeps duplicates on one side.",
        )
    if found.leakage.near:
        yield Finding(
            code="near-leakage",
            text=f"{found.leakage.near:,} of {found.n_test:,} test inputs are nearly the same as a dev input.",
            next_step="Look at some; if they come from one source, name it as `group:` to keep it on one side.",
        )
    if found.n_groups_straddling:
        yield Finding(
            code="groups-on-both-sides",
            text=f"{found.n_groups_straddling:,} of {found.n_groups:,} groups are in dev and in test.",
            next_step="Use `split: {method: group}`, unless production will meet the same groups again.",
        )
    if 0 < found.n_groups_test < _FEW_GROUPS:
        yield Finding(
            code="few-groups",
            text=f"The {found.n_test:,} test examples come from {found.n_groups_test:,} groups only.",
            next_step="Collect examples from more groups: more examples of the same ones add little.",
        )


def _findings_on_labels(found: Profile) -> Iterator[Finding]:
    if found.labels_only_in_test and found.n_dev:
        yield Finding(
            code="labels-only-in-test",
            text=f"{_some(found.labels_only_in_test)}: only in test, so nothing can learn it from dev.",
            next_step="Add dev examples of it, or correct it.",
        )
    rare = [label for label in found.rare_labels if label not in found.labels_only_in_test]
    if rare:
        yield Finding(
            code="rare-labels",
            text=f"{_some(rare)}: fewer than {RARE} examples in dev or in test.",
            next_step="Add examples of it, or merge it with another label; its own recall will stay unknown.",
        )
    if found.labels and found.labels[0].share > _IMBALANCE:
        yield Finding(
            code="imbalance",
            text=f"{found.labels[0].share:.0%} of the examples are {found.labels[0].label!r}: "
            "always answering it solves as many.",
            next_step="State a requirement on what matters: `recall[LABEL] >= 0.8 @ 95%`, or on macro_f1.",
        )
    alike = _alike([count.label for count in found.labels])
    if alike:
        shown = "; ".join(", ".join(map(repr, group)) for group in alike)
        yield Finding(
            code="labels-alike",
            text=f"Labels that differ only in case or signs: {shown}.",
            next_step="Write each label one way.",
        )
    if found.n_conflicts:
        yield Finding(
            code="conflicting-targets",
            text=f"{found.n_conflicts:,} inputs have several targets ({found.n_conflicting:,} examples); "
            f"{found.n_unsolvable:,} of {found.n_test:,} test examples therefore cannot be solved by anything.",
            next_step="Correct the targets; `merits check --json` lists the examples under `conflicts`.",
        )


def _findings_on_noise(found: Profile) -> Iterator[Finding]:
    noise = found.label_noise
    if noise is None or not noise.is_telling or (noise.share.low or 0.0) <= _MANY_WRONG:
        return
    ids = ", ".join(suspect.example for suspect in noise.suspects[:3])
    yield Finding(
        code="label-noise",
        text=f"{noise.share.text()} of the labels look wrong to a classifier that has not seen them "
        f"({noise.n_suspects:,} of {noise.n:,}: {ids} ...).",
        next_step="Look at the most suspicious (`merits check --json`, label_noise) and correct what is wrong: "
        "test first, for its errors are every candidate's.",
    )


def _findings_on_inputs(found: Profile, examples: Sequence[Example]) -> Iterator[Finding]:
    same = found.duplicates.exact + found.duplicates.normalised
    if same > len(examples) / 100:
        yield Finding(
            code="duplicates",
            text=f"{same:,} of {len(examples):,} inputs repeat an earlier one in their split.",
            next_step="Remove repeats, or name what they share as `group:`, so that they count once.",
        )
    empty = sum(isinstance(example.input, str) and not example.input.strip() for example in examples)
    if empty:
        yield Finding(
            code="empty-inputs",
            text=f"{empty:,} inputs are empty.",
            next_step="Leave those rows out, if no case is empty.",
        )
    yield from _findings_on_files(found.kind, examples)
    missing = [column.name for column in found.columns if column.share_missing > _MANY_MISSING]
    if missing:
        yield Finding(
            code="missing-values",
            text=f"{_some(missing)}: more than {_MANY_MISSING:.0%} of the values are missing.",
            next_step="Check that they will be missing in production too, or take the column out of `input:`.",
        )


def _findings_on_files(kind: str, examples: Sequence[Example]) -> Iterator[Finding]:
    """What can be told of pictures and sounds without opening them."""
    if kind not in kind_names() or not set(task_kind(kind).reads) <= _FILES:
        return
    missing = [example for example in examples if not example.files]
    if missing:
        yield Finding(
            code="missing-files",
            text=f"{len(missing):,} of {len(examples):,} inputs name no file that is there: {_some_inputs(missing)}.",
            next_step="Put the files beside the data, with a usual ending; else no candidate can answer these.",
        )
    empty = [example for example in examples if any(map(_is_empty, example.files.values()))]
    if empty:
        yield Finding(
            code="empty-files",
            text=f"{len(empty):,} of {len(examples):,} inputs name a file without a byte: {_some_inputs(empty)}.",
            next_step="Fetch them again, or leave those rows out: no candidate can answer them.",
        )


def _is_empty(content: str) -> bool:
    """Whether what identifies a file's content is that of nothing."""
    return content.endswith(_NOTHING)


def _some_inputs(examples: Sequence[Example]) -> str:
    shown = ", ".join(repr(text_of(example.input)[:60]) for example in examples[:_FEW_SHOWN])
    return f"{shown}, ..." if len(examples) > _FEW_SHOWN else shown


def _findings_on_power(found: Profile) -> Iterator[Finding]:
    if found.power.n_independent < _FEW_EXAMPLES:
        more = found.power.n_for_5_points
        yield Finding(
            code="few-examples",
            text=f"{found.power.n_independent:,} independent test examples can only show differences of about "
            f"{100 * found.power.detectable:.0f} points.",
            next_step=f"About {more:,} would show 5 points." if more else "Collect more.",
        )
    for outlook in found.requirements:
        if outlook.reachable is False:
            yield Finding(
                code="requirement-out-of-reach",
                text=f"{outlook.text!r} cannot be shown with {outlook.n:,} examples, however well they are answered.",
                next_step=f"It takes {outlook.n_needed:,} at least, or a lower confidence."
                if outlook.n_needed
                else "Lower the bar: no number of examples shows it.",
            )


def _alike(labels: Sequence[str]) -> list[list[str]]:
    by_reading: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        by_reading[normalised(label)].append(label)
    return [sorted(group) for group in by_reading.values() if len(group) > 1]


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown

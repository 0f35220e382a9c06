"""Finds the labels of a classification, and complains of those that cannot be learned or told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.on_demand import outlines
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.tasks.columns import label_of
from merits.tasks.source import Source

__all__ = ["classes_of", "listing", "must_have_test"]


def must_have_test(examples: Sequence[Example], name: str) -> None:
    """Returns nothing when there is an example to decide on; else raises DataError."""
    if not any(example.split == "test" for example in outlines(examples)):
        raise DataError(
            f"{name}: none of the {len(examples):,} examples is in test.",
            "Add examples, or give test a larger share: `split: {test: 0.5}`.",
        )


def classes_of(
    declared: Sequence[JSON], examples: Sequence[Example], name: str, source: Source, *, given: bool
) -> tuple[tuple[str, ...], list[str]]:
    """The sorted labels, and notes for the reader.

    A label that is in test but not in dev cannot be learned. Where the user divided the data (`given`) that is taken
    for a mistake and an error, unless all labels are declared; where Merits divided it, it is a note.
    """
    labels = {label_of(label) for label in declared}
    dev = Counter(str(example.target) for example in outlines(examples) if example.split == "dev")
    test = Counter(str(example.target) for example in outlines(examples) if example.split == "test")
    if labels:
        _must_be_declared(examples, labels, source)
    classes = sorted(labels | dev.keys() | test.keys())
    if len(classes) < 2:
        raise DataError(
            f"{name}: all {len(examples):,} targets are {classes[0]!r}: there is nothing to tell apart.",
            "Name another target, add examples of other labels, or declare all labels under `labels:`.",
        )
    if not dev:
        return tuple(classes), ["No example is in dev: candidates that learn from examples cannot be evaluated."]
    unseen = sorted(test.keys() - dev.keys())
    if unseen and given and not labels:
        raise _only_in_test(unseen, dev, examples, name)
    notes = [f"{listing(unseen)} only in test, so nothing can learn it from dev."] if unseen else []
    return tuple(classes), notes


def listing(labels: Sequence[str], most: int = 5) -> str:
    """The labels in words, with their verb; no more than `most` of them by name.

    >>> listing(["a"]), listing(["a", "b", "c"], most=2)
    ("The label 'a' is", "The labels 'a', 'b' and 1 more are")
    """
    shown = ", ".join(repr(label) for label in labels[:most])
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return f"The label {shown} is" if len(labels) == 1 else f"The labels {shown}{more} are"


def _must_be_declared(examples: Sequence[Example], labels: set[str], source: Source) -> None:
    for example in outlines(examples):
        if example.target not in labels:
            raise DataError(
                f"{source.at('labels')}: the target {example.target!r} of example {example.id!r} is not listed.",
                did_you_mean(str(example.target), labels),
            )


def _only_in_test(unseen: Sequence[str], dev: Counter[str], examples: Sequence[Example], name: str) -> DataError:
    where = [example.id for example in outlines(examples) if example.split == "test" and example.target in unseen]
    near = did_you_mean(unseen[0], dev)
    step = near if near.startswith("Did") else "Correct it, or add examples of it to dev."
    return DataError(
        f"{name}: {listing(unseen)} only in test (examples {', '.join(where[:3])}{'…' if len(where) > 3 else ''}), "
        "so nothing can learn it from dev.",
        f"{step} If it is meant, list all labels under `labels:`.",
    )

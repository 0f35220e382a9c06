"""Quality in each slice: where a candidate is better or worse than on the whole."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.report.plain import one_line
from merits.report.sections.subject import Subject

__all__ = ["Slice", "SliceGroup", "SliceSection", "slice_section"]

_MOST_VALUES = 12
_MOST_CANDIDATES = 8


class Slice(msgspec.Struct, frozen=True):
    """The examples with one value of a tag, and each candidate's share solved among them (None: nothing counted)."""

    value: str
    n_rows: int
    rates: tuple[Estimate | None, ...]


class SliceGroup(msgspec.Struct, frozen=True):
    """One tag: its values with the most examples, and how many values are not shown."""

    tag: str
    slices: tuple[Slice, ...]
    n_left_out: int


class SliceSection(msgspec.Struct, frozen=True, kw_only=True):
    """The tags. `candidates` name the columns of every `rates`, the one in focus first; `overall` is its quality."""

    candidates: tuple[str, ...]
    overall: Estimate | None
    groups: tuple[SliceGroup, ...]


def slice_section(subject: Subject) -> SliceSection | None:
    """None without tags, or without outcomes."""
    focus = subject.focus
    if focus is None or not subject.evaluation.tags:
        return None
    shown = [focus, *(k for k in subject.order if k != focus and k in subject.cases.assessed)][:_MOST_CANDIDATES]
    groups = tuple(_group(subject, tag, shown) for tag in sorted(subject.evaluation.tags))
    groups = tuple(group for group in groups if len(group.slices) > 1)
    if not groups:
        return None
    return SliceSection(candidates=tuple(subject.name(k) for k in shown), overall=subject.rate(focus), groups=groups)


def _group(subject: Subject, tag: str, shown: list[int]) -> SliceGroup:
    texts = subject.evaluation.tags[tag]
    values, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
    slices = []
    for code in sorted(largest, key=lambda c: str(values[c])):
        rows = np.asarray(codes == code)
        rates = tuple(subject.rate(k, rows) for k in shown)
        name = one_line(str(values[code]), 60) or "(none)"
        slices.append(Slice(name, int((rows & subject.cases.clean).sum()), rates))
    return SliceGroup(one_line(tag, 60), tuple(slices), len(values) - len(slices))

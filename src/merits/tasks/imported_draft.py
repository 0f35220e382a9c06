"""A task file for examples that another tool was run on, and the file with these examples."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merits.core.errors import UsageError
from merits.core.identity import JSON

__all__ = ["Case", "draft_imported", "task_name"]

_RESERVED = frozenset({"id", "input", "target", "split", "group"})
_MOST_VALUES = 20
_SCORER = [
    "# `merits run` scores the stored answers anew with this one, also those of candidates that you add, and asks",
    "# nothing of the imported ones.",
    "scorers: [exact]",
]
_NO_SCORER = [
    "# No right answers were recorded. To score answers anew, add a column `target` to the data, name another scorer.",
    "scorers: [imported]",
]


@dataclass(frozen=True)
class Case:
    """One example as it was recorded; `target` is None where it was not."""

    id: str
    input: JSON
    target: JSON
    tags: Mapping[str, str]


def task_name(text: str) -> str:
    """A name for a task and its files, made of what a tool called it.

    >>> task_name("My greetings (v2)"), task_name("results.jsonl")
    ('My-greetings-v2', 'results')
    """
    stem = re.sub(r"\.(json|jsonl|eval|csv|tsv|parquet|gz)\b", "", text)
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "task"


def draft_imported(
    out: Path,
    name: str,
    cases: Sequence[Case],
    candidates: Sequence[str],
    *,
    said: str,
    scores: str,
    repeats: int = 1,
) -> Path:
    """The file with the examples, NAME-examples.jsonl, which was written beside the task file.

    Raises UsageError rather than replace one.

    `said` tells where the outcomes are from, `scores` what scored them.
    """
    data = out.with_name(f"{name}-examples.jsonl")
    if data.exists():
        raise UsageError(f"{data} is there already.", "Name the task otherwise: --name NAME")
    slices = _slices(cases)
    with_target = all(case.target not in (None, "", []) for case in cases)
    lines = [_line(case, slices, with_target=with_target) for case in cases]
    text = _text(name, data.name, slices, candidates, said=said, scores=scores, with_target=with_target)
    if repeats > 1:
        text += f"settings: {{repeats: {repeats}}}\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("".join(line + "\n" for line in lines), "utf-8")
    out.write_text(text, "utf-8")
    return data


def _line(case: Case, slices: Sequence[str], *, with_target: bool) -> str:
    row: dict[str, JSON] = {"id": case.id, "input": case.input}
    if with_target:
        row["target"] = case.target
    row["split"] = "test"
    return json.dumps(row | {name: case.tags.get(name) or None for name in slices}, ensure_ascii=False)


def _slices(cases: Sequence[Case]) -> list[str]:
    """The tags that say which kind of case one is, not which case: few values, and more than one."""
    found = []
    for name in sorted({name for case in cases for name in case.tags} - _RESERVED):
        values = {case.tags.get(name, "") for case in cases} - {""}
        if 1 < len(values) <= min(_MOST_VALUES, len(cases) // 2):
            found.append(name)
    return found


def _text(
    name: str,
    data: str,
    slices: Sequence[str],
    candidates: Sequence[str],
    *,
    said: str,
    scores: str,
    with_target: bool,
) -> str:
    """JSON's texts are YAML's too, so names of any kind are quoted by `json.dumps`."""
    quoted = json.dumps
    lines = [
        f"# {said}",
        "# Change what is needed, or a price, and decide again: merits report. It asks nothing.",
        f"name: {quoted(name, ensure_ascii=False)}",
        "kind: generation",
        f"data: {quoted(data, ensure_ascii=False)}",
        "id: id",
        "input: input",
        *(["target: target"] if with_target else []),
        *([f"slices: {quoted(slices, ensure_ascii=False)}"] if slices else []),
        "split: {method: given, column: split}",
        "",
        f"# The scores that were imported are those of {scores}.",
        *(_SCORER if with_target else _NO_SCORER),
        "",
        "# Without a bar the best one is looked for; with a worth, money decides instead of quality.",
        "needs:",
        "  confidence: 0.95",
        "  # requirements:",
        "  #   - solved >= 0.80 @ 95%",
        "  #   - p95_latency <= 800 ms",
        "  # worth_of_solved: 0.50       # money per case",
        "  # loss_of_wrong: 2.00",
        "  # volume_per_month: 100000",
        "",
        "# A price replaces the costs that were imported: price: {input_per_million: 0.25, output_per_million: 2.00}",
        "candidates:",
    ]
    for candidate in candidates:
        own, task = quoted(candidate, ensure_ascii=False), quoted(name, ensure_ascii=False)
        lines.append(f"  - {{name: {own}, kind: imported, candidate: {own}, task: {task}}}")
    return "\n".join(lines) + "\n"

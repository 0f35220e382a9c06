"""Writes the text of a drafted task file: what runs, and in comments what could be added."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.kinds import is_labelled, task_kind
from merits.tasks.draft_candidates import baseline, candidates
from merits.tasks.draft_plan import Plan, scalar

__all__ = ["write"]

_LONGEST_LINE = 118
# What can be required of each deciding scorer, as an example; of all others it is the share solved.
_BARS = {"label": "accuracy >= 0.80", "wer": "wer <= 20%", "chrf": "chrf >= 0.50", "hit": "ndcg >= 0.20"}


def write(plan: Plan) -> str:
    """The YAML text of a task file.

    >>> plan = Plan(kind="classification", inputs=("text",), tabular=False, reads_text=True,
    ...     target="label", id="", group="", slices=(),
    ...     split={"method": "stratified"}, extract="", numeric=False, labels=("no", "yes"), n_rows=9, name="words",
    ...     data="words.csv")
    >>> write(plan).splitlines()[3:8]
    ['name: words', 'kind: classification  # 2 labels: no, yes', 'data: words.csv', 'input: text', 'target: label']
    """
    return "\n".join([*_head(plan), "", *_needs(plan), "", *candidates(plan), ""])


def _head(plan: Plan) -> list[str]:
    lines = [
        "# yaml-language-server: $schema=.merits/task.schema.json",
        "# Drafted by `merits init`, and it runs as it is. Change what does not fit; `merits check` says what the data",
        "# can show, `merits run` lets the candidates try.",
        f"name: {scalar(plan.name)}",
        f"kind: {plan.kind}{_labels_comment(plan)}",
        f"data: {scalar(plan.data)}",
    ]
    if plan.events:
        lines.append(f"events: {scalar(plan.events)}")
    else:
        lines.append(_wrapped("input", plan.inputs) if plan.tabular else f"input: {scalar(plan.inputs[0])}")
        lines.append(f"target: {scalar(plan.target)}")
    if plan.extract:
        lines.append(f"extract: {_quoted(plan.extract)}  # the part of the target that is the answer")
    if plan.id:
        lines.append(f"id: {scalar(plan.id)}")
    if plan.group:
        lines.append(f"group: {scalar(plan.group)}  # its examples are not independent")
    if plan.slices:
        lines.append(f"slices: {scalar(list(plan.slices))}  # results are also shown for each of their values")
    if plan.split:
        lines.append(f"split: {scalar(plan.split)}  # candidates learn from dev, decisions are made on test")
    if plan.kind == "regression":
        lines.append(
            f"scorers: [{{kind: numeric, tolerance: {plan.tolerance:g}}}, rmse, mae, r2, pinball, coverage]  "
            "# near enough is solved; how near, you say"
        )
    elif plan.numeric:
        lines.append("scorers: [numeric]  # solved when the number is right; {kind: numeric, relative: 0.01} is laxer")
    elif plan.kind == "generation":
        lines.append("scorers: [normalised]  # solved when the text is right but for case, space and punctuation")
    return lines


def _labels_comment(plan: Plan, most: int = 70) -> str:
    if not is_labelled(plan.kind):
        return ""
    shown: list[str] = []
    for label in plan.labels:
        if len(", ".join([*shown, label])) > most:
            shown.append("…")
            break
        shown.append(" ".join(label.split()))
    return f"  # {len(plan.labels)} labels: {', '.join(shown)}"


def _wrapped(key: str, names: Sequence[str]) -> str:
    """A list of names under a key, over several lines where it is long."""
    lines = [f"{key}: ["]
    for number, name in enumerate(names):
        item = scalar(name) + ("]" if number == len(names) - 1 else ", ")
        if len(lines[-1]) + len(item) > 110:
            lines[-1] = lines[-1].rstrip()
            lines.append("  ")
        lines[-1] += item
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A text in single quotes, in which YAML leaves backslashes alone."""
    return "'" + text.replace("'", "''") + "'"


def _robustness(plan: Plan) -> list[str]:
    """How to ask the same examples as they come in the field; `drop[...] <= 3 points` can then be required."""
    of_sounds = bool(plan.sounds) and plan.sounds == plan.inputs
    tried = task_kind("speech" if of_sounds else plan.kind).perturbations
    if not tried:
        return []
    shown = ", ".join(tried)
    return [
        "# What is right on clean examples may be wrong on what comes in. The same examples are also asked under",
        f"# {shown}; `drop[{tried[0]}] <= 3 points` can be required.",
        f"# robustness: {scalar(list(tried)) if of_sounds else 'default'}",
        "",
    ]


def _needs(plan: Plan) -> list[str]:
    kind = task_kind(plan.kind)
    first = baseline(plan)
    bar = _BARS.get(kind.scorers[0] if kind.scorers else "", "solved >= 0.80")
    return [
        "# What is needed. Without a bar the best one is looked for; with a worth, money decides instead of quality.",
        "needs:",
        "  confidence: 0.95",
        "  # requirements:",
        f"  #   - {bar} @ 95%",
        "  #   - p95_latency <= 800 ms",
        "  # worth_of_solved: 0.50       # money per case",
        "  # loss_of_wrong: 2.00",
        "  # volume_per_month: 100000",
        "  # currency: USD",
        f"  # incumbent: {first}{' ' * (17 - len(first))}# the candidate in use today",
        "",
        *_robustness(plan),
        "# What an hour of this machine costs prices every candidate that runs on it. Unknown is not free.",
        "# machine_per_hour: 0.10",
        "",
        "# In production (merits release, serve, monitor): only where the content of requests is kept, redacted and",
        "# for so many days, can candidates be tried on them again, or learn from them. Alerts go to receivers.",
        "# serve: {content: {keep: true, days: 30}}",
        '# monitor: {receivers: [{webhook: "https://chat.example/hooks/1"}]}',
    ]

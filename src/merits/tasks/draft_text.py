"""Writes the text of a drafted task file: what runs, and in comments what could be added."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from merits.core.identity import JSON
from merits.core.kinds import is_labelled

__all__ = ["Plan", "backbone_found", "embeddings_found", "scalar", "write"]

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*(?: [\w./-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_MANY_TO_EMBED = 20_000  # rows; about a minute for each 10,000 short texts


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft says: `split` is empty where the data comes divided; `where` is the task file's folder."""

    kind: str
    inputs: tuple[str, ...]
    tabular: bool
    reads_text: bool
    target: str
    id: str
    group: str
    slices: tuple[str, ...]
    split: dict[str, JSON]
    extract: str
    numeric: bool
    labels: tuple[str, ...]
    n_rows: int
    reads_pictures: bool = False
    tolerance: float = 0.0
    name: str = ""
    data: str | dict[str, str] = ""
    where: Path = Path()


def write(plan: Plan) -> str:
    """The YAML text of a task file.

    >>> plan = Plan(kind="classification", inputs=("text",), tabular=False, reads_text=True,
    ...     target="label", id="", group="", slices=(),
    ...     split={"method": "stratified"}, extract="", numeric=False, labels=("no", "yes"), n_rows=9, name="words",
    ...     data="words.csv")
    >>> write(plan).splitlines()[3:8]
    ['name: words', 'kind: classification  # 2 labels: no, yes', 'data: words.csv', 'input: text', 'target: label']
    """
    return "\n".join([*_head(plan), "", *_needs(plan), "", *_candidates(plan), ""])


def scalar(value: JSON) -> str:
    """A value as YAML in one line; texts are quoted where YAML could read something else.

    >>> scalar("text"), scalar("no"), scalar(["a", "b c"]), scalar({"column": "12"})
    ('text', '"no"', '[a, b c]', '{column: "12"}')
    """
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(part) for part in value) + "]"
    return json.dumps(value)


def embeddings_found(folder: Path) -> bool:
    """Whether `embeddings-linear` can run in a task in this folder: its packages and its default model are there."""
    from merits.candidates.sentence_embeddings import DEFAULT_MODEL, model_files
    from merits.core.errors import UsageError

    if not all(importlib.util.find_spec(package) for package in ("onnxruntime", "tokenizers")):
        return False
    try:
        model_files(DEFAULT_MODEL, folder, os.environ)
    except UsageError:
        return False
    return True


def backbone_found(folder: Path) -> bool:
    """Whether `image-backbone-linear` can run in a task in this folder: its package and its weights are there."""
    from merits.core.errors import UsageError
    from merits.media.backbones import DEFAULT_BACKBONE, weights_file

    if not _installed("torch") or not _installed("efficientnet_lite_pytorch"):
        return False
    try:
        weights_file(DEFAULT_BACKBONE, folder, os.environ)
    except UsageError:
        return False
    return True


def _head(plan: Plan) -> list[str]:
    lines = [
        "# yaml-language-server: $schema=.merits/task.schema.json",
        "# Drafted by `merits init`, and it runs as it is. Change what does not fit; `merits check` says what the data",
        "# can show, `merits run` lets the candidates try.",
        f"name: {scalar(plan.name)}",
        f"kind: {plan.kind}{_labels_comment(plan)}",
        f"data: {scalar(plan.data)}",
        _wrapped("input", plan.inputs) if plan.tabular else f"input: {scalar(plan.inputs[0])}",
        f"target: {scalar(plan.target)}",
    ]
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


def _needs(plan: Plan) -> list[str]:
    metric = "accuracy" if is_labelled(plan.kind) else "solved"
    return [
        "# What is needed. Without a bar the best one is looked for; with a worth, money decides instead of quality.",
        "needs:",
        "  confidence: 0.95",
        "  # requirements:",
        f"  #   - {metric} >= 0.80 @ 95%",
        "  #   - p95_latency <= 800 ms",
        "  # worth_of_solved: 0.50       # money per case",
        "  # loss_of_wrong: 2.00",
        "  # volume_per_month: 100000",
        "  # currency: USD",
        "  # incumbent: most-common      # the candidate in use today",
        "",
        "# What an hour of this machine costs prices every candidate that runs on it. Unknown is not free.",
        "# machine_per_hour: 0.10",
    ]


def _candidates(plan: Plan) -> list[str]:
    if plan.kind == "regression":
        return ["candidates:", *_forecasters(plan), *_chat(plan), *_own(plan)]
    lines = ["candidates:", "  - most-common  # what knowing nothing gets"]
    if is_labelled(plan.kind):
        lines += _pictured(plan) if plan.reads_pictures else _textual(plan) if plan.reads_text else _tabular()
    return [*lines, *_chat(plan), *_own(plan)]


def _textual(plan: Plan) -> list[str]:
    lines = [
        "  - {name: words-linear, kind: text-linear}",
        "  - name: naive-bayes",
        "    kind: sklearn",
        "    pipeline:",
        "      - {estimator: sklearn.feature_extraction.text.TfidfVectorizer, params: {sublinear_tf: true}}",
        "      - sklearn.naive_bayes.ComplementNB",
    ]
    embeddings = "- {name: minilm-linear, kind: embeddings-linear}"
    if not embeddings_found(plan.where):
        why = 'a small local neural model: pip install "merits[embeddings]", then set MERITS_ASSETS to its folder'
        return [*lines, f"  # {embeddings}  # {why}"]
    if plan.n_rows > _MANY_TO_EMBED:
        return [*lines, f"  # {embeddings}  # a small local neural model; takes minutes for {plan.n_rows:,} rows"]
    return [*lines, f"  {embeddings}  # a small local neural model"]


def _pictured(plan: Plan) -> list[str]:
    lines = [
        "  - name: pixels-linear",
        "    kind: sklearn",
        "    estimator: sklearn.linear_model.LogisticRegression",
        "    params: {max_iter: 1000}",
        "    pixels: {size: 32}  # pictures become squares of this side; colour: false makes them grey",
        "  - name: pixels-neighbours",
        "    kind: sklearn",
        "    estimator: sklearn.neighbors.KNeighborsClassifier",
    ]
    for candidate, why, there in (
        ("{name: cnn, kind: image-cnn, size: 32}", "a small network, trained here", _installed("torch")),
        (
            "{name: backbone-linear, kind: image-backbone-linear}",
            "features of a trained network",
            backbone_found(plan.where),
        ),
    ):
        missing = "" if there else '; pip install "merits[torch,images,backbone]"'
        lines.append(f"  {'' if there else '# '}- {candidate}  # {why}{missing}")
    return lines


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _tabular() -> list[str]:
    return [
        "  - name: logistic",
        "    kind: sklearn",
        "    estimator: sklearn.linear_model.LogisticRegression",
        "    params: {max_iter: 1000}",
        "  - name: forest",
        "    kind: sklearn",
        "    estimator: sklearn.ensemble.RandomForestClassifier",
        "  - name: boosting",
        "    kind: sklearn",
        "    estimator: sklearn.ensemble.HistGradientBoostingClassifier",
    ]


def _forecasters(plan: Plan) -> list[str]:
    lines = [
        "  - mean  # what knowing nothing gets",
        "  - {name: ridge, kind: sklearn, estimator: sklearn.linear_model.Ridge}",
    ]
    if plan.tabular:
        lines += [
            "  - {name: forest, kind: sklearn, estimator: sklearn.ensemble.RandomForestRegressor}",
            "  - {name: boosting, kind: sklearn, estimator: sklearn.ensemble.HistGradientBoostingRegressor}",
        ]
    return [*lines, "  - quantile-boosting  # numbers with intervals that hold 90 % of the targets"]


def _chat(plan: Plan) -> list[str]:
    shots = ["  #   few_shot: 4"] if is_labelled(plan.kind) else []
    return [
        "  # Any OpenAI-compatible endpoint; the key is read from OPENAI_API_KEY, or from .env beside this file.",
        "  # - name: chat",
        "  #   kind: chat",
        "  #   model: MODEL",
        "  #   provider: openai  # a server of your own, with no key: base_url: http://127.0.0.1:8080/v1",
        f'  #   prompt: "{{input}}"{"  # all columns; {COLUMN} is one of them" if plan.tabular else ""}',
        *shots,
        "  #   price: {input_per_million: 0.25, output_per_million: 2.00}  # your provider's prices",
    ]


def _own(plan: Plan) -> list[str]:
    argument = "columns" if plan.tabular else "path" if plan.reads_pictures else "text"
    return [
        f"  # Your own code: `def answer({argument})` in mine.py beside this file.",
        '  # - {name: mine, kind: python, function: "mine:answer"}',
    ]

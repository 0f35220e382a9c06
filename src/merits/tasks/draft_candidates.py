"""Writes the candidates of a drafted task file: those that run here, and in comments what could be added."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from merits.candidates.kept_pictures import DRAWN
from merits.candidates.sentence_embeddings import DEFAULT_MODEL
from merits.core.kinds import is_labelled, task_kind
from merits.media.assets import asset_folders
from merits.media.backbones import DEFAULT_BACKBONE
from merits.tasks.draft_plan import Plan, scalar
from merits.tasks.recognise import language_called, language_of

__all__ = ["baseline", "candidates"]

_MANY_TO_EMBED = 20_000  # rows; about a minute for each 10,000 short texts
_MANY_TO_CHAT = 500  # rows; a small chat model takes a second for each on a processor
_MANY_TO_SEE = 5_000  # rows; a trained network takes minutes for that many pictures on a processor
_APERTIUM = Path("/usr/share/apertium/modes")
_WHISPER = ("model.bin", "config.json", "tokenizer.json")


def candidates(plan: Plan) -> list[str]:
    """The lines from `candidates:` on; every candidate that is no comment can run here."""
    if plan.kind in _BY_KIND:
        lines = _BY_KIND[plan.kind](plan)
    else:
        lines = [f"  - {baseline(plan)}  # what knowing nothing gets", *_by_target(plan), *_chat(plan)]
    return ["candidates:", *lines, *_own(plan)]


def baseline(plan: Plan) -> str:
    """The name of the first candidate of a draft: what must be beaten."""
    known = {"translation": "copy", "recommendation": "popularity", "text-to-image": "nearest-caption"}
    if plan.kind == "speech" and _installed("pocketsphinx"):
        return "pocketsphinx"
    return known.get(plan.kind) or ("mean" if task_kind(plan.kind).target == "number" else "most-common")


def _by_target(plan: Plan) -> list[str]:
    kind = task_kind(plan.kind)
    if kind.target == "number":
        return _forecasters(plan)
    if kind.is_labelled and "picture" in kind.reads:
        return _pictured(plan) if kind.reads == ("picture",) else _mixed(plan)
    if kind.is_labelled and plan.sounds == plan.inputs:
        return _heard_labels(plan)
    if kind.is_labelled:
        return _textual(plan) if plan.reads_text else _tabular()
    return _local_chat(plan)


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
    if not _embeddings_found(plan.where):
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
        (
            "{name: cnn, kind: image-cnn, size: 32}",
            "a small network, trained here",
            _installed("torch") and _installed("PIL"),
        ),
        (
            "{name: backbone-linear, kind: image-backbone-linear}",
            "features of a trained network",
            _backbone_found(plan.where),
        ),
    ):
        many = plan.n_rows > _MANY_TO_SEE
        slow = f"; takes long for {plan.n_rows:,} pictures" if there and many else ""
        missing = "" if there else '; pip install "merits[torch,images,backbone]"'
        lines.append(f"  {'' if there and not many else '# '}- {candidate}  # {why}{slow}{missing}")
    return lines


def _mixed(plan: Plan) -> list[str]:
    """Pictures with words: each by itself, which shows what it adds, and both."""
    few = plan.n_rows <= _MANY_TO_SEE
    seen = f", picture: {DEFAULT_BACKBONE}" if few and _backbone_found(plan.where) else ""
    read = f", text: {DEFAULT_MODEL}" if _embeddings_found(plan.where) else ""
    pictures, words = scalar(list(plan.pictures)), scalar([name for name in plan.inputs if name not in plan.pictures])
    if words == "[]":
        return [f"  - {{name: by-picture, kind: joint-embeddings{seen}}}"]
    by_picture, by_words = f"columns: {pictures}{seen}", f"columns: {words}{read}"
    return [
        f"  - {{name: by-picture, kind: joint-embeddings, {by_picture}}}",
        f"  - {{name: by-words, kind: joint-embeddings, {by_words}}}",
        f"  - {{name: joint, kind: joint-embeddings{seen}{read}}}  # side by side, with one linear head",
        "  - name: fused",
        "    kind: late-fusion  # learns how far to trust each of them",
        "    members:",
        f"      - {{kind: joint-embeddings, {by_picture}}}",
        f"      - {{kind: joint-embeddings, {by_words}}}",
    ]


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
        "  - {name: ridge, kind: sklearn, estimator: sklearn.linear_model.Ridge}",
    ]
    if plan.tabular:
        lines += [
            "  - {name: forest, kind: sklearn, estimator: sklearn.ensemble.RandomForestRegressor}",
            "  - {name: boosting, kind: sklearn, estimator: sklearn.ensemble.HistGradientBoostingRegressor}",
        ]
    return [*lines, "  - quantile-boosting  # numbers with intervals that hold 90 % of the targets"]


def _heard(plan: Plan) -> list[str]:
    lines = [f"  - {baseline(plan)}"]
    if not _installed("pocketsphinx"):
        lines.append("  # - pocketsphinx" + _install("speech"))
    return [
        *lines,
        *_whispers(plan),
        "  # Any OpenAI-compatible endpoint; the key is read from OPENAI_API_KEY, or from .env beside this file.",
        "  # - {name: endpoint, kind: transcription, model: MODEL}",
    ]


def _heard_labels(plan: Plan) -> list[str]:
    """Labels that are said in a sound: what a recogniser writes down is read for them. Nothing here learns sounds."""
    return ["  # A recogniser can tell labels that are spoken; for others write code of your own.", *_whispers(plan)]


def _whispers(plan: Plan) -> list[str]:
    models = [file.parent for file in _assets(plan, "*/model.bin") if _is_whisper(file.parent)]
    if models and _installed("faster_whisper"):
        return [f"  - {{name: {scalar(folder.name)}, kind: whisper, path: {scalar(folder.name)}}}" for folder in models]
    why, there = (
        "FOLDER: a Whisper model in CTranslate2's format",
        "" if _installed("faster_whisper") else _install("speech", "; "),
    )
    return [f"  # - {{name: whisper, kind: whisper, path: FOLDER}}  # {why}{there}"]


def _translated(plan: Plan) -> list[str]:
    source, target = (language_of(name) for name in (plan.inputs[0], plan.target))
    into = f"into {language_called(target)}" if target else "into LANGUAGE"
    pair = f"{source}-{target}" if source and target else "eng-spa"
    there = bool(source and target) and (_APERTIUM / f"{pair}.mode").exists()
    why = "" if there else f"; apt-get install apertium apertium-{pair}, where there is such a pair"
    return [
        f"  - {baseline(plan)}  # the source as it is: what must be beaten",
        f"  {'' if there else '# '}- {{name: apertium, kind: apertium, pair: {pair}}}  # by rules{why}",
        *_local_chat(plan, f"Translate {into}. Answer with the translation and nothing else.", few_shot=4),
        "  # - {name: marian, kind: seq2seq, path: FOLDER}  # a translator in the Hugging Face format",
        *_chat(plan, f"Translate {into}. Answer with the translation and nothing else."),
    ]


def _recommended(plan: Plan) -> list[str]:
    lines = [
        f"  - {baseline(plan)}  # what most chose: what must be beaten",
        "  - item-knn  # chosen by the same users",
        "  - ease  # linear, in closed form",
    ]
    for candidate, why, package, extra in (
        ("implicit-als", "matrix factorisation", "implicit", "recommendation"),
        ("recommender-sequential", "self-attention over the history, trained here", "torch", "torch"),
    ):
        there = _installed(package)
        lines.append(f"  {'' if there else '# '}- {candidate}  # {why}{'' if there else _install(extra, '; ')}")
    return lines


def _drawn(plan: Plan) -> list[str]:
    there = _installed("torch")
    return [
        f"  # Pictures that are drawn are kept in the folder {DRAWN}, or in that of `pictures:`.",
        f"  - {baseline(plan)}  # the picture of the likest caption; draws nothing: what must be beaten",
        *(
            [f"  - {{name: nearest-meaning, kind: nearest-caption, model: {DEFAULT_MODEL}}}"]
            if _embeddings_found(plan.where)
            else []
        ),
        f"  {'' if there else '# '}- text-to-image-small  # trained here{'' if there else _install('torch', '; ')}",
        "  # - {name: diffusion, kind: diffusers, path: FOLDER}  # a text-to-image pipeline",
        "  # Any OpenAI-compatible endpoint; the key is read from OPENAI_API_KEY, or from .env beside this file.",
        "  # - {name: endpoint, kind: image, model: MODEL}",
    ]


def _local_chat(plan: Plan, system: str = "", few_shot: int = 0) -> list[str]:
    """A chat model on this machine, where one was fetched and there are few enough rows to wait for it."""
    if not plan.reads_text:
        return []
    files = _assets(plan, "*.gguf") if _installed("xllamacpp") else []
    told = (f", system: {scalar(system)}" if system else "") + (f", few_shot: {few_shot}" if few_shot else "")
    if not files:
        what = "a local chat model; FILE.gguf beside this file" + (
            "" if _installed("xllamacpp") else _install("gguf", "; ")
        )
        return [f"  # - {{name: local, kind: gguf, path: FILE.gguf{told}}}  # {what}"]
    slow = plan.n_rows > _MANY_TO_CHAT
    why = f"a small local chat model{f'; takes long for {plan.n_rows:,} rows' if slow else ''}"
    candidate = f"{{name: local, kind: gguf, path: {scalar(files[0].name)}{told}}}"
    return [f"  {'# ' if slow else ''}- {candidate}  # {why}"]


def _chat(plan: Plan, system: str = "") -> list[str]:
    shots = ["  #   few_shot: 4"] if is_labelled(plan.kind) or system else []
    return [
        "  # Any OpenAI-compatible endpoint; the key is read from OPENAI_API_KEY, or from .env beside this file.",
        "  # - name: chat",
        "  #   kind: chat",
        "  #   model: MODEL",
        "  #   provider: openai  # a server of your own, with no key: base_url: http://127.0.0.1:8080/v1",
        *([f"  #   system: {scalar(system)}"] if system else []),
        f'  #   prompt: "{{input}}"{"  # all columns; {COLUMN} is one of them" if plan.tabular else ""}',
        *shots,
        "  #   price: {input_per_million: 0.25, output_per_million: 2.00}  # your provider's prices",
    ]


def _own(plan: Plan) -> list[str]:
    reads = task_kind(plan.kind).reads
    named = "path" if reads in (("picture",), ("sound",)) or plan.sounds == plan.inputs else "text"
    argument = "history" if plan.events else "columns" if plan.tabular else named
    return [
        f"  # Your own code: `def answer({argument})` in mine.py beside this file.",
        '  # - {name: mine, kind: python, function: "mine:answer"}',
    ]


_BY_KIND: Mapping[str, Callable[[Plan], list[str]]] = {
    "speech": _heard,
    "translation": _translated,
    "recommendation": _recommended,
    "text-to-image": _drawn,
}


def _assets(plan: Plan, pattern: str) -> list[Path]:
    """Fetched files of that pattern, sorted, each name once."""
    found = [file for folder in asset_folders(plan.where, os.environ) for file in sorted(folder.glob(pattern))]
    return list({file.relative_to(file.parents[pattern.count("/")]): file for file in reversed(found)}.values())[::-1]


def _is_whisper(folder: Path) -> bool:
    files = all((folder / name).is_file() for name in _WHISPER)
    return files and "alignment_heads" in (folder / "config.json").read_text("utf-8", errors="replace")


def _install(extra: str, start: str = "  # ") -> str:
    return f'{start}pip install "merits[{extra}]"'


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _embeddings_found(folder: Path) -> bool:
    """Whether `embeddings-linear` can run in a task in this folder: its packages and its default model are there."""
    from merits.candidates.sentence_embeddings import model_files
    from merits.core.errors import UsageError

    if not all(importlib.util.find_spec(package) for package in ("onnxruntime", "tokenizers")):
        return False
    try:
        model_files(DEFAULT_MODEL, folder, os.environ)
    except UsageError:
        return False
    return True


def _backbone_found(folder: Path) -> bool:
    """Whether `image-backbone-linear` can run in a task in this folder: its package and its weights are there."""
    from merits.core.errors import UsageError
    from merits.media.backbones import weights_file

    if not _installed("torch") or not _installed("efficientnet_lite_pytorch"):
        return False
    try:
        weights_file(DEFAULT_BACKBONE, folder, os.environ)
    except UsageError:
        return False
    return True

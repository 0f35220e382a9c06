"""BLEU, chrF and TER: what they come to over all answers is what sacreBLEU itself says, to the digit."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.doors import Signed
from merits.core.task import Example, ScorerSpec
from merits.scorers.counted import STATISTICS
from merits.scorers.registry import load

sacrebleu = pytest.importorskip("sacrebleu")

NTREX = Path(__file__).parents[3] / "shared/data/labelled/ntrex"
SAID = ["a cat sat on the mat", "in the north of the country it rains", "yes", "", "The End", "¿qué?"]
TARGETS: list[Any] = [
    "the cat sat on the mat",
    ["it rains in the north of the country", "in the country's north, it rains"],
    "no",
    "he said so yesterday evening",
    "the end",
    "¿Qué es esto?",
]
METRICS: list[tuple[str, dict[str, Any], Any]] = [
    ("bleu", {}, sacrebleu.BLEU()),
    ("bleu", {"tokenize": "intl", "lowercase": True}, sacrebleu.BLEU(tokenize="intl", lowercase=True)),
    ("chrf", {}, sacrebleu.CHRF()),
    ("chrf", {"word_order": 2, "lowercase": True}, sacrebleu.CHRF(word_order=2, lowercase=True)),
    ("chrf", {"whitespace": True}, sacrebleu.CHRF(whitespace=True)),
    ("ter", {}, sacrebleu.TER()),
    ("ter", {"normalized": True, "case_sensitive": True}, sacrebleu.TER(normalized=True, case_sensitive=True)),
]


def together(kind: str, params: dict[str, Any], said: Sequence[str], targets: Sequence[Any]) -> float:
    score = load(ScorerSpec(kind, params))
    counts = [
        score(Example(id="1", input="x", target=target), Answer(output=text)).counts
        for text, target in zip(said, targets, strict=True)
    ]
    assert all(counts)
    sums = np.array([each.values for each in counts if each]).sum(axis=0)
    return 100 * float(STATISTICS[counts[0].statistic].value(sums)) if counts[0] else 0.0


def streams(targets: Sequence[Any]) -> list[list[str | None]]:
    """References as sacreBLEU takes them: a stream each, with None where an example has fewer."""
    lists = [target if isinstance(target, list) else [target] for target in targets]
    return [[each[n] if n < len(each) else None for each in lists] for n in range(max(map(len, lists)))]


@pytest.mark.parametrize(("kind", "params", "metric"), METRICS)
def test_the_figure_over_all_answers_is_sacrebleus(kind: str, params: dict[str, Any], metric: Any) -> None:
    """With one and with several references, an empty answer, and one without anything right."""
    for n in range(1, len(SAID) + 1):
        theirs = metric.corpus_score(SAID[:n], streams(TARGETS[:n])).score
        assert together(kind, params, SAID[:n], TARGETS[:n]) == pytest.approx(theirs, abs=1e-9), n


@pytest.mark.parametrize(("kind", "params", "metric"), METRICS)
def test_the_signature_is_sacrebleus(kind: str, params: dict[str, Any], metric: Any) -> None:
    """Others repeat the figure by it; the number of references stands in it."""
    score = load(ScorerSpec(kind, params))
    assert isinstance(score, Signed)
    for targets, n in ((["a"], "1"), ([["a", "b"]], "2"), (TARGETS, "var")):
        metric.corpus_score(["a"] * len(targets), streams(targets))
        assert score.signature(targets) == metric.get_signature().format()
        assert f"nrefs:{n}|" in score.signature(targets)


@pytest.mark.parametrize("kind", ["bleu", "chrf", "ter"])
def test_an_empty_reference_cannot_be_judged(kind: str) -> None:
    """It says nothing about the candidate, so it is not held against it; among others it is left out."""
    score = load(ScorerSpec(kind))
    with pytest.raises(ValueError, match="the reference of example '1' is empty"):
        score(Example(id="1", input="x", target="  "), Answer(output="word"))
    assert score(
        Example(id="1", input="x", target=["", "word for word and so on"]), Answer("word for word and so on")
    ).solved


@pytest.mark.parametrize("kind", ["bleu", "chrf", "ter"])
def test_an_endless_repetition_is_counted_soon(kind: str) -> None:
    """A model that loops says a word a million times."""
    found = load(ScorerSpec(kind))(
        Example(id="1", input="x", target="one two three"), Answer(output="two " * 1_000_000)
    )
    assert not found.solved
    assert found.value < 0.01


def test_the_bar_of_ter_is_reached_exactly() -> None:
    """Three edits in ten words are 0.3, also in binary."""
    target = "one two three four five six seven eight nine ten"
    said = "a b c four five six seven eight nine ten"
    score = load(ScorerSpec("ter", {"solved_to": 0.3}))
    assert score(Example(id="1", input="x", target=target), Answer(output=said)).solved


@pytest.mark.parametrize(("kind", "option"), [("bleu", "bleu"), ("chrf", "chrf"), ("ter", "ter")])
def test_real_references_come_to_what_the_command_of_sacrebleu_says(kind: str, option: str, tmp_path: Path) -> None:
    """300 sentences of news: French references taken for a translation into Spanish, word for word."""
    if not NTREX.exists():
        pytest.skip("the data set ntrex is not in ../shared")
    files = [NTREX / f"newstest2019-ref.{code}.txt.gz" for code in ("fra", "spa")]
    said, targets = (gzip.decompress(file.read_bytes()).decode().splitlines()[:300] for file in files)
    (tmp_path / "said").write_text("\n".join(said) + "\n", "utf-8")
    (tmp_path / "targets").write_text("\n".join(targets) + "\n", "utf-8")
    command = [sys.executable, "-m", "sacrebleu", str(tmp_path / "targets"), "-i", str(tmp_path / "said")]
    done = subprocess.run([*command, "-m", option, "-w", "6"], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    assert round(together(kind, {}, said, targets), 6) == theirs["score"]
    score = load(ScorerSpec(kind))
    assert isinstance(score, Signed)
    assert score.signature(targets) == theirs["signature"]

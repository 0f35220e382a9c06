"""Slips on the command line and in words of the task file: each is answered with what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from merits.cli import VERBS, parser
from tests.cli.conftest import Merits

TASK = """\
name: words
kind: classification
data: words.csv
input: text
target: label
split: {method: stratified, test: 0.5}
candidates: [most-common]
"""


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "words.csv").write_text("text,label\ngood,yes\nfine,yes\nbad,no\npoor,no\n", "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "found", "step"),
    [
        ("rnu", "there is no verb 'rnu'", "'run'"),
        ("run --offlin", "there is no option --offlin", "'--offline'"),
        ("run --budgt=5", "there is no option --budgt", "'--budget'"),
        ("run --race certifed", "'certifed' is not one of its words", "'certified'"),
        ("init words.csv --kind clasification", "'clasification' is not one of its words", "'classification'"),
        ("judge chek", "'chek' is not one of its words", "'check'"),
        ("run one.yaml two.yaml", "'two.yaml' is one argument too many", "merits run --help"),
        ("run --repeats 0", "'0' is no whole number from 1 on", "merits run --help"),
        ("run --concurrency -1", "'-1' is no whole number from 1 on", "merits run --help"),
        ("run --timeout nan", "'nan' is no number above 0", "merits run --help"),
        ("run --race-error 5", "'5' is no number between 0 and 1", "merits run --help"),
        ("run --batch --poll 0", "'0' is no number above 0", "merits run --help"),
        ("compare a b --solved-at 70", "'70' is no number from 0 to 1", "merits compare --help"),
        ("compare a b --flips -1", "'-1' is no whole number from 0 on", "merits compare --help"),
        ("reconcile bill.csv --tolerance -1", "'-1' is no number of 0 or more", "merits reconcile --help"),
        ("judge check --confidence 95", "'95' is no number between 0.5 and 1", "merits judge --help"),
        ("init", "the following arguments are required: data", "merits init --help"),
    ],
)
def test_a_slip_on_the_command_line_names_what_was_meant(
    words: Path, merits: Merits, line: str, found: str, step: str
) -> None:
    """Nothing is guessed and nothing is done: an abbreviation may be a slip that spends money."""
    code, out, err = merits(*line.split())
    assert (2, "") == (code, out)
    assert err.startswith("error: ")
    assert found in err.partition("next: ")[0]
    assert step in err.partition("next: ")[2]
    assert not (words / ".merits").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_takes_abbreviations(verb: str) -> None:
    """`--traceback` is an option of each."""
    with pytest.raises(SystemExit):
        parser(verb).parse_args([verb, "--traceb"])


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("kind: classification", "kind: clasification", "classification"),
        ("method: stratified", "method: stratifed", "stratified"),
        ("[most-common]", "[{kind: chatt, model: m}]", "chat"),
        ("[most-common]", "[{kind: chat, model: m, provider: opnai}]", "openai"),
        ("[most-common]", "[{kind: embeddings-remote, model: m, provider: mistrl}]", "mistral"),
        ("[most-common]", "[{kind: sklearn, estimator: sklearn.dummy.DummyClassifier, features: raww}]", "raw"),
        ("candidates:", "scorers: [{kind: numeric, percent: sam}]\ncandidates:", "same"),
        (
            "candidates:",
            "scorers: [{kind: judge, model: {kind: chat, model: m, provider: opnai}}]\ncandidates:",
            "openai",
        ),
    ],
)
def test_a_misspelt_word_of_the_task_file_names_the_near_miss(
    words: Path, merits: Merits, old: str, new: str, meant: str
) -> None:
    """With the line, so that an editor can jump there."""
    (words / "merits.yaml").write_text(TASK.replace(old, new), "utf-8")
    code, _, err = merits("check")
    assert code == 2
    assert f"next: Did you mean {meant!r}?" in err
    assert "merits.yaml, line" in err


def test_a_value_of_the_wrong_kind_says_where_to_look(words: Path, merits: Merits) -> None:
    """A complaint without a next step leaves the reader alone."""
    for old, new, step in (
        ("name: words", "name: words\nhuman_labels: 3", "merits schema"),
        ("[most-common]", "[{kind: chat, model: 3}]", "merits kinds"),
    ):
        (words / "merits.yaml").write_text(TASK.replace(old, new), "utf-8")
        _, _, err = merits("check")
        assert "expected text, found a whole number" in err
        assert step in err.partition("next: ")[2]


def test_init_speaks_of_the_data_file_first(words: Path, merits: Merits) -> None:
    """That there is a task file already is no news to whoever mistyped the name of the data."""
    code, _, err = merits("init", "wrods.csv")
    assert code == 2
    assert "there is no file 'wrods.csv'" in err
    assert "Did you mean 'words.csv'?" in err


def test_a_name_of_nothing_says_what_could_be_named(words: Path, merits: Merits) -> None:
    """Before anything was run there is no near miss."""
    assert merits("run", "--quiet")[0] in (0, 1, 3)
    code, _, err = merits("compare", "gpt", "most-common")
    assert code == 2
    assert "'gpt' is neither a candidate nor a file" in err
    assert err.partition("next: ")[2]

"""What people get wrong: a clear message, the next step, the right exit code, no traceback, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Merits

ROWS = "text,label\ngood,yes\nfine,yes\nnice,yes\nbad,no\npoor,no\nugly,no\n"
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
    (tmp_path / "words.csv").write_text(ROWS, "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(words: Path, old: str, new: str, file: str = "merits.yaml") -> None:
    text = (words / file).read_text("utf-8")
    assert old in text
    (words / file).write_text(text.replace(old, new), "utf-8")


def refused(merits: Merits, *said: str, code: int = 2, verb: tuple[str, ...] = ("run", "--quiet")) -> str:
    found, _, err = merits(*verb)
    assert code == found, err
    for words_ in said:
        assert words_ in err
    assert "next:" in err
    assert "Traceback" not in err
    return err


def test_no_task_file(words: Path, merits: Merits) -> None:
    (words / "merits.yaml").unlink()
    refused(merits, "merits.yaml", "merits init")


def test_missing_data_file_names_those_that_exist(words: Path, merits: Merits) -> None:
    change(words, "words.csv", "wordz.csv")
    refused(merits, "wordz.csv", "words.csv")


def test_missing_column_names_those_that_exist(words: Path, merits: Merits) -> None:
    change(words, "target: label", "target: lable")
    refused(merits, "lable", "label", "text")


def test_ragged_row_names_file_and_line(words: Path, merits: Merits) -> None:
    change(words, "nice,yes", "nice,yes,extra", "words.csv")
    refused(merits, "words.csv", "4")


def test_broken_json_line_names_file_and_line(words: Path, merits: Merits) -> None:
    (words / "words.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": \n', "utf-8")
    change(words, "words.csv", "words.jsonl")
    refused(merits, "words.jsonl", "2")


def test_empty_target(words: Path, merits: Merits) -> None:
    change(words, "bad,no", "bad,", "words.csv")
    refused(merits, "words.csv", "5", "label")


def test_duplicate_id(words: Path, merits: Merits) -> None:
    (words / "words.csv").write_text("id,text,label\n1,good,yes\n1,bad,no\n3,fine,yes\n4,poor,no\n", "utf-8")
    change(words, "input: text", "input: text\nid: id")
    refused(merits, "'1'")


def test_a_label_seen_only_in_test(words: Path, merits: Merits) -> None:
    (words / "words.csv").write_text(
        "text,label,part\ngood,yes,dev\nbad,no,dev\nfine,yes,test\npoor,no,test\nodd,maybe,test\n", "utf-8"
    )
    change(words, "split: {method: stratified, test: 0.5}", "split: {method: given, column: part}")
    refused(merits, "maybe")


def test_one_class_only(words: Path, merits: Merits) -> None:
    (words / "words.csv").write_text("text,label\n" + "".join(f"w{i},yes\n" for i in range(8)), "utf-8")
    refused(merits, "yes")


def test_zero_examples(words: Path, merits: Merits) -> None:
    (words / "words.csv").write_text("text,label\n", "utf-8")
    refused(merits, "words.csv")


def test_unknown_key_names_the_near_miss(words: Path, merits: Merits) -> None:
    change(words, "target: label", "targte: label")
    refused(merits, "targte", "'target'")


def test_unknown_kind_names_the_near_miss(words: Path, merits: Merits) -> None:
    change(words, "[most-common]", "[most-comon]")
    refused(merits, "most-comon", "'most-common'")


def test_wrong_parameter_names_the_near_miss(words: Path, merits: Merits) -> None:
    change(words, "[most-common]", "[{kind: chat, modle: gpt}]")
    refused(merits, "modle", "'model'")


def test_yes_for_a_boolean_is_told_what_to_write(words: Path, merits: Merits) -> None:
    """YAML 1.1 read it as true, and many still write it."""
    change(words, "[most-common]", "[{kind: chat, model: gpt, stream: yes}]")
    refused(merits, "stream: expected true or false, found the text 'yes'", "Write true, without quotes")


def test_unreadable_requirement_points_at_the_character(words: Path, merits: Merits) -> None:
    change(words, "candidates:", "needs: {requirements: ['accuracy => 0.9']}\ncandidates:")
    refused(merits, "accuracy => 0.9", "^")


def test_unknown_metric_names_the_near_miss(words: Path, merits: Merits) -> None:
    change(words, "candidates:", "needs: {requirements: ['acuracy >= 0.9']}\ncandidates:")
    refused(merits, "acuracy", "accuracy")
    refused(merits, "acuracy", "accuracy", verb=("check",))
    assert not (words / ".merits").exists()  # nothing was asked


def test_unreachable_endpoint(words: Path, merits: Merits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-secret-0001")
    change(words, "[most-common]", "[{kind: chat, model: m, base_url: 'http://127.0.0.1:9/v1'}]")
    change(words, "name: words", "name: words\nsettings: {retries: 0, timeout_s: 5}")
    err = refused(merits, "127.0.0.1:9", code=4)
    assert "sk-planted" not in err


def test_a_candidate_that_raises_is_failed_not_wrong(words: Path, merits: Merits) -> None:
    (words / "mine.py").write_text("def answer(text):\n    raise ValueError('no such word')\n", "utf-8")
    change(words, "[most-common]", "[most-common, {name: mine, kind: python, function: 'mine:answer'}]")
    code, out, err = merits("run", "--quiet", "--json")
    assert code in (0, 1, 3), err
    assert "Traceback" not in err
    assert '"failed"' not in out or "mine" in out


def test_a_full_disk_says_so(words: Path) -> None:
    """A real limit on the size of files, in a process of its own."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from merits.cli import main; sys.exit(main(['run', '--quiet']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=words, env={**os.environ}, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "room" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_newer_store_is_refused(words: Path, merits: Merits) -> None:
    import sqlite3

    assert merits("run", "--quiet")[0] in (0, 1, 3)
    database = sqlite3.connect(words / ".merits" / "store.sqlite")
    database.execute("UPDATE meta SET value = '999' WHERE name = 'schema'")
    database.commit()
    database.close()
    refused(merits, "newer", code=4)


def test_two_runs_at_once_on_the_same_store(words: Path, merits: Merits) -> None:
    from merits.store import open_store

    store = open_store(words / ".merits" / "store.sqlite")
    try:
        refused(merits, "Another run", code=4)
    finally:
        store.close()


def test_traceback_is_shown_when_asked_for(words: Path, merits: Merits) -> None:
    change(words, "target: label", "target: lable")
    code, _, err = merits("run", "--quiet", "--traceback")
    assert code == 2
    assert "Traceback" in err


def test_an_unknown_verb_is_a_usage_error(merits: Merits) -> None:
    code, _, err = merits("rnu")
    assert code == 2
    assert "run" in err


def test_init_does_not_overwrite(words: Path, merits: Merits) -> None:
    refused(merits, "merits.yaml", "--force", verb=("init", "words.csv"))

"""A planted secret is found, by value, in nothing that a run writes or prints."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from merits import flow
from merits.core.errors import ProviderError
from merits.core.secrets import redact, register
from merits.tasks.make import make_task
from merits.testing.provider import FakeBatches, FakeProvider, Fault, Said
from tests.cli.conftest import Merits

KEY = "sk-planted/0123 456789"
OTHER = "planted-credential-987"
TASK = """
name: words
kind: classification
data: words.csv
input: text
target: label
split: {{method: stratified, test: 0.5}}
settings: {{retries: 0}}
candidates:
  - most-common
  - {{name: right, kind: chat, model: m, base_url: "{right}", labels: true}}
  - {{name: refused, kind: chat, model: m, base_url: "{refused}"}}
  - {{name: echoing, kind: chat, model: m, provider: anthropic, base_url: "{echoing}"}}
  - {{name: leaky, kind: python, function: "leaky:answer"}}
"""
LEAKY = """
import os

def answer(text):
    raise RuntimeError(f"cannot log in with {os.environ['MY_CREDENTIAL']} at http://host/?sig=abcdef123456")
"""


SLASHED = quote(KEY)  # as most libraries escape a path, with its slashes left
FORMS = (KEY, quote(KEY, safe=""), base64.b64encode(b"me:" + KEY.encode()).decode()[4:-2], SLASHED, SLASHED.lower())


def test_a_planted_secret_is_found_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys in headers, in the environment, in error messages and bodies, in addresses, in what a model says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("MY_CREDENTIAL", OTHER)
    (tmp_path / "words.csv").write_text(
        "text,label\n" + "".join(f"good {n},yes\nbad {n},no\n" for n in range(12)), "utf-8"
    )
    (tmp_path / "leaky.py").write_text(LEAKY, "utf-8")
    caplog.set_level("DEBUG")
    said = []
    with (
        FakeProvider(lambda messages: f"yes, says {' '.join(FORMS)}", model=f"m-{KEY}") as right,
        FakeProvider(api_key="another") as refused,
        FakeProvider(lambda messages: Said(refusal=f"no, {KEY}"), faults=[Fault("html_page", times=1)]) as echoing,
    ):
        addresses = {"right": right.base_url, "refused": refused.base_url, "echoing": echoing.base_url}
        (tmp_path / "merits.yaml").write_text(TASK.format(**addresses), "utf-8")
        for verb in (
            ["check"],
            ["run", "--dry-run"],
            ["run", "--traceback", "--yes"],
            ["run", "--json"],
            ["report"],
            ["explain", "right"],
        ):
            code, out, err = merits(*verb)
            assert code in (0, 1, 2, 3), err
            said.append(out + err)
        assert len(right.requests) == 12
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".py"}
    assert "store.sqlite" in written
    for secret in (*FORMS, json.dumps(KEY)[1:-1], OTHER, "abcdef123456"):
        assert [name for name, content in written.items() if secret.encode() in content] == []
        assert [text for text in said if secret in text] == []
        assert secret not in caplog.text


def test_a_secret_in_an_error_body_and_in_a_traceback_is_redacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """A proxy that quotes the request in its refusal, and a mistake in the task that raises."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "words.csv").write_text("text,label\ngood,yes\nbad,no\nfine,yes\nawful,no\n", "utf-8")
    task = "name: w\nkind: classification\ndata: words.csv\ninput: text\ntarget: label\nsettings: {{retries: 0}}\n"
    with FakeProvider(api_key="another") as refusing:
        refusing.refusal = f"401 for Authorization: Bearer {KEY} ({', '.join(FORMS[1:])})"
        one = f"candidates: [{{name: a, kind: chat, model: m, base_url: '{refusing.base_url}'}}]\n"
        (tmp_path / "merits.yaml").write_text(task.replace("{{", "{").replace("}}", "}") + one, "utf-8")
        code, out, err = merits("run", "--traceback", "--yes")
    assert code != 0
    assert "401" in err
    for secret in FORMS:
        assert secret not in out + err
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("before", ["", "m", "me", "me:"])
def test_a_secret_is_found_in_base64_at_any_place(before: str) -> None:
    """`Authorization: Basic` holds a name before the key, of any length."""
    register(OTHER)
    hidden = base64.b64encode(f"{before}{OTHER}:after".encode()).decode()
    shown = redact(f"sent {hidden}").removeprefix("sent ")
    assert "***" in shown
    n_of_the_secret = 8 * len(OTHER) // 6
    assert len(shown.replace("***", "")) <= len(hidden) - n_of_the_secret + 2  # but for its edges nothing is left of it


@pytest.mark.parametrize("padding", [80, 190, 250, 280, 295])
def test_no_piece_of_a_key_stays_where_an_error_is_cut(
    padding: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """A long refusal that repeats the key over the end of what is kept of it."""
    key = "zq7Xw2Kp9Lm4Rt8Vb3Nc6Yd1Hg5Jf0Sa"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    (tmp_path / "words.csv").write_text("text,label\ngood,yes\nbad,no\nfine,yes\nawful,no\n", "utf-8")
    task = "name: w\nkind: classification\ndata: words.csv\ninput: text\ntarget: label\nsettings: {retries: 0}\n"
    with FakeProvider(api_key="another") as refusing:
        refusing.refusal = f"{'x' * padding} Bearer {key}"
        one = f"candidates: [{{name: a, kind: chat, model: m, base_url: '{refusing.base_url}'}}]\n"
        (tmp_path / "merits.yaml").write_text(task + one, "utf-8")
        _, out, err = merits("run", "--traceback", "--yes")
    assert "xxxx" in err
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for piece in (key[at : at + 5] for at in range(len(key) - 4)):
        assert piece not in out + err
        assert not any(piece.encode() in content for content in kept)


def test_a_token_in_the_path_of_an_address_is_found_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """Some gateways take it there, and a lost connection names the address."""
    token = "vw7Xw2Kp9Lm4Rt8Vb3Nc6Yd1Hg5Jf0Sb"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:9/{token}/v1")
    (tmp_path / "words.csv").write_text("text,label\ngood,yes\nbad,no\nfine,yes\nawful,no\n", "utf-8")
    task = "name: w\nkind: classification\ndata: words.csv\ninput: text\ntarget: label\nsettings: {retries: 0}\n"
    (tmp_path / "merits.yaml").write_text(task + "candidates: [{name: a, kind: chat, model: m}]\n", "utf-8")
    _, out, err = merits("run", "--traceback", "--yes")
    assert "127.0.0.1:9/***/v1" in err
    assert token not in out + err
    assert not any(token.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


EVERYWHERE = """
name: words
kind: classification
data: words.csv
input: text
target: label
split: {{method: stratified, test: 0.5}}
settings: {{retries: 0, deadline_s: 0.5}}
scorers:
  - exact
  - {{kind: judge, name: graded, rubric: "Is it right?", model: {{kind: chat, model: j, base_url: "{right}"}}}}
candidates:
  - most-common
  - {{name: right, kind: chat, model: m, base_url: "{right}"}}
  - {{name: streamed, kind: chat, model: m, base_url: "{right}", stream: true}}
  - {{name: embedded, kind: embeddings-remote, model: e, base_url: "{right}"}}
  - {{name: refused, kind: chat, model: m, base_url: "{refused}"}}
  - {{name: lost, kind: chat, model: m, base_url: "http://models.invalid/v1"}}
"""
PASSWORD = "proxy-Pa55word-0815"
VERBS = (
    ["check"],
    ["run", "--dry-run", "--json"],
    ["run", "--traceback", "--yes"],
    ["run", "--json", "--yes", "--only", "right"],
    ["run", "--batch", "--no-wait", "--yes", "--only", "right", "--refresh", "--traceback"],
    ["run", "--offline", "--traceback"],
    ["run", "--retry-failed", "--traceback", "--yes", "--only", "refused"],
    ["report", "--json"],
    ["compare", "right", "refused", "--json"],
    ["compare", "--runs", "--json"],
    ["compare", "right", "refused", "--markdown"],
    ["gate", "--stored", "--candidate", "right", "--save", "main"],
    [
        "gate",
        "--stored",
        "--candidate",
        "right",
        "--baseline",
        "main",
        "--junit",
        "junit.xml",
        "--markdown",
        "--traceback",
    ],
    ["gate", "--stored", "--candidate", "right", "--baseline", "main", "--json"],
    ["explain-decision", "--json"],
    ["judge", "check", "--labels", "human.csv", "--yes", "--traceback"],
    ["reconcile", "bill.csv", "--traceback"],
    ["import", "others.csv", "--task", "others.yaml", "--store", "others.sqlite", "--traceback"],
    ["import", "others.csv", "--task", "again.yaml", "--store", "again.sqlite", "--json"],
    ["kinds", "--json"],
    ["schema"],
)


@pytest.mark.slow
def test_no_verb_writes_or_prints_a_secret_of_the_env_file_or_of_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits, caplog: pytest.LogCaptureFixture
) -> None:
    """Live, streamed, in batches, by judges, in what is imported, in machine-readable output, in tracebacks."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    env = f"OPENAI_API_KEY='{KEY}'\nHTTP_PROXY=http://someone:{PASSWORD}@127.0.0.1:9\nNO_PROXY=127.0.0.1\n"
    (tmp_path / ".env").write_text(env, "utf-8")
    rows = [f"{word} {n},{label}\n" for n in range(4) for word, label in (("good", "yes"), ("bad", "no"))]
    (tmp_path / "words.csv").write_text("text,label\n" + "".join(rows), "utf-8")
    (tmp_path / "human.csv").write_text(
        "example,candidate,solved\n" + "".join(f"{n},right,1\n" for n in range(1, 9)), "utf-8"
    )
    (tmp_path / "bill.csv").write_text("day,model,cost\n2026-11-29,m,1.0\n", "utf-8")
    given = [f'{name},{n},{n % 2},q {n},"said {KEY} {FORMS[2]}"\n' for name in "ab" for n in range(12)]
    (tmp_path / "others.csv").write_text("candidate,example,score,input,output\n" + "".join(given), "utf-8")
    inputs = {path.name for path in tmp_path.iterdir()}
    caplog.set_level("DEBUG")
    said: dict[str, str] = {}
    with (
        FakeProvider(
            lambda messages: f"yes {' '.join(FORMS)}",
            model=f"m-{KEY}",
            system_fingerprint=KEY,
            routes=FakeBatches(lambda messages: f"yes {KEY}").routes,
        ) as right,
        FakeProvider(api_key="another") as refused,
    ):
        refused.refusal = f"401 for Bearer {KEY} ({FORMS[1]}, {FORMS[2]})"
        (tmp_path / "merits.yaml").write_text(
            EVERYWHERE.format(right=right.base_url, refused=refused.base_url), "utf-8"
        )
        verbs = [*VERBS, ["models", "--base-url", refused.base_url, "--traceback"]]
        for verb in verbs:
            code, out, err = merits(*verb)
            said[" ".join(verb)] = f"{code}\n{out}{err}"
        assert len(right.requests) > 8
    written = {
        str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name not in inputs
    }
    assert {"store.sqlite", "junit.xml", "main.json"} <= {Path(name).name for name in written}
    assert any(name.endswith(".html") for name in written)
    usage = [verb for verb, text in said.items() if "unrecognized arguments" in text or "invalid choice" in text]
    assert usage == []
    for secret in (*FORMS, json.dumps(KEY)[1:-1], PASSWORD):
        assert [name for name, content in written.items() if secret.encode() in content] == []
        assert [verb for verb, text in said.items() if secret in text] == []
        assert secret not in caplog.text


def test_no_exception_of_the_python_interface_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what caused it, nor what was being handled then: loggers print the whole chain."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rows = [{"text": f"{word} {n}", "label": word} for n in range(6) for word in ("yes", "no")]
    with FakeProvider(api_key="another") as refusing:
        refusing.refusal = f"401 for Bearer {KEY} ({FORMS[1]}, {FORMS[2]})"
        for kind in ("chat", "anthropic", "embeddings-remote"):
            recipe = {"name": "a", "kind": kind, "model": "m", "base_url": refusing.base_url}
            task = make_task(rows, name="w", candidates=[recipe], settings={"retries": 0})
            with pytest.raises(ProviderError) as caught:
                flow.evaluate(task, store=tmp_path / "store.sqlite")
            text = "".join(traceback.format_exception(caught.value))
            for secret in FORMS:
                assert secret not in text


def test_the_name_of_a_model_that_holds_a_key_is_the_same_after_it_was_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """A gateway may put the key into it. The store redacts it; a run that goes on must show neither it nor a change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "words.csv").write_text("text,label\ngood,yes\nbad,no\nfine,yes\nawful,no\n", "utf-8")
    task = "name: w\nkind: classification\ndata: words.csv\ninput: text\ntarget: label\nsettings: {retries: 0}\n"
    faults = [Fault("server_error", times=1)]
    with FakeProvider(lambda messages: "yes", model=f"m-{KEY}", faults=faults) as provider:
        one = f"candidates: [{{name: a, kind: chat, model: m, base_url: '{provider.base_url}'}}]\n"
        (tmp_path / "merits.yaml").write_text(task + one, "utf-8")
        for _ in range(2):
            code, out, err = merits("run", "--yes")
            assert code in (0, 1, 3), err
            assert KEY not in out + err
            assert "same model" not in err


def test_what_a_killed_run_leaves_holds_no_key(tmp_path: Path) -> None:
    """Answers that repeat the key in all its forms are in the write-ahead log when it dies (`kill -9`)."""
    lines = "".join(f"good {n},yes\nbad {n},no\n" for n in range(1000))
    (tmp_path / "words.csv").write_text(f"text,label\n{lines}", "utf-8")
    log = tmp_path / ".merits" / "store.sqlite-wal"
    with FakeProvider(lambda messages: f"yes, says {' '.join(FORMS)}", model=f"m-{KEY}", latency_s=0.02) as provider:
        task = "name: w\nkind: classification\ndata: words.csv\ninput: text\ntarget: label\n"
        one = f"candidates: [{{name: a, kind: chat, model: m, base_url: '{provider.base_url}'}}]\n"
        (tmp_path / "merits.yaml").write_text(task + one, "utf-8")
        with (tmp_path / "said.txt").open("wb") as said:
            run = subprocess.Popen(
                [sys.executable, "-m", "merits", "run", "--yes"],
                cwd=tmp_path,
                env={**os.environ, "OPENAI_API_KEY": KEY},
                stdout=said,
                stderr=said,
            )
            for _ in range(600):
                if log.exists() and b"yes, says" in log.read_bytes():
                    break
                time.sleep(0.05)
            run.kill()
            run.wait()
    left = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert b"yes, says ***" in left["store.sqlite-wal"]
    for secret in (*FORMS, json.dumps(KEY)[1:-1]):
        assert [name for name, content in left.items() if secret.encode() in content] == []

"""`merits monitor` on the command line: one look for a schedule, the page, and what a person says yes to."""

import argparse
import json
import socket
import sys
import threading
import time
import urllib.request

import pytest

from merits.cli import main
from merits.cli.monitor import _Following
from merits.core.answer import Answer
from merits.core.errors import UsageError
from merits.core.live import Checkpoint, Feedback, Rollout, Served
from merits.core.needs import Needs
from merits.core.release import Promise, Release
from merits.stats import wilson
from merits.store import open_live
from merits.tasks.file import load_task


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A task that is served, in its folder: a live store to add to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MERITS_MONITOR_TOKEN", raising=False)
    (tmp_path / "data.csv").write_text("text,label\n" + "\n".join(f"t{n},{'ab'[n % 2]}" for n in range(20)))
    (tmp_path / "merits.yaml").write_text(
        "name: letters\ndata: data.csv\ninput: text\ntarget: label\n"
        "needs: {requirements: ['accuracy >= 0.8']}\ncandidates: [most-common]\n"
    )
    task = load_task("merits.yaml")
    made = Release(
        task=task.id,
        task_name="letters",
        version=1,
        kind=task.kind,
        candidate=task.candidates[0],
        candidate_version="v",
        promise=Promise(metric="label", quality=wilson(18, 20)),
        needs=Needs(),
        scorers=task.scorers,
        classes=task.classes,
        made_at=0.0,
        merits="0",
    )
    live = open_live(tmp_path / ".merits" / "live.sqlite")
    live.add([made, Rollout(task="letters", at=time.time() - 60.0, champion=1, reason="the first")])
    yield live
    live.close()


def serve(live, n, *, right):
    records = []
    for k in range(n):
        one = Served(
            request=f"r{k}-{right}",
            task="letters",
            release=1,
            arm="champion",
            at=time.time(),
            input_hash="",
            answer=Answer("a", latency_s=0.01),
        )
        target = "a" if k < right * n else "b"
        records += [one, Feedback(request=one.request, task="letters", at=one.at, source="label", target=target)]
    live.add(records)


def look(capsys, *words):
    code = main(["monitor", "--once", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("n", "right", "code", "standing"),
    [(10, 0.9, 3, "too early to tell"), (200, 0.95, 0, "right"), (200, 0.5, 1, "no longer right")],
)
def test_one_look_exits_by_what_it_found(watched, capsys, n, right, code, standing):
    serve(watched, n, right=right)
    found, said = look(capsys, "--no-loop")
    assert (found, said["view"]["standing"], said["schema"]) == (code, standing, "merits.monitor/1")


def test_what_a_look_found_is_in_the_live_store_and_is_found_once(watched, capsys):
    serve(watched, 200, right=0.5)
    assert [one["kind"] for one in look(capsys, "--no-loop")[1]["new"]] == ["requirement-not-met"]
    assert look(capsys, "--no-loop")[1]["new"] == []
    assert main(["alerts"]) == 1


def test_whoever_is_told_can_paste_the_commands(watched, capsys, tmp_path):
    """Those of the next step and of the evidence name the task file that is watched."""
    program = "import sys; open('told.json', 'w').write(sys.stdin.read())"
    receiver = json.dumps({"command": [sys.executable, "-c", program], "at_least": "note"})
    task = tmp_path / "merits.yaml"
    task.write_text(f"{task.read_text()}monitor: {{group_s: 0, receivers: [{receiver}]}}\n")
    serve(watched, 200, right=0.5)
    code = main(["monitor", str(task), "--once", "--no-loop", "--json"])
    assert code == 1
    (alert,) = json.loads(capsys.readouterr().out)["view"]["alerts"]
    told = json.loads((tmp_path / "told.json").read_text())
    assert f"  evidence: merits alerts {task} --show {told['alerts'][0]['id']}" in told["text"]
    assert f"or merits rollback {task}" in told["text"]
    assert f"or merits rollback {task}" in alert["alert"]["next_step"]


def test_an_alarm_begins_the_loop_which_says_what_it_lacks(watched, capsys):
    serve(watched, 200, right=0.5)
    assert main(["monitor", "--once"]) == 1
    assert "(serve: {content: {keep: true}})" in capsys.readouterr().err


def test_the_page_is_for_this_machine_unless_there_is_a_token(watched, capsys):
    assert main(["monitor", "--port", "18791", "--host", "0.0.0.0"]) == 2
    assert "MERITS_MONITOR_TOKEN" in capsys.readouterr().err


def test_nothing_served_says_what_to_do(tmp_path, watched, capsys):
    assert main(["monitor", "--once", "--live", str(tmp_path / "other.sqlite")]) == 2
    assert "merits release" in capsys.readouterr().err


def test_only_what_the_loop_waits_for_can_be_approved(watched, capsys):
    assert main(["monitor", "--approve", "switch"]) == 2
    assert "does not wait" in capsys.readouterr().err
    state = b'{"stage":"switch","challenger":2}'
    watched.add([Checkpoint(task="letters", name="loop", at=time.time(), state=state)])
    capsys.readouterr()
    main(["monitor", "--once"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Waiting for a person: switch. Say yes: merits monitor --approve switch (no: --decline)" in shown
    assert main(["monitor", "--approve", "switch"]) == 0
    assert "switch is approved: the monitor does it at its next look" in capsys.readouterr().out
    assert b"approved" in watched.checkpoint("letters", "loop").state


def test_a_no_is_said_back(watched, capsys):
    state = b'{"stage":"switch","challenger":2}'
    watched.add([Checkpoint(task="letters", name="loop", at=time.time(), state=state)])
    assert main(["monitor", "--decline", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["step"], said["approved"]) == ("merits.loop/1", "switch", False)
    assert said["loop"]["stage"] == "idle"


def test_a_page_is_served_while_it_looks(watched, monkeypatch):
    monkeypatch.setattr("time.sleep", _until_seen(time.sleep, seen := threading.Event()))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = []
    reader = threading.Thread(target=_read, args=(port, found, seen), daemon=True)
    reader.start()
    assert main(["monitor", "--port", str(port), "--quiet", "--no-loop"]) == 3
    reader.join(timeout=10)
    assert found[0]["model"] == "merits/letters@1"


def _until_seen(sleep, seen):
    """Sleeping that is interrupted, as by Ctrl-C, once the page was read."""

    def slept(seconds):
        if threading.current_thread() is threading.main_thread() and seen.is_set():
            raise KeyboardInterrupt
        sleep(min(seconds, 0.1))

    return slept


def _read(port, found, seen):
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/view", timeout=5) as reply:
                found.append(json.loads(reply.read()))
            break
        except OSError:
            threading.Event().wait(0.1)
    seen.set()


def test_what_keeps_the_loop_from_going_on_is_said_once(capsys):
    class Stuck:
        def advance(self):
            raise UsageError("the store is busy.", "Wait.")

    following = _Following(Stuck(), argparse.Namespace())
    following.advance()
    following.advance()
    assert capsys.readouterr().err.count("the store is busy") == 1

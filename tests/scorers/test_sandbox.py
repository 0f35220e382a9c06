"""Code that nobody has read can compute, and nothing else: attacks, each with what becomes of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.task import Example, ScorerSpec
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import load
from merits.scorers.sandbox import Limits, run_code

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is one of Linux")
SHORT = Limits(wall_s=1.0, memory_bytes=256 * 2**20)
HUMAN_EVAL: JSON = {
    "test": "def check(candidate):\n    assert not candidate([1.0, 2.0], 0.5)\n    assert candidate([1.0, 1.2], 0.3)",
    "entry_point": "has_close_elements",
}
PROMPT = 'from typing import List\n\n\ndef has_close_elements(numbers: List[float], threshold: float):\n    """?"""\n'
SOLUTION = "    return any(abs(a - b) < threshold for i, a in enumerate(numbers) for b in numbers[:i])\n"


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("import os\nwhile True: os.fork()", "PermissionError"),
        ("import os\nos.execv('/bin/sh', ['sh'])", "PermissionError"),
        ("import subprocess\nsubprocess.run(['id'])", "PermissionError"),
        ("import ctypes\nassert ctypes.CDLL(None).fork() == -1\nraise SystemExit('refused')", "refused"),
        ("import multiprocessing", "ModuleNotFoundError"),
        ("import socket\nsocket.socket()", "PermissionError"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 22), 1)", "Error"),
        ("import os\nos.kill(os.getppid(), 9)", "PermissionError"),
        ("import os\nos.killpg(0, 9)", "PermissionError"),
        ("import signal\nsignal.pthread_kill(1, 9)", ""),
        ("open('/etc/passwd').read()", "PermissionError"),
        ("import os\nopen(f'/proc/{os.getppid()}/environ').read()", "PermissionError"),
        ("import os\nopen(f'/proc/self/mem', 'rb')", "PermissionError"),
        ("import os\nos.listdir('.')", "PermissionError"),
        ("open('here.txt', 'w').write('x')", "PermissionError"),
        ("import os\nos.remove('/tmp/x')", "PermissionError"),
        ("import os\nos.mkdir('/tmp/evil')", "PermissionError"),
        ("import os\nos.setuid(0)", "PermissionError"),
        ("import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))", ""),
        ("x = [0] * 10**10", "more memory than allowed"),
        ("x = b'1'\nwhile True: x += x", ""),
        ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()", "Error"),
        ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", ""),
        ("import ctypes\nctypes.string_at(0)", ""),
        ("import os\nos._exit(0)", "ended before its tests"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os\nfor fd in range(99):\n"
         "    try: os.write(fd, b'[\"guess\", \"\"]\\n')\n    except OSError: pass", "did not come to the end"),
    ],
)  # fmt: skip
def test_an_attack_comes_to_nothing(attack: str, said: str) -> None:
    found = run_code(attack, "assert False, 'the tests'", SHORT)
    assert found
    assert said in found


@pytest.mark.parametrize(
    "attack",
    [
        "while True: pass",
        "import time\ntime.sleep(99)",
        "while True: print('x' * 10**6)",
        "import sys\nwhile True: sys.stderr.write('x' * 10**6)",
        "import os\nfor fd in range(3, 99):\n    try:\n        while True: os.write(fd, b'x' * 65536)\n"
        "    except OSError: pass\nwhile True: pass",
        "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "try:\n    while True: pass\nfinally:\n    while True: pass",
    ],
)
def test_what_does_not_end_is_ended_in_time(attack: str) -> None:
    """And gigabytes that are printed are never held."""
    start = time.monotonic()
    assert run_code(attack, "", SHORT)
    assert time.monotonic() - start < 25  # seconds, on a busy machine; alone it is 1.2


def test_secrets_of_the_environment_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    found = run_code("import os\nraise SystemExit(str(dict(os.environ)))", "", SHORT)
    assert found == "the code raised SystemExit: {}"


def test_no_process_is_left() -> None:
    before = signal.getsignal(signal.SIGTERM)
    run_code("import time\ntime.sleep(99)", "", Limits(wall_s=0.2))
    assert not [line for line in commands() if b"sandbox_inside" in line]
    assert signal.getsignal(signal.SIGTERM) is before


def commands() -> list[bytes]:
    """The command lines of all processes that this one started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if f"\nPPid:\t{os.getpid()}\n" in (process / "status").read_text():
                found.append((process / "cmdline").read_bytes())
    return found


def test_ordinary_code_runs(tmp_path: Path) -> None:
    code = (
        "import collections, datetime, decimal, hashlib, itertools, json, math, random, re, statistics, string\n"
        "from typing import List, Optional\nimport threading\n"
        "seen = []\nthread = threading.Thread(target=seen.append, args=(1,))\nthread.start()\nthread.join()\n"
        "print(hashlib.md5(b'x').hexdigest(), datetime.datetime.strptime('2026', '%Y'), random.random())\n"
    )
    assert run_code(code, "assert seen == [1]\nassert math.isclose(statistics.mean([1, 2]), 1.5)", SHORT) == ""
    assert run_code("import numpy as np", "assert np.arange(3).sum() == 3", Limits(20, 2**31), ["numpy"]) == ""


def scored(output: str, target: JSON = HUMAN_EVAL, **params: JSON) -> bool:
    return load(ScorerSpec("code", params))(Example("1", PROMPT, target), Answer(output)).solved


def test_rows_of_human_eval_are_scored() -> None:
    """A completion, a whole function, and one in a fence with talk around it."""
    whole = PROMPT + SOLUTION
    assert scored(SOLUTION, completes=True)
    assert scored(SOLUTION.strip(), completes=True)
    assert scored(whole, completes=True)
    assert scored(f"Sure!\n```python\n{whole.split(chr(10), 3)[3]}```\nDone.", completes=True)
    assert scored(whole)
    assert not scored("    return False\n", completes=True)
    assert not scored("", completes=True)
    assert not scored("    return any(", completes=True)


def test_tests_may_be_a_list_and_must_be_there() -> None:
    assert scored("def add(a, b): return a + b", ["assert add(1, 2) == 3", "assert add(0, 0) == 0"])
    with pytest.raises(CannotJudge, match="holds no tests"):
        scored("x = 1", {"entry_point": "x"})

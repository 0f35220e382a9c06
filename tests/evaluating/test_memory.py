"""The memory of a run hardly grows with the number of examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import resource, sys
from pathlib import Path
from merits import flow, load_task
from merits.cli.light import lighten
from merits.store import sqlite
from merits.tasks import on_disk

on_disk.LARGE = sqlite.LARGE = 1_000  # as a run of a million is
lighten()
folder, n = Path(sys.argv[1]), int(sys.argv[2])
with (folder / "data.jsonl").open("w") as file:
    for number in range(n):
        label = "ab"[number % 5 == 0]
        file.write(f'{{"input": "Review {number}: the parcel came in time.", "target": "{label}"}}\\n')
(folder / "task.yaml").write_text(
    "data: {test: data.jsonl}\\nkind: classification\\ncandidates: [{kind: constant, output: a}]\\n"
)
for _ in ("asked", "resumed"):
    flow.run(load_task(folder / "task.yaml"))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
_FEW, _MANY = 12_000, 40_000


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count resident memory in other units")
def test_an_example_takes_some_hundred_bytes(tmp_path: Path) -> None:
    """A million are asked in less than 500 MB, and no more are needed where all of them are stored.

    Measured: 400 bytes an example, of which up to 200 are the database's cache filling up; at a million it is
    about 330 bytes beside some 100 MB. Answers held in memory would take 1,500.
    """
    few, many = (_peaks(tmp_path / str(n), n) for n in (_FEW, _MANY))
    each = [(more - less) / (_MANY - _FEW) for less, more in zip(few, many, strict=True)]
    assert max(each) < 600, each


def _peaks(folder: Path, n: int) -> list[int]:
    """The largest resident memory, in bytes: of the first run, and of both."""
    folder.mkdir()
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, folder, str(n)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]

"""Training in two processes: it comes to what one comes to, and where one dies nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from merits.core.errors import CandidateError
from tests.candidates.test_fine_tuned import WORDS, sentences, shares, trained
from tests.candidates.tiny_encoders import tiny_encoder

pytest.importorskip("torch", reason="needs the extra transformers")
pytest.importorskip("transformers", reason="needs the extra transformers")
pytest.importorskip("accelerate", reason="needs the extra transformers")

PARAMS = {"device": "cpu", "epochs": 2, "batch_size": 8, "lora": {"rank": 2}, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"), WORDS)


def workers_of(folder: Path) -> list[int]:
    """The processes that train what lies in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in said and "fine_tuning.worker" in said:
            found.append(int(place.parent.name))
    return found


def rank_of(pid: int) -> str | None:
    """Which of the processes it is; None for their launcher."""
    said = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return next((entry.removeprefix("RANK=") for entry in said if entry.startswith("RANK=")), None)


def gone(folder: Path) -> bool:
    """Whether none of them is there any more, soon."""
    deadline = time.monotonic() + 30
    while workers_of(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not workers_of(folder)


def test_two_processes_come_to_what_one_comes_to(encoder: Path, tmp_path: Path) -> None:
    """A step has the same examples, half of them in each; sums of floats differ in their last digits."""
    examples, notes = sentences(80), list[str]()
    one = shares(trained(encoder, tmp_path / "one", examples, **PARAMS))
    two = shares(trained(encoder, tmp_path / "two", examples, **PARAMS, processes=2, note=notes.append))
    assert np.abs(np.subtract(one, two)).max() < 1e-4
    assert [note[:18] for note in notes] == ["mine: epoch 1 of 2", "mine: epoch 2 of 2"]
    assert gone(tmp_path / "two")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_a_process_that_dies_ends_the_training_with_its_reason(encoder: Path, tmp_path: Path) -> None:
    """The other one, and the launcher, are ended too; what was learned until then is kept for the next run."""

    def kill_one(note: str) -> None:
        if "epoch 2" in note:
            os.kill(next(pid for pid in workers_of(tmp_path) if rank_of(pid) == "1"), signal.SIGKILL)

    with pytest.raises(CandidateError, match=r"in 2 processes ended before its time: one of them died of SIGKILL"):
        trained(encoder, tmp_path, sentences(80), **{**PARAMS, "epochs": 200}, processes=2, note=kill_one)
    assert gone(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_a_launcher_that_dies_is_said_to_have_died(encoder: Path, tmp_path: Path) -> None:
    """As when the system is out of memory and takes that one."""

    def kill_launcher(note: str) -> None:
        if "epoch 2 " in note:
            os.kill(next(pid for pid in workers_of(tmp_path) if rank_of(pid) is None), signal.SIGKILL)

    with pytest.raises(CandidateError, match=r"ended before its time: their launcher died of SIGKILL"):
        trained(encoder, tmp_path, sentences(80), **{**PARAMS, "epochs": 200}, processes=2, note=kill_launcher)
    assert gone(tmp_path)


ABANDONED = """
import sys
from pathlib import Path
from tests.candidates.test_training_processes import PARAMS
from tests.candidates.test_fine_tuned import sentences, trained
more = {**PARAMS, "epochs": 100000, "patience": 100000, "processes": 2}
trained(Path(sys.argv[1]), Path(sys.argv[2]), sentences(80), **more, note=lambda text: print(text, flush=True))
"""


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_when_whoever_trains_is_killed_its_processes_end(encoder: Path, tmp_path: Path) -> None:
    """kill -9 of the run: nobody waits for what they learn."""
    command = [sys.executable, "-c", ABANDONED, str(encoder), str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert b"epoch 1" in run.stdout.readline()
        run.kill()
    assert gone(tmp_path)


def test_a_batch_must_be_shared_out_evenly(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(CandidateError, match="batch_size 7 cannot be shared out evenly over 2 processes: take 6"):
        trained(encoder, tmp_path, sentences(20), batch_size=7, processes=2)


def test_there_are_no_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two on one are refused by NCCL; what is learned is the same."""
    import torch

    from merits.candidates.fine_tuning.processes import _with_a_gpu_each

    notes: list[str] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert _with_a_gpu_each(2, "cuda", notes.append) == 1
    assert notes == ["trains in 1 of 2 processes: each needs a GPU of its own"]
    assert _with_a_gpu_each(2, "cpu", notes.append) == 2
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert _with_a_gpu_each(2, "cuda", notes.append) == 2
    assert len(notes) == 1

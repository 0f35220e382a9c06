"""Trains in several processes, with torch's own launcher (torchrun) and torch.distributed: gloo, or NCCL on GPUs.

Several machines: the launcher reads its options from the environment (PET_NNODES, PET_RDZV_ENDPOINT, PET_RDZV_BACKEND,
PET_NODE_RANK, PET_MASTER_ADDR, ...); where PET_NNODES says that there are more machines, it waits for them. They run
the same command, which is noted, on a folder that all of them see.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from merits.candidates.fine_tuning.jobs import Job
from merits.core.errors import CandidateError

__all__ = ["RESULT", "in_processes"]

RESULT = "learned.safetensors"
_WORKER = "merits.candidates.fine_tuning.worker"
_TOLD = re.compile(r"^merits: (.*)$")
_ENDS_IN_S = 20.0
_MACHINES = "PET_NNODES"
_ERROR = re.compile(r"^(\[rank\d+\]: ?)?[\w.]*(Error|Exception|Interrupt)\b")
_LOST = re.compile(r"Connection (reset|closed|refused|timed out)|ChildFailedError", re.IGNORECASE)
_DEAD = re.compile(r"exitcode:? *:? *(-?\d+)")


def in_processes(
    job: Job, n_processes: int, *, folder: Path, env: Mapping[str, str], note: Callable[[str], None]
) -> dict[str, Any]:
    """The numbers that were learned, by name, once all processes have ended; the folder holds what it all came to.

    On GPUs there are no more processes than GPUs, which is noted: NCCL refuses two on one. What is learned is the same.
    Where one of them dies the others are ended and CandidateError says which and why. Where this process dies they end
    by themselves: each listens whether it is there.
    """
    from safetensors.torch import load_file

    n_processes = _with_a_gpu_each(n_processes, job.device, note)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "job.json"
    file.write_bytes(msgspec.json.encode(job))
    (folder / RESULT).unlink(missing_ok=True)
    environment = {**os.environ, **env, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={n_processes}"]
    if environment.get(_MACHINES, "1") == "1":
        command.append("--standalone")
    else:
        said = ["torchrun", f"--nproc-per-node={n_processes}", "-m", _WORKER, str(file)]
        note(f"waits for the other machines ({_MACHINES}={environment[_MACHINES]}); there run: {shlex.join(said)}")
    _run([*command, "-m", _WORKER, str(file), "--while-stdin-is-open"], environment, n_processes, note)
    if not (folder / RESULT).is_file():
        raise CandidateError(
            "the training ended, and what it learned is not in its folder.",
            "With several machines: is the task's folder one that all of them see?",
        )
    return load_file(folder / RESULT)


def _with_a_gpu_each(n_processes: int, device: str, note: Callable[[str], None]) -> int:
    if device != "cuda":
        return n_processes
    import torch

    there = min(n_processes, max(1, torch.cuda.device_count()))
    if there < n_processes:
        note(f"trains in {there} of {n_processes} processes: each needs a GPU of its own")
    return there


def _run(command: Sequence[str], environment: dict[str, str], n_processes: int, note: Callable[[str], None]) -> None:
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as launcher:
        assert launcher.stdout is not None
        threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
        lines: list[str] = []
        try:
            for line in launcher.stdout:
                told = _TOLD.match(line)
                if told:
                    note(told[1].strip())
                else:
                    lines.append(line.rstrip())
            code = launcher.wait()
        finally:
            _end(launcher)
    if code:
        raise CandidateError(
            f"a training in {n_processes} processes ended before its time: {_reason(lines, code)}.",
            "Run it again: it goes on from the last epoch. `processes: 1` takes less memory.",
        )


def _end_with(launcher: subprocess.Popen[str]) -> None:
    """Workers go on without their launcher, and hold its output open; their input is what tells them."""
    launcher.wait()
    if launcher.stdin is not None:
        with suppress(OSError):
            launcher.stdin.close()


def _end(launcher: subprocess.Popen[str]) -> None:
    """Nothing is left running: workers end when their input does, the launcher ends them when it is told to."""
    if launcher.stdin is not None:
        with suppress(OSError):
            launcher.stdin.close()
    if launcher.poll() is None:
        launcher.terminate()
        try:
            launcher.wait(_ENDS_IN_S)
        except subprocess.TimeoutExpired:
            launcher.kill()


def _reason(lines: Sequence[str], code: int) -> str:
    """Why, in words: the error that a process said first, or the signal that it died of.

    That the others lost their connection to it says nothing, unless there is no more to say.
    """
    if code < 0:
        return f"their launcher died of {_name_of(-code)}"
    errors = [line.strip()[:300] for line in lines if _ERROR.match(line)]
    causes = [line for line in errors if not _LOST.search(line)]
    if causes:
        return causes[0]
    for line in lines:
        found = _DEAD.search(line)
        if found and int(found[1]) < 0:
            return f"one of them died of {_name_of(-int(found[1]))}"
    return errors[0] if errors else f"exit code {code}" + (f" ({lines[-1].strip()[:200]})" if lines else "")


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

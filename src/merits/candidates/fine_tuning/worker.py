"""One of the processes of a training, as torchrun starts it: `torchrun -m merits.candidates.fine_tuning.worker JOB`."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from merits.candidates.fine_tuning.jobs import read_job
from merits.candidates.fine_tuning.numbers import trained
from merits.candidates.fine_tuning.processes import RESULT

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Trains with the other processes; the first of them writes what was learned beside the job."""
    if "--while-stdin-is-open" in arguments:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    import torch
    from safetensors.torch import save_file

    file, is_first = Path(arguments[0]), os.environ.get("RANK", "0") == "0"
    torch.set_num_threads(1)
    network = read_job(file).run(file.parent, _note if is_first else lambda text: None)
    if is_first:
        save_file(trained(network), file.parent / RESULT)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _note(text: str) -> None:
    sys.stdout.write(f"merits: {text}\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    """Whoever started it holds its input open; when that one is gone, nobody waits for what is learned."""
    while os.read(0, 1024):
        pass
    os._exit(3)


if __name__ == "__main__":
    main(sys.argv[1:])

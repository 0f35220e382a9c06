"""Run by the interpreter of another environment: reads samples as JSON lines, writes COMET's scores.

The package unbabel-comet pins numpy below 2 and transformers below 5, so it cannot stand beside Merits. Imports nothing
of Merits, for that environment does not hold it.
"""

import contextlib
import json
import sys
from typing import Any


def main(checkpoint: str) -> None:
    """Answers each line `{"src": , "mt": , "ref": }` with `{"score": }` or `{"error": }` until the input ends."""
    said = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what the libraries print must not stand between the answers
        from comet import load_from_checkpoint

        model: Any = load_from_checkpoint(checkpoint, local_files_only=True)
        print(json.dumps({"ready": True}), file=said, flush=True)
        for line in sys.stdin:
            try:
                found = model.predict([json.loads(line)], batch_size=1, gpus=0, progress_bar=False, num_workers=0)
                answer: dict[str, object] = {"score": float(found.scores[0])}
            except Exception as problem:  # noqa: BLE001  one sample that cannot be scored must not end the others
                answer = {"error": f"{type(problem).__name__}: {problem}"[:300]}
            print(json.dumps(answer), file=said, flush=True)


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file, where a module is called as the package is
    main(sys.argv[1])

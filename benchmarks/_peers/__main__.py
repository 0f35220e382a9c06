"""`install FOLDER` installs the peers there; `measure` runs all that are installed on the fake provider."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from benchmarks._peers import PEERS, Job, Peer


def main(argv: Sequence[str]) -> int:
    """0, or 2 for a name that is none of a peer."""
    parser = argparse.ArgumentParser("python -m benchmarks._peers", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    installing = verbs.add_parser("install", help="each into an environment of its own under FOLDER")
    installing.add_argument("folder", type=Path)
    measuring = verbs.add_parser("measure", help="seconds, CPU and memory of each")
    measuring.add_argument("--n", type=int, default=1000, help="prompts (default: %(default)s)")
    measuring.add_argument("--concurrency", type=int, default=64)
    for verb in (installing, measuring):
        verb.add_argument("--only", action="append", choices=list(PEERS), help="only this one (again for several)")
    options = parser.parse_args(argv)
    chosen = [PEERS[name] for name in options.only or PEERS]
    if options.verb == "install":
        return _install(options.folder, chosen)
    return _measure(chosen, options.n, options.concurrency)


def _install(folder: Path, peers: Sequence[Peer]) -> int:
    """With pip into an environment of its own, promptfoo with npm. One that cannot be installed stops no other."""
    left_out = 0
    for peer in peers:
        place = folder / peer.name
        place.mkdir(parents=True, exist_ok=True)
        if peer.name == "promptfoo":
            words = ["npm", "install", "--prefix", str(place), "--no-audit", "--no-fund", *peer.needs]
        else:
            venv.create(place, with_pip=True)
            words = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", *peer.needs]
        print(f"{peer.name}: {' '.join(words)}", file=sys.stderr)
        left_out += subprocess.run(words, stdout=sys.stderr, check=False).returncode != 0
    print(f"export MERITS_PEERS={folder.absolute()}")
    return 4 if left_out else 0


def _measure(peers: Sequence[Peer], n: int, concurrency: int) -> int:
    with tempfile.TemporaryDirectory() as folder, _Provider() as base_url:
        prompts = Path(folder) / "prompts.jsonl"
        lines = (msgspec.json.encode({"input": f"word {i}", "target": f"word {i}"}) for i in range(n))
        prompts.write_bytes(b"\n".join(lines) + b"\n")
        for peer in peers:
            if why_not := peer.available():
                print(f"{peer.name}: skipped, {why_not}", file=sys.stderr)
                continue
            result = peer.run(Job(base_url, prompts, concurrency))
            per_call = {"cpu_ms_per_call": round(1000 * result.cpu_s / n, 2)}
            print(msgspec.json.encode({"peer": peer.name, **asdict(result), **per_call}).decode(), flush=True)
    return 0


class _Provider:
    """The fake provider in a process of its own, so that its work is nobody's."""

    def __enter__(self) -> str:
        words = [sys.executable, "-m", "merits.testing.provider", "--port", "0"]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return next(word.partition("=")[2] for word in line.split() if word.startswith("OPENAI_BASE_URL="))

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

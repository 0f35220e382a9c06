"""A gateway in a process of its own, to be killed. `python -m tests.serving.killed FOLDER [child] [LIVE LENGTH]`.

LIVE is the live store's place (else a file in the folder), LENGTH that of its answers, which are kept. With `child` it
ends when what began it does: when its standard input ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from merits.core.live import Rollout
from merits.core.release import Release
from merits.core.serving import ServeSettings
from merits.serving.unit import Unit
from merits.serving.worker import Place, serve_worker
from merits.store import open_live
from merits.testing.models import Slow
from merits.testing.serving import ModelUnit, a_release


def main(folder: Path, parent: int | None, live: str = "", length: int = 0) -> None:
    """Serves until it is ended."""

    async def opened(release: Release, folder: Path) -> Unit:
        return ModelUnit(release, Slow("x" * length or "yes", 0.002))

    store = open_live(live or folder / "live.sqlite")
    if not store.releases("t"):
        release = a_release(kind="generation", keep=True) if length else a_release()
        store.add([release, Rollout(task="t", at=0.0, champion=1)])
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    print(sock.getsockname()[1], flush=True)
    place = Place(folder / "releases", folder / "journal")
    asyncio.run(serve_worker(ServeSettings(keys=False), place, store, opened, sock, parent=parent))
    store.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[2:] if word != "child"]
    main(Path(sys.argv[1]), 0 if "child" in sys.argv else None, *words[:1], *map(int, words[1:]))

"""A gateway in a process of its own, over a store in a file: to be killed. `python -m tests.serving.killed FOLDER`.

With `child` behind it, it ends when what began it does: when its standard input ends.
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


async def opened(release: Release, folder: Path) -> Unit:
    """A unit that takes a little."""
    return ModelUnit(release, Slow("yes", 0.002))


def main(folder: Path, parent: int | None) -> None:
    """Serves until it is ended."""
    store = open_live(folder / "live.sqlite")
    if not store.releases("t"):
        store.add([a_release(), Rollout(task="t", at=0.0, champion=1)])
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    print(sock.getsockname()[1], flush=True)
    place = Place(folder / "releases", folder / "journal")
    asyncio.run(serve_worker(ServeSettings(keys=False), place, store, opened, sock, parent=parent))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), 0 if sys.argv[2:] == ["child"] else None)

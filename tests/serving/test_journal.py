"""The journal and its shipper: what was answered reaches the store, whatever happens in between."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from merits.core.answer import Answer
from merits.core.errors import DataError
from merits.core.live import Feedback, LiveRecord, Served
from merits.core.serving import ServeSettings
from merits.serving import shipping
from merits.serving.journal import RESERVE, Journal, JournalFull, left_over
from merits.serving.shipping import Shipper
from merits.testing.live import MemoryLive
from merits.testing.models import Constant
from merits.testing.serving import ModelUnit, a_release, served

Make = Callable[..., Any]
SMALL = 4 * RESERVE


def an_answer(n: int, output: str = "yes") -> Served:
    """A record."""
    return Served(
        request=f"r{n}", task="t", release=1, arm="champion", at=float(n), input_hash="h", answer=Answer(output)
    )


def requests(live: MemoryLive) -> list[str]:
    """Which are in the store, in their order."""
    return [numbered.record.request for numbered in live.served("t")]


def test_records_reach_the_store_in_order_and_the_files_go(tmp_path: Path) -> None:
    """Over several segments, feedback among them."""
    live, journal = MemoryLive(), Journal(tmp_path, segment_bytes=SMALL)
    shipper = Shipper(journal, live)
    for n in range(2000):
        journal.append(an_answer(n, "x" * 200))
        journal.make_spare()
    journal.append(Feedback(request="r1", task="t", at=0.0, solved=True))
    assert len(list(tmp_path.glob("*.journal"))) > 3
    assert shipper.ship()
    assert requests(live) == [f"r{n}" for n in range(2000)]
    assert len(live.feedback("t")) == 1
    assert journal.unshipped_bytes == 0
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_worker_left_is_shipped_by_the_next_start(tmp_path: Path) -> None:
    """A torn last record was given to nobody. A living worker's segments are left alone."""
    code = (
        "import os,sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from merits.serving.journal import Journal\n"
        "from tests.serving.test_journal import an_answer\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "for n in range(50): journal.append(an_answer(n))\n"
        "segment = journal.current\n"
        "segment._map[segment.end:segment.end + 40] = b'\\x90\\x00\\x00\\x00' + b'torn' * 9\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -9
    living = Journal(tmp_path / "other")
    living.append(an_answer(99))
    assert left_over(tmp_path / "other") == []
    live, journal = MemoryLive(), Journal(tmp_path)
    assert Shipper(journal, live).ship()
    assert requests(live) == [f"r{n}" for n in range(50)]
    journal.close()
    living.close()
    assert list(tmp_path.glob("*.journal")) == []


def test_a_store_that_is_away_is_waited_for(tmp_path: Path, client: Make) -> None:
    """Answers go on meanwhile, and all arrive. It is told once that it went, and once that it is back."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running:
        running.live.away = True
        ask = client(running.url)
        asked = [ask.post("/predict", {"input": "hi"}).json["merits"]["request"] for _ in range(20)]
        time.sleep(0.6)
        assert ask.get("/readyz").json["store"].startswith("away")
        assert ask.get("/readyz").status == 200
        running.live.away = False
        running.until_stored(20, seconds=8.0)
        assert requests(running.live) == asked
    events = [line for line in running.log if "store-" in line]
    assert len(events) == 2


class Slow(MemoryLive):
    """While it takes the first records, more are written than the segment holds."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self._first = True

    def add(self, records: Sequence[LiveRecord]) -> None:
        super().add(records)
        if self._first:
            self._first = False
            for n in range(1, 800):
                self._journal.append(an_answer(n, "x" * 200))


def test_what_is_written_while_a_segment_is_shipped_is_shipped_too(tmp_path: Path) -> None:
    """Also where that filled it: it is not taken for damaged because its end was not read yet."""
    journal = Journal(tmp_path, segment_bytes=SMALL)
    journal.append(an_answer(0))
    live = Slow(journal)
    shipper = Shipper(journal, live)
    assert shipper.ship()
    assert journal.sealed
    assert shipper.ship()
    assert requests(live) == [f"r{n}" for n in range(800)]
    journal.close()
    assert list(tmp_path.iterdir()) == []


class Picky(MemoryLive):
    """Cannot hold one record."""

    def add(self, records: Sequence[LiveRecord]) -> None:
        if any(isinstance(record, Served) and record.request == "r3" for record in records):
            raise DataError("r3 cannot be held.")
        super().add(records)


def test_a_record_that_the_store_refuses_stops_no_other(tmp_path: Path) -> None:
    """It is set aside, to be looked at."""
    live, journal = Picky(), Journal(tmp_path)
    for n in range(6):
        journal.append(an_answer(n))
    assert Shipper(journal, live).ship()
    assert requests(live) == ["r0", "r1", "r2", "r4", "r5"]
    assert b'"r3"' in (tmp_path / "refused.jsonl").read_bytes()
    journal.close()


def test_room_is_known_before_anything_is_asked(tmp_path: Path) -> None:
    """Without a spare segment the rest of the current one is what there is; what waits on disk is bounded."""
    journal = Journal(tmp_path, segment_bytes=SMALL, most_bytes=2 * SMALL)
    n = 0
    while journal.has_room(0):
        journal.append(an_answer(n, "x" * 1000))
        n += 1
    journal.append(an_answer(n, "y" * 20_000))  # one more was in flight: it is kept too
    assert not journal.make_spare()
    live = MemoryLive()
    assert Shipper(journal, live).ship()
    assert len(requests(live)) == n + 1
    assert journal.make_spare()
    assert journal.has_room(0)
    journal.close()


def test_an_answer_that_is_too_long_is_kept_without_its_text(tmp_path: Path) -> None:
    """Where there is no room for it: that it was given, and what it cost, is never lost."""
    journal = Journal(tmp_path, segment_bytes=SMALL, most_bytes=2 * SMALL)
    long = an_answer(1, "z" * (2 * SMALL))
    journal.append(long, lambda: an_answer(1, ""))
    with pytest.raises(JournalFull):
        journal.append(long)
    live = MemoryLive()
    Shipper(journal, live).ship()
    assert live.served("t")[0].record.answer.output == ""
    journal.close()


FULL = """
import resource, signal, sys
from pathlib import Path
from merits.core.serving import ServeSettings
from merits.testing.models import Constant
from merits.testing.serving import ModelUnit, a_release, served
from tests.serving.conftest import Client

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = Constant("x" * 30_000)
settings = ServeSettings(keys=False, concurrency=1, shadows=0)
unit = ModelUnit(a_release(kind="generation", keep=True), model)
with served([unit], Path(sys.argv[1]), settings=settings) as running:
    ask = Client(running.url)
    running.live.away = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))  # no further segment can be had
    given = []
    while (said := ask.post("/predict", {"input": "x"})).status == 200:
        given.append(said.json["merits"]["request"])
    assert (said.status, said.code) == (503, "no_room"), said
    assert ask.get("/readyz").status == 503
    n = len(model.asked)
    assert ask.post("/predict", {"input": "x"}).status == 503
    assert len(model.asked) == n == len(given), (n, len(given))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    import time
    for _ in range(50):
        if ask.get("/readyz").status == 200:
            break
        time.sleep(0.1)
    assert ask.post("/predict", {"input": "x"}).status == 200
    running.live.away = False
    running.until_stored(len(given) + 1, seconds=20.0)
print("held", len(given))
"""


def test_a_full_disk_refuses_before_it_asks(tmp_path: Path) -> None:
    """503 with nothing asked, and answers again when there is room."""
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.startswith("held")


@pytest.mark.parametrize("sync", ["never", "interval", "always"])
def test_the_disk_may_be_waited_for(tmp_path: Path, client: Make, sync: Any) -> None:
    """Whichever way, the answer is given and kept."""
    settings = ServeSettings(keys=False, sync=sync)
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, settings=settings) as running:
        assert [client(running.url).chat().status for _ in range(3)] == [200] * 3
        running.until_stored(3)


def test_one_bit_that_is_wrong_takes_one_record_and_the_file_is_kept(tmp_path: Path) -> None:
    """What is whole behind it reaches the store."""
    _left_by_the_dead(tmp_path)
    path = min(tmp_path.glob("*.journal"))  # the other one is spare
    with open(path, "r+b") as file:
        whole = file.read()
        file.seek(whole.index(b"r2"))
        file.write(b"q")
    live, notes, journal = MemoryLive(), list[str](), Journal(tmp_path)
    assert Shipper(journal, live, note=lambda event, text: notes.append(event)).ship()
    assert requests(live) == ["r0", "r1", "r3", "r4"]
    assert notes == ["journal-damaged"]
    assert [one.name for one in tmp_path.glob("*.damaged")] == [f"{path.stem}.damaged"]
    journal.close()


def test_a_journal_of_another_merits_is_kept(tmp_path: Path) -> None:
    """After a downgrade, say."""
    _left_by_the_dead(tmp_path)
    path = min(tmp_path.glob("*.journal"))  # the other one is spare
    with open(path, "r+b") as file:
        file.write(b"MERITSJ9")
    live, journal = MemoryLive(), Journal(tmp_path)
    assert Shipper(journal, live).ship()
    assert requests(live) == []
    assert path.with_suffix(".damaged").is_file()
    journal.close()


def test_a_process_without_memory_ships_later(tmp_path: Path) -> None:
    """The record is not to blame."""

    class Poor(MemoryLive):
        poor = True

        def add(self, records: Sequence[LiveRecord]) -> None:
            if self.poor:
                raise MemoryError
            super().add(records)

    live, journal = Poor(), Journal(tmp_path)
    shipper = Shipper(journal, live)
    journal.append(an_answer(0))
    assert not shipper.ship()
    assert not shipper.is_up
    live.poor = False
    assert shipper.ship()
    assert requests(live) == ["r0"]
    assert not (tmp_path / "refused.jsonl").exists()
    journal.close()


def test_what_the_store_refuses_and_the_disk_does_not_take_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing counts as shipped that is nowhere."""

    class Picky(MemoryLive):
        def add(self, records: Sequence[LiveRecord]) -> None:
            raise DataError("too odd.", "None.")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path)
    shipper = Shipper(journal, Picky())
    journal.append(an_answer(0))
    monkeypatch.setattr(shipping, "set_aside", full)
    assert not shipper.ship()
    assert journal.unshipped_bytes
    monkeypatch.undo()
    assert shipper.ship()
    assert "too odd" in (tmp_path / "refused.jsonl").read_text()
    journal.close()


def test_where_the_disk_refuses_nobody_is_told_that_it_is_kept(
    tmp_path: Path, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sync: always` promises the disk."""

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    settings = ServeSettings(keys=False, sync="always")
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, settings=settings) as one:
        assert client(one.url).chat().status == 200
        monkeypatch.setattr(shipping, "_force_onto_disk", broken)
        said = client(one.url).chat()
        assert (said.status, said.code) == (503, "no_room")
        monkeypatch.undo()
        assert client(one.url).chat().status == 200


def test_a_number_of_more_than_64_bits_loses_no_answer(tmp_path: Path, client: Make) -> None:
    """JSON has them, msgpack has not: the answer was paid for, and is kept without its input."""
    release = a_release(keep=True, kind="regression", inputs=("x",))
    with served([ModelUnit(release, Constant("yes"), cost=0.5)], tmp_path) as one:
        said = client(one.url).post("/predict", {"input": {"x": 10**30}})
        assert said.status == 200
        odd = client(one.url).post("/feedback", {"request": said.json["merits"]["request"], "target": 10**30})
        assert odd.status == 400
    (kept,) = one.live.served("t")
    assert (kept.record.cost, kept.record.input) == (0.5, None)


def _left_by_the_dead(folder: Path) -> None:
    code = (
        "import os,sys\n"
        "from pathlib import Path\n"
        "from merits.serving.journal import Journal\n"
        "from tests.serving.test_journal import an_answer\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "for n in range(5): journal.append(an_answer(n))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -9

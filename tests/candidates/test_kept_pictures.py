"""Pictures that candidates make are kept whole, whoever else keeps the same one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from merits.candidates.kept_pictures import keep_picture


def test_the_same_picture_kept_by_many_at_once_is_one_whole_file(tmp_path: Path) -> None:
    """Candidates run in threads of their own, and two that look for the nearest caption find the same picture."""
    n = 8
    together = Barrier(n)

    def keep(turn: int) -> str:
        picture = b"\x89PNG" + bytes([turn]) * 200_000
        together.wait()
        return str(keep_picture(picture, tmp_path, "drawn")["file"])

    with ThreadPoolExecutor(n) as pool:
        for turn in range(40):
            (name,) = set(pool.map(keep, [turn] * n))
            assert 200_004 == (tmp_path / name).stat().st_size
    assert 40 == len(list((tmp_path / "drawn").iterdir())), "nothing half written is left"

"""The process that draws: a Vega-Lite specification a line in, the length of its drawing and the drawing out.

Run as a file, with the folder of `vl_convert` and the version of Vega-Lite, in an interpreter without `site` and
without Merits: each would take its share of a memory that V8 fills by itself.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Sequence

_NOTHING = '{"data": {"values": []}, "mark": "point", "encoding": {"x": {"field": "a", "type": "quantitative"}}}'
_MADV_DONTNEED = 4


def main(folder: str, version: str) -> None:
    """Draws until there are no more specifications; the first drawing, of nothing, loads V8 while none is there yet."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its parent ends it
    sys.path.append(folder)
    import vl_convert

    def drawn(spec: str) -> bytes:
        text: str = vl_convert.vegalite_to_svg(spec, vl_version=version, allowed_base_urls=[])
        return text.encode()

    drawn(_NOTHING)
    mapped = _only_read(vl_convert.__path__[0])
    _give_back(mapped)
    for line in sys.stdin.buffer:
        drawing = drawn(line.decode())
        sys.stdout.buffer.write(b"%d\n%b" % (len(drawing), drawing))
        sys.stdout.buffer.flush()
        _give_back(mapped)


def _only_read(folder: str) -> list[tuple[int, int]]:
    """Where files of a folder are in memory unchanged, as (address, bytes); nothing where Linux does not say it."""
    found: list[tuple[int, int]] = []
    part, rights = (0, 0), ""
    try:
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                words = line.split(maxsplit=5)
                if not words[0].endswith(":"):
                    begin, end = (int(address, 16) for address in words[0].split("-"))
                    rights = words[1] if len(words) == 6 and words[5].startswith(folder) else "w"
                    part = (begin, end - begin)
                elif words[0] == "Anonymous:" and words[1] == "0" and "w" not in rights:
                    found.append(part)
    except OSError:
        pass
    return found


def _give_back(parts: Sequence[tuple[int, int]]) -> None:
    """Nothing; these pages are not kept: the library takes 45 MB, most of it for its start and not needed again.

    A page that is needed comes back from the system's cache of the file, in microseconds.
    """
    if not parts:
        return
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for address, size in parts:
        advise(address, size, _MADV_DONTNEED)


if __name__ == "__main__":
    main(*sys.argv[1:])

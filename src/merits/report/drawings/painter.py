"""Vega-Lite to SVG: here, or in a process of its own.

The converter runs V8, which takes 100 MB that a process never gives back; in a process of its own they are gone when
the page is drawn, and a crash takes nothing else along. Knows nothing about what is drawn.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

import msgspec

from merits.core.identity import JSON

__all__ = ["apart", "svg"]

_VEGA_LITE = "5.20"
_COMMAND = ("-m", "merits.report.drawings.painter")

_apart: ContextVar[subprocess.Popen[bytes] | None] = ContextVar("merits_painter", default=None)


def svg(spec: dict[str, JSON]) -> str:
    """The drawing that a Vega-Lite specification describes; RuntimeError when the process that draws has died."""
    process = _apart.get()
    return _drawn(spec) if process is None else _asked(process, spec)


@contextmanager
def apart() -> Iterator[None]:
    """While it lasts, `svg` draws in a process of its own; here where V8 is loaded already, or none can be started."""
    if "vl_convert" in sys.modules:
        yield
        return
    try:
        process = subprocess.Popen([sys.executable, *_COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except OSError:  # an interpreter inside another program
        yield
        return
    token = _apart.set(process)
    try:
        yield
    finally:
        _apart.reset(token)
        _end(process)


def _asked(process: subprocess.Popen[bytes], spec: dict[str, JSON]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(spec) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = b""
    if not line:
        raise RuntimeError("the process that draws the charts has died")
    return msgspec.json.decode(line, type=str)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    process.wait()


def _drawn(spec: dict[str, JSON]) -> str:
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=[])
    return text


def main() -> None:
    """Draws one specification a line until there are no more."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(msgspec.json.encode(_drawn(msgspec.json.decode(line))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

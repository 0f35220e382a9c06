"""Vega-Lite to SVG: here, or in a process of its own.

The converter runs V8, which takes 80 MB that a process never gives back, and a second to start; in a process of its own
they are gone when the page is drawn, a crash takes nothing else along, and it starts while the decision is made. Knows
nothing about what is drawn.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path

import msgspec

from merits.core.identity import JSON

__all__ = ["apart", "make_ready", "svg"]

_VEGA_LITE = "5.20"


def svg(spec: dict[str, JSON]) -> str:
    """The drawing that a Vega-Lite specification describes; RuntimeError when the process that draws has died."""
    make_ready()
    apart = _apart.get()
    return _drawn(spec) if apart is None or apart.process is None else _asked(apart.process, spec)


@contextmanager
def apart() -> Iterator[None]:
    """While it lasts, `svg` draws in a process of its own; here where V8 is loaded already, or none can be started."""
    here = _Apart()
    token = _apart.set(here)
    try:
        yield
    except BaseException:
        if here.process is not None:
            here.process.kill()
        raise
    finally:
        _apart.reset(token)
        if here.process is not None:
            _end(here.process)


def make_ready() -> None:
    """Starts the process that draws, where there shall be one: called before there is something to draw, it saves the
    second that V8 takes to start."""
    apart = _apart.get()
    if apart is not None and not apart.tried:
        apart.tried = True
        apart.process = _started()


class _Apart:
    """The process that draws, once it was tried to start one."""

    tried = False
    process: subprocess.Popen[bytes] | None = None


_apart: ContextVar[_Apart | None] = ContextVar("merits_painter", default=None)


def _started() -> subprocess.Popen[bytes] | None:
    spec = None if "vl_convert" in sys.modules else find_spec("vl_convert")
    if spec is None or spec.origin is None:
        return None
    program = [str(Path(__file__).with_name("painting.py")), str(Path(spec.origin).parents[1]), _VEGA_LITE]
    try:
        return subprocess.Popen([sys.executable, "-I", "-S", *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except OSError:  # an interpreter inside another program
        return None


def _asked(process: subprocess.Popen[bytes], spec: dict[str, JSON]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(spec) + b"\n")
        process.stdin.flush()
        size = process.stdout.readline()
    except BrokenPipeError:
        size = b""
    drawing = process.stdout.read(int(size or 0))
    if not size or len(drawing) < int(size):
        raise RuntimeError("the process that draws the charts has died")
    return drawing.decode()


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

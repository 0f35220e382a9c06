"""A program that stays: it answers each text that ends in a NUL with one that does, in order.

Knows nothing about what the texts say.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["NullFlushed"]

_PIECE = 1 << 16
_LAST_WORD_S = 5.0


class NullFlushed:
    """A process that is started by the first exchange and again after it ended. Safe to call from several threads."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._command, self._env = list(command), dict(env)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None  # what it writes to stderr

    def exchange(self, texts: Sequence[str], timeout_s: float) -> list[str]:
        """The replies, one to each text. A NUL in a text is sent as a space.

        Raises TimeoutError when they take longer together (the process is then ended), and RuntimeError with the last
        thing that it said when it ends before it has answered.
        """
        with self._lock:
            try:
                return self._exchanged(texts, time.monotonic() + timeout_s)
            except BaseException:
                self._end()
                raise

    def close(self) -> None:
        """Ends the process. May be called twice."""
        with self._lock:
            self._end()

    def _exchanged(self, texts: Sequence[str], deadline: float) -> list[str]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        to_send = memoryview(b"".join(text.replace("\0", " ").encode("utf-8", "replace") + b"\0" for text in texts))
        got, n_got = bytearray(), 0
        with selectors.DefaultSelector() as both:
            both.register(process.stdout, selectors.EVENT_READ)
            both.register(process.stdin, selectors.EVENT_WRITE)
            while n_got < len(texts):
                ready = both.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"{self._command[0]} did not answer in time")
                for key, _ in ready:
                    if key.fileobj is process.stdout:
                        piece = os.read(key.fd, _PIECE)
                        if not piece:
                            raise RuntimeError(f"{self._command[0]} ended: {self._last_word(process)}")
                        got += piece
                        n_got += piece.count(b"\0")
                        continue
                    with contextlib.suppress(BrokenPipeError):  # reading tells that it has ended
                        to_send = to_send[os.write(key.fd, to_send[:_PIECE]) :]
                    if not to_send:
                        both.unregister(process.stdin)
        replies = bytes(got).split(b"\0")[: len(texts)]
        return [reply.decode("utf-8", "replace") for reply in replies]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        process = self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=self._env,
            bufsize=0,
            start_new_session=True,  # it may start others, which end with it
        )
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()
        if self._said is not None:
            self._said.close()

    def _last_word(self, process: subprocess.Popen[bytes]) -> str:
        code = process.wait(_LAST_WORD_S)
        assert self._said is not None
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit code {code}"

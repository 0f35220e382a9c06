"""An external program that answers: one JSON object a line, in and out."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec

from merits.candidates.environment import environment
from merits.candidates.imports import code_hash
from merits.candidates.keys_in_recipes import must_pass_no_key
from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.secrets import redact, shown
from merits.media.files import file_hash

__all__ = ["Params", "load"]

_LONGEST_LINE = 64 * 1024 * 1024
_STDERR_LINES = 20
_GRACE_S = 2.0  # what a program gets to end by itself once its input is closed


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A program that reads {"id": n, "input": ...} lines and writes {"id": n, "output": ...} lines."""

    run: Annotated[
        tuple[str, ...],
        msgspec.Meta(min_length=1, description="The program and its arguments; started in the task's folder."),
    ]

    def __post_init__(self) -> None:
        must_pass_no_key(self.run)


class _Reply(msgspec.Struct):
    """What the program may say. `error` says that this input could not be answered."""

    id: int
    output: JSON = None
    probabilities: dict[str, float] | None = None
    confidence: float | None = None
    error: str | None = None


def load(params: Params, context: LoadContext) -> Model:
    """A model around one long-lived process, started by the first question and again when it has died.

    One question is asked at a time. A process that does not answer within the deadline is killed, with all it
    started. `python` is the interpreter that runs Merits. Standard error is not read as an answer; its end is shown
    when something goes wrong. Files that the arguments name are part of the fingerprint; what these read is not.
    """
    program = _program(params.run[0], context.folder)
    fingerprint = content_hash(["command 1", [_argument(text, context.folder) for text in params.run]])
    return _Command((program, *params.run[1:]), context, fingerprint)


def _program(name: str, folder: Path) -> str:
    if name in ("python", "python3"):
        return sys.executable
    local = folder / name
    if local.is_file():
        return str(local.resolve())
    found = shutil.which(name)
    if found is None:
        raise CandidateError(f"there is no program {name!r} in {folder} or on the PATH.", "Mend `run`, or install it.")
    return found


def _argument(text: str, folder: Path) -> str:
    """The argument, with the hash of the file that it names."""
    file = folder / text
    if not text or not file.is_file():
        return text
    return f"{text} {code_hash(file, folder) if file.suffix == '.py' else file_hash(file)}"


class _Command:
    """One process that answers one question at a time."""

    concurrency = 1

    def __init__(self, command: tuple[str, ...], context: LoadContext, fingerprint: str) -> None:
        self._command = command
        self._context = context
        self.fingerprint = fingerprint
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._n_asked = 0
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._reading: asyncio.Task[None] | None = None

    async def answer(self, input: JSON) -> Answer:
        """What the program replies; AskFailed or TimeoutError, with the end of its standard error, when it does not."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._context.timeout_s):
                    return await self._exchange(input)
            except TimeoutError:
                await self._kill()
                raise TimeoutError(f"no answer within {self._context.timeout_s:g} s; {self._said()}") from None
            except BaseException:  # whoever stopped waiting must not leave an answer behind for the next question
                await self._kill()
                raise

    async def close(self) -> None:
        """Ends the process. May be called twice."""
        process = self._process
        if process is not None and process.returncode is None and process.stdin is not None:
            process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE_S)
        await self._kill()

    async def _exchange(self, input: JSON) -> Answer:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        self._n_asked += 1
        start = time.perf_counter()
        try:
            process.stdin.write(msgspec.json.encode({"id": self._n_asked, "input": input}) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (ConnectionError, ValueError) as problem:  # ValueError: a line longer than the limit
            self._fail(f"lost the program: {problem}")
        if not line:
            await self._ended(process)
        return self._read(line, time.perf_counter() - start)

    async def _running(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._stderr.clear()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=self._context.folder,
                env=dict(environment(self._context)),
                limit=_LONGEST_LINE,
                start_new_session=True,  # so that what it starts can be killed with it
            )
        except OSError as problem:
            reason = problem.strerror or problem
            raise CandidateError(f"cannot start {self._command[0]}: {reason}.", "Is it executable?") from None
        self._reading = asyncio.create_task(self._read_stderr(self._process))
        return self._process

    async def _read_stderr(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._stderr.append(shown(line, 500).rstrip())

    async def _ended(self, process: Process) -> NoReturn:
        """The program closed its output: say how it ended."""
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=_GRACE_S)
        code = process.returncode
        self._fail(f"it ended with exit code {code}" if code is not None else "it closed its output")

    def _read(self, line: bytes, seconds: float) -> Answer:
        try:
            reply = msgspec.json.decode(line, type=_Reply)
        except msgspec.MsgspecError as problem:
            said = shown(line, 200).rstrip()
            self._fail(f"it wrote {said!r}, which is no answer ({problem}); print anything else to standard error")
        if reply.id != self._n_asked:
            self._fail(f"it answered id {reply.id}, asked was id {self._n_asked}")
        if reply.error is not None:
            return Answer(failure=Failure("raised", redact(reply.error)), latency_s=seconds)
        usage = Usage(machine_s=seconds)
        return Answer(reply.output, reply.probabilities, reply.confidence, usage, seconds)

    def _fail(self, what: str) -> NoReturn:
        raise AskFailed(Failure("raised", f"{Path(self._command[0]).name}: {what}; {self._said()}"))

    def _said(self) -> str:
        return f"standard error ends: {redact(' | '.join(self._stderr))}" if self._stderr else "standard error is empty"

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])

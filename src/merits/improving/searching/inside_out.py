"""Turns a function that calls back inside out: its calls become what a generator yields.

A library that searches calls whoever evaluates; an improver must not. So the library runs in a thread of its own, in
lock step: it or the generator runs, never both.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

__all__ = ["inside_out"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")
Result = TypeVar("Result")


class _Stopped(BaseException):
    """Nobody listens any more; no `except Exception` of the library holds it up."""


class _Call(Generic[Asked]):
    def __init__(self, asked: Asked) -> None:
        self.asked = asked


class _Ended(Generic[Result]):
    def __init__(self, result: Result | None, problem: BaseException | None) -> None:
        self.result, self.problem = result, problem


def inside_out(function: Callable[[Callable[[Asked], Told]], Result]) -> Generator[Asked, Told, Result]:
    """Yields what `function` calls its argument with, is sent what each call returns, and returns its result.

    What the function raises is raised. When the generator is closed, the call that is waited for raises in the thread,
    which ends.

    >>> def doubled_twice(ask):
    ...     return ask(ask(1))
    >>> generator = inside_out(doubled_twice)
    >>> next(generator), generator.send(2)
    (1, 2)
    >>> try:
    ...     generator.send(4)
    ... except StopIteration as end:
    ...     end.value
    4
    """
    outwards: queue.Queue[_Call[Asked] | _Ended[Result]] = queue.Queue()
    inwards: queue.Queue[tuple[Told] | None] = queue.Queue()

    def ask(what: Asked) -> Told:
        outwards.put(_Call(what))
        told = inwards.get()
        if told is None:
            raise _Stopped
        return told[0]

    def run() -> None:
        try:
            outwards.put(_Ended(function(ask), None))
        except BaseException as problem:  # noqa: BLE001  whoever asked is told of it
            outwards.put(_Ended(None, problem))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while isinstance(message := outwards.get(), _Call):
            inwards.put(((yield message.asked),))
    except GeneratorExit:
        inwards.put(None)
        raise
    finally:
        thread.join(timeout=5.0)
    if message.problem is not None:
        raise message.problem
    return message.result  # type: ignore[return-value]  # what the function returned, and it did

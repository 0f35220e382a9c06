"""Programs that answer, die, hang, and talk nonsense."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.identity import JSON

PROGRAM = """
import json, os, sys, time, subprocess
for line in sys.stdin:
    question = json.loads(line)
    said = question["input"]
    reply = {"id": question["id"], "output": said}
    if said == "die":
        print("out of ideas", file=sys.stderr, flush=True)
        sys.exit(3)
    if said == "hang":
        child = subprocess.Popen(["sleep", "60"])
        open("child.pid", "w").write(str(child.pid))
        time.sleep(60)
    if said == "chatter":
        print("loading the model", flush=True)
    if said == "wrong id":
        reply["id"] += 1
    if said == "error":
        reply = {"id": question["id"], "error": "no idea"}
    if said == "pid":
        reply["output"] = os.getpid()
    if said == "sure":
        reply |= {"probabilities": {"a": 0.7, "b": 0.3}, "confidence": 0.7}
    print(json.dumps(reply), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def command(folder: Path, *, timeout_s: float = 20, run: Sequence[str] = ("python", "program.py")) -> Model:
    candidate = Candidate(name="mine", kind="command", params={"run": list(run)})
    return load(candidate, LoadContext(folder=folder, timeout_s=timeout_s))


def ask(model: Model, *inputs: JSON) -> list[Answer | Exception]:
    """The answers, one question after the other."""

    async def each() -> list[Answer | Exception]:
        found: list[Answer | Exception] = []
        for input in inputs:
            try:
                found.append(await model.answer(input))
            except (AskFailed, TimeoutError) as problem:
                found.append(problem)
        await model.close()
        return found

    return asyncio.run(each())


def _ends(pid: int) -> bool:
    """Whether a process is gone, or only waits to be reaped, within two seconds."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def outputs(found: Sequence[Answer | Exception]) -> list[JSON]:
    return [answer.output if isinstance(answer, Answer) else type(answer).__name__ for answer in found]


def test_one_process_answers_all_questions(folder: Path) -> None:
    """A model that takes a minute to load must load once."""
    first, second = ask(command(folder), "pid", "pid")
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert first.output == second.output
    assert first.usage.machine_s > 0


def test_a_process_that_died_is_started_again(folder: Path) -> None:
    """Its last words are in the message."""
    found = ask(command(folder), "one", "die", "two")
    assert outputs(found) == ["one", "AskFailed", "two"]
    assert "exit code 3; standard error ends: out of ideas" in str(found[1])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_that_hangs_is_killed_with_its_children(folder: Path) -> None:
    """And the next question gets a new one."""
    found = ask(command(folder, timeout_s=1.0), "hang", "next")
    assert outputs(found) == ["TimeoutError", "next"]
    assert _ends(int((folder / "child.pid").read_text()))


def test_what_is_no_answer_is_shown(folder: Path) -> None:
    """Programs that print their progress to standard output are the commonest mistake."""
    found = ask(command(folder), "chatter", "fine", "wrong id", "fine")
    assert outputs(found) == ["AskFailed", "fine", "AskFailed", "fine"]
    assert "'loading the model', which is no answer" in str(found[0])
    assert "print anything else to standard error" in str(found[0])


def test_an_error_of_one_input_does_not_end_the_process(folder: Path) -> None:
    """The program said itself that it cannot."""
    first, failed, second = ask(command(folder), "pid", "error", "pid")
    assert isinstance(failed, Answer)
    assert failed.failure is not None
    assert failed.failure.message == "no idea"
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert first.output == second.output


def test_probabilities_and_confidence_are_read(folder: Path) -> None:
    """So that thresholds and calibration work for programs too."""
    (answer,) = ask(command(folder), "sure")
    assert isinstance(answer, Answer)
    assert answer.probabilities == {"a": 0.7, "b": 0.3}
    assert answer.confidence == 0.7


def test_nothing_is_left_running(folder: Path) -> None:
    """A thousand runs must not leave a thousand processes."""
    (answer,) = ask(command(folder), "pid")
    assert isinstance(answer, Answer)
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(answer.output)), 0)


def test_questions_asked_at_once_wait_their_turn(folder: Path) -> None:
    """One process reads one line at a time."""

    async def together() -> list[JSON]:
        model = command(folder)
        answers = await asyncio.gather(*(model.answer(number) for number in range(20)))
        await model.close()
        return [answer.output for answer in answers]

    assert asyncio.run(together()) == list(range(20))


def test_an_edited_program_is_another_model(folder: Path) -> None:
    """Its stored answers are those of the old one."""
    before = command(folder).fingerprint
    assert before == command(folder).fingerprint
    (folder / "program.py").write_text(PROGRAM + "# edited\n")
    assert before != command(folder).fingerprint


def test_an_edited_module_of_the_program_is_another_model(folder: Path) -> None:
    """What a program imports from its folder is part of it."""
    (folder / "program.py").write_text("import rules\n" + PROGRAM)
    (folder / "rules.py").write_text("A = 1\n")
    before = command(folder).fingerprint
    (folder / "rules.py").write_text("A = 2\n")
    assert before != command(folder).fingerprint

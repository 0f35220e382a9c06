"""The network that is trained here: it learns, it stops in time, and a training that was killed comes to the same."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.model import ModelContract
from tests.media.painting import painted

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
SMALL: dict[str, JSON] = {"size": 8, "channels": [4], "epochs": 3, "batch_size": 8}


def model(folder: Path, notes: list[str] | None = None, seed: int = 0, **params: JSON) -> Model:
    context = LoadContext(
        folder=folder,
        task_kind="image-classification",
        classes=("blue", "red"),
        env={},
        seed=seed,
        note=(lambda text: None) if notes is None else notes.append,
    )
    return load(Candidate(name="net", kind="image-cnn", params={**SMALL, **params}), context)


def examples_of(names: list[str]) -> list[Example]:
    return [Example(name, name, name.split("/")[0], input_hash=name) for name in names]


def asked(network: Model, names: list[str]) -> list[Answer]:
    async def each() -> list[Answer]:
        return list(await asyncio.gather(*(network.answer(name) for name in names)))

    return asyncio.run(each())


def weights(network: Any, examples: list[Example]) -> dict[str, list[float]]:
    """What it has learned from the examples, to the last bit."""
    network.fit(examples)
    state = network._batcher._answer_batch.__self__._network.state_dict()
    return {name: tensor.flatten().tolist() for name, tensor in state.items()}


class TestContract(ModelContract):
    at_once = 50
    inputs: ClassVar = ("blue/0.png", "red/0.png")
    examples: ClassVar = tuple(examples_of([f"{label}/{n}.png" for n in range(8) for label in ("blue", "red")]))
    odd: ClassVar = ("", "gone.png", "notes.txt", {"file": "red/1.png"}, {}, 5, "../../etc/passwd")

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        painted(tmp_path, 8)

    def make(self) -> Model:
        return model(self.folder)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_it_learns_what_can_be_learned(optimizer: str, tmp_path: Path) -> None:
    """Red and blue squares, on pictures that it has not seen; the probabilities say so too."""
    names, notes = painted(tmp_path, 40), list[str]()
    network = model(tmp_path, notes, optimizer=optimizer, epochs=12, learning_rate=0.03, held_out=0.2)
    network.fit(examples_of(names[:60]))  # type: ignore[attr-defined]
    answers = asked(network, names[60:])
    assert [answer.output for answer in answers] == [name.split("/")[0] for name in names[60:]]
    assert all(max((answer.probabilities or {}).values()) > 0.6 for answer in answers)
    assert "held out" in notes[-1]


def test_the_same_seed_gives_the_same_network_and_another_seed_another(tmp_path: Path) -> None:
    """Whatever else draws random numbers in this process, and whatever it did before."""
    import torch

    names = painted(tmp_path, 12)
    examples = examples_of(names)
    one = weights(model(tmp_path, checkpoints=False), examples)
    torch.rand(3)
    np.random.default_rng().random()
    before = torch.get_rng_state()
    two = weights(model(tmp_path, checkpoints=False), examples)
    assert torch.equal(torch.get_rng_state(), before), "it draws from a generator of its own"
    assert one == two
    assert weights(model(tmp_path, seed=1, checkpoints=False), examples) != one


class Killed(BaseException):
    """Ends a training in the middle, as a signal would."""


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_training_that_was_interrupted_comes_to_the_same_bit_for_bit(optimizer: str, tmp_path: Path) -> None:
    """Weights, momentum, learning rate, order and moves of the pictures: nothing is lost or drawn twice."""
    from merits.candidates.cnn import training

    names = painted(tmp_path, 12)
    examples = examples_of(names)
    params: dict[str, JSON] = {"optimizer": optimizer, "epochs": 5, "held_out": 0.2}
    whole = weights(model(tmp_path, checkpoints=False, **params), examples)

    epochs = 0
    one_epoch = training._Run.one_epoch

    def dies(run: training._Run) -> str:
        nonlocal epochs
        epochs += 1
        if epochs == 3:
            raise Killed
        return one_epoch(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._Run, "one_epoch", dies)
        with pytest.raises(Killed):
            weights(model(tmp_path, **params), examples)
    notes: list[str] = []
    again = weights(model(tmp_path, notes, **params), examples)
    assert notes[0] == "net: training goes on after epoch 2 of 5"
    assert again == whole
    notes.clear()
    assert weights(model(tmp_path, notes, **params), examples) == whole
    assert notes == ["net: was trained before"]


KILLED = """
import sys
from pathlib import Path
from tests.candidates.test_image_cnn import examples_of, model
folder = Path(sys.argv[1])
names = sorted(str(file.relative_to(folder)) for file in folder.glob("*/*.png"))
model(folder, epochs=400, patience=400).fit(examples_of(names))
"""


def test_a_process_that_is_killed_leaves_a_checkpoint_that_can_be_read(tmp_path: Path) -> None:
    """kill -9 at any moment: the file is the old one or the new one, never half of one."""
    import torch

    names = painted(tmp_path, 12)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2])
    folder = tmp_path / ".merits" / "checkpoints"
    deadline = time.monotonic() + 120
    while not list(folder.glob("*.pt")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (file,) = folder.glob("*.pt")
    done = torch.load(file, weights_only=True)["epoch"]
    assert 0 < done < 400
    notes: list[str] = []
    examples = examples_of(sorted(names))
    network = model(tmp_path, notes, epochs=400, patience=400)
    with pytest.MonkeyPatch.context() as patch:
        from merits.candidates.cnn import training

        patch.setattr(training._Run, "ended", property(lambda run: run.epoch > done))
        network.fit(examples)  # type: ignore[attr-defined]
    assert notes[0] == f"net: training goes on after epoch {done} of 400"


def test_a_checkpoint_that_is_broken_is_as_good_as_none(tmp_path: Path) -> None:
    """And nothing in it is unpickled."""
    names = painted(tmp_path, 12)
    whole = weights(model(tmp_path), examples_of(names))
    (file,) = (tmp_path / ".merits" / "checkpoints").glob("*.pt")
    file.write_bytes(file.read_bytes()[:500])
    notes: list[str] = []
    assert weights(model(tmp_path, notes), examples_of(names)) == whole
    assert "cannot be read; training begins anew" in notes[0]


def test_a_changed_example_or_recipe_is_another_training(tmp_path: Path) -> None:
    """A checkpoint of anything else must never be taken for this one's."""
    names = painted(tmp_path, 12)
    examples = examples_of(names)
    for params, taught in (({}, examples), ({"epochs": 2}, examples), ({}, examples[:-2])):
        model(tmp_path, **params).fit(taught)  # type: ignore[attr-defined, arg-type]
    assert len(list((tmp_path / ".merits" / "checkpoints").glob("*.pt"))) == 3


def test_it_stops_when_the_held_out_part_gets_no_better(tmp_path: Path) -> None:
    """And is then what it was at its best; labels that say nothing are the quickest way there."""
    names, notes = painted(tmp_path, 20), list[str]()
    random = np.random.default_rng(2)
    examples = [Example(name, name, str(random.integers(2)), input_hash=name) for name in names]
    network = model(tmp_path, notes, epochs=60, patience=2, held_out=0.3, learning_rate=0.02)
    network.fit(examples)  # type: ignore[attr-defined]
    assert "; the best was epoch" in notes[-1]
    assert int(notes[-1].split("epoch ")[1].split(" ")[0]) < 60


def test_pictures_too_many_to_hold_are_decoded_again_and_teach_the_same(tmp_path: Path) -> None:
    names = painted(tmp_path, 12)
    held = weights(model(tmp_path, checkpoints=False), examples_of(names))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("merits.candidates.image_cnn._MOST_HELD", 0)
        assert weights(model(tmp_path, checkpoints=False), examples_of(names)) == held


def test_a_folder_that_cannot_be_written_is_said_and_no_error(tmp_path: Path) -> None:
    names, notes = painted(tmp_path, 12), list[str]()
    (tmp_path / ".merits").write_text("a file where a folder should be")
    model(tmp_path, notes).fit(examples_of(names))  # type: ignore[attr-defined]
    assert any("no checkpoint can be written" in note for note in notes)


def test_a_loss_that_is_no_number_ends_the_training_with_what_to_change(tmp_path: Path) -> None:
    names = painted(tmp_path, 12)
    with pytest.raises(ArithmeticError, match="lower `learning_rate`"):
        model(tmp_path, optimizer="sgd", learning_rate=1e30, warmup_epochs=0).fit(examples_of(names))  # type: ignore[attr-defined]


def test_one_label_teaches_nothing(tmp_path: Path) -> None:
    names = [name for name in painted(tmp_path, 6) if name.startswith("red")]
    with pytest.raises(CandidateError, match="two classes"):
        model(tmp_path).fit(examples_of(names))  # type: ignore[attr-defined]


def test_texts_are_not_for_it() -> None:
    context = LoadContext(task_kind="classification", env={}, named=())
    with pytest.raises(
        CandidateError, match="image-cnn reads picture, and no input is the name of a picture that is there"
    ):
        load(Candidate(name="net", kind="image-cnn"), context)

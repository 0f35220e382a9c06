"""Functions and classes by import path."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from merits.candidates.imports import find
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

MODULE = """
import numpy as np
from merits.core.answer import Answer

def text(input): return "spam" if "win" in input else "ham"
def number(input): return np.int64(len(input))
def mapping(input): return {"label": "spam", "probabilities": {"spam": np.float64(0.75), "ham": 0.25}}
def other_mapping(input): return {"label": "spam", "because": "of this"}
def whole(input): return Answer("spam", confidence=0.5)
def repeated(input, times, sep="-"): return sep.join([input] * times)
def changes(input): input.clear(); return "done"
def nothing(input): return None
def bad(input): return {"output": "x", "confidence": "high"}
async def waits(input): return input.upper()

class Counting:
    def __init__(self, start=0): self.start = start
    def answer(self, input): return self.start + len(input)

class Lookup:
    def fit(self, X, y): self.known = dict(zip(X, y)); return self
    def predict(self, X): return np.array([self.known.get(x, "?") for x in X])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "functions.py").write_text(MODULE)
    return tmp_path


def python(folder: Path, path: str, **params: JSON) -> Model:
    recipe: dict[str, JSON] = {"function": path, **({"params": params} if params else {})}
    return load(Candidate(name="mine", kind="python", params=recipe), LoadContext(folder=folder))


def ask(model: Model, inputs: Sequence[JSON]) -> list[Answer]:
    async def together() -> list[Answer]:
        answers = await asyncio.gather(*(model.answer(input) for input in inputs))
        await model.close()
        return list(answers)

    return asyncio.run(together())


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("text", "spam"),
        ("number", 7),
        ("mapping", "spam"),
        ("other_mapping", {"label": "spam", "because": "of this"}),
        ("whole", "spam"),
        ("nothing", None),
        ("waits", "WIN NOW"),
    ],
)
def test_what_a_function_may_return(folder: Path, name: str, output: JSON) -> None:
    """A label, a number of numpy, a mapping, an Answer; sync or async. A mapping with other keys is the output."""
    assert ask(python(folder, f"functions:{name}"), ["win now"])[0].output == output


def test_probabilities_and_confidence_are_read(folder: Path) -> None:
    """So that calibration can be looked at."""
    assert ask(python(folder, "functions:mapping"), ["a"])[0].probabilities == {"spam": 0.75, "ham": 0.25}
    assert ask(python(folder, "functions:whole"), ["a"])[0].confidence == 0.5


def test_a_bad_mapping_says_what_is_wrong(folder: Path) -> None:
    """Rather than being stored as if it were an answer."""
    with pytest.raises(TypeError, match=r"\$\.confidence"):
        ask(python(folder, "functions:bad"), ["a"])


def test_parameters_are_passed_on(folder: Path) -> None:
    """To each call of a function, to the making of a class."""
    assert ask(python(folder, "functions:repeated", times=2), ["a"])[0].output == "a-a"
    assert ask(python(folder, "functions:Counting", start=10), ["abc"])[0].output == 13


def test_a_class_with_fit_is_trained(folder: Path) -> None:
    """It looks like an estimator, so it is used like one."""
    model = python(folder, "functions:Lookup")
    assert isinstance(model, Trainable)
    model.fit([Example("1", "a", "first"), Example("2", "b", "second")])
    assert [answer.output for answer in ask(model, ["b", "c"])] == ["second", "?"]


def test_a_function_that_changes_its_input_changes_a_copy(folder: Path) -> None:
    """The same example goes to the next candidate."""
    row: dict[str, JSON] = {"a": 1}
    ask(python(folder, "functions:changes"), [row])
    assert row == {"a": 1}


def test_an_edited_file_is_another_model_and_is_what_runs(folder: Path) -> None:
    """In a notebook the same process sees both."""
    before = python(folder, "functions:text")
    assert before.fingerprint == python(folder, "functions:text").fingerprint
    (folder / "functions.py").write_text(MODULE.replace('"ham"', '"fine"'))
    after = python(folder, "functions:text")
    assert before.fingerprint != after.fingerprint
    assert ask(after, ["hello"])[0].output == "fine"


def test_what_the_file_imports_from_the_folder_counts_too(folder: Path) -> None:
    """Directly or through a package; a comment elsewhere does not."""
    (folder / "rules").mkdir()
    (folder / "rules" / "__init__.py").write_text("from .words import WORDS\n")
    (folder / "rules" / "words.py").write_text("WORDS = ['win']\n")
    (folder / "using.py").write_text("def f(input):\n    import rules\n    return rules.WORDS\n")
    before = python(folder, "using:f").fingerprint
    (folder / "unrelated.py").write_text("pass\n")
    assert before == python(folder, "using:f").fingerprint
    (folder / "rules" / "words.py").write_text("WORDS = ['win', 'now']\n")
    assert before != python(folder, "using:f").fingerprint


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("functions:txet", {}, r"'functions' has no 'txet'\. Did you mean 'text'"),
        ("function:text", {}, r"no module 'function'\. Did you mean 'functions'"),
        ("text", {}, "no import path"),
        ("functions:repeated", {"tims": 2}, r"no parameter 'tims'\. Did you mean 'times'"),
        ("functions:Counting", {"strat": 2}, r"no parameter 'strat'\. Did you mean 'start'"),
        ("functions:MISSING_PACKAGE", {}, "has no 'MISSING_PACKAGE'"),
    ],
)
def test_what_is_not_there_names_the_near_miss(folder: Path, path: str, params: dict[str, JSON], message: str) -> None:
    """The file, the name, the argument."""
    with pytest.raises(CandidateError, match=message):
        python(folder, path, **params)


def test_a_file_that_cannot_be_imported_says_why(folder: Path) -> None:
    """With the exception it raised."""
    (folder / "broken.py").write_text("1 / 0\n")
    with pytest.raises(CandidateError, match=r"broken\.py raised ZeroDivisionError: division by zero"):
        python(folder, "broken:f")


def test_two_folders_may_hold_files_of_the_same_name(tmp_path: Path) -> None:
    """Every task has its `candidates.py`."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same_name.py").write_text(f"def f(input): return {name!r}\n")
    models = [python(tmp_path / name, "same_name:f") for name in ("one", "two")]
    assert [ask(model, ["?"])[0].output for model in models] == ["one", "two"]


def test_each_folder_has_its_own_modules_of_the_same_names(tmp_path: Path) -> None:
    """Two releases in one server: each answers with the code that was released with it."""
    for name in ("one", "two", "three"):
        folder = tmp_path / name
        (folder / "pack").mkdir(parents=True)
        (folder / "pack" / "__init__.py").write_text("")
        (folder / "pack" / "deep.py").write_text(f"DEEP = {name!r}\n")
        (folder / "words_of_mine.py").write_text(f"WORD = {name!r}\n")
        code = (
            "from pack.deep import DEEP\nfrom words_of_mine import WORD\n\ndef answer(text):\n    return DEEP + WORD\n"
        )
        (folder / "said.py").write_text(code)
    found = {name: find("said:answer", tmp_path / name) for name in ("one", "two", "one", "three")}
    assert {name: one("x") for name, one in found.items()} == {name: name + name for name in found}  # type: ignore[operator]

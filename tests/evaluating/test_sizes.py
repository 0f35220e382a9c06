"""What models take is said in every run, also where nothing had to be trained for it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from merits.core.candidate import Candidate
from merits.store import open_store
from tests.evaluating.making import run, task

WORDS = Candidate(name="words", kind="text-linear")
OTHER = Candidate(name="words", kind="text-linear", params={"words": 1})
NEVER = Candidate(name="never", kind="constant", params={"output": "odd"})


def test_a_run_of_stored_answers_says_what_the_model_takes(tmp_path: Path) -> None:
    """As the run says that trained it, with runs of others between them; of another recipe it is not said."""
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        first = run(task(20), [WORDS], store)
        run(task(20), [NEVER], store)
        again, once_more = (run(task(20), [WORDS, NEVER], store) for _ in range(2))
        other = run(task(20), [OTHER], store)
        otherwise = run(task(20), [OTHER], store)
    assert first.facts["size of words"].endswith(" MB on disk")
    assert again.facts["asked"] == once_more.facts["asked"] == otherwise.facts["asked"] == "0"
    assert again.facts["size of words"] == once_more.facts["size of words"] == first.facts["size of words"]
    assert otherwise.facts["size of words"] == other.facts["size of words"] != first.facts["size of words"]
    assert "size of never" not in again.facts

"""What a task file can name fits on a page; the parameters are there for whoever asks for them."""

from __future__ import annotations

import json

from merits.candidates import registry as candidates
from merits.core.kinds import kind_names
from merits.perturbations.registry import perturbation_names
from merits.scorers import registry as scorers
from tests.cli.conftest import Merits


def words(out: str) -> set[str]:
    return set(out.replace(",", " ").replace(":", " ").split())


def test_the_overview_names_everything_on_one_page(merits: Merits) -> None:
    code, out, _ = merits("kinds")
    assert code == 0
    named = {*kind_names(), *candidates.kinds(), *scorers.params_schema(), *perturbation_names()}
    assert named <= words(out)
    assert len(out.splitlines()) < 60
    assert "  sound: pocketsphinx, sound-linear, transcription, whisper\n" in out
    assert "merits kinds NAME" in out


def test_a_family_is_a_line_each(merits: Merits) -> None:
    code, out, _ = merits("kinds", "perturbations")
    assert code == 0
    assert "typos: Typing errors" in out
    assert "whisper" not in out
    _, out, _ = merits("kinds", "perturbations", "--json")
    found = json.loads(out)
    assert set(found["perturbations"]) == set(perturbation_names())
    assert "candidates" not in found


def test_a_kind_of_task_says_which_candidates_read_its_inputs(merits: Merits) -> None:
    _, out, _ = merits("kinds", "speech")
    assert out.startswith("speech  (kind of task)  what is said in a sound\n")
    assert "whisper" in words(out)
    assert "python" in words(out)
    assert "text-linear" not in words(out)


def test_a_name_of_two_families_shows_both(merits: Merits) -> None:
    _, out, _ = merits("kinds", "python")
    assert "python  (candidate)" in out
    assert "python  (scorer)" in out


def test_all_parameters_are_there_for_programs(merits: Merits) -> None:
    _, out, _ = merits("kinds", "--json")
    found = json.loads(out)
    assert set(found["candidates"]) == set(candidates.kinds())
    assert "model" in found["candidates"]["chat"]["properties"]


def test_a_near_miss_is_named(merits: Merits) -> None:
    code, _, err = merits("kinds", "candidate")
    assert code == 2
    assert "Did you mean 'candidates'?" in err

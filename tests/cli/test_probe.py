"""A provider that changes the model behind a name, and `merits probe`, which finds out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from merits.testing.provider import FakeProvider, Fault
from tests.cli.conftest import Merits

TASK = """
name: parity
kind: classification
data: numbers.csv
input: text
target: label
split: {test: 0.5}
candidates:
  - {name: rented, kind: chat, model: rented, price: {per_call: 0.001}}
settings: {retries: 0}
"""


class Rented:
    """Right so often, at random; some questions fail."""

    def __init__(self) -> None:
        self.rate, self.down, self._random = 0.84, False, random.Random(3)

    def __call__(self, messages: object) -> str:
        text = str(messages[-1]["content"])  # type: ignore[index]
        even = int(text.rsplit(maxsplit=1)[-1]) % 2 == 0
        return "even" if even == (self._random.random() < self.rate) else "odd"


@pytest.fixture
def model() -> Rented:
    """The model, which a test may change."""
    return Rented()


@pytest.fixture
def provider(tmp_path: Path, model: Rented, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """Serves it, to the task in the working directory, of which 60 test examples were run."""
    rows = ["id,text,label", *(f"{i},number {i},{'even' if i % 2 == 0 else 'odd'}" for i in range(120))]
    (tmp_path / "numbers.csv").write_text("\n".join(rows), "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    fault = Fault("server_error", when=lambda messages: model.down)
    with FakeProvider(reply=model, faults=[fault]) as started:
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield started


def asked(provider: FakeProvider) -> int:
    """How many questions were answered so far."""
    provider.settle()
    return len(provider.requests)


def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(provider: FakeProvider, merits: Merits) -> None:
    """With what that is likely to cost; before anything was run there is nothing to compare with."""
    assert "merits run" in merits("probe", "--dry-run")[2]
    merits("run", "--quiet")
    before = asked(provider)
    code, out, err = merits("probe", "--dry-run")
    assert code == 0
    assert "50" in next(line for line in out.splitlines() if "rented" in line)
    assert "predicted: " in out
    assert "nothing was asked." in err
    code, out, _ = merits("probe", "--dry-run", "--json", "--n", "20")
    told = json.loads(out)
    assert (code, told["schema"], told["n_to_ask"], told["parts"][0]["n_stored"]) == (0, "merits.plan/1", 20, 20)
    assert told["forecast"]["cost"]["value"] == pytest.approx(0.02, rel=0.2)
    assert asked(provider) == before


def test_a_model_that_did_not_change_is_the_same_and_one_that_did_has_changed(
    provider: FakeProvider, model: Rented, merits: Merits
) -> None:
    """Each probe asks 50 questions, and no answer is asked for twice."""
    merits("run", "--quiet")
    before = asked(provider)
    code, out, _ = merits("probe", "--quiet", "--shift", "0.4")
    assert (code, asked(provider) - before) == (0, 50)
    assert "no change is seen" in out
    model.rate = 0.4
    code, out, _ = merits("probe", "--quiet", "--json")
    assert (code, asked(provider) - before) == (1, 100)
    (found,) = json.loads(out)["candidates"]
    assert found["result"] == "changed"
    assert found["n_asked"] == 50
    assert found["probe"]["flips"]["n"] == 50
    assert json.loads(out)["schema"] == "merits.probe/1"


def test_the_first_pass_has_nothing_to_compare_with(provider: FakeProvider, merits: Merits) -> None:
    """It is asked all the same, and is what the next is compared with."""
    code, out, _ = merits("probe", "--quiet", "--n", "30")
    assert (code, asked(provider)) == (3, 30)
    assert "nothing to compare with" in out
    code, _, _ = merits("probe", "--quiet", "--n", "30", "--shift", "0.6")
    assert (code, asked(provider)) == (0, 60)


def test_a_pass_that_failed_is_gone_on_with(provider: FakeProvider, model: Rented, merits: Merits) -> None:
    """An outage is no change: exit 3, and the next probe asks what is missing."""
    merits("run", "--quiet")
    before, model.down = asked(provider), True
    code, out, _ = merits("probe", "--quiet")
    assert code in (3, 4)
    model.down = False
    code, out, _ = merits("probe", "--quiet", "--shift", "0.4")
    assert code == 0, out
    assert asked(provider) >= before + 50


def test_a_probe_leaves_the_task_as_it_was(provider: FakeProvider, merits: Merits) -> None:
    """The stored evaluation and its decision are still there, offline."""
    merits("run", "--quiet")
    merits("probe", "--quiet")
    before = asked(provider)
    code, _, err = merits("run", "--offline", "--quiet")
    assert code in (0, 1, 3), err
    assert asked(provider) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--candidate", "rentd"], "rented"),
        (["--n", "0"], "--n"),
        (["--alpha", "2"], "--alpha"),
    ],
)
def test_a_slip_is_explained(provider: FakeProvider, merits: Merits, words: list[str], says: str) -> None:
    """With what is there, and nothing is asked."""
    code, _, err = merits("probe", *words)
    assert code == 2
    assert says in err
    assert asked(provider) == 0


def test_a_model_that_changed_while_it_serves_is_an_alarm(
    provider: FakeProvider, model: Rented, merits: Merits, tmp_path: Path
) -> None:
    """In the live store, where the monitor tells of it and the loop follows it; of the same hour once."""
    merits("run", "--yes", "--quiet")
    merits("release", "--candidate", "rented", "--quiet")
    merits("probe", "--yes", "--quiet")
    model.rate = 0.2
    assert merits("probe", "--yes", "--quiet")[0] == 1
    assert merits("probe", "--yes", "--quiet")[0] == 1
    alerts = json.loads(merits("alerts", "--json")[1])["alerts"]
    assert [(one["alert"]["kind"], one["alert"]["severity"], one["alert"]["release"]) for one in alerts] == [
        ("silent-change", "alarm", 1)
    ]
    assert "no longer the model that was evaluated" in alerts[0]["alert"]["text"]


def test_where_nothing_is_served_a_change_is_said_and_leaves_no_live_store(
    provider: FakeProvider, model: Rented, merits: Merits, tmp_path: Path
) -> None:
    """A probe of a task that is only evaluated."""
    merits("run", "--yes", "--quiet")
    merits("probe", "--yes", "--quiet")
    model.rate = 0.2
    assert merits("probe", "--yes", "--quiet")[0] == 1
    assert not (tmp_path / ".merits" / "live.sqlite").exists()

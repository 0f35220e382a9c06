"""What judges will cost is foreseen, agreed to and limited like all else that is spent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from merits import load_task
from merits.testing.provider import FakeProvider
from tests.cli.conftest import Merits
from tests.evaluating.test_judging import fair

TASK = """
name: sums
kind: generation
data: sums.csv
input: text
target: label
split: {{test: 0.5}}
candidates:
  - {{name: one, kind: python, function: "said:one"}}
  - {{name: two, kind: python, function: "said:two"}}
scorers:
  - {{kind: {kind}, votes: {votes}, model: {{kind: chat, model: judge-1, price: {{per_call: {price}}}}}}}
settings: {{retries: 0}}
"""
NAME = "judge judge"
SAID = """
def one(text):
    return f"It is {int(text.split()[2]) + 1}."


def two(text):
    return f"It is {int(text.split()[2]) + 7}."
"""


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider whose model judges the task in the working directory: 10 questions, 2 candidates that are free."""
    rows = ["id,text,label", *(f"{i},What is {i} + 1?,{i + 1}" for i in range(24))]
    (tmp_path / "sums.csv").write_text("\n".join(rows), "utf-8")
    (tmp_path / "said.py").write_text(SAID, "utf-8")
    judged_at(tmp_path, 1000)
    monkeypatch.chdir(tmp_path)
    with FakeProvider(fair) as started:
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield started


def judged_at(folder: Path, price: float, *, votes: int = 1, kind: str = "judge") -> None:
    (folder / "merits.yaml").write_text(TASK.format(price=price, votes=votes, kind=kind), "utf-8")


def planned(merits: Merits) -> dict[str, dict[str, int]]:
    code, out, err = merits("run", "--dry-run", "--json")
    assert code == 0, err
    return {part["candidate"]: part for part in json.loads(out)["parts"]}


@pytest.mark.parametrize(("kind", "votes", "calls"), [("judge", 1, 20), ("judge", 3, 60), ("pairwise", 2, 80)])
def test_a_dry_run_counts_votes_and_both_orders(
    provider: FakeProvider, merits: Merits, tmp_path: Path, kind: str, votes: int, calls: int
) -> None:
    judged_at(tmp_path, 1000, votes=votes, kind=kind)
    assert planned(merits)[f"judge {kind}"]["n_to_ask"] == calls
    _, out, _ = merits("run", "--dry-run")
    assert f"judge {kind}" in out
    assert "predicted: about" in out
    assert provider.requests == []


def test_a_dear_judge_is_asked_only_when_it_was_agreed_to(
    provider: FakeProvider, merits: Merits, tmp_path: Path
) -> None:
    """Also where every answer is stored and only verdicts are missing; once they are there nothing is foreseen."""
    assert merits("run")[0] == 2
    assert provider.requests == []
    judged_at(tmp_path, 0.0001)
    assert merits("run", "--quiet", "--no-race")[0] in (0, 1, 3)
    assert len(provider.requests) == 20
    judged_at(tmp_path, 1000)
    part = planned(merits)[NAME]
    assert (part["n_to_ask"], part["n_stored"]) == (0, 20)
    judged_at(tmp_path, 1000, votes=3)
    part = planned(merits)[NAME]
    assert (part["n_to_ask"], part["n_stored"]) == (40, 20)
    code, _, err = merits("run")
    assert code == 2
    assert "may cost up to" in err
    assert len(provider.requests) == 20
    assert merits("run", "--quiet", "--no-race", "--yes")[0] in (0, 1, 3)
    assert len(provider.requests) == 60


def test_judges_are_on_our_side_of_the_bill(provider: FakeProvider, merits: Merits, tmp_path: Path) -> None:
    """They are found by their recipe, whatever a candidate is named, and under a rubric that was changed since."""
    judged_at(tmp_path, 0.01)
    assert merits("run", "--quiet", "--no-race")[0] in (0, 1, 3)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    (tmp_path / "bill.csv").write_text(f"date,model,cost,requests\n{day},judge-1,0.20,20\n", "utf-8")
    judged_at(tmp_path, 0.01, votes=3)
    _, out, err = merits("reconcile", "bill.csv")
    assert "not asked by this task" not in out, out
    assert "agrees with what was counted" in out, err


def test_a_check_of_a_judge_is_agreed_to_and_limited_too(
    provider: FakeProvider, merits: Merits, tmp_path: Path
) -> None:
    """What a budget does not pay for has no verdict; what was agreed to is asked, and only what is not stored."""
    rows = "".join(f"What is {i} + 1?,{i + 1},It is {i + 1}.,1\n" for i in range(12))
    (tmp_path / "human.csv").write_text("input,target,answer,solved\n" + rows, "utf-8")
    code, _, err = merits("judge", "check", "--labels", "human.csv")
    assert code == 2
    assert "may cost up to 2.4e+04" in err
    assert provider.requests == []
    merits("judge", "check", "--labels", "human.csv", "--yes", "--budget", "5 calls")
    assert len(provider.requests) == 5
    code, _, err = merits("judge", "check", "--labels", "human.csv", "--yes")
    assert code == 0, err
    assert "predicted: about 7,000" in err
    assert len(provider.requests) == 12


def test_a_dry_run_of_a_check_counts_calls_and_cost(provider: FakeProvider, merits: Merits, tmp_path: Path) -> None:
    """What a first check would ask, and what is left once a budget ended it; nothing is asked or agreed to."""
    rows = "".join(f"What is {i} + 1?,{i + 1},It is {i + 1}.,1\n" for i in range(12))
    (tmp_path / "human.csv").write_text("input,target,answer,solved\n" + rows, "utf-8")
    judged_at(tmp_path, 0.1, votes=2)
    check = ("judge", "check", "--labels", "human.csv")
    code, out, err = merits(*check, "--dry-run", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert (said["schema"], said["n_to_ask"], said["parts"][0]["candidate"]) == ("merits.plan/1", 24, NAME)
    assert said["forecast"]["cost"]["value"] == pytest.approx(2.4)
    code, out, err = merits(*check, "--dry-run")
    assert "predicted: about 2.40 [2.40–4.80] USD" in out.replace("\xa0", " ") or "predicted: about 2.4" in out
    assert "nothing was asked" in err
    assert provider.requests == []
    code, _, err = merits(*check, "--dry-run", "--budget", "3 EUR")
    assert code == 2
    assert "the costs are in USD" in err
    merits(*check, "--yes", "--budget", "6 calls", "--quiet")
    said = json.loads(merits(*check, "--dry-run", "--json")[1])
    assert (said["n_to_ask"], said["parts"][0]["n_stored"]) == (18, 6)
    assert len(provider.requests) == 6


def test_labels_of_dev_measure_the_judge_too(provider: FakeProvider, merits: Merits, tmp_path: Path) -> None:
    """Its answers are looked for in the run on dev; before there was one, the message says how to make one."""
    judged_at(tmp_path, 0.0001)
    task = load_task(tmp_path / "merits.yaml")
    dev, test = ([example.id for example in task.split(split)] for split in ("dev", "test"))
    assert merits("run", "--quiet", "--no-race")[0] in (0, 1, 3)
    (tmp_path / "human.csv").write_text(
        "example,candidate,solved\n" + "".join(f"{name},one,1\n" for name in (*dev, *test)), "utf-8"
    )
    code, _, err = merits("judge", "check", "--labels", "human.csv")
    assert code == 2
    assert f"no answer of 'one' to '{dev[0]}' is stored." in err
    assert "Run it first (merits run --dev: it is in dev)" in err
    assert merits("run", "--dev", "--quiet")[0] == 0
    n_before = len(provider.requests)
    code, out, err = merits("judge", "check", "--labels", "human.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["n_judged"] == len(dev) + len(test)
    assert len(provider.requests) == n_before


def test_a_label_of_a_repeat_is_of_that_answer(provider: FakeProvider, merits: Merits, tmp_path: Path) -> None:
    """The first answers are right and the second ones wrong; people said so, and the judge is asked about each."""
    judged_at(tmp_path, 0.0001)
    path = tmp_path / "merits.yaml"
    path.write_text(path.read_text("utf-8").replace("retries: 0", "retries: 0, repeats: 2"), "utf-8")
    (tmp_path / "said.py").write_text(
        "seen = set()\n\ndef one(text):\n    again = text in seen\n    seen.add(text)\n"
        "    return f'It is {int(text.split()[2]) + (7 if again else 1)}.'\n\ndef two(text):\n    return 'no'\n",
        "utf-8",
    )
    test = [example.id for example in load_task(path).split("test")]
    assert merits("run", "--quiet", "--no-race")[0] in (0, 1, 3)
    rows = "".join(f"{name},one,{repeat},{1 - repeat}\n" for name in test for repeat in (0, 1))
    (tmp_path / "human.csv").write_text("example,candidate,repeat,solved\n" + rows, "utf-8")
    code, out, err = merits("judge", "check", "--labels", "human.csv", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert (said["n_judged"], said["agreement"]["value"]) == (2 * len(test), 1.0)


def test_a_dry_run_says_what_labels_will_do_for_the_decision(
    provider: FakeProvider, merits: Merits, tmp_path: Path
) -> None:
    """How many there are of whom, whether they correct the decision, and how far it will be known."""
    judged_at(tmp_path, 0.0001)
    task = load_task(tmp_path / "merits.yaml")
    assert "the judge's error will be in no interval" in merits("run", "--dry-run")[1]
    test, dev = ([example.id for example in task.split(split)] for split in ("test", "dev"))
    rows = [f"{name},one,1" for name in test] + [f"{name},two,0" for name in test[:4]] + [f"{dev[0]},one,1"]
    (tmp_path / "human.csv").write_text("\n".join(["example,candidate,solved", *rows]), "utf-8")
    path = tmp_path / "merits.yaml"
    path.write_text(path.read_text("utf-8") + "human_labels: human.csv\n", "utf-8")
    code, out, err = merits("run", "--dry-run", "--json")
    assert code == 0, err
    said = " ".join(json.loads(out)["notes"])
    assert "labels of people, of 10 answers each: 10 of one, 4 of two; the decision will be corrected" in said
    assert "two has fewer than 10 labels, so it will be compared with nobody." in said
    assert "1 labels are of other examples or candidates" in said
    assert "±5 points take more examples than these" in said
    assert "labels of people, of 10 answers each" in merits("run", "--dry-run")[1]
    assert provider.requests == []

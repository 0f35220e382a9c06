"""What docs/judges.md shows can be typed as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from merits import load_task
from merits.scorers.registry import judge_of

PAGE = (Path(__file__).parents[2] / "docs" / "judges.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_the_page_is_a_task(tmp_path: Path, text: str) -> None:
    """With data and candidates before it."""
    (tmp_path / "rows.csv").write_text("id,input,target\n" + "".join(f"q{i},What is {i}?,{i}\n" for i in range(20)))
    (tmp_path / "human.csv").write_text("example,candidate,solved\nq1,in-use,1\n")
    head = "data: rows.csv\nkind: generation\nsplit: hash\ncandidates: [{name: in-use, kind: constant, output: x}]\n"
    (tmp_path / "merits.yaml").write_text(head + text)
    task = load_task(tmp_path / "merits.yaml")
    assert judge_of(task.scorers[0]) is not None


def test_the_page_has_examples_of_each_kind() -> None:
    assert ["judge", "pairwise", "judge"] == [re.findall(r"kind: (\w+)", text)[0] for text in EXAMPLES]

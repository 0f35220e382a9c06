"""Files as other tools write them: the shapes were taken from files that Inspect 0.3.285 wrote and from the sources
of lm-evaluation-harness and promptfoo."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path


def inspect_sample(id: int | str, value: object, *, epoch: int = 1, **more: object) -> dict[str, object]:
    """A sample as it stands in the archive; a long input is an attachment."""
    return {
        "id": id,
        "epoch": epoch,
        "input": f"attachment://{id}",
        "target": "4",
        "messages": [],
        "output": {"model": "openai/gpt-4o", "choices": [{"message": {"content": "4"}}]},
        "scores": {"match": {"value": value, "explanation": "4", "history": []}},
        "metadata": {"language": "en"},
        "model_usage": {"openai/gpt-4o": {"input_tokens": 7, "output_tokens": 3, "total_cost": 0.002}},
        "working_time": 0.25,
        "attachments": {str(id): f"What is {id}?"},
        **more,
    }


def inspect_header(**more: object) -> dict[str, object]:
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "task": "sums",
            "model": "openai/gpt-4o",
            "dataset": {"samples": 2, "sample_ids": [1, 2]},
            "config": {"epochs": 1},
        },
        "plan": {"name": "plan", "steps": []},
        **more,
    }


def eval_file(path: Path, samples: list[dict[str, object]], *, finished: bool = True) -> Path:
    """An .eval archive compressed by deflate; an unfinished one has a journal and no header."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(
            "_journal/start.json", json.dumps({key: inspect_header()[key] for key in ("version", "eval", "plan")})
        )
        for sample in samples:
            file.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
        if finished:
            file.writestr("header.json", json.dumps(inspect_header()))
    return path


def zstandard_archive(path: Path, members: dict[str, list[bytes]]) -> Path:
    """A ZIP whose members are Zstandard, one frame for each part, with sizes and checksums of the whole."""
    from backports import zstd

    body, directory = b"", b""
    for name, parts in members.items():
        whole, packed = b"".join(parts), b"".join(zstd.compress(part) for part in parts)
        shared = struct.pack("<HHHHHIIIHH", 63, 0, 93, 0, 0, zlib.crc32(whole), len(packed), len(whole), len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 63) + shared + struct.pack("<HHHII", 0, 0, 0, 0, len(body))
        directory += name.encode()
        body += b"PK\x03\x04" + shared + name.encode() + packed
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def harness_row(doc: int, score: object, *, filter: str = "strict-match", **more: object) -> dict[str, object]:
    """A row as lm_eval writes it with --log_samples."""
    return {
        "doc_id": doc,
        "doc": {"question": f"What is {doc}?"},
        "target": "4",
        "arguments": {"gen_args_0": {"arg_0": "Q", "arg_1": {"until": ["\n"]}}},
        "resps": [["4"]],
        "filtered_resps": ["4"],
        "filter": filter,
        "metrics": ["exact_match"],
        "doc_hash": f"d{doc}",
        "prompt_hash": f"p{doc}",
        "target_hash": f"t{doc}",
        "exact_match": score,
        **more,
    }


def promptfoo_result(test: int, provider: str, *, success: bool, **more: object) -> dict[str, object]:
    """A result as promptfoo exports it."""
    return {
        "cost": 0.001,
        "failureReason": 0 if success else 1,
        "gradingResult": {"pass": success, "score": float(success), "componentResults": []},
        "id": f"{test}-{provider}",
        "latencyMs": 250,
        "namedScores": {},
        "prompt": {"raw": "Say {{word}}", "label": "Say {{word}}"},
        "promptIdx": 0,
        "provider": {"id": provider, "label": ""},
        "response": {"output": "ok", "tokenUsage": {}},
        "score": float(success),
        "success": success,
        "testCase": {"vars": {"word": f"w{test}"}, "metadata": {"language": "en"}},
        "testIdx": test,
        "vars": {"word": f"w{test}"},
        **more,
    }


def promptfoo_export(results: list[dict[str, object]], version: int = 3) -> dict[str, object]:
    inner = {"version": version, "timestamp": "2026-11-01T00:00:00Z", "prompts": [], "results": results, "stats": {}}
    return {"evalId": "eval-abc", "results": inner, "config": {"description": "greetings"}, "shareableUrl": None}


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path

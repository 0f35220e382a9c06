"""The tools: what each reads, how it is called, where it leaves its results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks._peers.peer import SCRIPTS, Command, Counts, Peer, prompts_in
from merits.core.errors import DataError
from merits.evaluating.importing.archive import opened

__all__ = ["BareLoop", "DeepEval", "Inspect", "LmEval", "Promptfoo", "PydanticEvals"]

MODEL = "gpt-4o-mini"


class Promptfoo(Peer):
    """`promptfoo eval` with an `equals` assertion; results in its database and in a JSON Lines file."""

    name, program, needs = "promptfoo", "promptfoo", ("promptfoo",)

    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
        tests = [
            {"vars": {"input": prompt.input}, "assert": [{"type": "equals", "value": prompt.target}]}
            for prompt in prompts_in(prompts)
        ]
        (folder / "tests.json").write_text(json.dumps(tests), "utf-8")
        provider = {"id": f"openai:chat:{MODEL}", "config": {"apiBaseUrl": base_url}}
        config = {"prompts": ["{{input}}"], "providers": [provider], "tests": "file://tests.json"}
        (folder / "promptfooconfig.json").write_text(json.dumps(config), "utf-8")
        words = [self.found(), "eval", "-c", "promptfooconfig.json", "-j", str(concurrency), "-o", "results.jsonl"]
        told = {
            "PROMPTFOO_CONFIG_DIR": str(folder / "state"),
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            "PROMPTFOO_CACHE_ENABLED": "false",
        }
        return Command([*words, "--no-table", "--no-progress-bar", "--no-cache"], told)

    def counts(self, folder: Path) -> Counts:
        rows = _json_lines(folder.glob("results.jsonl"))
        return _counted((row.get("failureReason") != 2, bool(row.get("success"))) for row in rows)


class Inspect(Peer):
    """`inspect eval` with the `exact` scorer; results in its `.eval` log."""

    name, program, needs = "inspect", "inspect", ("inspect-ai", "openai")

    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
        (folder / "prompts.py").write_text((SCRIPTS / "inspect_task.py").read_text("utf-8"), "utf-8")
        most = ["--max-connections", str(concurrency), "--max-samples", str(concurrency)]
        model = ["--model", f"openai/{MODEL}"]
        words = [self.found(), "eval", "prompts.py", *model, *most, "--display", "none", "--log-dir", "logs"]
        return Command(words, {"PROMPTS": str(prompts), "INSPECT_LOG_LEVEL": "error"})

    def counts(self, folder: Path) -> Counts:
        """What is in the log; nothing where the run was stopped before the log was whole."""
        found = []
        for log in folder.glob("logs/*.eval"):
            try:
                with opened(log) as archive:
                    samples = [name for name in archive.names if name.startswith("samples/")]
                    found += [_inspect_sample(json.loads(archive.read(name))) for name in samples]
            except DataError:
                continue
        return _counted(found)


class LmEval(Peer):
    """`lm_eval` with `local-chat-completions`, `exact_match`, and `--log_samples`."""

    name, program, needs = "lm-eval", "lm_eval", ("lm_eval[api]",)

    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
        task = (SCRIPTS / "lm_eval_task.yaml").read_text("utf-8").replace("PROMPTS", str(prompts))
        (folder / "prompts.yaml").write_text(task, "utf-8")
        arguments = f"model={MODEL},base_url={base_url}/chat/completions,num_concurrent={concurrency}"
        words = [self.found(), "--model", "local-chat-completions", "--model_args", arguments, "--apply_chat_template"]
        words += ["--tasks", "prompts", "--include_path", str(folder), "--output_path", "results", "--log_samples"]
        return Command(words, {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})

    def counts(self, folder: Path) -> Counts:
        rows = _json_lines(folder.glob("results/**/samples_*.jsonl"))
        return _counted((True, row.get("exact_match") == 1.0) for row in rows)


class _Scripted(Peer):
    """A library, called by a short script as its documentation shows; it is given the prompts, a place and a number."""

    script: str

    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
        words = [self.found(), str(SCRIPTS / self.script), str(prompts), "results.jsonl", str(concurrency), MODEL]
        return Command(words, {"DEEPEVAL_TELEMETRY_OPT_OUT": "YES"})

    def counts(self, folder: Path) -> Counts:
        rows = _json_lines(folder.glob("results.jsonl"))
        return _counted((bool(row.get("answered")), bool(row.get("solved"))) for row in rows)


class PydanticEvals(_Scripted):
    """`Dataset.evaluate` with `EqualsExpected`; its report written as JSON lines, for it keeps none itself."""

    name, module, script, needs = (
        "pydantic-evals",
        "pydantic_evals",
        "pydantic_evals_run.py",
        ("pydantic-evals", "openai"),
    )


class DeepEval(_Scripted):
    """`evaluate` with `ExactMatchMetric`; answers are asked for with the openai SDK, for it asks no models itself."""

    name, module, script, needs = "deepeval", "deepeval", "deepeval_run.py", ("deepeval", "openai")


class BareLoop(_Scripted):
    """The openai SDK in a loop of one's own, each answer compared and written down as it comes."""

    name, module, script, needs = "openai-loop", "openai", "openai_loop.py", ("openai",)


def _counted(found: Iterable[tuple[bool, bool]]) -> Counts:
    """Pairs of (answered, solved)."""
    pairs = list(found)
    return Counts(sum(answered for answered, _ in pairs), sum(answered and solved for answered, solved in pairs))


def _inspect_sample(sample: Mapping[str, object]) -> tuple[bool, bool]:
    scores = sample.get("scores")
    values = [score.get("value") for score in scores.values()] if isinstance(scores, dict) else []
    return bool(values) and not sample.get("error"), "C" in values or 1 in values


def _json_lines(paths: Iterable[Path]) -> list[Mapping[str, object]]:
    """The whole lines of some files; a last one that was cut off is left out."""
    found = []
    for path in paths:
        for line in path.read_text("utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found

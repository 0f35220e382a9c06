"""The tools: what each reads, how it is called, where it leaves its results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from benchmarks._peers.peer import SCRIPTS, Command, Counts, Job, Peer, Row, prompts_in
from merits.core.errors import DataError
from merits.evaluating.importing.archive import opened

__all__ = ["BareLoop", "DeepEval", "Inspect", "LmEval", "Promptfoo", "PydanticEvals"]

MODEL = "gpt-4o-mini"


class Promptfoo(Peer):
    """`promptfoo eval` with an `equals` assertion; results in its database and in a JSON Lines file."""

    name, program, needs = "promptfoo", "promptfoo", ("promptfoo",)

    def command(self, folder: Path, job: Job) -> Command:
        tests = [
            {"vars": {"input": prompt.input}, "assert": [{"type": "equals", "value": prompt.target}]}
            for prompt in prompts_in(job.prompts)
        ]
        (folder / "tests.json").write_text(json.dumps(tests), "utf-8")
        rates = dict(zip(("inputCost", "outputCost"), (rate / 1e6 for rate in job.rates), strict=True))
        provider = {"id": f"openai:chat:{MODEL}", "config": {"apiBaseUrl": job.base_url, **rates}}
        config = {"prompts": ["{{input}}"], "providers": [provider], "tests": "file://tests.json"}
        (folder / "promptfooconfig.json").write_text(json.dumps(config), "utf-8")
        return self._command(job, "-c", "promptfooconfig.json")

    def again(self, folder: Path, job: Job) -> Command:
        """`--resume` goes on with the last evaluation in its database."""
        return self._command(job, "--resume")

    def _command(self, job: Job, *what: str) -> Command:
        words = [self.found(), "eval", *what, "-j", str(job.concurrency), "-o", "results.jsonl"]
        told = {
            "PROMPTFOO_CONFIG_DIR": "state",
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
        }
        return Command([*words, "--no-table", "--no-progress-bar"], told)

    def counts(self, folder: Path) -> Counts:
        used = [msgspec.convert(row, _PromptfooRow) for row in _json_lines(folder.glob("results.jsonl"))]
        if not used:
            return Counts()
        return Counts.of(
            (Row(row.vars.get("input", ""), row.failure_reason != 2, row.success) for row in used),
            n_calls=sum(row.token_usage.num_requests for row in used),
            tokens=sum(row.token_usage.total for row in used),
            money=sum(row.cost for row in used),
        )


class Inspect(Peer):
    """`inspect eval` with the `exact` scorer; results in its `.eval` log."""

    name, program, needs = "inspect", "inspect", ("inspect-ai", "openai")

    def command(self, folder: Path, job: Job) -> Command:
        (folder / "prompts.py").write_text((SCRIPTS / "inspect_task.py").read_text("utf-8"), "utf-8")
        most = ["--max-connections", str(job.concurrency), "--max-samples", str(job.concurrency)]
        rate = {"input": job.rates[0], "output": job.rates[1]}
        rate |= {"input_cache_write": job.rates[0], "input_cache_read": job.rates[0]}
        (folder / "prices.json").write_text(json.dumps({f"openai/{MODEL}": rate}), "utf-8")
        words = [self.found(), "eval", "prompts.py", "--model", f"openai/{MODEL}", "--model-cost-config", "prices.json"]
        return Command([*words, *most, *self._quiet], self._told(job))

    def again(self, folder: Path, job: Job) -> Command:
        """`eval-retry` of the last log keeps the samples in it that are done."""
        logs = sorted(folder.glob("logs/*.eval"), key=lambda log: log.stat().st_mtime)
        if not logs:
            return self.command(folder, job)
        words = [self.found(), "eval-retry", str(logs[-1]), "--max-connections", str(job.concurrency)]
        return Command([*words, "--max-samples", str(job.concurrency), *self._quiet], self._told(job))

    _quiet = ("--display", "none", "--log-dir", "logs")

    def _told(self, job: Job) -> Mapping[str, str]:
        return {"PROMPTS": str(job.prompts), "INSPECT_LOG_LEVEL": "error"}

    def counts(self, folder: Path) -> Counts:
        """What is in the last log; nothing where that cannot be read."""
        for log in sorted(folder.glob("logs/*.eval"), key=lambda log: log.stat().st_mtime)[-1:]:
            try:
                with opened(log) as archive:
                    names = [name for name in archive.names if name.startswith("samples/")]
                    samples = [msgspec.json.decode(archive.read(name), type=_InspectSample) for name in names]
            except DataError:
                break
            used = [usage for sample in samples for usage in sample.model_usage.values()]
            costs = [usage.total_cost for usage in used if usage.total_cost is not None]
            return Counts.of(
                (sample.row for sample in samples),
                n_calls=sum(1 + (event.retries or 0) for each in samples for event in each.events if event.is_call),
                tokens=sum(usage.total_tokens for usage in used),
                money=sum(costs) if costs else None,
            )
        return Counts()


class LmEval(Peer):
    """`lm_eval` with `local-chat-completions`, `exact_match`, and `--log_samples`."""

    name, program, needs = "lm-eval", "lm_eval", ("lm_eval[api]",)

    def command(self, folder: Path, job: Job) -> Command:
        task = (SCRIPTS / "lm_eval_task.yaml").read_text("utf-8").replace("PROMPTS", str(job.prompts))
        (folder / "prompts.yaml").write_text(task, "utf-8")
        arguments = f"model={MODEL},base_url={job.base_url}/chat/completions,num_concurrent={job.concurrency}"
        words = [self.found(), "--model", "local-chat-completions", "--model_args", arguments, "--apply_chat_template"]
        words += ["--tasks", "prompts", "--include_path", str(folder), "--output_path", "results", "--log_samples"]
        return Command(words, {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})

    def counts(self, folder: Path) -> Counts:
        rows = _json_lines(folder.glob("results/**/samples_*.jsonl"))
        docs = ((row.get("doc"), row.get("exact_match") == 1.0) for row in rows)
        return Counts.of(
            Row(str(doc.get("input")) if isinstance(doc, dict) else "", True, right) for doc, right in docs
        )


class _Scripted(Peer):
    """A library, called by a short script as its documentation shows; it is given the prompts, a place and a number."""

    script: str

    def command(self, folder: Path, job: Job) -> Command:
        words = [
            self.found(),
            str(SCRIPTS / self.script),
            str(job.prompts),
            "results.jsonl",
            str(job.concurrency),
            MODEL,
        ]
        return Command(words, {"DEEPEVAL_TELEMETRY_OPT_OUT": "YES"})

    def counts(self, folder: Path) -> Counts:
        rows = _json_lines(folder.glob("results.jsonl"))
        return Counts.of(Row(str(row.get("input")), bool(row.get("answered")), bool(row.get("solved"))) for row in rows)


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


class _TokenUsage(msgspec.Struct, rename="camel"):
    total: int = 0
    num_requests: int = 0


class _PromptfooRow(msgspec.Struct, rename="camel"):
    vars: dict[str, str]
    success: bool = False
    failure_reason: int = 0
    token_usage: _TokenUsage = msgspec.field(default_factory=_TokenUsage)
    cost: float = 0.0


class _InspectUsage(msgspec.Struct):
    total_tokens: int = 0
    total_cost: float | None = None


class _InspectEvent(msgspec.Struct):
    event: str = ""
    retries: int | None = None

    @property
    def is_call(self) -> bool:
        return self.event == "model"


class _InspectScore(msgspec.Struct):
    value: object = None


class _InspectSample(msgspec.Struct):
    input: object
    error: object = None
    scores: dict[str, _InspectScore] | None = None
    model_usage: dict[str, _InspectUsage] = {}
    events: list[_InspectEvent] = []

    @property
    def row(self) -> Row:
        values = [score.value for score in (self.scores or {}).values()]
        return Row(str(self.input), bool(values) and not self.error, "C" in values or 1 in values)


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

"""Prompting: better instructions for a chat model, written by a chat model that is shown where they failed.

GEPA (Agrawal et al. 2025, arXiv 2507.19457) mutates instructions and keeps those that are the best on some examples. It
runs here without LiteLLM: who reflects is a candidate, asked and paid for like any other.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from merits.candidates.local_chat import LocalChatParams
from merits.candidates.prompts import PromptParams
from merits.candidates.registry import kind_of
from merits.candidates.texts import as_text
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.errors import MissingExtra, UsageError
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.validate import did_you_mean
from merits.improving.registry import Effort
from merits.improving.searching.inside_out import inside_out

if TYPE_CHECKING:
    from gepa.core.adapter import EvaluationBatch

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "asks"
TITLE = "Prompting: better instructions, written by a model that is shown where they failed"

_COMPONENT = "system"
# what a recipe says of the task, and not of the model
_OF_THE_TASK = (
    "system",
    "labels",
    "few_shot",
    "few_shot_draw",
    "examples",
    "response_schema",
    "tools",
    "logprobs",
    "max_tokens",
    "stop",
)
_OF_AN_ANSWER = ("max_tokens", "max_completion_tokens", "stop", "response_format")  # among what a provider is sent
_CURRENT, _SEEN = "<curr_param>", "<side_info>"
Rows: TypeAlias = tuple[str, tuple[int, ...]]
"""Instructions, and the rows that they are to be tried on; without rows, a text for whoever reflects."""


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Better instructions for a chat model."""

    candidate: Annotated[str, Meta(description="Whose instructions (`system`). Default: the first chat model.")] = ""
    reflector: Annotated[str, Meta(description="The chat model that writes them. Default: the same.")] = ""
    answers: Annotated[
        int, Meta(ge=1, description="The most answers to examples that the search asks for, of all instructions.")
    ] = 600
    shown: Annotated[int, Meta(ge=1, description="Examples that are shown to whoever writes, at a time.")] = 6
    ask: Annotated[
        str,
        Meta(
            description=f"How it is asked to write them: a text with {_CURRENT} for the instructions so far and "
            f"{_SEEN} for the examples. Default: GEPA's own, for models that follow long instructions."
        ),
    ] = ""
    longest: Annotated[int, Meta(ge=16, description="The most tokens that a local model writes at a time.")] = 512
    keep: Annotated[int, Meta(ge=1, description="The most candidates that are kept.")] = 3

    def __post_init__(self) -> None:
        if self.ask and not (_CURRENT in self.ask and _SEEN in self.ask):
            raise ValueError(f"`ask` must hold {_CURRENT} and {_SEEN}, where instructions and examples are put")


def make(params: Params) -> Improver:
    """The improver. It raises UsageError, before it asks for anything, where no chat model is there."""

    def improve(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        if importlib.util.find_spec("gepa") is None:
            raise MissingExtra("prompting needs gepa, which is not installed.", "pip install 'merits[prompting]'")
        search = _Search(params, brief)
        yield from search.run()
        return (yield from search.kept())

    return improve


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why no instructions can be written here, and what could; "" where they can."""
    if not any(map(_is_chat, brief.seeds)):
        return "No candidate is a chat model; add one with instructions (`system`)."
    params = params or Params()
    for name in (params.candidate, params.reflector):
        _named(name, brief)
    if brief.ask is None:
        return "Nobody can be asked to write instructions here."
    return "" if importlib.util.find_spec("gepa") else "Prompting needs gepa: pip install 'merits[prompting]'."


def _is_chat(candidate: Candidate) -> bool:
    return issubclass(kind_of(candidate).Params, PromptParams)


class _Search:
    """One search: which instructions were tried, and how they did on which rows."""

    def __init__(self, params: Params, brief: Brief) -> None:
        self._params, self._brief = params, brief
        self._seed = _named(params.candidate, brief)
        self._reflector = _plain(_named(params.reflector, brief) if params.reflector else self._seed, params.longest)
        self._first = str(self._seed.params.get("system", ""))
        self._made = {self._first: self._seed}
        self._known: dict[str, dict[int, tuple[float, str]]] = {}  # by name: row -> value, what was said
        self._left_at_first = brief.seconds_left()
        at = brief.evaluation.index(self._seed.name)
        self._plain_rows = np.flatnonzero(brief.evaluation.perturbations == "")
        self._take(self._seed, brief.evaluation, at, self._plain_rows)

    def run(self) -> Generator[Trials, Evaluation, None]:
        """Asks for the trials that GEPA wants, and has its questions answered, until the answers are used up."""
        calls = inside_out(self._gepa)
        told: object = None
        try:
            text, rows = next(calls)
            while True:
                if rows:
                    yield from self._tried(text, rows)
                    told = None
                else:
                    told = self._reflected(text)
                text, rows = calls.send(told)
        except StopIteration:
            return
        finally:
            calls.close()

    def kept(self) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        """The best few instructions, asked all rows, as far as they then are better than the first."""
        means = {
            text: np.mean([value for value, _ in self._known[one.name].values()]) for text, one in self._made.items()
        }
        best = sorted((text for text in means if text != self._first), key=lambda text: -means[text])
        finalists = [self._made[text] for text in best[: self._params.keep]]
        if not finalists:
            return []
        evaluation = yield Trials(finalists)
        for k, one in enumerate(finalists):
            self._take(one, evaluation, k, self._plain_rows)
        bar = self._mean(self._seed)
        return sorted((one for one in finalists if self._mean(one) > bar), key=lambda one: -self._mean(one))

    def _mean(self, candidate: Candidate) -> float:
        known = self._known[candidate.name]
        return float(np.mean([known[row][0] for row in self._plain_rows.tolist() if row in known]))

    def _gepa(self, ask: Callable[[Rows], Any]) -> None:
        """Runs GEPA; every example and every reflection goes through `ask`."""
        from gepa.api import optimize

        generator = np.random.default_rng(self._brief.seed)
        group = self._brief.evaluation.group[self._plain_rows]
        units = np.unique(group)
        shown = np.isin(group, generator.permutation(units)[: (len(units) + 1) // 2])
        train, held = self._plain_rows[shown].tolist(), self._plain_rows[~shown].tolist()
        optimize(
            seed_candidate={_COMPONENT: self._first},
            trainset=train,
            valset=held or train,
            adapter=cast(Any, _Adapter(self, ask)),
            reflection_lm=lambda prompt: ask((_as_prompt(prompt), ())),
            reflection_minibatch_size=min(self._params.shown, len(train)),
            max_metric_calls=self._params.answers,
            stop_callbacks=[lambda state: self._brief.seconds_left() <= self._finalists_take()],
            reflection_prompt_template=self._params.ask or None,
            logger=_Silent(),
            seed=self._brief.seed,
        )

    def _finalists_take(self) -> float:
        """The seconds that asking the finalists all rows will take, as long as an answer took so far."""
        n_asked = sum(len(self._known[one.name]) for one in self._made.values() if one is not self._seed)
        if not n_asked or self._left_at_first == float("inf"):
            return 0.0
        each = (self._left_at_first - self._brief.seconds_left()) / n_asked
        n_finalists = min(self._params.keep, len(self._made) - 1)
        return n_finalists * len(self._plain_rows) * each

    def _tried(self, text: str, rows: Sequence[int]) -> Generator[Trials, Evaluation, None]:
        """Has instructions tried on the rows on which they were not yet."""
        if text not in self._made:
            name = f"{self._seed.name} prompt {len(self._made)}"
            self._made[text] = msgspec.structs.replace(
                self._seed, name=name, params={**self._seed.params, "system": text}
            )
        candidate = self._made[text]
        new = np.array([row for row in rows if row not in self._known.get(candidate.name, {})], np.int64)
        if len(new):
            evaluation = yield Trials([candidate], np.unique(new))
            self._take(candidate, evaluation, 0, new)

    def _take(self, candidate: Candidate, evaluation: Evaluation, k: int, rows: NDArray[np.integer]) -> None:
        """Remembers the values and the words of a candidate on some rows; a failure is worth nothing."""
        said = self._brief.said(candidate.name)
        known = self._known.setdefault(candidate.name, {})
        for row in rows.tolist():
            scored = evaluation.status[k, row] == Status.SCORED
            answer = said[row] if row < len(said) else None
            words = "" if answer is None else as_text(answer.output)
            known[row] = (float(evaluation.value[k, row]) if scored else 0.0, words)

    def _reflected(self, prompt: str) -> str:
        assert self._brief.ask is not None
        answer = self._brief.ask(self._reflector, prompt)
        return "" if answer.failure is not None else as_text(answer.output)

    def batch(self, text: str, rows: Sequence[int]) -> list[tuple[float, str]]:
        """The value of instructions on each of some rows, and what was said; they were tried."""
        known = self._known[self._made[text].name]
        return [known[row] for row in rows]

    def feedback(self, row: int, value: float) -> tuple[str, str]:
        """The input of a row, and what was good or bad about an answer to it."""
        example = next(e for e in self._brief.task.examples if e.id == self._brief.evaluation.examples[row])
        wanted = f"The right answer is: {as_text(example.target)}" if example.target is not None else ""
        return as_text(example.input), f"The score is {value:g} of 1. {wanted}".strip()


class _Adapter:
    """What GEPA calls: it evaluates nothing itself."""

    propose_new_texts = None

    def __init__(self, search: _Search, ask: Callable[[Rows], Any]) -> None:
        self._search, self._ask = search, ask

    def evaluate(
        self, batch: list[int], candidate: Mapping[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[Any, Any]:
        from gepa.core.adapter import EvaluationBatch

        text = candidate[_COMPONENT]
        self._ask((text, tuple(batch)))
        found = self._search.batch(text, batch)
        traces = [(row, said) for row, (_, said) in zip(batch, found, strict=True)] if capture_traces else None
        return EvaluationBatch([said for _, said in found], [value for value, _ in found], traces)

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: EvaluationBatch[Any, Any], components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        records = []
        for (row, said), value in zip(eval_batch.trajectories or [], eval_batch.scores, strict=True):
            asked, feedback = self._search.feedback(row, value)
            records.append({"Inputs": asked, "Generated Outputs": said, "Feedback": feedback})
        return dict.fromkeys(components_to_update, records)


class _Silent:
    def log(self, message: str) -> None:
        """Nothing."""


def _named(name: str, brief: Brief) -> Candidate:
    """A chat model of the task; UsageError with the near miss where there is none of that name."""
    chats = {seed.name: seed for seed in brief.seeds if _is_chat(seed)}
    if not chats:
        raise UsageError("no candidate is a chat model.", "Add one, with instructions (`system`).")
    if name and name not in chats:
        raise UsageError(f"there is no chat model {name!r}.", did_you_mean(name, chats))
    return chats[name] if name else next(iter(chats.values()))


def _plain(candidate: Candidate, longest: int) -> Candidate:
    """The same model, asked whatever one likes: without instructions, examples, a form, and a short answer's end."""
    params = {key: value for key, value in candidate.params.items() if key not in _OF_THE_TASK} | {
        "prompt": "{input}",
        "labels": False,
    }
    if isinstance(sent := params.get("parameters"), Mapping):
        params["parameters"] = {key: value for key, value in sent.items() if key not in _OF_AN_ANSWER}
    if issubclass(kind_of(candidate).Params, LocalChatParams):
        params["max_tokens"] = longest
        if params.get("plain"):  # a base model is else stopped at a blank line
            params["stop"] = ["\n\n\n"]
    return msgspec.structs.replace(candidate, name=f"{candidate.name} as it is", params=params)


def _as_prompt(prompt: object) -> str:
    """What GEPA asks, as a text; it also knows lists of messages."""
    if isinstance(prompt, str):
        return prompt
    messages = cast("Sequence[Mapping[str, object]]", prompt)
    return "\n\n".join(str(message["content"]) for message in messages)

"""What must be solved: examples with known targets, split once and for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from merits.core.candidate import Candidate
from merits.core.identity import JSON, hash_of_input, hash_of_rows
from merits.core.limits import Limits
from merits.core.needs import Needs
from merits.core.on_demand import OnDemand, outlines
from merits.core.robustness import Robustness
from merits.core.serving import ServeSettings
from merits.core.watch import Monitoring

__all__ = ["Example", "ScorerSpec", "Settings", "Split", "Task"]

Split: TypeAlias = Literal["dev", "test", "live"]


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """One case: an input and, where it is known, the target.

    `input` is a text, a list of chat messages, or a mapping of columns (tabular). `group` names examples that are
    not independent (one customer, one document); "" means independent. `tags` name the slices an example is in.
    `files` are the pictures and sounds that the input names, or the target, each with what identifies its content: an
    input is the same as long as those it names hold the same, however they are called. `input_hash` identifies the
    input by content and is computed here.
    """

    id: str
    input: JSON
    target: JSON = None
    group: str = ""
    tags: dict[str, str] = {}
    split: Split = "test"
    files: dict[str, str] = {}
    input_hash: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "input_hash", hash_of_input(self.input, self.files))


_APART = ("name", "price", "metadata", "limits")  # of a recipe: they change no answer (as in `Candidate.id`)


class ScorerSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which scorer, with which parameters. `kind` is the name a scorer is registered under."""

    kind: str
    params: dict[str, JSON] = {}
    name: str = ""

    @property
    def label(self) -> str:
        """The name shown for the scorer: the given one, else its kind."""
        return self.name or self.kind

    @property
    def scores_by(self) -> tuple[str, dict[str, JSON], str]:
        """What can change a score. Of a model that judges (a recipe among the parameters) its price cannot.

        >>> one, two = (ScorerSpec("judge", {"model": {"kind": "chat", "price": {"per_call": x}}}) for x in (1, 2))
        >>> one.scores_by == two.scores_by
        True
        """
        return (self.kind, {name: _without_price(value) for name, value in self.params.items()}, self.name)


def _without_price(value: JSON) -> JSON:
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        return value
    return {key: part for key, part in value.items() if key not in _APART}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How an evaluation is run. Of all this only `seed` can change an answer: it is part of what a trained model is.

    `concurrency` is the most examples in flight per candidate; without it a remote model finds its own level, and
    others are asked 8 at once. `timeout_s` is the deadline of one attempt, `retries` are the attempts after the first
    for what may pass (429, 5xx, lost connections, timeouts), and `deadline_s` ends the attempts at one example of a
    remote model, waits included. `limits` are what is asked of each remote model in a minute at most. With
    `hedge_after_s` a second attempt is started when the first takes that long; both may be on the bill.
    """

    concurrency: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="The most examples in flight per candidate. Default: found while asking; 8 for local ones."),
    ] = None
    timeout_s: Annotated[float, Meta(gt=0, description="Deadline of one attempt, in seconds.")] = 60.0
    retries: Annotated[int, Meta(ge=0, description="Attempts after the first, for what may pass.")] = 5
    deadline_s: Annotated[
        float, Meta(gt=0, description="Seconds after which a remote model is no longer tried on one example.")
    ] = 600.0
    hedge_after_s: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Start a second attempt when the first takes that many seconds. Both may be paid."),
    ] = None
    limits: Annotated[Limits, Meta(description="What a remote model is asked in a minute at most.")] = Limits()
    repeats: Annotated[int, Meta(ge=1, description="How often every question is asked.")] = 1
    folds: Annotated[int, Meta(ge=2, description="Folds of the cross-validation on dev.")] = 5
    seed: Annotated[int, Meta(ge=0, description="Decides whatever is drawn at random.")] = 0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task: its examples, what "solved" means (`scorers`, the first decides), and the user's needs and candidates.

    `id` is the hash of what must be solved: kind, examples with their splits, and scorers. Needs, candidates, settings
    and robustness travel with the task for convenience but are no part of its identity: a changed price slider, one
    more candidate or one more perturbation leaves every stored answer in use.

    `examples` is a tuple, or a sequence that reads each from a large file when it is asked for.
    `human_labels` names a table of what people said of some answers; it is applied on reading, as prices are.
    `machine_per_hour` prices what runs on this machine and has no price of its own; `prices` names a dated table;
    `exchange_rate` is what one US dollar is in the needs' currency, for providers' prices.
    `classes` are the sorted labels of a classification task, () otherwise. `folder` is where relative paths start,
    and `data_folders` are those of the data files, where the pictures and sounds that inputs name are looked for first.
    `improve` holds parameters of techniques that search for better candidates, by technique. `withheld` are the hashes
    of inputs that were taken out of the examples, of which nothing may be learned either. `monitor` is how it is
    watched in production, `serve` how it is served.
    """

    name: str
    kind: str
    examples: Sequence[Example]
    scorers: tuple[ScorerSpec, ...]
    classes: tuple[str, ...] = ()
    needs: Needs = Needs()
    candidates: tuple[Candidate, ...] = ()
    robustness: Robustness = Robustness()
    settings: Settings = Settings()
    prices: str = ""
    human_labels: str = ""
    exchange_rate: float | None = None
    machine_per_hour: float | None = None
    description: str = ""
    folder: str = "."
    data_folders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    improve: dict[str, dict[str, JSON]] = {}
    withheld: frozenset[str] = frozenset()
    monitor: Monitoring = Monitoring()
    serve: ServeSettings = ServeSettings()
    id: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.examples, list):  # as JSON brings them
            msgspec.structs.force_setattr(self, "examples", tuple(self.examples))
        scorers = [scorer.scores_by for scorer in self.scorers]
        rows = ((e.id, e.input_hash, e.target, e.group, e.tags, e.split) for e in outlines(self.examples))
        msgspec.structs.force_setattr(self, "id", hash_of_rows(rows, self.kind, scorers))

    def split(self, name: Split) -> Sequence[Example]:
        """The examples of one split, in the order of the data."""
        if isinstance(self.examples, OnDemand):
            return self.examples.of_split(name)
        return tuple(example for example in self.examples if example.split == name)

    @property
    def tag_names(self) -> tuple[str, ...]:
        """The names of all slices, sorted."""
        return tuple(sorted({name for example in outlines(self.examples) for name in example.tags}))


Columns: TypeAlias = Mapping[str, JSON]

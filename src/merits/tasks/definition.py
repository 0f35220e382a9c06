"""What a task file may say: its keys, their types, and what each means. The JSON Schema is made from this."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

import msgspec
from msgspec import Meta

from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.serving import ServeSettings
from merits.core.task import Settings
from merits.core.watch import Monitoring

__all__ = ["Definition", "EventsPart", "NeedsPart", "SplitPart", "TaskOptions", "TitlesPart"]

Columns = str | list[str]
Spec = str | dict[str, JSON]


class SplitPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the examples are divided into dev (candidates learn from it) and test (decisions are made on it)."""

    method: Annotated[
        Literal["stratified", "hash", "group", "time", "given", "last"] | None,
        Meta(
            description="stratified: the same share of every label. hash: by content, stable when rows are added. "
            "group: whole groups. time: the latest rows are test. given: a column says it. Duplicates always stay "
            "on one side, except with given. last (of events only): the last event of each user, which lets candidates "
            "learn from what others did later."
        ),
    ] = None
    test: Annotated[float, Meta(gt=0, lt=1, description="The share of the examples that goes to test.")] = 0.5
    seed: Annotated[int, Meta(description="Another seed gives another split.")] = 0
    column: Annotated[
        str, Meta(description="With time: the column with the moment. With given: the column with dev or test.")
    ] = ""


class TitlesPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What items are called, in a table of its own."""

    data: Annotated[str, Meta(description="The file with a row for each item.")]
    item: Annotated[str, Meta(description="The column that identifies the item, as the events do.")] = ""
    title: Annotated[str, Meta(description="The column that says what it is called.")] = "title"


class EventsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an event is, of a recommendation: who chose what, and when."""

    user: Annotated[str, Meta(description="The column with the user.")] = ""
    item: Annotated[str, Meta(description="The column with what was chosen.")] = ""
    time: Annotated[str, Meta(description="The column with the moment: a number, or an ISO date or time.")] = ""
    rating: Annotated[
        str, Meta(description="The column with a rating, a whole number: the gain of `ndcg`. Without it each gains 1.")
    ] = ""
    at_least: Annotated[
        float | None, Meta(description="Events of a lower rating are left out: they are no choice.")
    ] = None
    cut: Annotated[
        str | float | None,
        Meta(description="The moment that test begins, instead of the share of the latest events that `split:` says."),
    ] = None
    again: Annotated[
        bool, Meta(description="What a user chose before may be chosen, and recommended, again (groceries).")
    ] = False
    known_after: Annotated[
        int,
        Meta(ge=0, description="How many of a user's first events after the cut are known when the user is asked for."),
    ] = 0
    few: Annotated[int, Meta(ge=1, description="Users of fewer events are in the slice `few events`.")] = 10
    titles: Annotated[
        TitlesPart | None, Meta(description="What items are called: then answers and reports name them so.")
    ] = None


class NeedsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is needed and what a case is worth. Changing it decides again without asking anything again."""

    requirements: Annotated[
        list[str],
        Meta(
            description="Bars that a candidate must clear, each with a confidence, and facts that it must state: "
            "METRIC[CLASS] >= BAR @ 95%, worst_slice(METRIC by SLICE) >= BAR, non-inferior to NAME by 1 pt, "
            "licence in [MIT], on-premises.",
            examples=[
                ["accuracy >= 0.80 @ 95%", "p95_latency <= 800 ms"],
                ["worst_slice(accuracy by language) >= 0.8", "non-inferior to incumbent by 1 pt", "licence in [MIT]"],
            ],
        ),
    ] = []
    worth_of_solved: Annotated[
        float | None, Meta(description="What a solved case is worth, in `currency`. With it, money decides.")
    ] = None
    loss_of_wrong: Annotated[
        float, Meta(description="What a wrong answer costs, in `currency`, as a positive number.")
    ] = 0.0
    volume_per_month: Annotated[float | None, Meta(description="Cases per month.")] = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Three letters: USD, EUR.")] = "USD"
    confidence: Annotated[float, Meta(gt=0.5, lt=1, description="Confidence of the comparison of candidates.")] = 0.95
    tie_margin: Annotated[
        float,
        Meta(gt=0, le=1, description="The largest loss of quality (0.1 = 10 points) risked for a cheaper candidate."),
    ] = 0.10
    incumbent: Annotated[str, Meta(description="The name of the candidate in use today.")] = ""
    loss_by_class: Annotated[
        dict[str | int, dict[str | int, float]],
        Meta(
            description="What a mistake costs, by right label and by the label said; others cost `loss_of_wrong`.",
            examples=[{"fraud": {"fine": 50.0}, "fine": {"fraud": 2.0}}],
        ),
    ] = {}
    loss_of_abstaining: Annotated[
        float | None,
        Meta(description="What an answer costs that names no label, or is empty. Left out: it is a wrong answer."),
    ] = None
    price_of_waiting: Annotated[float, Meta(description="What a second of waiting costs, past `free_wait_s`.")] = 0.0
    free_wait_s: Annotated[float, Meta(description="The seconds of waiting that cost nothing.")] = 0.0
    review_price: Annotated[
        float | None, Meta(description="What it costs that a person looks at an answer and solves the case.")
    ] = None
    review_below: Annotated[
        float | None, Meta(description="Answers of a confidence below this are looked at by a person.")
    ] = None
    horizon_months: Annotated[
        float, Meta(description="The months that one-off costs are spread over, and a return is counted for.")
    ] = 12.0
    peak_load: Annotated[
        float, Meta(description="How many times the mean load the busiest hour brings a machine of one's own.")
    ] = 1.0
    price_of_label: Annotated[float | None, Meta(description="What it costs to label one more example.")] = None
    ranges: Annotated[
        dict[str, tuple[float, float]],
        Meta(
            description="The 10 % and the 90 % point of an amount above that is not known for sure.",
            examples=[{"worth_of_solved": [0.3, 0.8]}],
        ),
    ] = {}


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Merits task: what must be solved, what solved means, what it is worth, and who may try."""

    data: Annotated[
        object,
        Meta(
            description="A data file (CSV, TSV, JSONL, JSON, Parquet, Arrow), a folder, or one each for dev and test."
        ),
    ]
    name: Annotated[str, Meta(min_length=1, description="What the task is called; reports are named after it.")] = (
        "task"
    )
    description: Annotated[str, Meta(description="What must be solved, in a sentence for readers.")] = ""
    kind: Annotated[
        str | None, Meta(description="What kind of task it is: `merits kinds` lists them. Left out, it is guessed.")
    ] = None
    input: Annotated[
        Columns | None, Meta(description="The column with the question, or a list of columns for tabular data.")
    ] = None
    target: Annotated[str | None, Meta(description="The column with the right answer.")] = None
    id: Annotated[str | None, Meta(description="The column that names each example; else the row's number does.")] = (
        None
    )
    group: Annotated[
        str | None, Meta(description="The column that says which examples belong together (a customer, a document).")
    ] = None
    slices: Annotated[Columns, Meta(description="Columns by which results are also shown (domain, language).")] = []
    labels: Annotated[
        list[str | int | float | bool],
        Meta(description="All allowed labels of a classification. Without it they are those found in the data."),
    ] = []
    extract: Annotated[
        str | None,
        Meta(
            description="A regular expression: its first group in the target column is the target.",
            examples=["#### (.*)"],
        ),
    ] = None
    split: Annotated[
        SplitPart | Literal["stratified", "hash", "group"] | None, Meta(description="How dev and test are divided.")
    ] = None
    events: Annotated[
        EventsPart | None, Meta(description="Which columns say who chose what, and when (kind: recommendation).")
    ] = None
    sample: Annotated[
        Annotated[int, Meta(ge=1)] | dict[Literal["dev", "test"], Annotated[int, Meta(ge=1)]] | None,
        Meta(description="Only so many examples, drawn with the split's seed: of all, or of each split."),
    ] = None
    scorers: Annotated[
        object, Meta(description="What solved means. The first scorer decides, the others are shown.")
    ] = None
    needs: Annotated[NeedsPart, Meta(description="Requirements and economics.")] = NeedsPart()
    machine_per_hour: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="The price of an hour of this machine, for local candidates without a price of their own."),
    ] = None
    prices: Annotated[
        str, Meta(description="A dated price table (YAML) for models that are paid by token or call.")
    ] = ""
    human_labels: Annotated[
        str,
        Meta(
            description="A table of what people said of some answers: example, candidate, solved. The decision then "
            "carries the judge's error."
        ),
    ] = ""
    exchange_rate: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="What one US dollar is in the currency of the needs, for what providers charge."),
    ] = None
    robustness: Annotated[
        object,
        Meta(
            description="What examples are also asked under: perturbations with their strengths, a list of names at "
            "customary strengths, or default for those of the kind of task. No part of what must be solved.",
            examples=[{"typos": [0.02, 0.05, 0.1], "sample": 100}, ["typos"], "default"],
        ),
    ] = None
    settings: Annotated[Settings, Meta(description="How the evaluation is run; changes no answer.")] = Settings()
    candidates: Annotated[object, Meta(description="Who may try: names of kinds, or recipes with parameters.")] = ()
    improve: Annotated[
        dict[str, dict[str, JSON]],
        Meta(description="How `merits improve` searches: the parameters of a technique, by its name."),
    ] = {}
    monitor: Annotated[
        Monitoring, Meta(description="How `merits monitor` watches what is served, and whom it tells.")
    ] = Monitoring()
    serve: Annotated[
        ServeSettings, Meta(description="How `merits serve` answers: limits, deadlines, what its journal does.")
    ] = ServeSettings()


class TaskOptions(TypedDict, total=False):
    """What `make_task` takes beside the data: the keys of the task file, with live objects where those are allowed."""

    name: str
    description: str
    kind: str | None
    input: str | list[str] | None
    target: str | None
    id: str | None
    group: str | None
    slices: str | list[str]
    labels: list[str | int | float | bool]
    extract: str | None
    split: str | dict[str, JSON] | None
    events: dict[str, JSON] | None
    sample: int | dict[str, int] | None
    scorers: object
    needs: object
    machine_per_hour: float | None
    prices: str
    human_labels: str
    exchange_rate: float | None
    robustness: object
    settings: object
    candidates: object
    improve: dict[str, dict[str, JSON]]
    monitor: object
    serve: object


def candidate_keys() -> tuple[str, ...]:
    """The keys of a candidate in a task file that are not parameters of its kind.

    >>> candidate_keys()
    ('name', 'kind', 'parts', 'price', 'metadata', 'limits')
    """
    return tuple(f for f in Candidate.__struct_fields__ if f not in ("id", "params"))

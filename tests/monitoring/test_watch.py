"""A watch over a release: what it says of unchanged traffic, and of traffic that changed in one respect."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from merits.core.live import Alert, Served
from merits.core.reference import Reference
from merits.core.watch import Watching
from merits.monitoring.streams import Binning, streams_of
from merits.monitoring.watch import Watch
from merits.reading.seen import Lens, embedding_of, seen_of_text, words_of
from tests.monitoring.traffic import CLASSES, labels, reference, served

TASK, REFERENCE = reference()
LENS = Lens.of(REFERENCE)


def watch(**settings: object) -> Watch:
    """A watch over the release."""
    return Watch(REFERENCE, task="shop", release=1, classes=CLASSES, watching=Watching(**settings))  # type: ignore[arg-type]


def alarms(of: Watch, n: int, seed: int = 5, *, before: int = 500, **change: object) -> list[Alert]:
    """The alarms of good traffic followed by changed traffic; none may come before."""
    generator = np.random.default_rng(seed)
    good, changed = served(generator, before, LENS), served(generator, n, LENS, start=before, **change)  # type: ignore[arg-type]
    assert of.see([one for one, _ in good], labels(good)) == []
    found = []
    for first in range(0, n, 50):
        some = changed[first : first + 50]
        found += of.see([one for one, _ in some], labels(some))
    return found


def test_unchanged_traffic_raises_no_alarm() -> None:
    """3,000 requests with their labels."""
    assert alarms(watch(), 2_500) == []


@pytest.mark.parametrize(
    ("change", "stream", "kind", "says"),
    [
        ({"of_inputs": {"mean": 48.0}}, "input: age", "drift", "are below"),
        ({"of_inputs": {"gold": 0.6}}, "input: plan", "drift", "are 'gold'"),
        ({"failing": 0.1}, "answer: failed", "errors", "are 'true'"),
        ({"drop": 0.2}, "quality", "quality", "the share solved is below"),
        ({"drop": 0.2}, "too sure", "calibration", "less often"),
        ({"unsure": 0.25}, "estimated quality", "estimated-quality", "assumes that a confidence means"),
    ],
)
def test_a_change_alarms_on_its_stream(change: dict[str, object], stream: str, kind: str, says: str) -> None:
    """With what is there now and what was on test, and what to do; once."""
    found = alarms(watch(), 1_500, **change)
    of_stream = [one for one in found if one.stream == stream]
    assert len(of_stream) == 1
    assert of_stream[0].kind == kind
    assert says in of_stream[0].text
    assert of_stream[0].next_step
    assert of_stream[0].release == 1
    msgspec.json.encode(of_stream[0])  # it is stored


def test_where_only_inputs_change_nothing_is_said_of_quality() -> None:
    """An alarm of drift is no alarm of quality."""
    assert {one.kind for one in alarms(watch(), 1_500, of_inputs={"mean": 48.0})} == {"drift"}


def test_a_trifle_raises_no_alarm_however_certain_it_is() -> None:
    """A floor of 60 points is above what happened; it is told among the streams all the same."""
    of = watch(floor=0.6)
    assert alarms(of, 1_500, of_inputs={"mean": 48.0}) == []
    first = of.streams()[0]
    assert first.name == "input: age"
    assert first.won > first.needed
    assert not first.alarmed
    assert first.effect is not None


def test_a_watch_goes_on_where_it_was() -> None:
    """From bytes, in another process: to the same numbers."""
    some = served(np.random.default_rng(3), 400, LENS)
    once, again = watch(), watch()
    for first in (0, 200):
        once.see([one for one, _ in some[first : first + 200]], labels(some[first : first + 200]))
    again.see([one for one, _ in some[:200]], labels(some[:200]))
    taken = Watch(REFERENCE, task="shop", release=1, classes=CLASSES, state=again.state())
    taken.see([one for one, _ in some[200:]], labels(some[200:]))
    assert taken.state() == once.state()
    assert taken.streams() == once.streams()


def test_the_state_of_another_release_is_refused() -> None:
    """Its numbers would mean something else."""
    with pytest.raises(ValueError, match="another release"):
        Watch(REFERENCE, task="shop", release=2, classes=CLASSES, state=watch().state())


def test_shadows_and_other_releases_do_not_count() -> None:
    """They are not this release's answers."""
    (one, _), *_ = served(np.random.default_rng(1), 1, LENS)
    of = watch()
    of.see([msgspec.structs.replace(one, **change) for change in ({"arm": "shadow"}, {"release": 2})])
    assert {state.n for state in of.streams()} == {0}


def test_where_a_fallback_answers_the_release_failed() -> None:
    """However right the fallback is: that is the alarm, and its labels say nothing about this release."""
    of, some = watch(), served(np.random.default_rng(1), 400, LENS)
    fallen = [(msgspec.structs.replace(one, fallback=1), True) for one, _ in some]
    found = of.see([one for one, _ in fallen], labels(fallen))
    assert ("answer: failed", "errors") in {(one.stream, one.kind) for one in found}
    assert {one.kind for one in found} <= {"errors"}
    assert of.quality() == {}


def test_after_an_alarm_a_stream_can_be_begun_anew() -> None:
    """And alarms again if it is still so."""
    of = watch()
    assert "input: age" in {one.stream for one in alarms(of, 500, of_inputs={"mean": 60.0})}
    of.restart("input: age")
    state = next(state for state in of.streams() if state.name == "input: age")
    assert not state.alarmed
    assert state.n == 0
    assert "input: age" in {one.stream for one in alarms(of, 500, before=0, of_inputs={"mean": 60.0})}


def test_quality_is_told_by_labels_and_without() -> None:
    """Both lie within their interval of the truth."""
    of, some = watch(), served(np.random.default_rng(8), 1_000, LENS)
    of.see([one for one, _ in some], labels(some[:200]))
    truth = np.mean([solved for one, solved in some if one.answer.failure is None])
    for estimate in of.quality().values():
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= truth <= estimate.high


@pytest.mark.parametrize("detector", ["adwin", "kswin", "page-hinkley"])
def test_numbers_can_be_watched_by_river(detector: str) -> None:
    """An optional choice; categories are watched as ever."""
    pytest.importorskip("river")
    found = {
        one.stream for one in alarms(watch(detector=detector), 1_500, before=0, of_inputs={"mean": 70.0, "gold": 0.9})
    }
    assert "input: plan" in found


def test_a_release_without_any_reference_is_watched_for_nothing() -> None:
    """Too few test examples for any stream: no alarm, no crash, and the state is kept."""
    of = Watch(Reference(kind="classification", n=0, streams=()), task="shop", release=1)
    some = served(np.random.default_rng(1), 5, LENS)
    assert of.see([one for one, _ in some], labels(some)) == []
    assert (
        Watch(Reference(kind="classification", n=0, streams=()), task="shop", release=1, state=of.state()).streams()
        == []
    )


def test_what_has_another_type_than_on_test_is_in_the_last_bin() -> None:
    """A text where there were numbers, a number where there were names: that is a change, not a crash."""
    rows = [{"a": float(i), "b": "x" if i % 3 else "y"} for i in range(100)]
    binning = Binning(streams_of(rows))
    bins = binning.bins([{"a": "text", "b": 7.0}, {"a": None, "b": None}, {}, {"a": 50.0, "b": "z"}])
    last = [number - 1 for number in binning.n_bins]
    assert bins[0].tolist() == last
    assert bins[1].tolist() == [last[0], last[1] - 1]
    assert bins[2].tolist() == [-1, -1]
    assert bins[3, 1] == last[1]


def test_texts_that_change_their_subject_or_language_alarm() -> None:
    """By unknown words, by their embedding, and by language where it can be told."""
    generator = np.random.default_rng(2)
    bank = words_of("my card payment was charged twice when will the money come back to the account please")
    other = words_of("concert tickets were sold out before we could find seats near front stage tonight")
    lens = Lens(frozenset(bank), language_of=0)

    def rows(words: list[str], n: int) -> list[dict[str, float | str | None]]:
        texts = [" ".join(generator.choice(words, generator.integers(5, 15))) for _ in range(n)]
        return [
            {f"input: {name}": value for name, value in seen_of_text(text, lens).items()}
            | {f"input: embedding {k}": x for k, x in enumerate(embedding_of(text))}
            for text in texts
        ]

    streams = streams_of(rows(bank, 300))
    of = Watch(Reference(kind="classification", n=300, streams=streams), task="t", release=1)

    def records(words: list[str], n: int) -> list[Served]:
        (example, _), *_ = served(np.random.default_rng(1), 1, LENS)
        return [
            msgspec.structs.replace(
                example,
                seen={name.removeprefix("input: "): value for name, value in row.items() if "embedding" not in name},
                embedding=tuple(row[f"input: embedding {k}"] for k in range(16)),
            )
            for row in rows(words, n)
        ]

    assert of.see(records(bank, 500)) == []
    found = {one.stream for one in of.see(records(other, 200))}
    assert "input: unknown words" in found
    assert any(name.startswith("input: embedding") for name in found)
    assert "input: length" not in found

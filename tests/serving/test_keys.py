"""Who is let in: keys, their rights, rates and budgets, and what becomes of who guesses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openai
import pytest
from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.errors import StoreError, UsageError
from merits.core.estimate import Estimate
from merits.core.live import ApiKey, LiveRecord, Rollout
from merits.core.price import Price
from merits.core.release import Promise, Release
from merits.core.serving import ServeSettings
from merits.production import gateway as whole
from merits.serving.guessing import Guesses
from merits.serving.keys import Keyring, hash_of_key, month_began, new_key
from merits.serving.rates import LocalRates, SharedRates
from merits.serving.refusals import Refusal
from merits.testing.live import MemoryLive
from merits.testing.models import Constant, Replying
from merits.testing.serving import ModelUnit, a_release, served
from tests.serving.releasing import Endless

Make = Callable[..., Any]
SETTINGS = ServeSettings(keys=True)
PRICE = Price(per_call=0.4)


def gateway(tmp_path: Path, *keys: ApiKey, live: MemoryLive | None = None) -> Any:
    """One that asks for keys; each answer costs 0.4."""
    live = live or MemoryLive()
    live.add(keys)
    unit = ModelUnit(a_release(price=PRICE), Constant("yes"), cost=0.4)
    return served([unit], tmp_path, live=live, settings=SETTINGS)


def status(ask: Any) -> int:
    """Of one question."""
    return int(ask.post("/predict", {"input": "hi"}).status)


def within(seconds: float, look: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_only_who_brings_a_key_is_answered(tmp_path: Path, client: Make) -> None:
    """The key itself is nowhere: not in the store, not in the log. Health needs none."""
    key, record = new_key(now=0.0, name="shop")
    with gateway(tmp_path, record) as running:
        nobody, wrong, right = (client(running.url, each) for each in ("", "mk_wrong", key))
        said = nobody.post("/predict", {"input": "hi"})
        assert said.code == "missing_api_key"
        assert "Authorization, after the word Bearer" in said.json["error"]["message"]
        said = wrong.post("/predict", {"input": "hi"})
        assert (said.status, said.code, said.headers["www-authenticate"]) == (401, "invalid_api_key", "Bearer")
        assert status(right) == 200
        assert [nobody.get(path).status for path in ("/healthz", "/readyz", "/v1/models")] == [200, 200, 401]
        running.until_stored(1)
    assert running.live.served("t")[0].record.key == record.id
    assert key not in repr(running.live.keys()) + "".join(running.log)
    assert record.hash == hash_of_key(key.encode())


def test_keys_come_rotate_and_end_without_a_restart(tmp_path: Path, client: Make) -> None:
    """Within about a second."""
    old, record = new_key(now=1.0)
    new, fresh = new_key(now=2.0, id=record.id)
    live = MemoryLive()
    with gateway(tmp_path, record, live=live) as running:
        assert status(client(running.url, old)) == 200
        live.add([fresh])
        assert within(4.0, lambda: status(client(running.url, new)) == 200)
        assert status(client(running.url, old)) == 401
        live.add([replace(fresh, at=3.0, revoked_at=3.0)])
        assert within(4.0, lambda: status(client(running.url, new)) == 401)


def test_a_key_does_what_it_may(tmp_path: Path, client: Make) -> None:
    """Scopes and tasks."""
    telling, teller = new_key(now=0.0, scopes=["feedback"])
    other, stranger = new_key(now=0.0, tasks=["other"])
    late, expired = new_key(now=0.0, expires_at=1.0)
    with gateway(tmp_path, teller, stranger, expired) as running:
        assert client(running.url, telling).post("/predict", {"input": "hi"}).code == "scope"
        assert client(running.url, other).chat().code == "task"
        assert client(running.url, other).get("/v1/models").json["data"] == []
        assert status(client(running.url, late)) == 401


def test_a_rate_is_kept(tmp_path: Path, client: Make) -> None:
    """429 with the time to wait."""
    key, record = new_key(now=0.0, per_minute=2)
    with gateway(tmp_path, record) as running:
        ask = client(running.url, key)
        assert [status(ask) for _ in range(2)] == [200, 200]
        said = ask.post("/predict", {"input": "hi"})
    assert (said.status, said.code) == (429, "rate_limit_exceeded")
    assert 20 <= int(said.headers["retry-after"]) <= 30


@pytest.mark.parametrize(("path", "name"), [("/predict/batch", "inputs"), ("/v1/embeddings", "input")])
def test_each_input_of_a_batch_counts_against_the_rate(tmp_path: Path, client: Make, path: str, name: str) -> None:
    """What would never fit is said at once; what does not fit now is not asked."""
    key, record = new_key(now=0.0, per_minute=6)
    live, model = MemoryLive(), Replying(lambda text: Answer([1.0, 0.5]))
    live.add([record])
    unit = ModelUnit(a_release(kind="generation"), model)
    with served([unit], tmp_path, live=live, settings=SETTINGS) as running:
        ask = client(running.url, key)
        assert ask.post(path, {"model": "merits/t", name: ["a"] * 7}).code == "batch_too_long"  # and counts as one
        assert ask.post(path, {"model": "merits/t", name: ["a"] * 3}).status == 200
        said = ask.post(path, {"model": "merits/t", name: ["a"] * 3})
        assert (said.status, said.code) == (429, "rate_limit_exceeded")
        assert 20 <= int(said.headers["retry-after"]) <= 30  # for all three: one more counted, six fit into a minute
        assert len(model.asked) == 3


def test_a_budget_is_kept_also_after_a_restart(tmp_path: Path, client: Make) -> None:
    """What was spent this month is read from the store."""
    key, record = new_key(now=0.0, budget=1.0)
    live = MemoryLive()
    with gateway(tmp_path, record, live=live) as running:
        ask = client(running.url, key)
        assert [status(ask) for _ in range(4)] == [200, 200, 200, 429]
        assert ask.post("/predict", {"input": "hi"}).code == "insufficient_quota"
    with gateway(tmp_path, live=live) as running:
        assert status(client(running.url, key)) == 429


@pytest.mark.parametrize(
    ("price", "currency", "why"),
    [(None, "USD", "is not known"), (Price(one_off=5.0), "USD", "is not known"), (PRICE, "EUR", "is billed in USD")],
)
def test_a_budget_that_would_not_hold_is_said(
    tmp_path: Path, client: Make, price: Price | None, currency: str, why: str
) -> None:
    """403 wherever it is asked, and nothing is asked of the model; a key without a budget is answered."""
    key, record = new_key(now=0.0, budget=1.0, currency=currency)
    free, other = new_key(now=0.0)
    live, model = MemoryLive(), Constant("yes")
    live.add([record, other])
    unit = ModelUnit(a_release(kind="generation", price=price), model)
    with served([unit], tmp_path, live=live, settings=SETTINGS) as running:
        ask = client(running.url, key)
        said = [ask.post("/predict", {"input": "hi"}), ask.chat(), ask.chat(stream=True)]
        said.append(ask.post("/v1/embeddings", {"model": "merits/t", "input": ["a", "b"]}))
        assert [(each.status, each.code) for each in said] == [(403, "budget")] * 4
        assert why in said[0].json["error"]["message"]
        batch = ask.post("/predict/batch", {"inputs": ["a", "b"]}).json
        assert [answer["error"]["code"] for answer in batch["answers"]] == ["budget"] * 2
        assert not model.asked
        assert status(client(running.url, free)) == 200
        assert running.gateway.desk.admission.in_flight == 0
        (told,) = [line for line in running.log if '"budget"' in line and '"warning"' in line]
        assert why in told


def test_a_budget_needs_all_prices() -> None:
    """Also that of a part, and of a fallback."""
    priced, unpriced = (Candidate(name="a", kind="constant", price=price) for price in (PRICE, None))
    release = a_release(price=PRICE)
    both = Candidate(name="b", kind="cascade", parts=(priced, unpriced))
    assert release.billed_in == "USD"
    assert replace(release, candidate=both).billed_in == ""
    assert replace(release, fallbacks=(unpriced,)).billed_in == ""


def test_a_budget_is_looked_at_when_it_is_given() -> None:
    """Where a release serves already."""
    live = MemoryLive()
    whole.new_key(live, new_key(now=0.0, budget=1.0, currency="EUR"))
    live.add([a_release(price=PRICE), Rollout(task="t", at=0.0, champion=1)])
    whole.new_key(live, new_key(now=0.0, budget=1.0))
    whole.new_key(live, new_key(now=0.0, budget=1.0, currency="EUR", tasks=["other"]))
    with pytest.raises(UsageError, match="is billed in USD"):
        whole.new_key(live, new_key(now=0.0, budget=1.0, currency="EUR"))
    assert len(live.keys()) == 3


def test_guessing_is_slowed_and_no_right_key_is(tmp_path: Path, client: Make) -> None:
    """After ten wrong keys an address waits; also right after a restart, a right one from there is let in at once."""
    key, record = new_key(now=0.0)
    late, expired = new_key(now=0.0, expires_at=1.0)
    with gateway(tmp_path, record, expired) as running:
        found = [status(client(running.url, f"mk_{n}")) for n in range(14)]
        assert found[:11] == [401] * 11
        assert set(found[11:]) == {429}
        said = client(running.url, "mk_x").post("/predict", {"input": "hi"})
        assert (said.code, said.headers["connection"]) == ("too_many_wrong_keys", "close")
        assert int(said.headers["retry-after"]) >= 1
        assert status(client(running.url, key)) == 200
        assert status(client(running.url, late)) == 429  # as wrong as any other
        assert client(running.url).post("/predict", {"input": "hi"}).code == "missing_api_key"


def test_guesses_are_remembered_in_bounded_memory() -> None:
    """Of a million addresses the last are known."""
    guesses = Guesses(most=100)
    for n in range(1000):
        guesses.wrong(f"10.0.{n // 256}.{n % 256}")
    assert len(guesses) == 100


def test_a_pause_grows_with_each_guess_and_is_forgotten_in_time() -> None:
    """1, 2, 4 seconds; a quarter of an hour of quiet begins anew."""
    now = 0.0
    guesses = Guesses(clock=lambda: now)
    for _ in range(10):
        guesses.wrong("a")
    pauses = []
    for _ in range(3):
        guesses.wrong("a")
        pauses.append(guesses.seconds_left("a"))
    assert pauses == [1.0, 2.0, 4.0]
    now = 2000.0
    guesses.wrong("a")
    assert guesses.seconds_left("a") == 0.0


def test_workers_share_a_rate(tmp_path: Path) -> None:
    """Two that map one file allow together what one would."""
    SharedRates.create(tmp_path / "rates")
    one, two = (SharedRates(tmp_path / "rates", clock=lambda: 100.0) for _ in range(2))
    alone = LocalRates(clock=lambda: 100.0)
    together = [(one, two)[n % 2].wait_s("key", 3) == 0.0 for n in range(6)]
    assert together == [alone.wait_s("key", 3) == 0.0 for _ in range(6)] == [True] * 3 + [False] * 3
    assert two.wait_s("another", 3) == 0.0
    assert [each.wait_s("batch", 3, 2) for each in (one, two)] == [0.0, 20.0]
    one.close()
    two.close()


def test_of_two_keys_of_one_name_none_is_taken() -> None:
    """The ids are said; either can be named by its own, and one that is revoked is in nobody's way."""
    live = MemoryLive()
    one, two = (new_key(now=float(n), name="shop")[1] for n in range(2))
    live.add([one, two])
    for change in (whole.rotate, whole.revoke):
        with pytest.raises(UsageError, match="2 keys are called 'shop'") as told:
            change(live, "shop")
        assert f"{one.id}, {two.id}" in str(told.value)
    whole.revoke(live, one.id)
    whole.rotate(live, "shop")
    known = live.keys()
    assert {key.id for key in known if key.revoked_at is None and key.hash != two.hash} == {two.id}


def test_a_key_cannot_be_reached_by_its_hash() -> None:
    """What is stored opens nothing."""
    key, record = new_key(now=0.0)
    ring = Keyring()
    ring.renew([record])
    assert ring.holder(f"bearer {key}".encode(), "a").key == record
    with pytest.raises(Refusal):
        ring.holder(f"Bearer {record.hash}".encode(), "a")


def test_a_month_begins_at_its_first_midnight() -> None:
    """Also the moment itself."""
    december = month_began(1795996800.0 + 86400 * 3)
    assert month_began(december) == december
    assert month_began(december - 1.0) < december


def promising(cost: float) -> Release:
    """A release that was proved to cost so much an answer."""
    promised = Estimate(
        value=1000 * cost, low=cost, high=2000 * cost, level=0.95, n=100, unit="money", method="a test", currency="USD"
    )
    return replace(a_release(price=PRICE), promise=Promise(metric="accuracy", cost_per_1000=promised))


def test_a_batch_ends_where_its_budget_does(tmp_path: Path, client: Make) -> None:
    """Each of its inputs is looked at, not only the first."""
    key, record = new_key(now=0.0, budget=1.0)
    with gateway(tmp_path, record) as running:
        said = client(running.url, key).post("/predict/batch", {"inputs": ["x"] * 200})
        most = running.gateway.desk.settings.concurrency
    codes = [each.get("error", {}).get("code") for each in said.json["answers"]]
    assert codes.count("insufficient_quota") >= 200 - 3 - most
    assert codes.count(None) >= 3


def test_who_leaves_a_stream_before_its_end_has_spent_what_was_promised(tmp_path: Path, official: Make) -> None:
    """What it cost is not known; nothing it was not."""
    key, record = new_key(now=0.0, budget=1.0)
    live = MemoryLive()
    live.add([record])
    unit = Endless(promising(0.4), Constant("yes"))
    with served([unit], tmp_path, live=live, settings=SETTINGS) as running:
        ask = official(running.url, key)
        asked: dict[str, Any] = {"model": "merits/t", "messages": [{"role": "user", "content": "x"}], "stream": True}
        for _ in range(3):
            stream = ask.chat.completions.create(**asked)
            next(iter(stream))
            stream.close()
            until = time.monotonic() + 5
            while running.gateway.desk.admission.in_flight and time.monotonic() < until:
                time.sleep(0.01)
        with pytest.raises(openai.RateLimitError, match="spent its 1 USD"):
            ask.chat.completions.create(**asked)
    assert live.spent(record.id, 0.0) == 0.0
    assert live.spent(record.id, 0.0, "USD", 0.4) == pytest.approx(1.2)


def test_what_the_store_has_not_got_yet_is_spent(tmp_path: Path, client: Make) -> None:
    """Also when what it has is looked at again."""

    class Full(MemoryLive):
        full = False

        def add(self, records: Sequence[LiveRecord]) -> None:
            if self.full:
                raise StoreError("It is full.", "Make room.")
            super().add(records)

    key, record = new_key(now=0.0, budget=1.0)
    live = Full()
    with gateway(tmp_path, record, live=live) as running:
        live.full = True
        ask = client(running.url, key)
        assert [status(ask) for _ in range(4)] == [200, 200, 200, 429]
        time.sleep(2.5)
        assert status(ask) == 429
        live.full = False
        until = time.monotonic() + 15
        holder = running.gateway.keyring.holder(f"Bearer {key}".encode(), "")
        while (holder.since or holder.spent < 1) and time.monotonic() < until:
            time.sleep(0.05)
        assert (holder.spent, holder.since) == (pytest.approx(1.2), 0.0)
        assert status(ask) == 429

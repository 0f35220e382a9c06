"""The monitor's page over real HTTP: what it shows, whom it lets in, and marks on alerts."""

import http.client
import json
import socket
import threading
import time

import pytest
import uvicorn

from merits.core.live import Alert
from merits.core.release import Promise
from merits.production.monitor_page import MonitorPage
from merits.report.live import AlertLine, LiveView, Moment, StreamLine
from merits.stats import wilson

ALERT = Alert(
    id="abc123",
    task="tickets",
    at=1_796_000_000.0,
    kind="drift",
    stream="input: characters",
    severity="warning",
    text="<script>alert('from a model')</script>",
    evidence={"e_value": 512.0, "html": "<b>"},
)


class Watched:
    """A task that was alarmed once."""

    def __init__(self) -> None:
        self.state, self.marks, self.n_views = "open", [], 0

    def view(self) -> LiveView:
        self.n_views += 1
        return LiveView(
            task="tickets",
            at=1_796_000_100.0,
            since=1_796_000_000.0,
            model="merits/tickets@1",
            standing="too early to tell",
            because="No outcome is known yet.",
            promise=Promise(metric="accuracy", quality=wilson(80, 100)),
            promised_on="100 test examples",
            n_served=12,
            n_judged=0,
            per_minute=7.2,
            streams=(
                StreamLine(
                    name="input: characters", state="changed", text="40 % are below 90", e_value=512.0, bar=400.0
                ),
            ),
            alerts=(AlertLine(alert=ALERT, state=self.state),),
            moments=tuple(Moment(at=1_796_000_000.0 + k, n=9, judged=9, solved=wilson(k, 9)) for k in range(3)),
        )

    def mark(self, alert: str, mark) -> bool:
        if alert != ALERT.id:
            return False
        self.state = mark.mark
        self.marks.append(mark)
        return True


@pytest.fixture
def served():
    started = []

    def start(watched, **options):
        app = MonitorPage(watched, **options)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        started.append((server, thread))
        return port

    yield start
    for server, thread in started:
        server.should_exit = True
        thread.join(timeout=10)


def ask(port, path, *, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    reply = connection.getresponse()
    found = reply.status, dict(reply.getheaders()), reply.read().decode()
    connection.close()
    return found


def test_the_page_shows_hostile_text_as_text_and_allows_one_script_only(served):
    status, headers, page = ask(served(Watched()), "/")
    assert status == 200
    assert "alert(&#39;from a model&#39;)" in page
    assert page.count("<script>") == 1
    assert "script-src 'sha256-" in page
    assert headers["x-frame-options"] == "DENY"


def test_the_fragment_is_what_the_page_fetches_again(served):
    port = served(Watched())
    fragment, page = ask(port, "/fragment")[2], ask(port, "/")[2]
    assert fragment.strip()
    assert fragment in page


def test_the_same_is_there_as_data(served):
    port = served(Watched())
    view = json.loads(ask(port, "/api/view")[2])
    assert view["schema"] == "merits.live/1"
    assert view["streams"][0]["state"] == "changed"
    assert json.loads(ask(port, "/api/alerts")[2])["alerts"][0]["alert"]["id"] == "abc123"


def test_an_alert_has_a_page_with_its_evidence(served):
    status, _, page = ask(served(Watched()), "/alerts/abc123")
    assert status == 200
    assert "512.0" in page
    assert "&lt;b&gt;" in page


def test_an_alert_is_acknowledged_and_seen_to_be_so_at_once(served):
    watched = Watched()
    port = served(watched, fresh_s=60.0)
    ask(port, "/")
    body = json.dumps({"mark": "acknowledged", "reason": "known"})
    assert ask(port, "/api/alerts/abc123", method="POST", body=body, Content_Type="application/json")[0] == 200
    assert watched.marks[0].reason == "known"
    assert json.loads(ask(port, "/api/alerts")[2])["alerts"][0]["state"] == "acknowledged"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ('{"mark": "acknowledged"}', "text/plain", 415),
        ("mark=acknowledged", "application/x-www-form-urlencoded", 415),
        ('{"mark": "deleted"}', "application/json", 400),
        ('{"mark": "silenced", "hours": -1}', "application/json", 400),
        ("{", "application/json", 400),
        (" " * 5_000, "application/json", 413),
    ],
)
def test_what_another_site_could_send_or_nobody_can_read_is_refused(served, body, kind, status):
    watched = Watched()
    assert ask(served(watched), "/api/alerts/abc123", method="POST", body=body, Content_Type=kind)[0] == status
    assert watched.marks == []


def test_an_unknown_alert_and_address_are_not_found(served):
    port = served(Watched())
    json_ = {"body": '{"mark": "resolved"}', "Content_Type": "application/json"}
    assert ask(port, "/api/alerts/ffff", method="POST", **json_)[0] == 404
    assert ask(port, "/alerts/ffff")[0] == 404
    assert ask(port, "/../etc/passwd")[0] == 404
    assert ask(port, "/", method="DELETE")[0] == 405


def test_with_a_token_nobody_else_sees_anything(served):
    port = served(Watched(), token="s3cret-of-the-page")
    assert ask(port, "/")[0] == 401
    assert ask(port, "/", Authorization="Bearer wrong")[0] == 401
    assert ask(port, "/", Authorization="Bearer s3cret-of-the-page")[0] == 200
    assert ask(port, "/healthz")[0] == 200


def test_without_a_token_a_page_under_another_name_reads_nothing(served):
    """A name that an attacker made to point here (DNS rebinding)."""
    assert ask(served(Watched()), "/api/view", Host="evil.example")[0] == 421


def test_however_many_look_the_view_is_made_once_in_a_while(served):
    watched = Watched()
    port = served(watched, fresh_s=60.0)
    for _ in range(5):
        ask(port, "/api/view")
    assert watched.n_views == 1

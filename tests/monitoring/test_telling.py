"""Webhooks, letters and commands are told for real: a web server, a mail server and a program on this machine."""

import email
import json
import socket
import sys
import threading
from email import policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller

from merits.core.errors import InfrastructureError, UsageError
from merits.core.live import Alert
from merits.core.watch import Email, Receiver
from merits.monitoring.alerts import Due
from merits.monitoring.telling import tell

ALERT = Alert(
    id="abc",
    task="tickets",
    at=1.0,
    kind="requirement-not-met",
    stream="decision",
    severity="alarm",
    text="tickets@1 no longer meets accuracy >= 0.8",
    next_step="merits rollback",
    evidence={"n": 120},
)


class Hook:
    """A web server that keeps what is posted to it."""

    def __init__(self, status=200):
        hook, self.bodies = self, []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                hook.bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_webhook_is_given_the_alerts_in_words_and_as_data_with_a_link_to_the_evidence(hook):
    receiver = Receiver(webhook=hook.url + "/in/${TOKEN}")
    tell(Due(receiver, (ALERT,)), url="http://monitor:8790/", env={"TOKEN": "t0ken-of-the-hook"})
    ((path, body),) = hook.bodies
    assert path == "/in/t0ken-of-the-hook"
    assert body["schema"] == "merits.alerts/1"
    assert body["severity"] == "alarm"
    assert body["alerts"][0]["url"] == "http://monitor:8790/alerts/abc"
    assert body["alerts"][0]["evidence"] == {"n": 120}
    assert "next: merits rollback" in body["text"]


def test_a_webhook_that_refuses_is_an_error_that_says_nothing_is_lost_and_does_not_hold_the_secret():
    refusing = Hook(status=500)
    receiver = Receiver(webhook=refusing.url + "/${TOKEN}")
    with pytest.raises(InfrastructureError, match="sent again") as caught:
        tell(Due(receiver, (ALERT,)), env={"TOKEN": "t0ken-of-the-hook"})
    refusing.server.shutdown()
    refusing.server.server_close()
    assert "t0ken" not in str(caught.value)


def test_a_webhook_whose_variable_is_not_set_says_which():
    with pytest.raises(UsageError, match="TOKEN"):
        tell(Due(Receiver(webhook="https://chat.example/${TOKEN}"), (ALERT,)), env={})


def test_a_letter_arrives_with_a_subject_that_says_how_bad_it_is():
    letters = []

    class Keeping:
        async def handle_DATA(self, server, session, envelope):
            letters.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=policy.default)))
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(Keeping(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        tell(Due(Receiver(email=Email(to=("ops@example.org",), host="127.0.0.1", port=port)), (ALERT,)))
    finally:
        server.stop()
    ((to, letter),) = letters
    assert to == ["ops@example.org"]
    assert letter["Subject"].startswith("[alarm] tickets: tickets@1 no longer meets")
    assert "merits alerts --show abc" in letter.get_content()


def test_a_command_gets_the_alerts_on_its_standard_input(tmp_path):
    kept = tmp_path / "alerts.json"
    program = f"import sys, pathlib; pathlib.Path({str(kept)!r}).write_text(sys.stdin.read())"
    tell(Due(Receiver(command=(sys.executable, "-c", program)), (ALERT,)))
    assert json.loads(kept.read_text())["alerts"][0]["id"] == "abc"


def test_a_command_that_fails_is_an_error():
    with pytest.raises(InfrastructureError, match="could not be told"):
        tell(Due(Receiver(command=(sys.executable, "-c", "raise SystemExit(3)")), (ALERT,)))


@pytest.mark.parametrize("given", [{}, {"webhook": "http://x", "command": ("a",)}])
def test_a_receiver_is_exactly_one_thing(given):
    with pytest.raises(ValueError, match="one of webhook, email, command"):
        Receiver(**given)

"""Tells a receiver of alerts: a webhook, letters, or a command. What it says is the same for all of them."""

from __future__ import annotations

import json
import os
import re
import smtplib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from typing import TypeAlias

import msgspec

from merits.core.errors import InfrastructureError, UsageError
from merits.core.live import Alert
from merits.core.secrets import redact, register
from merits.core.watch import Email
from merits.monitoring.alerts import Due, worst

__all__ = ["message", "said", "tell"]

Word: TypeAlias = Callable[[str], str]
_TIMEOUT_S = 10.0
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def tell(due: Due, *, url: str = "", env: Mapping[str, str] | None = None, word: Word = str) -> None:
    """Nothing, once the receiver took the alerts. Blocks for ten seconds at most.

    `url` is where the monitor's page is; `env` replaces the environment's variables; `word` is given each text with a
    command in it, and may complete the command. Raises InfrastructureError where
    the receiver cannot be reached or refuses, and UsageError for a variable that is not set.
    """
    receiver, variables = due.receiver, os.environ if env is None else env
    try:
        if receiver.webhook:
            _post(_filled(receiver.webhook, variables), message(due.alerts, url, word))
        elif receiver.email is not None:
            _send(receiver.email, due.alerts, said(due.alerts, url, word), variables)
        else:
            _run(receiver.command, message(due.alerts, url, word))
    except (OSError, smtplib.SMTPException, subprocess.SubprocessError) as problem:
        raise InfrastructureError(
            f"{receiver.label} could not be told of {len(due.alerts)} alerts: {redact(str(problem))}.",
            "They stay open and are sent again at the next look.",
        ) from None


def message(alerts: Sequence[Alert], url: str = "", word: Word = str) -> dict[str, object]:
    """The JSON that webhooks and commands are given. `text` is for people (chat services show it)."""
    return {
        "schema": "merits.alerts/1",
        "task": alerts[0].task,
        "severity": worst(alerts),
        "text": said(alerts, url, word),
        "alerts": [{**msgspec.to_builtins(alert), "url": word(_link(alert, url))} for alert in alerts],
    }


def said(alerts: Sequence[Alert], url: str = "", word: Word = str) -> str:
    """The alerts in words: a line for each, its next step, and where its evidence is."""
    lines = [f"{worst(alerts).upper()}: {alerts[0].task}"]
    for alert in alerts:
        lines.append(f"- {alert.text}")
        if alert.next_step:
            lines.append(f"  next: {word(alert.next_step)}")
        lines.append(f"  evidence: {word(_link(alert, url))}")
    return redact("\n".join(lines))


def _link(alert: Alert, url: str) -> str:
    return f"{url.rstrip('/')}/alerts/{alert.id}" if url else f"merits alerts --show {alert.id}"


def _post(address: str, said: Mapping[str, object]) -> None:
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"the webhook {address!r} is no address.", "It begins with https:// or http://.")
    body = json.dumps(said).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            reply.read(1_024)
    except urllib.error.HTTPError as problem:
        problem.close()  # it holds the connection
        raise


def _send(email: Email, alerts: Sequence[Alert], text: str, env: Mapping[str, str]) -> None:
    letter = EmailMessage()
    first = alerts[0].text.splitlines()[0][:120]
    letter["Subject"] = f"[{worst(alerts)}] {alerts[0].task}: {first}"
    letter["From"], letter["To"] = email.sender, ", ".join(email.to)
    letter.set_content(text)
    kind = smtplib.SMTP_SSL if email.port == 465 else smtplib.SMTP
    with kind(email.host, email.port, timeout=_TIMEOUT_S) as server:
        if email.starttls:
            server.starttls()
        if email.user:
            password = env.get("SMTP_PASSWORD", "")
            if not password:
                raise UsageError("SMTP_PASSWORD is not set.", "Set it in the environment of the monitor.")
            register(password)
            server.login(email.user, password)
        server.send_message(letter)


def _run(command: Sequence[str], said: Mapping[str, object]) -> None:
    done = subprocess.run(
        list(command),
        input=json.dumps(said).encode(),
        timeout=_TIMEOUT_S,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise subprocess.SubprocessError(
            f"it ended with {done.returncode}: {done.stderr.decode(errors='replace')[-200:]}"
        )


def _filled(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        found = env.get(match[1], "")
        if not found:
            raise UsageError(f"{match[1]} is not set, and a webhook names it.", f"Set {match[1]} in the environment.")
        register(found)
        return found

    return _VARIABLE.sub(value, text)

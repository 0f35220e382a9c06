"""The deployment files: they parse, say what the code understands, and the commands in them run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from merits.cli import parser
from merits.core.serving import ServeSettings

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"


def compose() -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert isinstance(found, dict)
    return found


def unit() -> dict[str, list[str]]:
    """The directives of the systemd unit, each with its values."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "merits.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def dockerfile(instruction: str) -> list[str]:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.*)$", text, re.MULTILINE)


def commands() -> list[list[str]]:
    """Every command of Merits that a deployment file runs, without the program's name."""
    services = compose()["services"].values()
    found: list[list[str]] = [service["command"] for service in services if "command" in service]
    found += [yaml.safe_load(command) for command in dockerfile("CMD")]
    found += [shlex.split(command) for command in unit()["ExecStart"]]
    return [words[1:] for words in found]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_are_understood(words: list[str]) -> None:
    """By the parser itself: an option that was renamed is found out here."""
    assert parser(words[0]).parse_args(words).verb == words[0]


def test_all_services_that_need_the_database_wait_until_it_answers() -> None:
    services = compose()["services"]
    for name in ("serve", "monitor"):
        assert services[name]["depends_on"] == {"db": {"condition": "service_healthy"}}
        assert services[name]["environment"]["MERITS_LIVE"].startswith("postgresql://merits:${POSTGRES_PASSWORD")
        assert services[name]["environment"]["MERITS_LIVE"].endswith("@db:5432/merits")
    assert "db" in compose()["volumes"]


def test_a_container_ends_when_it_is_told_to() -> None:
    """Its first process hears no signal that it does not handle, so something stands before it."""
    assert all(compose()["services"][name]["init"] is True for name in ("serve", "monitor"))


def test_what_is_sent_to_be_built_is_what_the_image_copies() -> None:
    """Not the environments and histories that lie beside it."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name.removeprefix("./") for line in dockerfile("COPY") if "--from" not in line for name in line.split()[:-1]
    }
    assert "*" in lines
    assert sent == copied


def test_no_password_is_written_down() -> None:
    """Each comes from the environment, and without one nothing starts."""
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"PASSWORD: (?!\$\{)", text)
    assert text.count("${POSTGRES_PASSWORD:?") == 2


def test_requests_in_flight_have_time_to_end() -> None:
    """Whoever stops it waits longer than it drains."""
    drain_s = ServeSettings().drain_s
    assert float(compose()["services"]["serve"]["stop_grace_period"].removesuffix("s")) > drain_s
    assert float(unit()["TimeoutStopSec"][0]) > drain_s
    assert unit()["KillSignal"] == ["SIGTERM"]
    assert dockerfile("STOPSIGNAL") == ["SIGTERM"]


def test_the_image_has_the_extras_that_there_are() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = [line.partition("=")[2].split(",") for line in dockerfile("ARG") if line.startswith("EXTRAS=")]
    assert set(named) <= set(extras)
    assert {"serve", "postgres", "keeping"} <= set(named)


def test_what_the_image_copies_is_there() -> None:
    for words in (line.split() for line in dockerfile("COPY") if not line.startswith("--from")):
        for name in words[:-1]:
            assert (ROOT / name).exists(), name


def test_the_image_is_asked_where_readiness_is_told() -> None:
    from merits.serving import app

    assert app.__file__ is not None
    assert '"/readyz"' in Path(app.__file__).read_text()
    assert any("127.0.0.1:8080/readyz" in line for line in dockerfile("HEALTHCHECK"))
    assert dockerfile("USER") == ["merits"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """But that the program is not installed here."""
    program = tmp_path / "merits"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (DEPLOY / "merits.service").read_text().replace("/opt/merits/bin/merits", str(program))
    file = tmp_path / "merits.service"
    file.write_text(re.sub(r"^(User|Group)=.*$", r"\1=root", text, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if "merits.service" in line]
    assert said == []

"""Recipes of candidates as a task file says them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from merits.core.candidate import Candidate

__all__ = ["as_listed", "in_yaml"]


def as_listed(candidate: Candidate) -> dict[str, Any]:
    """A recipe as it stands under `candidates:`, its parts too.

    >>> always = Candidate(name="always", kind="constant", params={"output": "yes"})
    >>> as_listed(Candidate(name="vote", kind="vote", parts=(always,)))
    {'name': 'vote', 'kind': 'vote', 'parts': [{'name': 'always', 'kind': 'constant', 'output': 'yes'}]}
    """
    built: dict[str, Any] = msgspec.to_builtins(candidate)
    listed: dict[str, Any] = {"name": candidate.name, "kind": candidate.kind}
    if candidate.parts:
        listed["parts"] = [as_listed(part) for part in candidate.parts]
    listed |= built.get("params", {})
    return listed | {key: built[key] for key in ("metadata", "price", "limits") if key in built}


def in_yaml(listed: Sequence[Any]) -> str:
    """Such recipes as text, in their order, with texts of several lines as they are.

    >>> print(in_yaml([{"name": "chat", "system": "Say it.\\nIn one word."}]), end="")
    - name: chat
      system: |-
        Say it.
        In one word.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Without anchors, which nobody reads."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, written)
    return yaml.dump(list(listed), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)

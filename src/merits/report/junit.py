"""A gate as JUnit XML, for the test pages of CI systems.

One suite holds the gate's checks, one the examples: not solved is a failure, failed an error, unscored or missing is
skipped. Whatever a model said, the XML is valid: what XML cannot hold is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np

from merits.core.identity import JSON
from merits.deciding.gate import Gate, GateCheck
from merits.deciding.pairing import Side
from merits.report.plain import cut, one_line

__all__ = ["render"]

_LONGEST = 2_000


def render(gate: Gate, candidate: Side, outputs: Mapping[str, JSON]) -> str:
    """The XML. `outputs` are the candidate's raw answers by example id, as far as they are known."""
    root = ElementTree.Element("testsuites", name="merits")
    checks = ElementTree.SubElement(root, "testsuite", name=f"gate: {one_line(gate.candidate, 80)}")
    for check in gate.checks:
        _check(checks, check)
    examples = ElementTree.SubElement(root, "testsuite", name=f"examples: {one_line(gate.candidate, 80)}")
    _examples(examples, gate, candidate, outputs)
    for suite in (checks, examples):
        _count(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _check(suite: ElementTree.Element, check: GateCheck) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname="gate", name=one_line(check.name, 120))
    if check.outcome != "passed":
        kind = "failure" if check.outcome == "failed" else "error"
        problem = ElementTree.SubElement(case, kind, message=one_line(check.text, 400), type=check.outcome)
        problem.text = cut(check.settle, _LONGEST)


def _examples(suite: ElementTree.Element, gate: Gate, candidate: Side, outputs: Mapping[str, JSON]) -> None:
    told, evaluation = candidate.examples, candidate.evaluation
    lost = {flip.example for flip in gate.change.lost} if gate.change is not None else set()
    counted = told.n_counted(failures=True) > 0
    latency = np.where(told.n_answered > 0, told.latency_s / np.maximum(told.n_answered, 1.0), 0.0)
    classname = one_line(evaluation.task_name, 80) or "examples"
    for at, name in enumerate(evaluation.examples[told.row].tolist()):
        time = f"{latency[at]:.3f}"
        case = ElementTree.SubElement(suite, "testcase", classname=classname, name=one_line(name, 120), time=time)
        if not counted[at]:
            why = "could not be judged" if told.n_unscored[at] else "was not asked"
            ElementTree.SubElement(case, "skipped", message=why)
            continue
        state = str(told.outcome[at])
        if state != "solved":
            before = ", and the baseline solved it" if name in lost else ""
            kind, what = ("failure", "not solved") if state == "wrong" else ("error", "failed")
            problem = ElementTree.SubElement(case, kind, message=f"{what}{before}", type=what)
            problem.text = cut(outputs[name], _LONGEST) if name in outputs else ""


def _count(suite: ElementTree.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(kind) is not None for case in cases)))

"""Reads results of tests in JUnit's format, as CTest, Bazel and GoogleTest write it."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Iterable, Iterator

# What XML 1.0 forbids; GoogleTest passes on some of it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_FAILURE = 4000  # characters: the end of what a failed test printed


@dataclasses.dataclass
class Results:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)  # the name of each failed test, and what it printed

    def add(self, other: "Results") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures


def read(files: Iterable[Path]) -> Results:
    results = Results()
    for file in files:
        results.add(parse(file.read_bytes(), file.name))
    return results


def parse(content: bytes, name: str) -> Results:
    """Reads the content of the file `name`. One that is no XML, as of a runner that was killed, is a failed test."""
    text = _FORBIDDEN.sub("?", content.decode("utf-8", "replace"))
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        return Results(failed=1, failures=[f"{name}: {error}\n{text[-_LONGEST_FAILURE:]}"])
    failed = _sum(root, "failures") + _sum(root, "errors")
    skipped = sum(1 for _ in root.iter("skipped"))
    return Results(_sum(root, "tests") - failed - skipped, failed, skipped, list(_failures(root)))


def _sum(root: ElementTree.Element, attribute: str) -> int:
    """The attribute of <testsuites>, or if it has none, as Bazel's, the sum of that of its suites."""
    if attribute in root.attrib:
        return int(root.attrib[attribute])
    return sum(int(suite.get(attribute, "0")) for suite in root.findall("testsuite"))


def _failures(root: ElementTree.Element) -> Iterator[str]:
    for suite in root.iter("testsuite"):
        for case in suite.findall("testcase"):
            faults = case.findall("failure") + case.findall("error")
            if faults:
                # Bazel's suite, not its case, has the output of a test that ended before it wrote its results.
                output = case.findall("system-out") or suite.findall("system-out")
                yield _describe(case.get("name", ""), faults, output)


def _describe(name: str, faults: list[ElementTree.Element], output: list[ElementTree.Element]) -> str:
    said = [fault.get("message", "") for fault in faults if not fault.text]
    said += [element.text or "" for element in faults + output]
    return f"{name}: " + "\n".join(part for part in said if part.strip())[-_LONGEST_FAILURE:]

"""Mutants: patches that weaken one line of the code each. tools/mutate tells what is in one."""

import dataclasses
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Sequence

VERDICTS = ("Caught-by", "Equivalent", "Explained")
# Lines that stand on each side of a hunk and must be there still; `git apply` drops others where they differ.
LEAST_CONTEXT = 1


@dataclasses.dataclass(frozen=True)
class Hunk:
    file: str
    before: tuple[str, ...]  # the lines that it expects, context included
    lead: int  # lines of context before the first change, and after the last
    trail: int

    def with_context(self, lines: int) -> tuple[str, ...]:
        first = max(0, self.lead - lines)
        last = len(self.before) - max(0, self.trail - lines)
        return self.before[first:last]


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    patch: Path
    fields: dict[str, str]
    hunks: tuple[Hunk, ...]

    @property
    def files(self) -> list[str]:
        return sorted({hunk.file for hunk in self.hunks})

    @property
    def caught_by(self) -> tuple[str, str]:
        """The test and the filter of its cases; empty if the header names none."""
        test, _, cases = self.fields.get("Caught-by", "").partition(" ")
        return test, cases


def parse(name: str, patch: Path, text: str) -> Mutant:
    header, separator, diff = text.partition("--- a/")
    return Mutant(name, patch, dict(_fields(header)), tuple(_hunks(separator + diff)))


def load(folder: Path) -> list[Mutant]:
    return [parse(patch.stem, patch, patch.read_text("utf-8")) for patch in sorted(folder.glob("*.patch"))]


def apply(mutant: Mutant, folder: Path, *options: str) -> str:
    """Applies the patch to the tree in `folder`; returns what is wrong if it does not apply."""
    done = subprocess.run(["git", "apply", f"-C{LEAST_CONTEXT}", *options, str(mutant.patch.resolve())], cwd=folder,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    return "" if done.returncode == 0 else f"no longer applies: {done.stderr.strip()}"


def refresh(mutant: Mutant, root: Path) -> str:
    """Writes the patch anew for the tree `root`; returns what is wrong if it does not apply there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in mutant.files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / file, folder / file)
        fault = apply(mutant, folder)
        if fault:
            return fault
        diff = "".join(unified_diff(file, root / file, folder / file) for file in mutant.files)
    header, _, _ = mutant.patch.read_text("utf-8").partition("--- a/")
    mutant.patch.write_text(header + diff, "utf-8")
    return ""


def unified_diff(file: str, before: Path, after: Path) -> str:
    done = subprocess.run(["diff", "-up", "--label", f"a/{file}", "--label", f"b/{file}", str(before), str(after)],
                          capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise RuntimeError(done.stderr)
    return done.stdout


def problems(mutant: Mutant, root: Path, tests: dict[str, str]) -> list[str]:
    """What is wrong with the patch in the tree `root`, whose tests are named in `tests` (tests_of())."""
    found = _header_problems(mutant, tests)
    fault = apply(mutant, root, "--check")
    if fault:
        return found + [fault]
    for hunk in mutant.hunks:
        places = _places(hunk, (root / hunk.file).read_text("utf-8").splitlines())
        if places > 1:
            found.append(f"applies at {places} places of {hunk.file}: give it more lines of context")
    return found


def tests_of(root: Path) -> dict[str, str]:
    """The targets of tests/CMakeLists.txt, each with the text of its sources."""
    listing = (root / "tests/CMakeLists.txt").read_text("utf-8").replace("${CUBBY_OS_SUFFIX}", "posix")
    tests: dict[str, str] = {}
    calls = re.findall(r"^ *(cubby_test|target_sources)\((\w+)\s+([^)]*)\)", listing, re.MULTILINE)
    for kind, name, arguments in calls:
        if kind == "cubby_test" or name in tests:
            sources = [root / "tests" / source for source in re.findall(r"[\w/]+\.cc", arguments)]
            tests[name] = tests.get(name, "") + "".join(source.read_text("utf-8") for source in sources)
    return tests


def _fields(header: str) -> Iterator[tuple[str, str]]:
    for name, value in re.findall(r"^(\S+): *(.*(?:\n[ \t]+.*)*)", header, re.MULTILINE):
        yield name, " ".join(value.split())


def _hunks(diff: str) -> Iterator[Hunk]:
    file = ""
    for part in re.split(r"^(?=--- a/|@@ )", diff, flags=re.MULTILINE):
        if part.startswith("--- a/"):
            file = part.splitlines()[0][len("--- a/"):].split("\t")[0]
        elif part.startswith("@@ "):
            yield _hunk(file, [line for line in part.splitlines()[1:] if line[:1] in ("", " ", "-", "+")])


def _hunk(file: str, lines: Sequence[str]) -> Hunk:
    changes = [at for at, line in enumerate(lines) if line[:1] in ("-", "+")]
    before = tuple(line[1:] for line in lines if line[:1] != "+")
    return Hunk(file, before, changes[0], len(lines) - 1 - changes[-1])


def _header_problems(mutant: Mutant, tests: dict[str, str]) -> list[str]:
    found = []
    if "Weakens" not in mutant.fields:
        found.append("the header has no `Weakens`")
    if sum(verdict in mutant.fields for verdict in VERDICTS) != 1:
        found.append(f"the header must have one of {', '.join(VERDICTS)}")
    unknown = sorted(set(mutant.fields) - {"Weakens", *VERDICTS})
    if unknown:
        found.append(f"the header has unknown fields: {', '.join(unknown)}")
    test, cases = mutant.caught_by
    if test and test not in tests:
        found.append(f"tests/CMakeLists.txt has no test {test}")
    elif cases and not _has_case(tests[test], cases):
        found.append(f"{test} has no case {cases}")
    return found


def _has_case(source: str, case: str) -> bool:
    # Cases with parameters are named INSTANCE/SUITE.CASE/PARAMETER.
    parts = [part for part in case.split("/") if "." in part]
    suite, _, name = (parts[0] if parts else case).partition(".")
    return re.search(rf"^(TYPED_)?TEST(_[FP])?\(\s*{re.escape(suite)},\s*{re.escape(name)}\)", source,
                     re.MULTILINE) is not None


def _places(hunk: Hunk, lines: list[str]) -> int:
    """How many places fit the hunk equally well, with as much of its context as fits at all."""
    for context in range(max(hunk.lead, hunk.trail), LEAST_CONTEXT - 1, -1):
        block = list(hunk.with_context(context))
        count = sum(lines[at:at + len(block)] == block for at in range(len(lines) - len(block) + 1))
        if count > 0:
            return count
    return 0

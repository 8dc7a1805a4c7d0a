"""Runs Spin's verifier on a model, and reads its report."""

import dataclasses
import re
import subprocess
from pathlib import Path
from typing import Optional, Sequence


@dataclasses.dataclass(frozen=True)
class Search:
    report: str  # all that Spin, the compiler and the verifier printed
    states: Optional[int] = None
    depth: Optional[int] = None
    errors: Optional[int] = None
    violated: Optional[str] = None  # the first property that does not hold
    cut_short: bool = False

    @property
    def complete(self) -> bool:
        """Whether every state was looked at: only that proves that the properties hold."""
        return None not in (self.states, self.errors) and not self.cut_short


def search(model: Path, flags: Sequence[str], folder: Path) -> Search:
    """Searches all states of the model, in a folder of its own."""
    folder.mkdir()
    commands = (
        ["spin", "-a", *flags, str(model)],
        # -DSAFETY: no cycles are looked for. -DCOLLAPSE: states in a third of the memory.
        ["g++", "-xc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2000", "-o", "pan", "pan.c"],
        ["./pan", "-m20000", "-n"],
    )
    report = ""
    for command in commands:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        report += done.stdout
        if done.returncode != 0:
            break
    return parse(report)


def parse(report: str) -> Search:
    reached = re.search(r"depth reached (\d+), errors: (\d+)", report)
    # Large numbers come as 1.2345678e+08.
    stored = re.search(r"^\s*([\d.e+]+) states, stored", report, re.MULTILINE)
    # "assertion violated NoTornValue (at depth 200)", or "invalid end state": a process waits for ever.
    violated = re.search(r"^pan:1: (?:assertion violated )?(.*?) \(at depth ", report, re.MULTILINE)
    return Search(
        report,
        states=int(float(stored[1])) if stored else None,
        depth=int(reached[1]) if reached else None,
        errors=int(reached[2]) if reached else None,
        violated=violated[1] if violated else None,
        cut_short="max search depth too small" in report or "Search not completed" in report,
    )

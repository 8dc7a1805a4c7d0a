"""Applies the mutants in tests/mutants and sees whether the tests notice: see tools/mutate."""

import concurrent.futures
import contextlib
import hashlib
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, Sequence

import mutant as patches
from mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = ROOT / "tests/mutants"
# In the names of the tests' stores: those of tests that are ended here are left to us.
MARK = secrets.token_hex(4)
WORKERS = min(4, len(os.sched_getaffinity(0)))

# The tests for mutants that name none, and the seconds that each may take. The first that fails catches the mutant.
STAGES: list[dict[str, int]] = [
    {"bytes_test": 60, "reader_test": 60, "writer_test": 120, "sweep_test": 60, "checker_test": 120,
     "geometry_test": 60},
    {"concurrency_test": 120, "writer_lock_test": 120, "kill_storm_test": 120},
    {"slow_reader_test": 300, "every_instruction_test": 300},
]
SECONDS = {test: seconds for stage in STAGES for test, seconds in stage.items()}
OTHER_SECONDS = 120

CONFIGURE = [
    "cmake", "-G", "Ninja", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release", "-DCUBBY_BENCH=OFF",
    # No debug information: object files are compared.
    "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
    # Fewer kills: each of these mutants that they catch at all is caught in the first few.
    "-DCMAKE_CXX_FLAGS=-UCUBBY_KILLS -DCUBBY_KILLS=60",
]

Verdict = tuple[str, str]  # what becomes of the mutant, and what shows it


def run(command: Sequence[str], folder: Path, seconds: int = 3600) -> tuple[int, str]:
    """Returns the exit code and the output; -1 after so many seconds, when all that was started is ended."""
    environment = {name: value for name, value in os.environ.items() if name != "CUBBY_TORTURE"}
    environment["CUBBY_TEST_RUN"] = MARK
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
                          env=environment) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return -1, ""


def copy_sources(folder: Path) -> None:
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for name in files:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


class Tree:
    """A private copy that is built once, and then again for each mutant."""

    def __init__(self, folder: Path, tests: Sequence[str]) -> None:
        self.folder = folder
        copy_sources(folder)
        self._must(CONFIGURE)
        self._must(self._build_command(tests))
        for test in tests:
            self._must(self._test_command(test), SECONDS.get(test, OTHER_SECONDS))
        self.original = {test: self._objects(test) for test in tests}

    def judge(self, mutant: Mutant) -> Verdict:
        with self._applied(mutant):
            test, cases = mutant.caught_by
            if test:
                return self._judge_by(test, cases)
            verdict = self._judge_by_all()
            for field, name in (("Equivalent", "equivalent"), ("Explained", "explained")):
                if field in mutant.fields and verdict[0] == "survived":
                    return name, mutant.fields[field]
            return verdict

    def _judge_by(self, test: str, cases: str) -> Verdict:
        code, output = run(self._build_command([test]), self.folder)
        if code != 0:
            return "broken", output
        code, output = run(self._test_command(test, cases), self.folder, SECONDS.get(test, OTHER_SECONDS))
        return ("survived", f"{test} passes") if code == 0 else ("caught", first_failure(test, code, output))

    def _judge_by_all(self) -> Verdict:
        changed = False
        for stage in STAGES:
            code, output = run(self._build_command(list(stage)), self.folder)
            if code != 0:
                return "broken", output
            for test, seconds in stage.items():
                if self._objects(test) == self.original[test]:
                    continue
                changed = True
                code, output = run(self._test_command(test), self.folder, seconds)
                if code != 0:
                    return "caught", first_failure(test, code, output)
        return ("survived", "all tests pass") if changed else ("equivalent", "the same instructions")

    @contextlib.contextmanager
    def _applied(self, mutant: Mutant) -> Iterator[None]:
        originals = {name: (self.folder / name).read_bytes() for name in mutant.files}
        try:
            fault = patches.apply(mutant, self.folder)
            if fault:
                sys.exit(f"tools/mutate: {mutant.name}: {fault}")
            yield
        finally:
            # Written anew, not moved back: the build goes by the files' times.
            for name, content in originals.items():
                (self.folder / name).write_bytes(content)

    def _must(self, command: Sequence[str], seconds: int = 3600) -> None:
        code, output = run(command, self.folder, seconds)
        if code != 0:
            sys.exit(f"tools/mutate: the tests must pass before anything is changed: {' '.join(command)}\n{output}")

    def _objects(self, test: str) -> bytes:
        """A digest of what the compiler made of all that the test is linked from."""
        code, output = run(["ninja", "-C", "build", "-t", "inputs", f"tests/{test}"], self.folder)
        objects = [name for name in output.splitlines() if name.endswith(".o")]
        if code != 0 or not objects:
            sys.exit(f"tools/mutate: ninja lists no object files of {test}:\n{output}")
        digest = hashlib.sha256()
        for name in sorted(objects):
            digest.update((self.folder / "build" / name).read_bytes())
        return digest.digest()

    @staticmethod
    def _build_command(tests: Sequence[str]) -> list[str]:
        return ["cmake", "--build", "build", "-j1", "--target", *tests]

    @staticmethod
    def _test_command(test: str, cases: str = "") -> list[str]:
        command = [f"build/tests/{test}", "--gtest_brief=1", "--gtest_fail_fast"]
        return [*command, f"--gtest_filter={cases}"] if cases else command


def first_failure(test: str, code: int, output: str) -> str:
    failed = "[  FAILED  ] "
    for line in output.split("\n"):
        if line.startswith(failed) and "." in line:
            return f"{test} {line[len(failed):].split(' (')[0].split(',')[0]}"
    return test + (" (hangs)" if code == -1 else " (crashes)" if code < 0 else " (fails)")


def judge_all(mutants: Sequence[Mutant]) -> int:
    began = time.monotonic()
    workers = min(WORKERS, len(mutants))
    counts = dict.fromkeys(("caught", "equivalent", "explained", "survived", "broken"), 0)
    with tempfile.TemporaryDirectory(prefix="cubby-mutate-") as folder, \
            concurrent.futures.ThreadPoolExecutor(workers) as pool:
        trees: "queue.Queue[Tree]" = queue.Queue()
        for tree in pool.map(lambda i: Tree(Path(folder, str(i)), tests_for(mutants)), range(workers)):
            trees.put(tree)

        def judge(mutant: Mutant) -> tuple[Mutant, Verdict]:
            tree = trees.get()
            try:
                return mutant, tree.judge(mutant)
            finally:
                trees.put(tree)

        for future in concurrent.futures.as_completed([pool.submit(judge, mutant) for mutant in mutants]):
            mutant, (verdict, how) = future.result()
            counts[verdict] += 1
            print(f"{verdict:<10}  {mutant.name:<48}  {' '.join(mutant.files):<18}  {how}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    print(f"RESULT mutation: mutants {len(mutants)}, equivalent {counts['equivalent']}, caught {counts['caught']}, "
          f"survived with a reason {counts['explained']}, without {counts['survived']}")
    return 1 if counts["survived"] or counts["broken"] else 0


def tests_for(mutants: Sequence[Mutant]) -> list[str]:
    named = {mutant.caught_by[0] for mutant in mutants if mutant.caught_by[0]}
    if any(not mutant.caught_by[0] for mutant in mutants):
        named |= set(SECONDS)
    return sorted(named)


def check(mutants: Sequence[Mutant]) -> int:
    tests = patches.tests_of(ROOT)
    found = [f"{mutant.patch.relative_to(ROOT)}: {problem}" for mutant in mutants
             for problem in patches.problems(mutant, ROOT, tests)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


def refresh(mutants: Sequence[Mutant]) -> int:
    status = 0
    for mutant in mutants:
        fault = patches.refresh(mutant, ROOT)
        if fault:
            print(f"{mutant.patch.relative_to(ROOT)}: {fault}")
            status = 1
    return status


def main(words: Sequence[str]) -> int:
    mutants = patches.load(MUTANTS)
    if list(words) == ["--check"]:
        return check(mutants)
    if list(words) == ["--refresh"]:
        return refresh(mutants)
    if any(word.startswith("-") for word in words):
        sys.exit("usage: tools/mutate [WORD...] | --check | --refresh")
    chosen = [mutant for mutant in mutants
              if not words or any(word in text for word in words for text in (mutant.name, *mutant.files))]
    if not chosen:
        sys.exit(f"tools/mutate: no patch or file is named like {' '.join(words)}")
    try:
        return judge_all(chosen)
    finally:
        for left in Path("/dev/shm").glob(f"cubby.*-{MARK}-*"):
            left.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

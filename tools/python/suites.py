"""Runs suites of tests and sums up their results: see tools/test."""

import contextlib
import io
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, Sequence

import junit

ROOT = Path(__file__).resolve().parents[2]
JOBS = str(len(os.sched_getaffinity(0)))
# The order of --all: what fails soonest comes first.
ALL = ("style", "release", "spec", "tour", "report", "asan", "tsan", "tidy", "budget", "model", "fuzz", "windows",
       "wine-tour", "bazel")
PYTHON = ("tools/python", "tests/tools", "tests/spec")
LONGEST_SUMMARY = 20_000  # bytes of failures, at the end of all


class Suite:
    """A run of one suite: its commands, their log, and the results that they leave."""

    def __init__(self, name: str, logs: Path, log: io.FileIO, mark: str) -> None:
        self.name = name
        self.logs = logs
        self._log = log
        self._environment = dict(os.environ, CUBBY_TEST_RUN=mark)

    def run(self, *command: str) -> None:
        """Ends the suite if the command fails."""
        subprocess.run(command, check=True, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL,
                       stdout=self._log, stderr=subprocess.STDOUT)

    def output_of(self, *command: str) -> str:
        return subprocess.run(command, check=True, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=self._log, text=True).stdout

    @contextlib.contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """Keeps the command running, its input open, until the block ends."""
        with subprocess.Popen(command, cwd=ROOT, env=self._environment, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=self._log) as process:
            try:
                yield
            finally:
                assert process.stdin is not None
                process.stdin.close()

    def build_and_test(self, preset: str) -> None:
        self.run("cmake", "--preset", preset, "-DCUBBY_WERROR=ON")
        self.run("cmake", "--build", "--preset", preset, "--parallel", JOBS)
        results = self.logs / f"{self.name}.ctest.xml"
        self.run("ctest", "--preset", preset, "--parallel", JOBS, "--output-junit", str(results))

    def results(self) -> list[Path]:
        return sorted(self.logs.glob(f"{self.name}.*.xml"))


def style(suite: Suite) -> None:
    suite.run("tools/setup", "lint")
    suite.run("tools/format", "--check")
    suite.run("tools/check_includes")
    suite.run("tools/check_build_lists")
    suite.run("tools/check_messages")
    suite.run("pyflakes3", *PYTHON)
    suite.run("mypy", "--strict", "--cache-dir=/dev/null", *PYTHON)
    suite.run("env", "PYTHONPATH=tools/python", sys.executable, "-m", "unittest", "discover", "-s", "tests/tools", "-p",
              "*_test.py")
    suite.run("tools/mutate", "--check")


def release(suite: Suite) -> None:
    suite.run("tools/setup", "build")
    suite.build_and_test("release")


def spec(suite: Suite) -> None:
    suite.run("tools/setup", "build", "spec")
    suite.run("cmake", "--preset", "release", "-DCUBBY_WERROR=ON")
    suite.run("cmake", "--build", "--preset", "release", "--parallel", JOBS, "--target", "cubby_cli", "cubbyd")
    suite.run("env", f"CUBBY_PROGRAMS={ROOT}/build/release", "PYTHONPATH=tests/spec", sys.executable, "-m", "unittest",
              "discover", "-s", "tests/spec", "-p", "*_test.py")


def asan(suite: Suite) -> None:
    suite.run("tools/setup", "build")
    suite.build_and_test("asan")


def tsan(suite: Suite) -> None:
    suite.run("tools/setup", "build")
    suite.build_and_test("tsan")


def windows(suite: Suite) -> None:
    suite.run("tools/setup", "windows")
    suite.run("tools/wine", "wineboot")  # makes Wine's folder, once, before many tests want it at once
    # Wine's services run as long as a program does: those that a test began would keep its output open, and CTest
    # wait for them.
    with suite.running("tools/wine", "cmd"):
        suite.build_and_test("windows")


def bazel(suite: Suite) -> None:
    suite.run("tools/setup", "bazel")
    command = ("bazel", f"--output_user_root={suite.logs}/bazel")
    options = (f"--jobs={JOBS}", f"--local_test_jobs={JOBS}", "--curses=no", "--symlink_prefix=/",
               "--test_env=CUBBY_TEST_RUN")
    try:
        suite.run(*command, "build", *options, "//...")
        suite.run(*command, "test", *options, "//...")
    finally:
        results = Path(suite.output_of(*command, "info", "bazel-testlogs").strip())
        suite.run(*command, "shutdown")
        for result in results.rglob("test.xml"):
            shutil.copyfile(result, suite.logs / f"bazel.{result.parent.name}.xml")


def tour(suite: Suite) -> None:
    suite.run("tools/quickstart")


def wine_tour(suite: Suite) -> None:
    suite.run("tools/quickstart", "--windows")


def tidy(suite: Suite) -> None:
    suite.run("tools/setup", "lint")
    suite.run("tools/tidy")


def model(suite: Suite) -> None:
    suite.run("tools/model")


def budget(suite: Suite) -> None:
    suite.run("tools/budget")


def fuzz(suite: Suite) -> None:
    suite.run("tools/fuzz")


def report(suite: Suite) -> None:
    suite.run("tools/setup", "peers", "browser")
    suite.run("node", "--test", "bench/page")
    folder = f"{suite.logs}/report"
    suite.run("tools/bench", "--quick", folder)
    suite.run("node", "bench/page/check.mjs", f"{folder}/index.html", folder)


# A suite stops at its first error. Without results in JUnit's format it counts as one test.
SUITES: dict[str, Callable[[Suite], None]] = {
    "release": release, "asan": asan, "tsan": tsan, "windows": windows, "bazel": bazel, "tour": tour,
    "wine-tour": wine_tour, "spec": spec, "style": style, "tidy": tidy, "budget": budget, "model": model, "fuzz": fuzz,
    "report": report,
}


def leftovers(mark: str) -> list[str]:
    """Returns what a suite must not leave: stores with its mark in their names (tests/support/subprocess.cc), and
    processes of cubby with the mark in their environment. Whatever else is on the machine does not count."""
    left = [str(store) for store in Path("/dev/shm").glob(f"cubby.*-{mark}-*")]
    variable = f"CUBBY_TEST_RUN={mark}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program = (process / "comm").read_text().strip()
            environment = (process / "environ").read_bytes() if program.startswith("cubby") else b""
        except OSError:  # it has ended
            continue
        if program.removesuffix(".exe") in ("cubby", "cubbyd") and variable in environment.split(b"\0"):
            left.append(f"process {process.name}")
    return left


def faults_of(suite: Suite) -> list[str]:
    try:
        SUITES[suite.name](suite)
    except subprocess.CalledProcessError as error:
        return [f"{shlex.join(error.cmd)}: exit code {error.returncode}"]
    except OSError as error:
        return [str(error)]
    return []


def last_lines(file: Path, count: int) -> str:
    return "\n".join(file.read_text("utf-8", "replace").splitlines()[-count:])


def run(name: str, logs: Path, summary: list[str]) -> junit.Results:
    """Runs a suite; what failed goes to `summary`."""
    print(f"== {name}")
    began = time.monotonic()
    mark = secrets.token_hex(4)
    log_file = logs / f"{name}.log"
    with io.FileIO(log_file, "w") as log:
        suite = Suite(name, logs, log, mark)
        faults = faults_of(suite)
        left = leftovers(mark)
        if left:
            faults.append("left behind: " + "\n".join(left))
        log.write("".join(f"{fault}\n" for fault in faults).encode())

    results = junit.read(suite.results())
    if not faults and not suite.results():
        results.passed = 1
    elif faults:
        results.failed = max(results.failed, 1)
    if results.failed > 0:
        summary += [f"== {name} failed", *results.failures, last_lines(log_file, 20)]
        print(last_lines(log_file, 100))
        print(f"== {name} failed")
    print(f"   {results.passed} passed, {results.failed} failed, {results.skipped} skipped in "
          f"{time.monotonic() - began:.0f} s")
    return results


def main(arguments: Sequence[str]) -> int:
    names = {(): ("release",), ("--all",): ALL}.get(tuple(arguments), tuple(arguments))
    for name in names:
        if name not in SUITES:
            print(f"tools/test: there is no suite '{name}'; see its first lines", file=sys.stderr)
            return 2
    # Ends by an exception, which removes the logs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    total = junit.Results()
    summary: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as logs:
        for name in names:
            total.add(run(name, Path(logs), summary))
    if summary:
        # At the end: a log may be cut to its last lines.
        print("\n".join(summary)[-LONGEST_SUMMARY:])
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    return 1 if total.failed else 0


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, errors="replace")  # a log shows how far the run has come
    sys.exit(main(sys.argv[1:]))

"""The reader that is written from the pages alone, at a live store that several processes write.

Run by tools/test spec, which sets CUBBY_PROGRAMS to the folder of the build.
"""

import concurrent.futures
import contextlib
import os
import platform
import secrets
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Iterator

import reader
import xxhash

PROGRAMS = Path(os.environ["CUBBY_PROGRAMS"])
CUBBY = PROGRAMS / "cli/cubby"
CUBBYD = PROGRAMS / "server/cubbyd"

KEYS = 2_000
WRITERS = 2
PASSES = 5  # of the reader, over all keys
# The sizes of values: none, in the slot, in one extent and in several.
SIZES = (0, 1, 60, 300, 1_100, 5_000)


def key_of(key: int) -> bytes:
    """Returns a key; every third is too long for a slot, of some the end lies in a second extent."""
    return b"k%d" % key if key % 3 else b"k%d" % key + b"-" * (100 + key)


def value_of(key: int, writer: int, turn: int) -> bytes:
    """Returns a value of one repeated letter, so that a mixture of two is seen; its size follows from the key and the
    turn."""
    return bytes([ord("A") + (writer * 7 + turn) % 26]) * SIZES[(key + turn) % len(SIZES)]


class ReaderTest(unittest.TestCase):
    def setUp(self) -> None:
        if platform.machine() != "x86_64":
            self.skipTest("Python has no fences: this reader needs a processor that keeps loads in order")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        mark = os.environ.get("CUBBY_TEST_RUN", "none")
        self.name = f"spec-{mark}-{secrets.token_hex(6)}"
        self.environment = dict(os.environ, CUBBY_RUNTIME_DIR=folder.name, CUBBY_STORE=self.name)

    def start(self, *flags: str) -> None:
        daemon = subprocess.Popen([CUBBYD, "--store", self.name, *flags], env=self.environment,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, daemon)
        assert daemon.stderr is not None
        for line in daemon.stderr:
            if "serving" in line:
                return
        self.fail("the daemon does not serve")

    @staticmethod
    def stop(daemon: "subprocess.Popen[str]") -> None:
        daemon.terminate()
        daemon.communicate()

    def cubby(self, *arguments: str, data: bytes = b"") -> bytes:
        return subprocess.run([CUBBY, *arguments], input=data, env=self.environment, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def lines(self, writer: int, turn: int) -> bytes:
        return b"".join(b"%s\t%s\n" % (key_of(key), value_of(key, writer, turn)) for key in range(KEYS))

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps processes putting all keys, one turn after the other, until the block ends."""
        ended = threading.Event()

        def write(writer: int) -> None:
            turn = 0
            while not ended.is_set():
                turn += 1
                self.cubby("load", data=self.lines(writer, turn))

        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, writer) for writer in range(WRITERS)]
            try:
                yield
            finally:
                ended.set()
            for writer in writers:
                writer.result()

    def check_get(self, store: reader.Store, key: int, revisions: list[int]) -> None:
        entry = store.get(key_of(key))
        assert entry is not None, key
        self.assertEqual(entry.key, key_of(key))
        self.assertLessEqual(len(set(entry.value)), 1, "a mixture of two values")
        self.assertIn(len(entry.value), SIZES)
        self.assertGreaterEqual(entry.revision, revisions[key])
        revisions[key] = entry.revision

    def check_entries(self, store: reader.Store) -> None:
        keys = [entry.key for entry in store.current.entries()]
        self.assertEqual(len(keys), KEYS)
        self.assertEqual(len(set(keys)), KEYS)

    def test_reads_what_others_write_meanwhile(self) -> None:
        self.start("--capacity", str(KEYS), "--extent-pool", "64MiB")
        self.cubby("load", data=self.lines(0, 0))
        store = reader.Store(self.name)
        for key in range(KEYS):
            entry = store.get(key_of(key))
            assert entry is not None
            self.assertEqual(entry.value, value_of(key, 0, 0))

        revisions = [0] * KEYS
        gets = 0
        with self.writing():
            for _ in range(PASSES):
                for key in range(KEYS):
                    with contextlib.suppress(reader.Contended):
                        self.check_get(store, key, revisions)
                        gets += 1
                self.assertIsNone(store.get(b"absent"))
                with contextlib.suppress(reader.Contended):
                    self.check_entries(store)
        self.assertGreater(gets, 0)
        self.check_entries(store)
        for key in range(KEYS):
            self.check_get(store, key, revisions)
        for key in range(0, KEYS, 100):
            entry = store.get(key_of(key))
            assert entry is not None
            self.assertEqual(self.cubby("get", key_of(key).decode()), entry.value)

    def test_knows_what_has_expired_and_what_was_shut_down(self) -> None:
        self.start("--capacity", "100")
        store = reader.Store(self.name)
        self.cubby("put", "late", "1", "--ttl", "1h")
        self.cubby("put", "soon", "2", "--ttl", "1ns")
        entry = store.get(b"late")
        assert entry is not None
        self.assertEqual(entry.value, b"1")
        self.assertGreater(entry.expiry, 0)
        self.assertIsNone(store.get(b"soon"))
        self.assertEqual([entry.key for entry in store.current.entries()], [b"late"])
        self.cubby("del", "late")
        self.assertIsNone(store.get(b"late"))
        self.assertIsNone(store.get(b""))
        self.assertIsNone(store.get(b"x" * 1000))
        self.assertIsNone(store.get(b"x" * 65_536))
        self.cubby("shutdown")
        with self.assertRaisesRegex(reader.Refused, "shut down"):
            store.get(b"late")

    def test_finds_displaced_entries(self) -> None:
        # As full as it can be: some entries live behind their home buckets.
        self.start("--capacity", "5000")
        self.cubby("load", data=b"".join(b"%d\t%d\n" % (i, i) for i in range(5000)))
        store = reader.Store(self.name)
        for i in range(5000):
            entry = store.get(b"%d" % i)
            assert entry is not None
            self.assertEqual(entry.value, b"%d" % i)
        for i in range(5000, 10000):
            self.assertIsNone(store.get(b"%d" % i))

    def test_the_pages_golden_hashes(self) -> None:
        page = (Path(__file__).resolve().parents[2] / "docs/layout.md").read_text()
        rows = [line.split("`")[1::2] for line in page.splitlines() if line.startswith("| `") and "`0x" in line]
        self.assertGreaterEqual(len(rows), 4)
        for key, expected in rows:
            hashed = xxhash.xxh3_64_intdigest(key.encode(), seed=0x0123456789ABCDEF)
            self.assertEqual(hashed, int(expected, 16), key)


if __name__ == "__main__":
    unittest.main()

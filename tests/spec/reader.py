"""Reads a store as docs/layout.md and docs/protocol.md say, and by nothing else: no code of cubby is used.

Python has no memory fences. The order of loads that protocol.md asks for is that of the program on x86-64, whose
processors do not reorder loads; on other machines this reader is not right.
"""

import dataclasses
import mmap
import os
import re
import struct
import time
from pathlib import Path
from typing import Iterator, Optional

import xxhash

_MAGIC = bytes.fromhex("ff63756262790100")
_LINE = 64
_LIMIT = 64  # disturbances
_LONGEST_PATH = 4096
_KINDS = {"incarnations": 1, "hints": 2, "heads": 3, "slots": 4, "extents": 5, "distances": 10}
_FEATURES = 1 << 4 | 1 << 6  # that are required: entries that move, long keys
_LEASES = 1 << 1  # required since version 5.3
_MOVED = 1 << 63
_SERVING, _SEALED, _SUPERSEDED, _POISONED, _RETIRED = 1, 2, 3, 4, 5
_IN_EXTENTS = 1
_LEASE = 2
_LONG_KEY = 8


class Refused(Exception):
    """The store cannot be read: the reason is the message."""


class Contended(Exception):
    """Writers disturbed a call too often."""


class DataLoss(Exception):
    """Bytes that no writer leaves."""


class _Disturbed(Exception):
    """A writer has changed the bucket."""


class _Expired(Exception):
    """The key's entry has expired."""


@dataclasses.dataclass(frozen=True)
class Entry:
    key: bytes
    value: bytes
    revision: int
    expiry: int  # of the boot clock, in ns; 0: never


@dataclasses.dataclass(frozen=True)
class _Slot:
    at: int
    sequence: int
    key_bytes: int
    value_bytes: int
    flags: int


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step


def _clock_offset() -> int:
    try:
        lines = Path("/proc/self/timens_offsets").read_text()
    except FileNotFoundError:
        if Path("/proc/self/ns").is_dir() and not os.path.lexists("/proc/self/ns/time"):
            return 0  # a kernel without time namespaces
        raise Refused("/proc does not tell which boot clock this is") from None
    match = re.search(r"^boottime\s+(-?\d+)\s+(\d+)$", lines, re.MULTILINE)
    return int(match[1]) * 10**9 + int(match[2]) if match else 0


class Generation:
    """One mapping of a store."""

    def __init__(self, store: str, generation: int = 0) -> None:
        self.store = store
        suffix = f".{generation}" if generation else ""
        descriptor = os.open(f"/dev/shm/cubby.{store}{suffix}", os.O_RDONLY | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            if status.st_uid not in (0, os.geteuid()):
                raise Refused(f"user {status.st_uid} owns the mapping")
            if status.st_size < 8192:
                raise Refused("shorter than the fixed part")
            mapping = mmap.mmap(descriptor, status.st_size, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        self._bytes = memoryview(mapping)
        self._words = self._bytes[: status.st_size // 8 * 8].cast("Q")
        self.owner = status.st_uid
        self._read_header(bytes(self._bytes[:640]), status.st_size)

    def _read_header(self, header: bytes, mapped: int) -> None:
        def number(code: str, offset: int) -> int:
            value: int = struct.unpack_from("<" + code, header, offset)[0]
            return value

        if header[:8] == bytes(8):
            raise Refused("half made")
        if header[:8] != _MAGIC:
            raise Refused("not a store")
        if number("H", 8) != 5:
            raise Refused(f"layout version {number('H', 8)}.{number('H', 10)}")
        seed = int.from_bytes(_MAGIC, "little")
        if (xxhash.xxh3_64_intdigest(header[8:120], seed=seed) != number("Q", 120) or
                xxhash.xxh3_64_intdigest(header[256:640], seed=seed) != number("Q", 112)):
            raise Refused("a checksum is wrong")
        if number("Q", 256) & ~_LEASES != _FEATURES:
            raise Refused(f"features {number('Q', 256):#x}")
        if number("q", 272) != _clock_offset():
            raise Refused("another boot clock")
        self._lease_flags = _LEASE | 0xFF00 if number("Q", 256) & _LEASES else 0
        total = number("Q", 16)
        self.bucket_count = number("Q", 24)
        self.ways = number("I", 32)
        self.slot_bytes = number("I", 36)
        self.extent_bytes = number("I", 40)
        self.extent_count = number("I", 44)
        self.capacity = number("Q", 48)
        self.max_value_bytes = number("Q", 56)
        self.hash_seed = number("Q", 64)
        self.generation = number("Q", 88)
        if not (number("I", 12) == 8192 and number("I", 108) == 0x0A0B0C0D and 8192 <= total <= mapped and
                1 <= self.bucket_count <= 2**33 and 2 <= self.ways <= 16 and
                self.slot_bytes % 8 == 0 and 48 <= self.slot_bytes <= 65536 and
                self.extent_bytes % 8 == 0 and 64 <= self.extent_bytes <= 2**24 and
                self.extent_count <= 2**32 - 2 and
                1 <= self.capacity <= min(2**32, self.bucket_count * (self.ways - 1)) and
                self.max_value_bytes <= 2**30):
            raise Refused("a number in the header is out of its range")

        self.bucket_bytes = _round_up(self.ways * self.slot_bytes, _LINE)
        self.extent_payload = self.extent_bytes - 16
        self.max_inline_bytes = self.slot_bytes - 24
        self.max_inline_key_bytes = self.max_inline_bytes - 8
        pairs = self.extent_count // 2
        beside = max(pairs * self.extent_payload - self.max_value_bytes, 0)
        self.max_key_bytes = max(self.max_inline_key_bytes, 65_535 if beside > 65_535 else beside // 8 * 8)

        least = {"incarnations": 4096, "hints": self.bucket_count * 16, "heads": self.bucket_count * 32,
                 "slots": self.bucket_count * self.bucket_bytes, "extents": self.extent_count * self.extent_bytes,
                 "distances": self.bucket_count * 8}
        count = number("I", 288)
        if count > 14:
            raise Refused("too many regions")
        regions: dict[int, int] = {}
        ends = []
        for at in range(304, 304 + count * 24, 24):
            kind, offset, size = number("I", at), number("Q", at + 8), number("Q", at + 16)
            if offset % _LINE or offset < 4096 or offset + size > total or kind in regions:
                raise Refused(f"region {kind} is not possible")
            if any(kind == _KINDS[name] and size < bytes_of for name, bytes_of in least.items()):
                raise Refused(f"region {kind} is too small")
            regions[kind] = offset
            ends.append((offset, offset + size))
        ends.sort()
        if any(before[1] > after[0] for before, after in zip(ends, ends[1:])):
            raise Refused("regions overlap")
        if any(kind not in regions for kind in _KINDS.values()):
            raise Refused("a region is missing")
        self._heads = regions[_KINDS["heads"]]
        self._slots = regions[_KINDS["slots"]]
        self._extents = regions[_KINDS["extents"]]
        self._distances = regions[_KINDS["distances"]]

    def _word(self, offset: int) -> int:
        return self._words[offset // 8]

    def state(self) -> tuple[int, int]:
        """Returns the state, and the next generation."""
        word = self._word(128)
        return word & 0xFF, word >> 8

    def get(self, key: bytes) -> Optional[Entry]:
        if not 0 < len(key) <= self.max_key_bytes:
            return None
        hashed = xxhash.xxh3_64_intdigest(key, seed=self.hash_seed)
        home = bucket = self._home(hashed)
        passed: list[tuple[int, int]] = []  # the heads of buckets, and their word0
        disturbed = 0
        while True:
            if disturbed == _LIMIT:
                raise Contended
            head = self._heads + bucket * 32
            word0 = self._word(head)
            try:
                ends, entry = self._look(bucket, word0, key, hashed)
            except _Expired:
                return None
            except _Disturbed:
                disturbed += 1
                continue
            if entry is not None:
                return entry
            following = (bucket + 1) % self.bucket_count
            if ends or following == home:
                if all(self._word(at) == before for at, before in passed):
                    return None
                disturbed += 1
                bucket, passed = home, []
                continue
            passed.append((head, word0))
            bucket = following

    def _home(self, hashed: int) -> int:
        return hashed * self.bucket_count >> 64

    def _look(self, bucket: int, word0: int, key: bytes, hashed: int) -> tuple[bool, Optional[Entry]]:
        """Looks in one bucket. Returns whether the search ends there, and with which entry."""
        head = self._heads + bucket * 32
        for way in self._live(word0):
            if self._bytes[head + 8 + way] != hashed & 0xFF:
                continue
            slot = self._slot(bucket, way)
            self._must_be_possible(slot, head, word0)
            if slot.key_bytes != len(key):
                continue
            if slot.flags & _LONG_KEY and self._word(slot.at + 24) != hashed:
                continue
            if self._key(slot, head, word0) != key:
                continue
            entry = self._entry(slot, head, word0)
            if entry.expiry != 0 and time.clock_gettime_ns(time.CLOCK_BOOTTIME) >= entry.expiry:
                self._must_be_unchanged(head, word0)
                raise _Expired
            return True, entry
        overflow = self._word(head + 24) >> 4 * (hashed >> 32 & 15) & 15
        self._must_be_unchanged(head, word0)
        return overflow == 0, None

    def _live(self, word0: int) -> Iterator[int]:
        return (way for way in range(self.ways) if word0 >> way & 1)

    def _slot(self, bucket: int, way: int) -> _Slot:
        at = self._slots + bucket * self.bucket_bytes + way * self.slot_bytes
        sequence = self._word(at)
        lengths = self._word(at + 16)
        return _Slot(at, sequence, lengths >> 32 & 0xFFFF, lengths & 0xFFFFFFFF, lengths >> 48)

    def _must_be_unchanged(self, head: int, word0: int) -> None:
        if self._word(head) != word0:
            raise _Disturbed

    def _disturbed_or_damaged(self, head: int, word0: int) -> Exception:
        return DataLoss() if self._word(head) == word0 else _Disturbed()

    def _must_be_possible(self, slot: _Slot, head: int, word0: int) -> None:
        possible = slot.sequence & 1 == 0 and 0 < slot.key_bytes <= self.max_key_bytes
        record_bytes = 24 if slot.flags & _LEASE else 0
        possible = possible and record_bytes <= slot.value_bytes <= self.max_value_bytes + record_bytes
        possible = possible and (slot.flags & ~(_IN_EXTENTS | _LONG_KEY) & ~self._lease_flags) == 0
        key_room = _round_up(slot.key_bytes, 8)
        if slot.flags & _IN_EXTENTS == 0:
            possible = possible and slot.flags & _LONG_KEY == 0
            possible = possible and key_room + slot.value_bytes <= self.max_inline_bytes
        else:
            long_key = slot.key_bytes > self.max_inline_key_bytes
            possible = possible and slot.flags & _LONG_KEY == (_LONG_KEY if long_key else 0)
            extents = -(-(slot.value_bytes + (key_room if long_key else 0)) // self.extent_payload)
            possible = possible and 0 < extents <= self.extent_count
        if not possible:
            raise self._disturbed_or_damaged(head, word0)

    def _confirm(self, slot: _Slot, head: int, word0: int) -> None:
        committed = slot.sequence & _MOVED == 0 and slot.sequence >> 1 <= word0 >> 16
        if not committed:
            self._must_be_unchanged(head, word0)
        if self._word(slot.at) != slot.sequence:
            raise _Disturbed

    def _entry(self, slot: _Slot, head: int, word0: int) -> Entry:
        self._must_be_possible(slot, head, word0)
        expiry = 1 if slot.flags & _LEASE else self._word(slot.at + 8)
        key = self._key(slot, head, word0)
        at = slot.at + 24 + _round_up(slot.key_bytes, 8)
        if slot.flags & _IN_EXTENTS == 0:
            value = bytes(self._bytes[at:at + slot.value_bytes])
        else:
            self._confirm(slot, head, word0)
            long_key = self._key_in_chain(slot)
            value = self._chain(slot, head, word0, long_key + slot.value_bytes)[long_key:]
        self._confirm(slot, head, word0)
        return Entry(key, value, (slot.sequence & ~_MOVED) >> 1, expiry)

    def _key(self, slot: _Slot, head: int, word0: int) -> bytes:
        if slot.flags & _LONG_KEY:
            return self._chain(slot, head, word0, self._key_in_chain(slot))[:slot.key_bytes]
        return bytes(self._bytes[slot.at + 24:slot.at + 24 + slot.key_bytes])

    @staticmethod
    def _key_in_chain(slot: _Slot) -> int:
        return _round_up(slot.key_bytes, 8) if slot.flags & _LONG_KEY else 0

    def _chain(self, slot: _Slot, head: int, word0: int, wanted: int) -> bytes:
        """Returns the first `wanted` bytes of the chain."""
        link = slot.at + 24 + (8 if slot.flags & _LONG_KEY else _round_up(slot.key_bytes, 8))
        extent = self._word(link) & 0xFFFFFFFF
        chain = bytearray()
        while len(chain) < wanted:
            if extent >= self.extent_count:
                raise self._disturbed_or_damaged(head, word0)
            at = self._extents + extent * self.extent_bytes
            if self._word(at) != slot.sequence & ~_MOVED:
                raise self._disturbed_or_damaged(head, word0)
            extent = self._word(at + 8) & 0xFFFFFFFF
            part = min(self.extent_payload, wanted - len(chain))
            chain += self._bytes[at + 16:at + 16 + part]
            if self._word(at) != slot.sequence & ~_MOVED:
                raise self._disturbed_or_damaged(head, word0)
        return bytes(chain)

    def entries(self) -> Iterator[Entry]:
        """Yields each entry that lives during the whole iteration once."""
        for home in range(self.bucket_count):
            for _ in range(_LIMIT):
                try:
                    found = self._read_home(home)
                except _Disturbed:
                    continue
                yield from found
                break
            else:
                raise Contended

    def _read_home(self, home: int) -> list[Entry]:
        path: list[tuple[int, int, int]] = []  # of each bucket: its head, word0 and distances
        bucket = home
        while True:
            head = self._heads + bucket * 32
            word0 = self._word(head)
            path.append((head, word0, self._word(self._distances + bucket * 8)))
            overflow = self._word(head + 24)
            bucket = (bucket + 1) % self.bucket_count
            if overflow == 0 or bucket == home:
                break
            if len(path) == _LONGEST_PATH:
                raise DataLoss
        for head, word0, _ in path:
            self._must_be_unchanged(head, word0)

        found: dict[bytes, Optional[Entry]] = {}
        for distance, (head, word0, distances) in enumerate(path):
            bucket = (home + distance) % self.bucket_count
            for way in self._live(word0):
                if distances >> 4 * way & 15 != min(distance, 15):
                    continue
                entry = self._entry(self._slot(bucket, way), head, word0)
                hashed = xxhash.xxh3_64_intdigest(entry.key, seed=self.hash_seed)
                if self._home(hashed) != home or entry.key in found:
                    continue
                found[entry.key] = entry
                if entry.expiry != 0 and time.clock_gettime_ns(time.CLOCK_BOOTTIME) >= entry.expiry:
                    self._must_be_unchanged(head, word0)
                    found[entry.key] = None
        return [entry for entry in found.values() if entry is not None]


class Store:
    """A store by name; follows it into later generations."""

    def __init__(self, name: str) -> None:
        self.current = Generation(name)

    def get(self, key: bytes) -> Optional[Entry]:
        """Returns the key's entry, or None if it has none."""
        while True:
            entry = self.current.get(key)
            state, successor = self.current.state()
            if state in (_SERVING, _SEALED):
                return entry
            if state == _RETIRED:
                raise Refused("the store was shut down")
            if state != _SUPERSEDED or successor <= self.current.generation:
                raise DataLoss
            following = Generation(self.current.store, successor)
            if following.owner != self.current.owner or following.generation != successor:
                raise Refused("the next generation is another store's")
            self.current = following

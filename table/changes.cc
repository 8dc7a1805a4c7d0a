#include "table/changes.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "table/bytes.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcquire = std::memory_order_acquire;

// How many revisions an operation takes at most.
constexpr uint64_t kRevisionsPerOperation = 2;
// How often Resume() looks for a tail that stays.
constexpr int kLooks = 8;

// Positions wrap.
bool IsBefore(uint64_t position, uint64_t other) {
  return static_cast<int64_t>(position - other) < 0;
}

struct RecordHead {
  uint64_t revision;
  ChangeKind kind;
  uint64_t key_bytes;
  bool possible;
};

RecordHead ReadHead(const Table& table, uint64_t position) {
  RecordHead head = {};
  head.revision = table.change_word(position).load(kRelaxed);
  const uint64_t rest = table.change_word(position + 8).load(kRelaxed);
  head.key_bytes = rest & 0xffff;
  const uint64_t kind = rest >> 16;
  head.possible = head.key_bytes != 0 && head.key_bytes <= table.geometry().max_key_bytes &&
                  kind >= static_cast<uint64_t>(ChangeKind::kPut) &&
                  kind <= static_cast<uint64_t>(ChangeKind::kHidden);
  head.kind = static_cast<ChangeKind>(kind);
  return head;
}

// Moves the tail so that the ring has room for records from `begin` to `end`, of which the first
// has that revision.
void MakeRoom(const WritableTable& table, uint64_t begin, uint64_t end,
              uint64_t first_revision) CUBBY_REQUIRES_WRITER_LOCK {
  ChangesLine& line = table.mutable_fixed().changes;
  const uint64_t size = table.geometry().changes_bytes;
  const uint64_t before = line.tail.load(kRelaxed);
  uint64_t tail = before;
  uint64_t lost = line.lost.load(kRelaxed);
  // Of hostile bytes nothing is kept.
  const auto drop_all = [&] {
    tail = begin;
    lost = first_revision - 1;
  };
  if (begin - tail > size) drop_all();
  while (end - tail > size) {
    const RecordHead record = ReadHead(table, tail);
    if (!record.possible || ChangeBytes(record.key_bytes) > begin - tail) {
      drop_all();
      break;
    }
    lost = std::min(record.revision, first_revision - 1);
    tail += ChangeBytes(record.key_bytes);
  }
  if (tail == before) return;
  // Release, in this order: a follower that finds the tail finds what was lost before it.
  line.lost.store(lost, kRelease);
  line.tail.store(tail, kRelease);
}

// Writes a record and returns where it ends.
uint64_t Write(const WritableTable& table, uint64_t at, uint64_t revision, ChangeKind kind,
               absl::string_view key) CUBBY_REQUIRES_WRITER_LOCK {
  table.mutable_change_word(at).store(revision, kRelaxed);
  table.mutable_change_word(at + 8).store(static_cast<uint64_t>(kind) << 16 | key.size(), kRelaxed);
  const uint64_t begin = at + kChangeHeadBytes;
  for (size_t from = 0; from < key.size(); from += 8) {
    const size_t bytes = std::min<size_t>(8, key.size() - from);
    table.mutable_change_word(begin + from)
        .store(OwnPartOfWord(key.data() + from, bytes), kRelaxed);
  }
  return at + ChangeBytes(key.size());
}

}  // namespace

absl::Status CheckChangeRing(const Geometry& geometry) {
  if (geometry.changes_bytes != 0) return absl::OkStatus();
  return absl::UnimplementedError(
      "it records no changes: it was made with --changes 0, or by a version before layout 5.4: "
      "restart its cubbyd with --fresh");
}

void SetRecording(const WritableTable& table, ChangeRecording recording) {
  ChangesLine& line = table.mutable_fixed().changes;
  const auto value = static_cast<uint64_t>(recording);
  if (recording == ChangeRecording::kOff || line.recording.load(kRelaxed) != 0) {
    return line.recording.store(value, kRelease);
  }
  // Beyond what any follower has got to: it must learn that there is a gap. The tail is ahead of
  // the head if a process was killed here.
  const uint64_t head = line.head.load(kRelaxed);
  const uint64_t tail = line.tail.load(kRelaxed);
  const bool ahead = tail - head <= table.geometry().changes_bytes;
  const uint64_t begin = RoundUp8((ahead ? tail : head) + 8);
  line.lost.store(table.fixed().counters.revision.load(kRelaxed), kRelease);
  line.tail.store(begin, kRelease);
  line.head.store(begin, kRelease);
  line.recording.store(value, kRelease);
}

uint64_t WriteChanges(const WritableTable& table, const Changes& changes, uint64_t revision) {
  uint64_t at = RoundUp8(table.fixed().changes.head.load(kRelaxed));
  const bool two = !changes.gone.key.empty();
  MakeRoom(table, at, at + changes.bytes(), revision - (two ? 1 : 0));
  // A follower that copies a new byte must find the tail past what was there.
  std::atomic_thread_fence(kRelease);
  if (two) {
    at = Write(table, at, revision - 1, changes.gone.kind, changes.gone.key);
  }
  at = Write(table, at, revision, changes.kind, changes.key);
  // The commit, which comes next, publishes it.
  table.mutable_fixed().intent.changes_head_after.store(at, kRelaxed);
  return at;
}

void ShowChanges(const WritableTable& table, uint64_t head_after) {
  ChangesLine& line = table.mutable_fixed().changes;
  // Release: publishes the records.
  line.head.store(head_after, kRelease);
  table.mutable_fixed().intent.changes_head_after.store(0, kRelease);
}

ChangeFollower::ChangeFollower(const Table& table, Lock lock) : table_(table) {
  // Before the head: a revision that is handed out in between belongs to a change to come.
  revision_ = table.fixed().counters.revision.load(kAcquire);
  // An operation begins after the records of those before it are shown.
  if (lock == Lock::kNotHeld) revision_ -= std::min(revision_, kRevisionsPerOperation);
  // Acquire: commits before this position are seen by what the caller reads next.
  position_ = table.fixed().changes.head.load(kAcquire);
}

ChangeFollower::ChangeFollower(const Table& table, uint64_t since)
    : table_(table), position_(table.fixed().changes.tail.load(kAcquire)), revision_(since) {
  // Acquire: what was lost before that tail, or more.
  const bool lost = table.fixed().changes.lost.load(kAcquire) > since;
  const bool of_another_store = table.fixed().counters.revision.load(kRelaxed) < since;
  if (!lost && !of_another_store) return;
  position_ = 0;  // before every tail
  if (of_another_store) revision_ = 0;
}

ChangeFollower::Outcome ChangeFollower::Next(Change* change) {
  const ChangesLine& line = table_.fixed().changes;
  const uint64_t size = table_.geometry().changes_bytes;
  if (size == 0) return Outcome::kOff;
  // Acquire: while commits are recorded, the head is no older than the beginning of the recording.
  const bool recording = line.recording.load(kAcquire) != 0;
  for (;;) {
    // Acquire: pairs with ShowChanges().
    const uint64_t head = line.head.load(kAcquire);
    if (head == position_) return recording ? Outcome::kNone : Outcome::kOff;
    if (!recording && head - position_ > size) return Outcome::kOff;
    const RecordHead record = ReadHead(table_, position_);
    if (record.possible) {
      change->key.resize(RoundUp8(record.key_bytes));
      for (uint64_t at = 0; at < record.key_bytes; at += 8) {
        const uint64_t word = table_.change_word(position_ + kChangeHeadBytes + at).load(kRelaxed);
        std::memcpy(&change->key[at], &word, sizeof(word));
      }
      change->key.resize(record.key_bytes);
    }
    // As after every copy: the tail must not have passed it.
    std::atomic_thread_fence(kAcquire);
    const uint64_t tail = line.tail.load(kRelaxed);
    const bool handed_out =
        record.revision <= table_.fixed().counters.revision.load(std::memory_order_relaxed);
    if (IsBefore(position_, tail) || head - position_ > size || !record.possible || !handed_out) {
      return Outcome::kOverrun;
    }
    position_ += ChangeBytes(record.key_bytes);
    if (record.revision <= revision_) continue;  // before the first that is wanted
    revision_ = change->revision = record.revision;
    change->kind = record.kind;
    return Outcome::kChange;
  }
}

ChangeWalk::ChangeWalk(const Table& table)
    : table_(table),
      position_(table.fixed().changes.tail.load(kRelaxed)),
      revision_(table.fixed().changes.lost.load(kRelaxed)),
      done_(!Recording(table)) {}

std::string ChangeWalk::End(std::string problem) {
  done_ = true;
  return problem;
}

std::string ChangeWalk::Step() {
  const ChangesLine& line = table_.fixed().changes;
  const uint64_t head = line.head.load(kRelaxed);
  const uint64_t size = table_.geometry().changes_bytes;
  if (head - position_ > size || head % 8 != 0 || position_ % 8 != 0) {
    return End(absl::StrCat("the change ring of ", size, " bytes goes from ", position_, " to ",
                            head, ": watchers miss changes"));
  }
  if (revision_ > table_.fixed().counters.revision.load(kRelaxed)) {
    return End("the change ring has a revision that was not handed out yet");
  }
  if (position_ == head) return End();
  const RecordHead record = ReadHead(table_, position_);
  if (!record.possible || ChangeBytes(record.key_bytes) > head - position_) {
    return End(absl::StrCat("the change record at ", position_, " is impossible"));
  }
  if (record.revision <= revision_) {
    return End(absl::StrCat("the change record at ", position_, " is older than the one before"));
  }
  revision_ = record.revision;
  position_ += ChangeBytes(record.key_bytes);
  return "";
}

uint64_t ChangeFollower::Resume() {
  const FixedPart& fixed = table_.fixed();
  const ChangesLine& line = fixed.changes;
  // As in the constructor.
  const uint64_t newest = fixed.counters.revision.load(kAcquire);
  uint64_t tail = line.tail.load(kAcquire);
  // Acquire, after the tail: as in the constructor.
  uint64_t lost = line.lost.load(kAcquire);
  uint64_t head = line.head.load(kAcquire);
  // The head of that tail, unless writers are too fast.
  for (int looks = 0; looks < kLooks; ++looks) {
    const uint64_t again = line.tail.load(kAcquire);
    if (again == tail) break;
    tail = again;
    lost = line.lost.load(kAcquire);
    head = line.head.load(kAcquire);
  }
  const bool damaged = head - tail > table_.geometry().changes_bytes;
  if (!damaged && IsBefore(position_, tail)) {
    position_ = tail;
    lost = std::min(lost, fixed.counters.revision.load(kRelaxed));
  } else {
    // The record is damaged, and so may be those behind it. (Or a recording is about to begin.)
    position_ = head;
    lost = newest - std::min(newest, kRevisionsPerOperation);
  }
  revision_ = std::max(revision_, lost);
  return revision_;
}

}  // namespace cubby::table

// The change ring: records of the last commits, for processes that follow them.
//
// Off until a process wants it (SetRecording()). Then each commit appends one record for each key
// whose entry it changes, in the order of their revisions: of an eviction one for the entry that
// goes and one for the one that comes. Values are not in it: a follower reads them from the table.
//
// A writer makes room by moving `tail` past old records, writes its own behind `head`, commits, and
// then moves `head`. So followers find a record only after its commit. The intent has the new head:
// the successor of an owner that was killed after the commit moves it, and the record of a commit
// that did not happen is overwritten by the next. Followers are read-only and take no lock: they
// copy a record, and then look whether `tail` has passed it (as with a sequence lock: Boehm, Can
// Seqlocks Get Along With Programming Language Memory Models?, 2012). A follower that was passed
// learns from `lost` up to which revision it has missed changes.
#ifndef CUBBY_TABLE_CHANGES_H_
#define CUBBY_TABLE_CHANGES_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lock/writer_role.h"
#include "table/table.h"

namespace cubby::table {

// Relaxed: it changes with the writer lock held.
inline bool Recording(const Table& table) {
  return table.fixed().changes.recording.load(std::memory_order_relaxed) != 0 &&
         table.geometry().changes_bytes != 0;
}

// Unimplemented, naming the remedy, if the store has no change ring.
absl::Status CheckChangeRing(const Geometry& geometry);

// Sets whether commits are recorded from now on. Those between kOff and the next beginning are a
// gap to followers, as are those before that they have not read by then. REQUIRES: the store has a
// change ring, and needs no repair.
void SetRecording(const WritableTable& table, ChangeRecording recording) CUBBY_REQUIRES_WRITER_LOCK;

// The records of one commit.
struct Changes {
  struct Gone {
    ChangeKind kind = ChangeKind::kHidden;
    std::string key;  // empty: there is none
  };
  Gone gone;  // of an eviction: the victim's
  ChangeKind kind = ChangeKind::kHidden;
  absl::string_view key;

  uint64_t bytes() const {
    return (gone.key.empty() ? 0 : ChangeBytes(gone.key.size())) + ChangeBytes(key.size());
  }
};

// Step 4 of a commit (table/commit.h): makes room, writes the records, and adds to the intent where
// they end, which it returns: ChangesLine::head after the commit. The victim's has the revision
// before.
uint64_t WriteChanges(const WritableTable& table, const Changes& changes,
                      uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK;
// Step 6: shows followers what lies before `head_after`. Doing it again changes nothing.
void ShowChanges(const WritableTable& table, uint64_t head_after) CUBBY_REQUIRES_WRITER_LOCK;

// Follows the changes of a table. Needs no lock. Hostile bytes yield changes that nobody made, or
// kOverrun, never an access outside the ring.
class ChangeFollower {
 public:
  struct Change {
    ChangeKind kind = ChangeKind::kHidden;
    uint64_t revision = 0;
    std::string key;
  };
  enum class Outcome {
    kChange,
    kNone,     // there is no newer one yet
    kOverrun,  // records of changes after revision() are gone; Resume()
    kOff,      // there is no newer one, and commits are not recorded
  };

  // Begins with the changes to come. With the writer lock held, and nothing to repair, revision()
  // is the newest revision; else it is less by two, as many as an operation in progress may have
  // taken.
  enum class Lock { kNotHeld, kHeld };
  explicit ChangeFollower(const Table& table, Lock lock = Lock::kNotHeld);
  // Begins with those after `since`; with an overrun if there is no record of them, or if that
  // revision was not handed out yet.
  ChangeFollower(const Table& table, uint64_t since);

  Outcome Next(Change* change);
  // After kOverrun: goes on with the oldest change that there is a record of. Returns the revision
  // up to which changes may have been missed.
  uint64_t Resume();
  // That of the last change, or where it began: a follower that begins after it misses nothing.
  uint64_t revision() const { return revision_; }

 private:
  const Table table_;
  uint64_t position_ = 0;
  uint64_t revision_ = 0;
};

// Visits the records of the ring, if commits are recorded, for the checker. REQUIRES: the writer
// lock is held from the constructor to the last step.
class ChangeWalk {
 public:
  explicit ChangeWalk(const Table& table);

  bool done() const { return done_; }
  // Visits the next record. Returns what is wrong with it, else "".
  std::string Step();

 private:
  // Ends the walk.
  std::string End(std::string problem = "");

  const Table& table_;
  uint64_t position_ = 0;
  uint64_t revision_ = 0;
  bool done_ = false;
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_CHANGES_H_

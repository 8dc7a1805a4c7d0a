// Puts and deletes: copy on write inside the bucket, committed by one store of word0.
//
// At least one way of every bucket is dead. A put fills a dead way and then makes it live, and the
// way of the old value dead, with one store; a delete makes a way dead. An entry never moves to
// another bucket while it lives. A writer killed at any instruction leaves the old value or the new
// one; table/recovery.h says what becomes of the rest.
//
// REQUIRES, for all but CheckSizes and the prefetches: the caller holds the store's writer lock for
// the whole call.
#ifndef CUBBY_TABLE_WRITER_H_
#define CUBBY_TABLE_WRITER_H_

#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "os/clock.h"
#include "table/extents.h"
#include "table/reader.h"
#include "table/recovery.h"
#include "table/table.h"

namespace cubby::table {

enum class Condition { kAlways, kIfAbsent, kIfPresent };

struct PutRequest {
  absl::string_view key;
  absl::string_view value;
  uint64_t hash = 0;       // HashKey(key, geometry.hash_seed)
  uint64_t expiry_ns = 0;  // BootNanos() at which it is gone; 0: never
  Condition condition = Condition::kAlways;
};

class Writer {
 public:
  // `clock` is asked, at most once a call, when an entry met has an expiry.
  explicit Writer(const WritableTable& table, os::Clock clock = os::BootNanos)
      : table_(table), clock_(clock) {}

  // InvalidArgument for an empty key, OutOfRange for a key or value over the limit, which is named.
  // Needs no lock.
  absl::Status CheckSizes(absl::string_view key, absl::string_view value) const {
    const Geometry& geometry = table_.geometry();
    const bool fit = !key.empty() && key.size() <= geometry.max_key_bytes &&
                     value.size() <= geometry.max_value_bytes;
    return ABSL_PREDICT_TRUE(fit) ? absl::OkStatus() : WrongSizes(key, value);
  }

  // Asks the memory for what a Put() of so many bytes of key and value, or a Delete() (0 bytes), of
  // a key with this hash will touch, so that it comes before there is a lock to be held. Needs no
  // lock; a wrong guess costs time only.
  void Prefetch(uint64_t hash, size_t bytes) const;
  // Asks for what Prefetch() itself has to wait for: to be called for many keys before that is.
  void PrefetchHome(uint64_t hash) const;

  // Makes the entry be there and returns its revision. REQUIRES: CheckSizes() gave OK.
  // AlreadyExists, NotFound: the condition does not hold. ResourceExhausted: as many entries as the
  // capacity, or no extents. DataLoss: damage was met and nothing was changed.
  absl::StatusOr<uint64_t> Put(const PutRequest& request);

  // NotFound, without a message, if it is not there.
  absl::Status Delete(absl::string_view key, uint64_t hash);

  // What ClearBucket() did: how many entries it deleted, the earliest expiry among those it left,
  // and DataLoss if it left one that is damaged.
  struct Cleared {
    uint32_t removed = 0;
    uint64_t next_expiry = ~uint64_t{0};
    absl::Status damage;
  };
  // Deletes those entries of `bucket` that have expired by `now_ns`, or, with `everything`, all.
  Cleared ClearBucket(uint64_t bucket, bool everything, uint64_t now_ns);

 private:
  struct Place {
    uint64_t bucket = 0;
    uint32_t way = 0;
  };

  // What CheckSizes() finds wrong.
  absl::Status WrongSizes(absl::string_view key, absl::string_view value) const;
  // Where the live entry of that key is, expired or not: kFound. Else kNotFound, or kDamaged of
  // place->bucket.
  Outcome Locate(absl::string_view key, uint64_t hash, Place* place) const;
  // The first bucket from the key's home on that may take one more.
  absl::StatusOr<uint64_t> FindRoom(uint64_t home) const;
  // Of a bucket with these live ways, the next dead one after `after`, so that one just vacated,
  // which readers may still be copying, comes last. REQUIRES: there is one.
  uint32_t ChooseDeadWay(uint32_t live, uint32_t after) const;
  // The revision for the next commit, which nobody gets again. Step 1 of recovery.h.
  uint64_t NextRevision();
  // Sets the plan's queue fields: `taken` off the head, `freed` behind the tail. DataLoss if the
  // queue's ends are impossible.
  absl::Status PlanQueue(const Chain& taken, const Chain& freed, Plan* plan) const;
  void FillSlot(const Place& place, const PutRequest& request, uint64_t revision,
                const Chain& chain);
  // Deletes a live entry that lies in `place`. REQUIRES: `hash` is its key's.
  absl::Status Erase(const Place& place, uint64_t hash);
  // The hash of the key of a live way; DataLoss if the slot cannot be an entry that was put there.
  absl::StatusOr<uint64_t> HashOf(const Place& place) const;
  bool HasExpired(const SlotHead& slot) const;
  void RaiseOverflow(uint64_t home, uint64_t bucket, uint32_t overflow_class);
  void LowerOverflow(uint64_t home, uint64_t bucket, uint32_t overflow_class);

  const WritableTable& table_;
  const os::Clock clock_;
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_WRITER_H_

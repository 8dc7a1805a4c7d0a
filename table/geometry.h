// The numbers that shape a store: planned at creation, written to the header and the region table,
// and read back at attach into a private copy that is validated once. Nothing reads them from the
// mapping again, so later changes to those bytes have no effect on processes that have attached.
#ifndef CUBBY_TABLE_GEOMETRY_H_
#define CUBBY_TABLE_GEOMETRY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "table/bytes.h"
#include "table/layout.h"

namespace cubby::table {

inline constexpr uint64_t kMaxCapacity = uint64_t{1} << 32;
inline constexpr uint64_t kMinSlotBytes = 48;
inline constexpr uint64_t kMaxSlotBytes = 65536;
inline constexpr uint64_t kMinExtentBytes = 64;
inline constexpr uint64_t kMaxExtentBytes = 1 << 24;
inline constexpr uint64_t kMaxChangesBytes = uint64_t{1} << 30;
inline constexpr uint64_t kMaxMaxValueBytes = uint64_t{1} << 30;
// 1 KiB of value in each: common sizes waste little, and a value of 1 MiB takes 1024 hops, which
// the hardware prefetches.
inline constexpr uint32_t kDefaultExtentBytes = 1024 + kExtentHeadBytes;

struct GeometryOptions {
  uint64_t capacity = 100'000;
  uint64_t slot_bytes = 128;  // rounded up to a multiple of 8
  uint64_t max_value_bytes = 1 << 20;
  // Memory for keys and values too long for a slot. Unset: a quarter of the buckets' memory and at
  // least four values of the largest size, or none if every allowed value fits its slot.
  absl::optional<uint64_t> extent_pool_bytes;
  uint64_t extent_bytes = kDefaultExtentBytes;  // rounded up to a multiple of 8
  // Memory for the change ring, rounded up to a power of two; 0: no change can be recorded. Unset:
  // a 32nd of the rest, at most 8 MiB, and at least kLeastChanges records of the longest key.
  absl::optional<uint64_t> changes_bytes;
  uint32_t ways = kMaxWays;
  FullPolicy full_policy = FullPolicy::kReject;
};

struct Geometry {
  uint64_t capacity;
  uint64_t max_value_bytes;
  uint64_t bucket_count;
  uint64_t bucket_bytes;
  uint64_t heads_offset;
  uint64_t distances_offset;
  uint64_t slots_offset;
  uint64_t extents_offset;
  uint64_t extent_map_offset;
  uint64_t expiries_offset;  // only if has_expiries
  uint64_t changes_offset;   // only if changes_bytes is not 0
  uint64_t changes_bytes;    // a power of two; 0 in a store that was made before layout 5.4
  uint64_t marks_offset;     // this and the next two only if evicts()
  uint64_t ranks_offset;
  uint64_t ghosts_offset;
  uint64_t total_bytes;
  uint64_t hash_seed;
  uint64_t instance[2];       // lock::Instance; that of all generations of the store
  int64_t clock_offset_ns;    // os::BootOffsetNanos() of the daemon: expiries are on its clock
  uint64_t unknown_to_write;  // features that a writer needs and this program does not have
  uint64_t generation;
  uint64_t created_unix_ns;
  uint32_t ways;
  uint32_t ways_mask;  // a bit for each way
  uint32_t slot_bytes;
  uint32_t extent_bytes;
  uint32_t extent_count;
  uint32_t extent_payload;        // bytes of key and value in one extent
  uint32_t max_inline_bytes;      // of a key, rounded up to 8, and its value in a slot
  uint32_t max_inline_key_bytes;  // of a key in the slot of a value that needs extents
  uint32_t max_key_bytes;
  FullPolicy full_policy;
  bool has_expiries;  // false in a store that was made before layout 5.3
  // Those of kSlotFlagLease and kStaleFlags that entries may have: none in a store that was made
  // before layout 5.3, which readers of that time have open.
  uint32_t lease_flags;
  uint32_t length_mask;  // of the upper half of a slot's lengths, without flags that a get ignores
  uint16_t layout_minor;

  bool evicts() const { return full_policy == FullPolicy::kEvict; }
};

// "reject" or "evict".
inline const char* NameOf(FullPolicy policy) {
  return policy == FullPolicy::kEvict ? "evict" : "reject";
}

// How many extents `bytes` take.
inline uint32_t ChainLength(const Geometry& geometry, uint64_t bytes) {
  return static_cast<uint32_t>((bytes + geometry.extent_payload - 1) / geometry.extent_payload);
}

// How many words the extent map has, and its summary behind it (table/extents.h).
inline uint64_t MapWords(const Geometry& geometry) {
  return (uint64_t{geometry.extent_count} + 63) / 64;
}
inline uint64_t SummaryWords(const Geometry& geometry) { return (MapWords(geometry) + 63) / 64; }

// The size of the change record of a key.
inline uint64_t ChangeBytes(uint64_t key_bytes) { return kChangeHeadBytes + RoundUp8(key_bytes); }
// The size of the change ring for which `asked_for` bytes are given: the next power of two, or 0.
inline uint64_t ChangesBytes(uint64_t asked_for) {
  uint64_t bytes = asked_for == 0 ? 0 : 1;
  while (bytes < asked_for && bytes < uint64_t{1} << 63) bytes *= 2;
  return bytes;
}
// How many records of the longest key a change ring has room for, at least: an eviction's.
inline constexpr uint64_t kLeastChanges = 2;

// How many groups of buckets have an earliest expiry (table/expiry.h).
inline uint64_t ExpiryGroups(const Geometry& geometry) {
  return (geometry.bucket_count + kBucketsPerExpiry - 1) / kBucketsPerExpiry;
}

// Plans a store. Returns InvalidArgument, naming option, value and limit, if the options contradict
// each other or a limit. Draws the random fields.
absl::StatusOr<Geometry> PlanGeometry(const GeometryOptions& options);

// Lays out an empty store of that shape in `memory`, which holds geometry.total_bytes zero bytes,
// and publishes it: the magic is stored last. A kill before that leaves memory without a magic.
void Format(char* memory, const Geometry& geometry);

// Sets the checksums of a header and a region table that were changed.
void Sign(FixedPart* fixed);

// Reads and validates the header and the region table of a mapping of `size` bytes. Never reads
// beyond `size`. Errors:
//   Unavailable         no magic yet: the daemon is still making the store, or was killed then
//   FailedPrecondition  not a cubby store
//   Unimplemented       another layout version or byte order, or a feature that this program does
//                       not know
//   DataLoss            truncated, damaged or impossible
absl::StatusOr<Geometry> ReadGeometry(const char* memory, size_t size);

// Marks a store as retired whose header ReadGeometry() does not accept. Processes that read it when
// it was sound, or of another layout version, stop using it: the state line is at the same place in
// every version. Does nothing to memory that is too short for one.
void RetireUnreadable(char* memory, size_t size);

// The store's instance as 16 bytes, by which other processes can tell it from others of its name.
std::string InstanceOf(const Geometry& geometry);
// The same from a mapping of `size` bytes, of which only the magic is checked; "" if it has none.
std::string InstanceIn(const char* memory, size_t size);

// The layout version that such a mapping has, as "5.2"; "" if it has no magic.
std::string LayoutIn(const char* memory, size_t size);

// The names of the features in `mask`, for messages: "leases, feature 17".
std::string FeatureNames(uint64_t mask);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_GEOMETRY_H_

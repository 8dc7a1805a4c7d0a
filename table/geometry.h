// The numbers that shape a store: planned at creation, written to the header, and read back at
// attach into a private copy that is validated once. Nobody reads geometry from the mapping again,
// so nobody can be led astray by it later.
#ifndef CUBBY_TABLE_GEOMETRY_H_
#define CUBBY_TABLE_GEOMETRY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "table/layout.h"

namespace cubby::table {

inline constexpr uint64_t kMaxCapacity = uint64_t{1} << 32;
inline constexpr uint64_t kMinSlotBytes = 48;
inline constexpr uint64_t kMaxSlotBytes = 65536;
inline constexpr uint64_t kMinExtentBytes = 64;
inline constexpr uint64_t kMaxExtentBytes = 1 << 24;
inline constexpr uint64_t kMaxMaxValueBytes = uint64_t{1} << 30;
// 1 KiB of value in each: the common sizes waste little, and a 1 MiB value is 1024 hops of a
// hardware-prefetched walk.
inline constexpr uint32_t kDefaultExtentBytes = 1024 + kExtentHeadBytes;

struct GeometryOptions {
  uint64_t capacity = 100'000;
  uint64_t slot_bytes = 128;  // rounded up to a multiple of 8
  uint64_t max_value_bytes = 1 << 20;
  // Memory for values too long for a slot. Unset: a quarter of the buckets' memory, at least four
  // values of the largest size; none if every allowed value fits its slot.
  absl::optional<uint64_t> extent_pool_bytes;
  uint64_t extent_bytes = kDefaultExtentBytes;  // rounded up to a multiple of 8
  uint32_t ways = kMaxWays;
};

struct Geometry {
  uint64_t capacity;
  uint64_t max_value_bytes;
  uint64_t bucket_count;
  uint64_t bucket_bytes;
  uint64_t heads_offset;
  uint64_t slots_offset;
  uint64_t extents_offset;
  uint64_t total_bytes;
  uint64_t hash_seed;
  uint64_t instance[2];
  uint64_t generation;
  uint64_t created_unix_ns;
  uint32_t ways;
  uint32_t ways_mask;  // a bit for each way
  uint32_t slot_bytes;
  uint32_t extent_bytes;
  uint32_t extent_count;
  uint32_t extent_payload;    // value bytes in one extent
  uint32_t max_inline_bytes;  // a key, rounded up to 8, and its value fit a slot if they are no
                              // more than this
  uint32_t max_key_bytes;
  uint16_t layout_minor;
};

// How many extents a value takes.
inline uint32_t ChainLength(const Geometry& geometry, uint64_t value_bytes) {
  return static_cast<uint32_t>((value_bytes + geometry.extent_payload - 1) /
                               geometry.extent_payload);
}

// Plans a store. InvalidArgument, naming option, value and limit, if it cannot be made so. The
// random fields are drawn here.
absl::StatusOr<Geometry> PlanGeometry(const GeometryOptions& options);

// Lays out an empty store of that shape in `memory`, which holds geometry.total_bytes zero bytes,
// and publishes it: the magic is stored last. A kill on the way leaves memory without a magic.
void Format(char* memory, const Geometry& geometry);

// Reads and validates the header of a mapping of `size` bytes. Never reads beyond `size`.
// Unavailable: no magic yet (half made). FailedPrecondition: not a cubby store. Unimplemented:
// another layout version. DataLoss: truncated, damaged or impossible.
absl::StatusOr<Geometry> ReadGeometry(const char* memory, size_t size);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_GEOMETRY_H_

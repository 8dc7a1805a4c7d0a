#include "table/geometry.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "os/clock.h"
#include "os/process.h"
#include "table/bytes.h"
#include "table/hash.h"

namespace cubby::table {
namespace {

// Of the ways that may be live (all but one), how many are filled when the store is full. Lower
// wastes memory, higher sends more keys to their neighbour buckets, and more gets that miss to look
// there: at 85 % and 16 ways 6 % of the keys and 7 % of the misses, at 90 % 8 and 14 %. (Measured:
// at 90 % a miss takes a fifth longer, a key of a batch a twelfth, a hit as long, and memory is
// 1.59 times a payload of 16 and 64 bytes instead of 1.68.)
constexpr uint64_t kLoadPercent = 90;

constexpr uint64_t kChecksumSeed = kMagic;
constexpr size_t kChecksumFrom = offsetof(Header, layout_major);
constexpr size_t kChecksumTo = offsetof(Header, checksum);

uint64_t DivideUp(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
uint64_t RoundUp64(uint64_t bytes) { return (bytes + 63) & ~uint64_t{63}; }

// Fills in all that follows from the numbers the header holds. REQUIRES: those are within their
// limits.
void Derive(Geometry* geometry) {
  geometry->ways_mask = (1u << geometry->ways) - 1;
  geometry->bucket_bytes = RoundUp64(uint64_t{geometry->ways} * geometry->slot_bytes);
  geometry->heads_offset = RoundUp64(kHeaderBytes + geometry->bucket_count * sizeof(HintRow));
  geometry->slots_offset =
      RoundUp64(geometry->heads_offset + geometry->bucket_count * sizeof(BucketHead));
  geometry->extents_offset =
      geometry->slots_offset + geometry->bucket_count * geometry->bucket_bytes;
  geometry->extent_payload = geometry->extent_bytes - kExtentHeadBytes;
  geometry->total_bytes =
      geometry->extents_offset + uint64_t{geometry->extent_count} * geometry->extent_bytes;
  geometry->max_inline_bytes = geometry->slot_bytes - kSlotHeadBytes;
  // A key always lies in its slot, with room behind it for at least the link to a chain of extents.
  geometry->max_key_bytes =
      std::min<uint32_t>((geometry->max_inline_bytes - kExtentLinkBytes) & ~7u, 0xffff & ~7u);
}

absl::Status OutOfLimits(absl::string_view what, uint64_t value, uint64_t least, uint64_t most) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " ", value, " is out of range: use ", least, " to ", most));
}

absl::Status CheckLimits(const Geometry& geometry) {
  if (geometry.capacity < 1 || geometry.capacity > kMaxCapacity) {
    return OutOfLimits("capacity", geometry.capacity, 1, kMaxCapacity);
  }
  if (geometry.slot_bytes < kMinSlotBytes || geometry.slot_bytes > kMaxSlotBytes ||
      geometry.slot_bytes % 8 != 0) {
    return OutOfLimits("slot bytes", geometry.slot_bytes, kMinSlotBytes, kMaxSlotBytes);
  }
  if (geometry.max_value_bytes > kMaxMaxValueBytes) {
    return OutOfLimits("max value", geometry.max_value_bytes, 0, kMaxMaxValueBytes);
  }
  if (geometry.ways < 2 || geometry.ways > kMaxWays) {
    return OutOfLimits("ways", geometry.ways, 2, kMaxWays);
  }
  if (geometry.extent_bytes < kMinExtentBytes || geometry.extent_bytes > kMaxExtentBytes ||
      geometry.extent_bytes % 8 != 0) {
    return OutOfLimits("extent bytes", geometry.extent_bytes, kMinExtentBytes, kMaxExtentBytes);
  }
  return absl::OkStatus();
}

uint64_t ChecksumOf(const char* header) {
  return XXH3_64bits_withSeed(header + kChecksumFrom, kChecksumTo - kChecksumFrom, kChecksumSeed);
}

}  // namespace

absl::StatusOr<Geometry> PlanGeometry(const GeometryOptions& options) {
  if (options.slot_bytes > kMaxSlotBytes) {
    return OutOfLimits("slot bytes", options.slot_bytes, kMinSlotBytes, kMaxSlotBytes);
  }
  if (options.extent_bytes > kMaxExtentBytes) {
    return OutOfLimits("extent bytes", options.extent_bytes, kMinExtentBytes, kMaxExtentBytes);
  }
  Geometry geometry = {};
  geometry.capacity = options.capacity;
  geometry.max_value_bytes = options.max_value_bytes;
  geometry.slot_bytes = static_cast<uint32_t>(RoundUp8(options.slot_bytes));
  geometry.extent_bytes = static_cast<uint32_t>(RoundUp8(options.extent_bytes));
  geometry.ways = options.ways;
  absl::Status limits = CheckLimits(geometry);
  if (!limits.ok()) return limits;
  geometry.bucket_count = DivideUp(geometry.capacity * 100, (geometry.ways - 1) * kLoadPercent);
  Derive(&geometry);

  // The longest key leaves a value this many bytes of its slot.
  const bool needs_extents =
      geometry.max_value_bytes > geometry.max_inline_bytes - RoundUp8(geometry.max_key_bytes);
  // One value of the largest size, its successor while both exist, and the queue's last one.
  const uint64_t least =
      needs_extents ? 2 * uint64_t{ChainLength(geometry, geometry.max_value_bytes)} + 1 : 0;
  uint64_t extents;
  if (options.extent_pool_bytes.has_value()) {
    extents = *options.extent_pool_bytes / geometry.extent_bytes;
    if (extents < least || extents == 1) {  // a queue of one could give nothing out
      return absl::InvalidArgumentError(absl::StrCat(
          "an extent pool of ", *options.extent_pool_bytes, " bytes is too small for values of ",
          geometry.max_value_bytes, " bytes: allow at least ",
          std::max<uint64_t>(least, 2) * geometry.extent_bytes, ", or lower the largest value"));
    }
  } else {
    const uint64_t buckets_bytes = geometry.bucket_count * geometry.bucket_bytes;
    extents = needs_extents ? std::max(buckets_bytes / 4 / geometry.extent_bytes, 2 * least) : 0;
  }
  if (extents >= kNoExtent) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an extent pool of ", extents * geometry.extent_bytes, " bytes is too large: the limit is ",
        uint64_t{kNoExtent - 1} * geometry.extent_bytes));
  }
  geometry.extent_count = static_cast<uint32_t>(extents);
  Derive(&geometry);

  geometry.hash_seed = os::RandomBits();
  geometry.instance[0] = os::RandomBits();
  geometry.instance[1] = os::RandomBits();
  geometry.created_unix_ns = os::UnixNanos();
  geometry.layout_minor = kLayoutMinor;
  return geometry;
}

void Format(char* memory, const Geometry& geometry) {
  auto* fixed = reinterpret_cast<FixedPart*>(memory);
  for (uint32_t i = 0; i < geometry.extent_count; ++i) {
    auto* extent = reinterpret_cast<ExtentHead*>(memory + geometry.extents_offset +
                                                 uint64_t{i} * geometry.extent_bytes);
    extent->next.store(i + 1 < geometry.extent_count ? i + 1 : kNoExtent,
                       std::memory_order_relaxed);
  }
  const bool any = geometry.extent_count != 0;
  fixed->extents.head.store(any ? 0 : kNoExtent, std::memory_order_relaxed);
  fixed->extents.tail.store(any ? geometry.extent_count - 1 : kNoExtent, std::memory_order_relaxed);
  fixed->extents.free_count.store(geometry.extent_count, std::memory_order_relaxed);
  fixed->sweep.next_expiry.store(~uint64_t{0}, std::memory_order_relaxed);
  fixed->sweep.fresh_expiry.store(~uint64_t{0}, std::memory_order_relaxed);
  fixed->state.state.store(static_cast<uint64_t>(State::kServing), std::memory_order_relaxed);

  Header& header = fixed->header;
  header.layout_major = kLayoutMajor;
  header.layout_minor = geometry.layout_minor;
  header.header_bytes = kHeaderBytes;
  header.total_bytes = geometry.total_bytes;
  header.bucket_count = geometry.bucket_count;
  header.ways = geometry.ways;
  header.slot_bytes = geometry.slot_bytes;
  header.extent_bytes = geometry.extent_bytes;
  header.extent_count = geometry.extent_count;
  header.capacity = geometry.capacity;
  header.max_value_bytes = geometry.max_value_bytes;
  header.hash_seed = geometry.hash_seed;
  header.instance[0] = geometry.instance[0];
  header.instance[1] = geometry.instance[1];
  header.generation = geometry.generation;
  header.created_unix_ns = geometry.created_unix_ns;
  header.full_policy = static_cast<uint32_t>(FullPolicy::kReject);
  header.checksum = ChecksumOf(memory);
  // Release: whoever sees the magic sees all of the above.
  header.magic.store(kMagic, std::memory_order_release);
}

absl::StatusOr<Geometry> ReadGeometry(const char* memory, size_t size) {
  if (size < kHeaderBytes) {
    return absl::DataLossError(absl::StrCat("truncated: the mapping has ", size,
                                            " bytes, its header alone takes ", kHeaderBytes,
                                            ": restart its cubbyd with --fresh"));
  }
  const auto* shared = reinterpret_cast<const Header*>(memory);
  const uint64_t magic = shared->magic.load(std::memory_order_acquire);
  if (magic == 0) {
    return absl::UnavailableError(
        "half made: its cubbyd is still creating it, or died doing so: try again, or restart "
        "cubbyd");
  }
  if (magic != kMagic) {
    return absl::FailedPreconditionError(
        "not a cubby store: something else has its name: remove that, or choose another name");
  }
  // All the rest is judged on a private copy: it cannot change between check and use.
  char copy[sizeof(Header)];
  CopyFromShared(copy, memory, sizeof(copy));
  Header header_copy_storage;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled at once
  std::memcpy(static_cast<void*>(&header_copy_storage), copy, sizeof(copy));
  const Header& header = header_copy_storage;
  if (header.layout_major != kLayoutMajor) {
    return absl::UnimplementedError(absl::StrCat(
        "layout version ", header.layout_major, ".", header.layout_minor, ", this program reads ",
        kLayoutMajor, ".x: use the same cubby version as its cubbyd"));
  }
  const absl::Status damaged = absl::DataLossError(
      "its header is damaged (wrong checksum): restart its cubbyd with --fresh");
  if (header.checksum != ChecksumOf(copy)) return damaged;

  Geometry geometry = {};
  geometry.capacity = header.capacity;
  geometry.max_value_bytes = header.max_value_bytes;
  geometry.bucket_count = header.bucket_count;
  geometry.hash_seed = header.hash_seed;
  geometry.instance[0] = header.instance[0];
  geometry.instance[1] = header.instance[1];
  geometry.generation = header.generation;
  geometry.created_unix_ns = header.created_unix_ns;
  geometry.ways = header.ways;
  geometry.slot_bytes = header.slot_bytes;
  geometry.extent_bytes = header.extent_bytes;
  geometry.extent_count = header.extent_count;
  geometry.layout_minor = header.layout_minor;
  const absl::Status impossible =
      absl::DataLossError("its header contradicts itself: restart its cubbyd with --fresh");
  // A right checksum does not make a right header: anyone can compute one.
  if (!CheckLimits(geometry).ok() || header.header_bytes != kHeaderBytes ||
      geometry.bucket_count < 1 || geometry.bucket_count > kMaxCapacity * 2 ||
      geometry.extent_count == 1 || geometry.extent_count == kNoExtent ||
      header.full_policy != static_cast<uint32_t>(FullPolicy::kReject)) {
    return impossible;
  }
  Derive(&geometry);
  if (geometry.total_bytes != header.total_bytes ||
      geometry.capacity > geometry.bucket_count * (geometry.ways - 1)) {
    return impossible;
  }
  if (geometry.total_bytes > size) {
    return absl::DataLossError(
        absl::StrCat("truncated: the mapping has ", size, " of the ", geometry.total_bytes,
                     " bytes it was made with: restart its cubbyd with --fresh"));
  }
  return geometry;
}

}  // namespace cubby::table

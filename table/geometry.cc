#include "table/geometry.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "base/status_macros.h"
#include "os/clock.h"
#include "os/process.h"
#include "table/bytes.h"
#include "table/hash.h"

namespace cubby::table {
namespace {

// How many of the ways that may be live (all but one of a bucket) a full store fills. A lower share
// wastes memory; a higher one displaces more keys, and more misses look in a second bucket: at 85 %
// and 16 ways 6 % of the keys and 7 % of the misses, at 90 % 8 % and 14 %. (Measured: at 90 % a
// miss takes a fifth longer, a key of a batch a twelfth, a hit as long, and memory is 1.59 times a
// payload of 16 and 64 bytes instead of 1.68.)
constexpr uint64_t kLoadPercent = 90;

constexpr uint64_t kChecksumSeed = kMagic;
constexpr size_t kChecksumFrom = offsetof(Header, layout_major);
constexpr size_t kChecksumTo = offsetof(Header, checksum);
constexpr uint64_t kRegionsFrom = offsetof(FixedPart, incarnations);

uint64_t DivideUp(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
uint64_t RoundUp64(uint64_t bytes) { return (bytes + 63) & ~uint64_t{63}; }

// A region that every program needs, or for a store that evicts: how many bytes it takes, where
// Geometry keeps its offset, and the offset that programs rely on, if there is one.
struct RegionRule {
  RegionKind kind;
  uint64_t (*bytes)(const Geometry& geometry);
  uint64_t Geometry::*offset;
  uint64_t fixed_offset;
  // The feature of the stores that have it, of those that are required to write; 0: all have it.
  uint64_t feature = 0;

  bool AppliesTo(uint64_t features) const { return feature == 0 || (features & feature) != 0; }
};
constexpr RegionRule kRegionRules[] = {
    {RegionKind::kIncarnations,
     [](const Geometry& /*geometry*/) -> uint64_t { return sizeof(lock::IncarnationTable); },
     nullptr, kRegionsFrom},
    {RegionKind::kHints,
     [](const Geometry& geometry) { return geometry.bucket_count * sizeof(HintRow); }, nullptr,
     kHeaderBytes},
    {RegionKind::kHeads,
     [](const Geometry& geometry) { return geometry.bucket_count * sizeof(BucketHead); },
     &Geometry::heads_offset, 0},
    {RegionKind::kDistances,
     [](const Geometry& geometry) { return geometry.bucket_count * sizeof(DistanceRow); },
     &Geometry::distances_offset, 0},
    {RegionKind::kSlots,
     [](const Geometry& geometry) { return geometry.bucket_count * geometry.bucket_bytes; },
     &Geometry::slots_offset, 0},
    {RegionKind::kExtents,
     [](const Geometry& geometry) {
       return uint64_t{geometry.extent_count} * geometry.extent_bytes;
     },
     &Geometry::extents_offset, 0},
    {RegionKind::kExtentMap,
     [](const Geometry& geometry) {
       return (MapWords(geometry) + SummaryWords(geometry)) * sizeof(uint64_t);
     },
     &Geometry::extent_map_offset, 0},
    {RegionKind::kMarks,
     [](const Geometry& geometry) { return geometry.bucket_count * sizeof(MarkRow); },
     &Geometry::marks_offset, 0, kEvictionFeature},
    {RegionKind::kRanks,
     [](const Geometry& geometry) { return geometry.bucket_count * sizeof(RankRow); },
     &Geometry::ranks_offset, 0, kEvictionFeature},
    {RegionKind::kGhosts,
     [](const Geometry& geometry) { return geometry.bucket_count * sizeof(GhostRow); },
     &Geometry::ghosts_offset, 0, kEvictionFeature},
    {RegionKind::kExpiries,
     [](const Geometry& geometry) { return ExpiryGroups(geometry) * sizeof(GroupExpiry); },
     &Geometry::expiries_offset, 0, kExpiriesFeature},
    {RegionKind::kChanges, [](const Geometry& geometry) { return geometry.changes_bytes; },
     &Geometry::changes_offset, 0, kChangesFeature},
};
static_assert(std::size(kRegionRules) <= kMaxRegions);

// The features that a writer of such a store needs.
uint64_t FeaturesToWrite(const Geometry& geometry) {
  return kRequiredToWriteFeatures | (geometry.evicts() ? kEvictionFeature : 0) |
         (geometry.has_expiries ? kExpiriesFeature : 0) |
         (geometry.changes_bytes != 0 ? kChangesFeature : 0);
}

// Sets what follows from the numbers in the header, except the regions. REQUIRES: those are within
// their limits.
void Derive(Geometry* geometry) {
  geometry->ways_mask = (1u << geometry->ways) - 1;
  geometry->bucket_bytes = RoundUp64(uint64_t{geometry->ways} * geometry->slot_bytes);
  geometry->length_mask = ~((geometry->lease_flags & kStaleFlags) << 16);
  geometry->extent_payload = geometry->extent_bytes - kExtentHeadBytes;
  geometry->max_inline_bytes = geometry->slot_bytes - kSlotHeadBytes;
  geometry->max_inline_key_bytes = geometry->max_inline_bytes - kExtentLinkBytes;
  static_assert(kMaxSlotBytes - kSlotHeadBytes - kExtentLinkBytes <= kMaxKeyBytes);
  static_assert(kMinSlotBytes >= kSlotHeadBytes + kLongKeyHashBytes + kExtentLinkBytes);
  // The longest key can be put with a value of the largest size, and once more while that exists.
  const uint64_t room = uint64_t{geometry->extent_count} / 2 * geometry->extent_payload;
  const uint64_t beside_value = room - std::min(room, geometry->max_value_bytes);
  const uint64_t in_extents = beside_value > kMaxKeyBytes ? kMaxKeyBytes : beside_value & ~7u;
  geometry->max_key_bytes =
      std::max(geometry->max_inline_key_bytes, static_cast<uint32_t>(in_extents));
}

// Places the regions one after the other.
void PlaceRegions(Geometry* geometry) {
  uint64_t end = kRegionsFrom;
  for (const RegionRule& rule : kRegionRules) {
    if (!rule.AppliesTo(FeaturesToWrite(*geometry))) continue;
    const uint64_t offset = RoundUp64(end);
    if (rule.offset != nullptr) geometry->*rule.offset = offset;
    end = offset + rule.bytes(*geometry);
  }
  geometry->total_bytes = end;
}

// Calls copy(the header's, the geometry's) for each number that both have.
template <typename AHeader, typename AGeometry, typename Copy>
void ForEachNumber(AHeader& header, AGeometry& geometry, const Copy& copy) {
  copy(header.layout_minor, geometry.layout_minor);
  copy(header.total_bytes, geometry.total_bytes);
  copy(header.bucket_count, geometry.bucket_count);
  copy(header.ways, geometry.ways);
  copy(header.slot_bytes, geometry.slot_bytes);
  copy(header.extent_bytes, geometry.extent_bytes);
  copy(header.extent_count, geometry.extent_count);
  copy(header.capacity, geometry.capacity);
  copy(header.max_value_bytes, geometry.max_value_bytes);
  copy(header.hash_seed, geometry.hash_seed);
  copy(header.instance[0], geometry.instance[0]);
  copy(header.instance[1], geometry.instance[1]);
  copy(header.generation, geometry.generation);
  copy(header.created_unix_ns, geometry.created_unix_ns);
}

void WriteRegions(const Geometry& geometry, RegionTable* table) {
  table->required = kRequiredFeatures | (geometry.lease_flags != 0 ? kLeaseFeature : 0);
  table->required_to_write = FeaturesToWrite(geometry);
  table->clock_offset_ns = geometry.clock_offset_ns;
  for (const RegionRule& rule : kRegionRules) {
    if (!rule.AppliesTo(table->required_to_write)) continue;
    table->regions[table->region_count++] = {
        rule.kind, 0, rule.offset != nullptr ? geometry.*rule.offset : rule.fixed_offset,
        rule.bytes(geometry)};
  }
}

uint64_t LeastChangesBytes(const Geometry& geometry) {
  return kLeastChanges * ChangeBytes(geometry.max_key_bytes);
}
bool ChangesArePossible(const Geometry& geometry) {
  return (geometry.changes_bytes & (geometry.changes_bytes - 1)) == 0 &&
         geometry.changes_bytes >= LeastChangesBytes(geometry);
}

// Takes the offsets of a region table whose checksum is right. False if it is impossible: anyone
// can compute a checksum.
bool TakeRegions(const RegionTable& table, Geometry* geometry) {
  if (table.region_count > kMaxRegions) return false;
  const absl::Span<const Region> regions(table.regions, table.region_count);
  const uint64_t total = geometry->total_bytes;
  for (const Region& region : regions) {
    if (region.offset % 64 != 0 || region.offset < kRegionsFrom || region.offset > total ||
        region.bytes > total - region.offset) {
      return false;
    }
    for (const Region& other : regions) {
      if (&other == &region) break;
      const bool apart = other.offset + other.bytes <= region.offset ||
                         region.offset + region.bytes <= other.offset;
      if (!apart || other.kind == region.kind) return false;
    }
  }
  for (const RegionRule& rule : kRegionRules) {
    if (!rule.AppliesTo(FeaturesToWrite(*geometry))) continue;
    const auto region = std::find_if(regions.begin(), regions.end(),
                                     [&](const Region& r) { return r.kind == rule.kind; });
    if (region == regions.end() || region->bytes < rule.bytes(*geometry)) return false;
    if (rule.fixed_offset != 0 && region->offset != rule.fixed_offset) return false;
    if (rule.offset != nullptr) geometry->*rule.offset = region->offset;
    if (rule.kind == RegionKind::kChanges) geometry->changes_bytes = region->bytes;
  }
  return geometry->changes_bytes == 0 || ChangesArePossible(*geometry);
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

uint64_t ChecksumOf(const char* bytes, size_t from, size_t to) {
  return XXH3_64bits_withSeed(bytes + from, to - from, kChecksumSeed);
}
uint64_t ChecksumOf(const Header& header) {
  return ChecksumOf(reinterpret_cast<const char*>(&header), kChecksumFrom, kChecksumTo);
}
uint64_t ChecksumOf(const RegionTable& regions) {
  return ChecksumOf(reinterpret_cast<const char*>(&regions), 0, sizeof(regions));
}

absl::Status Incompatible(const std::string& what) {
  return absl::UnimplementedError(absl::StrCat(
      what, ": use the same cubby version as its cubbyd, or restart cubbyd with --fresh"));
}

absl::Status OtherLayout(const Header& header) {
  return Incompatible(absl::StrCat("layout version ", header.layout_major, ".", header.layout_minor,
                                   ", this program reads ", kLayoutMajor, ".x"));
}

absl::Status Foreign() {
  return absl::FailedPreconditionError(
      "not a cubby store: something else has its name: remove that, or choose another name");
}

// Returns the error of a mapping that has no room for this layout's fixed part: it was truncated,
// or it is of another layout, whose fixed part is smaller.
absl::Status TooSmall(const char* memory, size_t size) {
  if (size >= sizeof(Header) &&
      reinterpret_cast<const Header*>(memory)->magic.load(std::memory_order_acquire) == kMagic) {
    alignas(Header) char copy[sizeof(Header)];
    CopyFromShared(copy, memory, sizeof(copy));
    const auto& header = reinterpret_cast<const Header&>(copy);
    if (header.layout_major != kLayoutMajor) return OtherLayout(header);
  }
  constexpr char kZeros[sizeof(kMagic)] = {};
  const size_t begin = std::min(size, sizeof(kMagic));
  if (begin != 0 && std::memcmp(memory, &kMagic, begin) != 0 &&
      std::memcmp(memory, kZeros, begin) != 0) {
    return Foreign();
  }
  return absl::DataLossError(absl::StrCat("truncated: the mapping has ", size,
                                          " bytes, its header alone takes ", kHeaderBytes,
                                          ": restart its cubbyd with --fresh"));
}

// Adds the change ring to a store whose other regions are placed.
absl::Status PlanChanges(const GeometryOptions& options, Geometry* geometry) {
  const uint64_t least = ChangesBytes(LeastChangesBytes(*geometry));
  if (options.changes_bytes.has_value()) {
    const uint64_t bytes = *options.changes_bytes;
    if (bytes == 0) return absl::OkStatus();
    if (bytes < least || bytes > kMaxChangesBytes) {
      return OutOfLimits("changes", bytes, least, kMaxChangesBytes);
    }
    geometry->changes_bytes = ChangesBytes(bytes);
  } else {
    constexpr uint64_t kShare = 32;
    constexpr uint64_t kUsualMost = 8 << 20;
    const uint64_t share = std::min(geometry->total_bytes / kShare, kUsualMost);
    geometry->changes_bytes = std::max(ChangesBytes(share / 2 + 1), least);
  }
  PlaceRegions(geometry);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Geometry> PlanGeometry(const GeometryOptions& options) {
  // What was given, not what it is rounded up to.
  if (options.slot_bytes < kMinSlotBytes || options.slot_bytes > kMaxSlotBytes) {
    return OutOfLimits("slot bytes", options.slot_bytes, kMinSlotBytes, kMaxSlotBytes);
  }
  if (options.extent_bytes < kMinExtentBytes || options.extent_bytes > kMaxExtentBytes) {
    return OutOfLimits("extent bytes", options.extent_bytes, kMinExtentBytes, kMaxExtentBytes);
  }
  Geometry geometry = {};
  geometry.capacity = options.capacity;
  geometry.max_value_bytes = options.max_value_bytes;
  geometry.slot_bytes = static_cast<uint32_t>(RoundUp8(options.slot_bytes));
  geometry.extent_bytes = static_cast<uint32_t>(RoundUp8(options.extent_bytes));
  geometry.ways = options.ways;
  geometry.full_policy = options.full_policy;
  geometry.lease_flags = kSlotFlagLease | kStaleFlags;
  geometry.has_expiries = true;
  RETURN_IF_ERROR(CheckLimits(geometry));
  geometry.bucket_count = DivideUp(geometry.capacity * 100, (geometry.ways - 1) * kLoadPercent);
  Derive(&geometry);

  // The longest key in a slot leaves a value the rest of it.
  const bool needs_extents =
      geometry.max_value_bytes > geometry.max_inline_bytes - geometry.max_inline_key_bytes;
  // One value of the largest size, and the next one while both exist.
  const uint64_t least =
      needs_extents ? 2 * uint64_t{ChainLength(geometry, geometry.max_value_bytes)} : 0;
  uint64_t extents;
  if (options.extent_pool_bytes.has_value()) {
    extents = *options.extent_pool_bytes / geometry.extent_bytes;
    if (extents < least) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an extent pool of ", *options.extent_pool_bytes, " bytes is too small for values of ",
          geometry.max_value_bytes, " bytes: allow at least ", least * geometry.extent_bytes,
          ", or lower the largest value"));
    }
  } else {
    const uint64_t buckets_bytes = geometry.bucket_count * geometry.bucket_bytes;
    extents = needs_extents ? std::max(buckets_bytes / 4 / geometry.extent_bytes, 2 * least) : 0;
  }
  if (extents >= kNoExtent) {
    const uint64_t bytes = options.extent_pool_bytes.value_or(extents * geometry.extent_bytes);
    return absl::InvalidArgumentError(
        absl::StrCat("an extent pool of ", bytes, " bytes is too large: the limit is ",
                     uint64_t{kNoExtent - 1} * geometry.extent_bytes));
  }
  geometry.extent_count = static_cast<uint32_t>(extents);
  Derive(&geometry);  // again: the longest key depends on the extents
  PlaceRegions(&geometry);
  RETURN_IF_ERROR(PlanChanges(options, &geometry));

  geometry.hash_seed = os::RandomBits();
  geometry.instance[0] = os::RandomBits();
  geometry.instance[1] = os::RandomBits();
  geometry.created_unix_ns = os::UnixNanos();
  geometry.clock_offset_ns = os::BootOffsetNanos();
  geometry.layout_minor = kLayoutMinor;
  return geometry;
}

void Format(char* memory, const Geometry& geometry) {
  auto* fixed = reinterpret_cast<FixedPart*>(memory);
  fixed->extents.free_count.store(geometry.extent_count, std::memory_order_relaxed);
  fixed->expiry.next_expiry.store(~uint64_t{0}, std::memory_order_relaxed);
  fixed->expiry.fresh_expiry.store(~uint64_t{0}, std::memory_order_relaxed);
  fixed->state.state.store(static_cast<uint64_t>(State::kServing), std::memory_order_relaxed);

  WriteRegions(geometry, &fixed->regions);
  Header& header = fixed->header;
  header.layout_major = kLayoutMajor;
  header.header_bytes = kHeaderBytes;
  ForEachNumber(header, geometry, [](auto& to, const auto& from) { to = from; });
  header.full_policy = static_cast<uint32_t>(geometry.full_policy);
  header.byte_order = kByteOrderMark;
  Sign(fixed);
  // Release: publishes all of the above to processes that load the magic.
  header.magic.store(kMagic, std::memory_order_release);
}

void Sign(FixedPart* fixed) {
  fixed->header.region_checksum = ChecksumOf(fixed->regions);
  fixed->header.checksum = ChecksumOf(fixed->header);
}

absl::StatusOr<Geometry> ReadGeometry(const char* memory, size_t size) {
  if (size < kHeaderBytes) return TooSmall(memory, size);
  const auto* shared = reinterpret_cast<const Header*>(memory);
  const uint64_t magic = shared->magic.load(std::memory_order_acquire);
  // The daemon stores its process id when it serves what it has made.
  const auto& state = reinterpret_cast<const FixedPart*>(memory)->state;
  if (magic == 0 && state.daemon_pid.load(std::memory_order_relaxed) != 0) {
    return absl::DataLossError("its header is damaged (no magic): restart its cubbyd with --fresh");
  }
  if (magic == 0) {
    return absl::UnavailableError(
        "half made: its cubbyd is still creating it, or died doing so: try again, or restart "
        "cubbyd");
  }
  if (magic != kMagic) return Foreign();
  // Everything else is validated on a private copy, which cannot change between check and use.
  struct PrivateCopy {
    Header header;
    char state[offsetof(FixedPart, regions) - sizeof(Header)];
    RegionTable regions;
  };
  static_assert(offsetof(PrivateCopy, regions) == offsetof(FixedPart, regions));
  alignas(PrivateCopy) char copy[sizeof(PrivateCopy)];
  CopyFromShared(copy, memory, sizeof(copy));
  const auto& header = reinterpret_cast<const PrivateCopy*>(copy)->header;
  const auto& regions = reinterpret_cast<const PrivateCopy*>(copy)->regions;
  if (header.layout_major != kLayoutMajor) return OtherLayout(header);
  if (header.checksum != ChecksumOf(header) || header.region_checksum != ChecksumOf(regions)) {
    return absl::DataLossError(
        "its header is damaged (wrong checksum): restart its cubbyd with --fresh");
  }
  if (header.byte_order != kByteOrderMark) {
    return Incompatible("it was made in another byte order");
  }
  if ((regions.required & ~kKnownFeatures) != 0) {
    return Incompatible(absl::StrCat("it needs features that this program does not have (",
                                     FeatureNames(regions.required & ~kKnownFeatures), ")"));
  }
  const uint64_t missing = (kRequiredFeatures & ~regions.required) |
                           (kRequiredToWriteFeatures & ~regions.required_to_write);
  if (missing != 0) {
    return Incompatible(absl::StrCat("layout version ", header.layout_major, ".",
                                     header.layout_minor, ", without ", FeatureNames(missing),
                                     ", which this program needs"));
  }

  Geometry geometry = {};
  ForEachNumber(header, geometry, [](const auto& from, auto& to) { to = from; });
  geometry.full_policy = static_cast<FullPolicy>(header.full_policy);
  geometry.clock_offset_ns = regions.clock_offset_ns;
  if ((regions.required & kLeaseFeature) != 0) geometry.lease_flags = kSlotFlagLease | kStaleFlags;
  geometry.has_expiries = (regions.required_to_write & kExpiriesFeature) != 0;
  // Not 0: TakeRegions() finds the number.
  geometry.changes_bytes = (regions.required_to_write & kChangesFeature) != 0 ? 1 : 0;
  geometry.unknown_to_write = regions.required_to_write & ~kKnownFeatures;
  const absl::Status impossible =
      absl::DataLossError("its header contradicts itself: restart its cubbyd with --fresh");
  // A right checksum does not make a right header: anyone can compute one.
  if (!CheckLimits(geometry).ok() || header.header_bytes != kHeaderBytes ||
      geometry.bucket_count < 1 || geometry.bucket_count > kMaxCapacity * 2 ||
      geometry.extent_count == kNoExtent ||
      header.full_policy > static_cast<uint32_t>(FullPolicy::kEvict)) {
    return impossible;
  }
  Derive(&geometry);
  const bool may_be_written_by_all = (regions.required_to_write & kEvictionFeature) == 0;
  if (!TakeRegions(regions, &geometry) || (geometry.evicts() && may_be_written_by_all) ||
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

void RetireUnreadable(char* memory, size_t size) {
  if (size < offsetof(FixedPart, state) + sizeof(StateLine)) return;
  auto* line = reinterpret_cast<StateLine*>(memory + offsetof(FixedPart, state));
  // Release: as SetState().
  line->state.store(static_cast<uint64_t>(State::kRetired), std::memory_order_release);
}

std::string InstanceOf(const Geometry& geometry) {
  return std::string(reinterpret_cast<const char*>(geometry.instance), sizeof(geometry.instance));
}

std::string InstanceIn(const char* memory, size_t size) {
  if (size < kHeaderBytes) return "";
  const auto* shared = reinterpret_cast<const Header*>(memory);
  if (shared->magic.load(std::memory_order_acquire) != kMagic) return "";
  std::string instance(sizeof(Header::instance), '\0');
  CopyFromShared(&instance[0], memory + offsetof(Header, instance), sizeof(Header::instance));
  return instance;
}

std::string LayoutIn(const char* memory, size_t size) {
  if (size < kHeaderBytes) return "";
  const auto* shared = reinterpret_cast<const Header*>(memory);
  if (shared->magic.load(std::memory_order_acquire) != kMagic) return "";
  alignas(uint64_t) uint16_t version[4];  // whole words are copied
  CopyFromShared(reinterpret_cast<char*>(version), memory + offsetof(Header, layout_major),
                 sizeof(version));
  return absl::StrCat(version[0], ".", version[1]);
}

std::string FeatureNames(uint64_t mask) {
  std::vector<std::string> names;
  for (uint32_t bit = 0; bit < 64; ++bit) {
    if ((mask >> bit & 1) == 0) continue;
    names.push_back(bit < std::size(kFeatureNames) ? kFeatureNames[bit]
                                                   : absl::StrCat("feature ", bit));
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace cubby::table

#include "table/geometry.h"

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::HasSubstr;

TEST(GeometryTest, HoldsTheCapacityEvenIfEveryKeyHasTheSameHome) {
  for (uint64_t capacity : {1, 2, 13, 14, 1000, 100'000, 1'000'000}) {
    GeometryOptions options;
    options.capacity = capacity;
    const Geometry geometry = PlanGeometry(options).value();
    EXPECT_GE(geometry.bucket_count * (geometry.ways - 1), capacity) << capacity;
  }
}

TEST(GeometryTest, RefusesWhatItCannotMakeNamingTheLimit) {
  struct Case {
    const char* name;
    void (*change)(GeometryOptions*);
    const char* message;
  };
  const Case cases[] = {
      {"no capacity", [](GeometryOptions* o) { o->capacity = 0; }, "capacity 0"},
      {"too many", [](GeometryOptions* o) { o->capacity = kMaxCapacity + 1; }, "4294967296"},
      {"slot too small", [](GeometryOptions* o) { o->slot_bytes = 40; }, "use 48 to 65536"},
      {"slot too large", [](GeometryOptions* o) { o->slot_bytes = ~uint64_t{0}; }, "use 48 to"},
      {"value too large", [](GeometryOptions* o) { o->max_value_bytes = 2ull << 30; },
       "1073741824"},
      {"pool too small", [](GeometryOptions* o) { o->extent_pool_bytes = 5000; }, "allow at least"},
      {"pool too large", [](GeometryOptions* o) { o->extent_pool_bytes = ~0ull; },
       "an extent pool of 18446744073709551615 bytes is too large"},
      {"slot too small", [](GeometryOptions* o) { o->slot_bytes = 9; }, "slot bytes 9 "},
      {"extent too small", [](GeometryOptions* o) { o->extent_bytes = 9; }, "extent bytes 9 "},
      {"extents too small", [](GeometryOptions* o) { o->extent_bytes = 56; }, "use 64 to 16777216"},
      {"extents too large", [](GeometryOptions* o) { o->extent_bytes = ~uint64_t{0}; },
       "use 64 to 16777216"},
      {"one way", [](GeometryOptions* o) { o->ways = 1; }, "ways 1"},
      {"17 ways", [](GeometryOptions* o) { o->ways = 17; }, "ways 17"},
  };
  for (const Case& c : cases) {
    GeometryOptions options;
    c.change(&options);
    absl::StatusOr<Geometry> planned = PlanGeometry(options);
    EXPECT_EQ(planned.status().code(), absl::StatusCode::kInvalidArgument) << c.name;
    EXPECT_THAT(std::string(planned.status().message()), HasSubstr(c.message)) << c.name;
  }
}

TEST(GeometryTest, MakesNoExtentsWhenEveryValueFitsItsSlot) {
  GeometryOptions options;
  options.slot_bytes = 128;
  options.max_value_bytes = 8;
  EXPECT_EQ(PlanGeometry(options)->extent_count, 0u);
}

TEST(GeometryTest, APoolHoldsAValueAndTheOneThatTakesItsPlace) {
  GeometryOptions options;
  options.max_value_bytes = 1000;
  options.extent_bytes = 1016;
  options.extent_pool_bytes = 2 * 1016;
  EXPECT_EQ(PlanGeometry(options)->extent_count, 2u);
  *options.extent_pool_bytes -= 1;
  EXPECT_THAT(std::string(PlanGeometry(options).status().message()), HasSubstr("at least 2032"));
}

TEST(GeometryTest, TheLongestKeyCanBePutAndOverwrittenWithTheLongestValue) {
  const auto longest = [](uint64_t max_value_bytes, absl::optional<uint64_t> pool) {
    GeometryOptions options;
    options.max_value_bytes = max_value_bytes;
    options.extent_pool_bytes = pool;
    return PlanGeometry(options)->max_key_bytes;
  };
  const uint64_t extent = kDefaultExtentBytes;
  EXPECT_EQ(longest(1 << 20, absl::nullopt), 65535u);
  EXPECT_EQ(longest(64, absl::nullopt), 65535u);
  EXPECT_EQ(longest(8, absl::nullopt), 96u) << "no extents";
  EXPECT_EQ(longest(8, extent), 96u) << "one extent, none for the next value";
  EXPECT_EQ(longest(8, 2 * extent), 1016u);
  EXPECT_EQ(longest(64, 2 * extent), 960u);
  EXPECT_EQ(longest(65, 3 * extent), 952u);
  EXPECT_EQ(longest(1024, 3 * extent), 96u);
  EXPECT_EQ(longest(1024, 4 * extent), 1024u);
  EXPECT_EQ(longest(0, 128 * extent), 65535u);
  EXPECT_EQ(longest(0, 126 * extent), 64512u);
}

TEST(GeometryTest, RoundsSlotsAndExtentsUpToWords) {
  GeometryOptions options;
  options.slot_bytes = 129;
  options.extent_bytes = 1001;
  EXPECT_EQ(PlanGeometry(options)->slot_bytes, 136u);
  EXPECT_EQ(PlanGeometry(options)->extent_bytes, 1008u);
  EXPECT_EQ(PlanGeometry(options)->extent_payload, 992u);
}

RegionTable& RegionsOf(TableBuffer* buffer) {
  return reinterpret_cast<FixedPart*>(buffer->memory())->regions;
}

// Reads a forged header and region table, as a mapping of `size` bytes, after making their
// checksums right.
absl::StatusOr<Geometry> ReadSigned(TableBuffer* buffer, uint64_t size) {
  Sign(reinterpret_cast<FixedPart*>(buffer->memory()));
  return ReadGeometry(buffer->memory(), size);
}
absl::StatusOr<Geometry> ReadSigned(TableBuffer* buffer) {
  return ReadSigned(buffer, buffer->geometry().total_bytes);
}

TEST(GeometryTest, ReadsBackWhatWasFormatted) {
  TableBuffer buffer(TinyOptions());
  const Geometry read = ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).value();
  EXPECT_EQ(std::memcmp(&read, &buffer.geometry(), offsetof(Geometry, layout_minor)), 0);
  EXPECT_EQ(read.layout_minor, buffer.geometry().layout_minor);
}

TEST(GeometryTest, EveryTruncatedLengthIsRefused) {
  TableBuffer buffer(TinyOptions());
  for (uint64_t size = 0; size < buffer.geometry().total_bytes; ++size) {
    const absl::Status status = ReadGeometry(buffer.memory(), size).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    ASSERT_THAT(std::string(status.message()), HasSubstr("truncated")) << size;
  }
}

TEST(GeometryTest, EverySingleBitFlipOfHeaderAndRegionTableIsRefused) {
  TableBuffer buffer(TinyOptions());
  constexpr size_t kRegionsAt = offsetof(FixedPart, regions);
  for (size_t byte = 0; byte < kRegionsAt + sizeof(RegionTable); ++byte) {
    if (byte >= sizeof(Header) && byte < kRegionsAt) continue;  // the state line changes
    for (int bit = 0; bit < 8; ++bit) {
      buffer.memory()[byte] ^= static_cast<char>(1 << bit);
      EXPECT_FALSE(ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).ok())
          << byte << ", bit " << bit;
      buffer.memory()[byte] ^= static_cast<char>(1 << bit);
    }
  }
  EXPECT_TRUE(ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).ok());
}

TEST(GeometryTest, AForgedHeaderIsRefusedThoughItsChecksumIsRight) {
  struct Case {
    const char* name;
    void (*forge)(Header*);
  };
  const Case cases[] = {
      {"header bytes", [](Header* h) { h->header_bytes += 64; }},
      {"total bytes", [](Header* h) { h->total_bytes -= 64; }},
      {"no buckets", [](Header* h) { h->bucket_count = 0; }},
      {"one bucket more", [](Header* h) { ++h->bucket_count; }},
      {"bucket count that wraps", [](Header* h) { h->bucket_count += uint64_t{1} << 60; }},
      {"one way", [](Header* h) { h->ways = 1; }},
      {"17 ways", [](Header* h) { h->ways = 17; }},
      {"tiny slots", [](Header* h) { h->slot_bytes = 24; }},
      {"tiny extents", [](Header* h) { h->extent_bytes = 8; }},
      {"more capacity than ways",
       [](Header* h) { h->capacity = h->bucket_count * (h->ways - 1) + 1; }},
      {"value too large", [](Header* h) { h->max_value_bytes = kMaxMaxValueBytes + 1; }},
      {"another policy", [](Header* h) { h->full_policy = 9; }},
      {"eviction without its regions",
       [](Header* h) { h->full_policy = static_cast<uint32_t>(FullPolicy::kEvict); }},
  };
  for (const Case& c : cases) {
    TableBuffer buffer(TinyOptions());
    auto* header = reinterpret_cast<Header*>(buffer.memory());
    c.forge(header);
    const absl::Status status = ReadSigned(&buffer).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("contradicts itself")) << c.name;
  }
}

TEST(GeometryTest, AForgedRegionTableIsRefusedThoughItsChecksumIsRight) {
  struct Case {
    const char* name;
    void (*forge)(RegionTable*);
  };
  // 0 incarnations, 1 hints, 2 heads, 3 slots, 4 extents, 5 extent map.
  const Case cases[] = {
      {"too many", [](RegionTable* t) { t->region_count = kMaxRegions + 1; }},
      {"none", [](RegionTable* t) { t->region_count = 0; }},
      {"no slots", [](RegionTable* t) { t->regions[3].kind = RegionKind::kNone; }},
      {"heads twice", [](RegionTable* t) { t->regions[3].kind = RegionKind::kHeads; }},
      {"not aligned", [](RegionTable* t) { t->regions[2].offset += 8; }},
      {"in the fixed part", [](RegionTable* t) { t->regions[2].offset = 0; }},
      {"beyond the end", [](RegionTable* t) { t->regions[5].offset += 64; }},
      {"an end that wraps", [](RegionTable* t) { t->regions[4].bytes = ~uint64_t{0}; }},
      {"over another", [](RegionTable* t) { t->regions[3].offset = t->regions[2].offset; }},
      {"too small", [](RegionTable* t) { t->regions[3].bytes -= 64; }},
      {"an extent map too small", [](RegionTable* t) { t->regions[5].bytes -= 8; }},
      {"hints elsewhere",
       [](RegionTable* t) {
         // In a part of the slots' region, which the others do not need.
         t->regions[1].offset = t->regions[4].offset;
         t->regions[4].offset += 64;
         t->regions[4].bytes -= 64;
       }},
  };
  for (const Case& c : cases) {
    TableBuffer buffer(TinyOptions());
    c.forge(&RegionsOf(&buffer));
    const absl::Status status = ReadSigned(&buffer).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("contradicts itself")) << c.name;
  }
}

TEST(GeometryTest, AStoreThatEvictsNeedsItsRegionsAndIsWrittenByThoseWhoKnow) {
  GeometryOptions options = TinyOptions();
  options.full_policy = FullPolicy::kEvict;
  TableBuffer buffer(options);
  EXPECT_TRUE(ReadSigned(&buffer)->evicts());
  RegionTable& regions = RegionsOf(&buffer);
  EXPECT_EQ(regions.required_to_write & kEvictionFeature, kEvictionFeature);
  for (uint32_t i = 0; i < regions.region_count; ++i) {
    const RegionKind kind = regions.regions[i].kind;
    regions.regions[i].kind = RegionKind::kNone;
    EXPECT_EQ(ReadSigned(&buffer).status().code(), absl::StatusCode::kDataLoss) << i;
    regions.regions[i].kind = kind;
  }
  EXPECT_TRUE(ReadSigned(&buffer).ok());
  regions.required_to_write &= ~kEvictionFeature;
  EXPECT_EQ(ReadSigned(&buffer).status().code(), absl::StatusCode::kDataLoss);
}

TEST(GeometryTest, RegionsMayComeInAnyOrderAndUnknownOnesAreIgnored) {
  TableBuffer buffer(TinyOptions());
  RegionTable& regions = RegionsOf(&buffer);
  std::swap(regions.regions[1], regions.regions[4]);
  auto* header = reinterpret_cast<Header*>(buffer.memory());
  const uint64_t behind = (header->total_bytes + 63) / 64 * 64;
  regions.regions[regions.region_count++] = {static_cast<RegionKind>(77), 0, behind, 128};
  header->total_bytes = behind + 128;
  const absl::StatusOr<Geometry> read = ReadSigned(&buffer, header->total_bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->slots_offset, buffer.geometry().slots_offset);
  EXPECT_EQ(read->extents_offset, buffer.geometry().extents_offset);
}

TEST(GeometryTest, NamesTheFeaturesThatItDoesNotKnow) {
  TableBuffer buffer(TinyOptions());
  RegionsOf(&buffer).required = uint64_t{1} << 3 | uint64_t{1} << 40;
  const absl::Status status = ReadSigned(&buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("(near-cache, feature 40)"));
}

TEST(GeometryTest, FeaturesThatOnlyWritersNeedDoNotKeepReadersOut) {
  TableBuffer buffer(TinyOptions());
  RegionsOf(&buffer).required_to_write |= 8;
  const absl::StatusOr<Geometry> read = ReadSigned(&buffer);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->unknown_to_write, 8u);
}

TEST(GeometryTest, NamesAnotherByteOrder) {
  TableBuffer buffer(TinyOptions());
  reinterpret_cast<Header*>(buffer.memory())->byte_order = 0x0d0c'0b0a;
  const absl::Status status = ReadSigned(&buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("byte order"));
}

TEST(GeometryTest, NamesAnotherLayoutVersion) {
  TableBuffer buffer(TinyOptions());
  reinterpret_cast<Header*>(buffer.memory())->layout_major = 7;
  reinterpret_cast<Header*>(buffer.memory())->layout_minor = 0;
  const absl::Status status = ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("7.0"));
}

TEST(GeometryTest, UnreadableStoreIsRetiredIfItHasAStateLine) {
  TableBuffer buffer(TinyOptions());
  auto* fixed = reinterpret_cast<FixedPart*>(buffer.memory());
  fixed->header.layout_major = 7;
  constexpr size_t kStateLineEnd = 192;  // in every layout version
  RetireUnreadable(buffer.memory(), kStateLineEnd - 1);
  EXPECT_EQ(StateOf(buffer.table()), State::kServing);
  RetireUnreadable(buffer.memory(), kStateLineEnd);
  EXPECT_EQ(fixed->state.state.load(), 5u);
}

TEST(GeometryTest, AnotherLayoutWithASmallerHeaderIsNotTruncated) {
  TableBuffer buffer(TinyOptions());
  reinterpret_cast<Header*>(buffer.memory())->layout_major = 4;
  for (const uint64_t size :
       {uint64_t{sizeof(Header)}, uint64_t{4096}, uint64_t{kHeaderBytes - 1}}) {
    const absl::Status status = ReadGeometry(buffer.memory(), size).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << size;
    EXPECT_THAT(std::string(status.message()), HasSubstr("layout version 4."));
    EXPECT_THAT(std::string(status.message()), HasSubstr("--fresh"));
  }
}

TEST(GeometryTest, TellsHalfMadeFromForeign) {
  alignas(64) char memory[kHeaderBytes] = {};
  EXPECT_EQ(ReadGeometry(memory, kHeaderBytes).status().code(), absl::StatusCode::kUnavailable);
  memory[3] = 'x';
  EXPECT_EQ(ReadGeometry(memory, kHeaderBytes).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(GeometryTest, StoreThatWasServedIsNotHalfMade) {
  TableBuffer buffer(TinyOptions());
  auto* fixed = reinterpret_cast<FixedPart*>(buffer.memory());
  fixed->header.magic.store(0);
  const uint64_t size = buffer.geometry().total_bytes;
  EXPECT_EQ(ReadGeometry(buffer.memory(), size).status().code(), absl::StatusCode::kUnavailable);
  fixed->state.daemon_pid.store(1);
  EXPECT_EQ(ReadGeometry(buffer.memory(), size).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace cubby::table

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
      {"pool too large", [](GeometryOptions* o) { o->extent_pool_bytes = ~0ull; }, "too large"},
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

TEST(GeometryTest, RoundsSlotsAndExtentsUpToWords) {
  GeometryOptions options;
  options.slot_bytes = 129;
  options.extent_bytes = 1001;
  EXPECT_EQ(PlanGeometry(options)->slot_bytes, 136u);
  EXPECT_EQ(PlanGeometry(options)->extent_bytes, 1008u);
  EXPECT_EQ(PlanGeometry(options)->extent_payload, 992u);
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

TEST(GeometryTest, EverySingleBitFlipOfTheHeaderIsRefused) {
  TableBuffer buffer(TinyOptions());
  for (size_t bit = 0; bit < sizeof(Header) * 8; ++bit) {
    buffer.memory()[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_FALSE(ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).ok()) << bit;
    buffer.memory()[bit / 8] ^= static_cast<char>(1 << bit % 8);
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
      {"a queue of one",
       [](Header* h) {
         h->total_bytes -= uint64_t{h->extent_count - 1} * h->extent_bytes;
         h->extent_count = 1;
       }},
  };
  for (const Case& c : cases) {
    TableBuffer buffer(TinyOptions());
    auto* header = reinterpret_cast<Header*>(buffer.memory());
    c.forge(header);
    constexpr size_t kFrom = offsetof(Header, layout_major);
    header->checksum =
        XXH3_64bits_withSeed(buffer.memory() + kFrom, offsetof(Header, checksum) - kFrom, kMagic);
    const absl::Status status =
        ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("contradicts itself")) << c.name;
  }
}

TEST(GeometryTest, NamesAnotherLayoutVersion) {
  TableBuffer buffer(TinyOptions());
  reinterpret_cast<Header*>(buffer.memory())->layout_major = 7;
  const absl::Status status = ReadGeometry(buffer.memory(), buffer.geometry().total_bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("7.0"));
}

TEST(GeometryTest, TellsHalfMadeFromForeign) {
  alignas(64) char memory[kHeaderBytes] = {};
  EXPECT_EQ(ReadGeometry(memory, kHeaderBytes).status().code(), absl::StatusCode::kUnavailable);
  memory[3] = 'x';
  EXPECT_EQ(ReadGeometry(memory, kHeaderBytes).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace cubby::table

// Opens stores that earlier builds wrote: a later version reads each of them, or refuses it by
// name.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/changes.h"
#include "table/checker.h"
#include "table/expiry.h"
#include "table/update.h"
#include "table/writer.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::HasSubstr;

// The same at every run, unlike a real store's.
Geometry GoldenGeometry(FullPolicy full_policy) {
  GeometryOptions options = TinyOptions();
  options.full_policy = full_policy;
  Geometry geometry = PlanGeometry(options).value();
  geometry.hash_seed = 0x0123456789abcdef;
  geometry.instance[0] = 1;
  geometry.instance[1] = 2;
  geometry.created_unix_ns = 1'700'000'000'000'000'000;
  geometry.clock_offset_ns = 0;
  return geometry;
}

// An overwrite, a delete, keys away from home, a value in extents, a long key, an expiry far ahead,
// a lease, and an entry that is kept after its expiry, all of them recorded.
void FillGolden(TableBuffer* buffer) {
  const lock::HeldWriterRole role;
  SetRecording(buffer->table(), ChangeRecording::kOn);
  ASSERT_TRUE(buffer->Put("short", "old").ok());
  ASSERT_TRUE(buffer->Put("short", "value").ok());
  ASSERT_TRUE(buffer->Put("empty", "").ok());
  ASSERT_TRUE(buffer->Put("long", std::string(300, 'x')).ok());
  ASSERT_TRUE(buffer->Put(std::string(100, 'k'), "of a long key").ok());
  ASSERT_TRUE(buffer->Put("gone", "g").ok());
  ASSERT_TRUE(buffer->Delete("gone").ok());
  ASSERT_TRUE(buffer->Put("expiring", "e", UpdateKind::kSet, uint64_t{1} << 62).ok());
  LeaseRequest request;
  request.key = "leased";
  request.owner = uint64_t{9} << 32 | 7;
  request.bound_ns = uint64_t{1} << 61;
  std::string value;
  ASSERT_TRUE(buffer->Lease(request, &value).ok());
  Update update;
  update.value = "s";
  update.expiry_ns = uint64_t{1} << 62;
  update.flags = StaleFlags(uint64_t{3600} * 1'000'000'000);
  ASSERT_TRUE(buffer->Do("stale", update).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(buffer->Put(absl::StrCat("k", i), "v").ok());
}

void ExpectGolden(const TableBuffer& buffer) {
  EXPECT_EQ(buffer.Get("short"), "value");
  EXPECT_EQ(buffer.Get("empty"), "");
  EXPECT_EQ(buffer.Get("long"), std::string(300, 'x'));
  EXPECT_EQ(buffer.Get(std::string(100, 'k')), "of a long key");
  EXPECT_EQ(buffer.Get("gone"), "<not found>");
  EXPECT_EQ(buffer.Get("expiring"), "e");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(buffer.Get(absl::StrCat("k", i)), "v");
}

std::string Golden(const std::string& version) {
  std::ifstream file(absl::StrCat(CUBBY_GOLDEN, "/layout-", version, ".store"), std::ios::binary);
  EXPECT_TRUE(file.is_open()) << version;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(GoldenTest, StoresOfTheCurrentLayoutAreByteForByteWhatIsKept) {
  for (const FullPolicy policy : {FullPolicy::kReject, FullPolicy::kEvict}) {
    SCOPED_TRACE(NameOf(policy));
    TableBuffer buffer(GoldenGeometry(policy));
    ASSERT_NO_FATAL_FAILURE(FillGolden(&buffer));
    const std::string made(buffer.memory(), buffer.geometry().total_bytes);
    const std::string version =
        absl::StrCat(kLayoutMajor, ".", kLayoutMinor, policy == FullPolicy::kEvict ? "-evict" : "");
    if (const char* folder = std::getenv("CUBBY_WRITE_GOLDEN")) {
      std::ofstream(absl::StrCat(folder, "/layout-", version, ".store"), std::ios::binary) << made;
    }
    const std::string kept = Golden(version);
    ASSERT_EQ(made.size(), kept.size());
    for (size_t at = 0; at < made.size(); ++at) {
      ASSERT_EQ(static_cast<uint8_t>(made[at]), static_cast<uint8_t>(kept[at])) << "at byte " << at;
    }
  }
}

class CompatibleTest : public ::testing::TestWithParam<const char*> {};
TEST_P(CompatibleTest, AnEarlierStoreIsReadAndWrittenWithoutWhatItLacks) {
  TableBuffer buffer(Golden(GetParam()));
  ExpectGolden(buffer);
  EXPECT_TRUE(Check(buffer.table()).sound());
  Update update;
  update.value = "kept";
  update.expiry_ns = uint64_t{1} << 62;
  update.flags = kStaleFlags;
  EXPECT_TRUE(buffer.Do("k0", update).ok());
  EXPECT_EQ(UnpackLengths(buffer.SlotOf("k0")->lengths.load()).flags, 0u)
      << "readers of that time do not know the flags";
  LeaseRequest request;
  request.key = "leased";
  std::string value;
  EXPECT_EQ(buffer.Lease(request, &value).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(buffer.Put("short", "new").ok());
  EXPECT_EQ(buffer.Get("short"), "new");
  EXPECT_TRUE(buffer.Delete("k3").ok());
  const CheckResult result = Check(buffer.table());
  EXPECT_THAT(result.problems, ::testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Versions, CompatibleTest, ::testing::Values("5.1", "5.2", "5.2-evict"));

class WithoutRingTest : public ::testing::TestWithParam<const char*> {};
TEST_P(WithoutRingTest, AStoreOfLayout53IsReadAndWrittenAndRecordsNothing) {
  TableBuffer buffer(Golden(GetParam()));
  ExpectGolden(buffer);
  EXPECT_EQ(buffer.geometry().changes_bytes, 0u);
  // As hostile bytes may say.
  buffer.table().mutable_fixed().changes.recording.store(1);
  EXPECT_FALSE(Recording(buffer.table()));
  EXPECT_TRUE(buffer.Put("short", "new").ok());
  EXPECT_TRUE(buffer.Delete("k3").ok());
  EXPECT_TRUE(buffer.Put("another", "v").ok());
  EXPECT_EQ(buffer.Get("short"), "new");
  EXPECT_EQ(buffer.table().fixed().changes.head.load(), 0u);
  ChangeFollower::Change change;
  EXPECT_EQ(ChangeFollower(buffer.table()).Next(&change), ChangeFollower::Outcome::kOff);
  EXPECT_THAT(Check(buffer.table()).problems, ::testing::IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Versions, WithoutRingTest, ::testing::Values("5.3", "5.3-evict"));

void ExpectRefused(const std::string& version, const std::string& words) {
  const std::string bytes = Golden(version);
  ASSERT_GE(bytes.size(), size_t{kHeaderBytes});
  alignas(64) static char memory[1 << 16];
  ASSERT_LE(bytes.size(), sizeof(memory));
  std::copy(bytes.begin(), bytes.end(), memory);
  const absl::Status status = ReadGeometry(memory, bytes.size()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(GoldenTest, AStoreOfLayout4IsRefusedByName) { ExpectRefused("4.0", "layout version 4.0"); }

TEST(GoldenTest, AStoreOfLayout50IsRefusedByName) {
  ExpectRefused("5.0", "layout version 5.0, without moved entries");
}

}  // namespace
}  // namespace cubby::table

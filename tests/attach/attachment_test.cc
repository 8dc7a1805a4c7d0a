#include "attach/attachment.h"

#include <cstring>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/geometry.h"
#include "table/hash.h"
#include "table/writer.h"
#include "tests/attach/made_store.h"

namespace cubby::attach {
namespace {

using ::testing::HasSubstr;

class AttachmentTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Attachment>> Open(os::Access access = os::Access::kReadWrite) {
    Options options;
    options.access = access;
    return Attachment::Open(store_.name(), options);
  }
  absl::Status OpenStatus(os::Access access = os::Access::kReadWrite) {
    return Open(access).status();
  }
  static absl::Status Write(Attachment* attachment, absl::Duration timeout = absl::Seconds(60)) {
    return attachment->AsWriter(timeout,
                                [](const table::WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
                                  table::PutRequest request;
                                  request.key = "k";
                                  request.hash = table::HashKey("k", table.geometry().hash_seed);
                                  return table::Writer(table).Put(request).status();
                                });
  }
  static uint64_t Entries(const table::Table& table) {
    return table.fixed().counters.entries.load();
  }

  test::MadeStore store_;
};

TEST_F(AttachmentTest, GenerationsHaveNamesOfTheirOwn) {
  EXPECT_EQ(GenerationName("s", 0), "s");
  EXPECT_EQ(GenerationName("s", 12), "s.12");
}

TEST_F(AttachmentTest, WritersFollowASupersededStore) {
  const table::WritableTable& first = store_.Make(0);
  const auto attachment = Open().value();
  ASSERT_TRUE(Write(attachment.get()).ok());
  EXPECT_EQ(Entries(first), 1u);

  const table::WritableTable& second = store_.Make(1);
  test::MadeStore::Supersede(first, 1);
  const Attachment::Generation& old = attachment->current();
  ASSERT_TRUE(Write(attachment.get()).ok());
  EXPECT_EQ(Entries(first), 1u);
  EXPECT_EQ(Entries(second), 1u);
  EXPECT_EQ(attachment->current().table().geometry().generation, 1u);
  EXPECT_EQ(Entries(old.table()), 1u) << "the old mapping stays";
}

TEST_F(AttachmentTest, OpensTheNewestGeneration) {
  test::MadeStore::Supersede(store_.Make(0), 2);
  test::MadeStore::Supersede(store_.Make(2), 5);
  store_.Make(5);
  for (const os::Access access : {os::Access::kReadOnly, os::Access::kReadWrite}) {
    const auto attachment = Open(access);
    ASSERT_TRUE(attachment.ok()) << attachment.status();
    EXPECT_EQ((*attachment)->current().table().geometry().generation, 5u);
  }
}

TEST_F(AttachmentTest, RefusesAMappingThatIsNotTheGenerationItIsNamedFor) {
  const table::WritableTable& first = store_.Make(0);
  const auto attachment = Open().value();
  store_.Make(1, [](table::Geometry* geometry) { geometry->generation = 7; });
  test::MadeStore::Supersede(first, 1);
  const absl::Status status = Write(attachment.get());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("generation 1"));
}

TEST_F(AttachmentTest, RefusesGenerationsThatDoNotRise) {
  const table::WritableTable& first = store_.Make(0);
  test::MadeStore::Supersede(first, 0);
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
}

TEST_F(AttachmentTest, SaysSoIfTheNextGenerationIsMissing) {
  const table::WritableTable& first = store_.Make(0);
  const auto attachment = Open().value();
  test::MadeStore::Supersede(first, 3);
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
  const absl::Status status = Write(attachment.get());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("generation 3"));
}

TEST_F(AttachmentTest, WritersWaitWhileTheStoreIsSealed) {
  const table::WritableTable& table = store_.Make(0);
  const auto attachment = Open().value();
  SetState(table, table::State::kSealed);
  EXPECT_EQ(Write(attachment.get(), absl::Milliseconds(5)).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(attachment->current().Readable());
  std::thread unseals([&] { SetState(table, table::State::kServing); });
  EXPECT_TRUE(Write(attachment.get()).ok());
  unseals.join();
}

// Only hostile bytes do this: the daemon supersedes a store with its lock held.
TEST_F(AttachmentTest, AStateThatChangesUnderTheLockLeavesTheResult) {
  store_.Make(0);
  const auto attachment = Open().value();
  const absl::StatusOr<int> result = attachment->AsWriter(
      absl::Seconds(60), [](const table::WritableTable& table) -> absl::StatusOr<int> {
        test::MadeStore::Supersede(table, 1);
        return 7;
      });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 7);
}

TEST_F(AttachmentTest, TellsShutDownFromDamaged) {
  const table::WritableTable& table = store_.Make(0);
  const auto attachment = Open().value();
  SetState(table, table::State::kRetired);
  EXPECT_EQ(Write(attachment.get()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(attachment->Follow(attachment->current()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kNotFound);
  SetState(table, table::State::kPoisoned);
  EXPECT_EQ(Write(attachment.get()).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
}

TEST_F(AttachmentTest, RefusesAStoreOnAnotherBootClock) {
  store_.Make(0, [](table::Geometry* geometry) {
    geometry->clock_offset_ns += absl::ToInt64Nanoseconds(absl::Hours(24));
  });
  for (const os::Access access : {os::Access::kReadOnly, os::Access::kReadWrite}) {
    const absl::Status status = OpenStatus(access);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(status.message()), HasSubstr("24h ahead of this process's"));
  }
}

TEST_F(AttachmentTest, RefusesToWriteWithoutAFeatureThatWritersNeed) {
  const table::WritableTable& table = store_.Make(0);
  table::FixedPart& fixed = table.mutable_fixed();
  fixed.regions.required_to_write |= 1;
  table::Sign(&fixed);
  EXPECT_TRUE(OpenStatus(os::Access::kReadOnly).ok());
  const absl::Status status = OpenStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("(eviction)"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--fresh"));
}

}  // namespace
}  // namespace cubby::attach

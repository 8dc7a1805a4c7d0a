#include "attach/attachment.h"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lock/writer_lock.h"
#include "os/mapping.h"
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

// The state is "serving" whenever the writer looks at it without the lock, and "sealed" whenever it
// looks with the lock: the writer takes that over, each time, from an owner that does not live, and
// asks whether it does just before.
TEST_F(AttachmentTest, WritersGiveUpIfTheStateChangesAtEachLook) {
  constexpr int kEnough = 2 * kMaxLooks;  // then the state stays, so that the test ends
  const table::WritableTable& table = store_.Make(0);
  const auto lock_at = [&](const table::WritableTable& where, uint32_t seat,
                           lock::WriterLock::IsHeld is_held) {
    table::FixedPart& fixed = where.mutable_fixed();
    return lock::WriterLock::OpenAt(store_.name(), seat, std::move(is_held), &fixed.lock.lock,
                                    &fixed.incarnations)
        .value();
  };
  const auto owner = lock_at(table, 1, [](uint32_t) { return true; });
  os::Mapping mapping = os::Mapping::Open(store_.name(), os::Access::kReadWrite).value();
  MappedTable mapped = MappedTable::Adopt(&mapping, Guard::kNone).value();
  std::atomic<int> takeovers{0};
  auto lock = lock_at(mapped.table(), 2, [&](uint32_t) {
    if (takeovers < kEnough) SetState(table, table::State::kSealed);
    ++takeovers;
    return false;
  });
  Attachment attachment(store_.name(), std::move(mapped), std::move(lock));

  ASSERT_TRUE(owner->Acquire(absl::InfiniteDuration()).ok());
  std::atomic<bool> done{false};
  std::thread overwrites([&] {
    for (int turn = 0; turn < kEnough; ++turn) {
      while (takeovers == turn && !done) std::this_thread::yield();
      if (done) return;
      EXPECT_TRUE(owner->Acquire(absl::InfiniteDuration()).ok());
      SetState(table, table::State::kServing);
    }
  });
  const absl::Status status = Write(&attachment, absl::InfiniteDuration());
  done = true;
  overwrites.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("its state changed at each of 64 looks"));
  EXPECT_EQ(takeovers, kMaxLooks);
  EXPECT_EQ(Entries(table), 0u);
}

TEST_F(AttachmentTest, OpensEndWhileTheStateChangesAllTheTime) {
  const table::WritableTable& table = store_.Make(0);
  std::atomic<bool> done{false};
  std::thread overwrites([&] {
    while (!done) {
      SetState(table, table::State::kPoisoned);
      SetState(table, table::State::kServing);
    }
  });
  for (int i = 0; i < 1000; ++i) {
    const absl::Status status = OpenStatus(os::Access::kReadOnly);
    EXPECT_TRUE(status.ok() || absl::IsUnavailable(status) || absl::IsDataLoss(status)) << status;
  }
  done = true;
  overwrites.join();
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
  fixed.regions.required_to_write |= 8;
  table::Sign(&fixed);
  EXPECT_TRUE(OpenStatus(os::Access::kReadOnly).ok());
  const absl::Status status = OpenStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("(near-cache)"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--fresh"));
}

}  // namespace
}  // namespace cubby::attach

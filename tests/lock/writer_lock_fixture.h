// A store's lock, in a real mapping, for tests: the words, a counter they guard, and handles on the
// lock.
#ifndef CUBBY_TESTS_LOCK_WRITER_LOCK_FIXTURE_H_
#define CUBBY_TESTS_LOCK_WRITER_LOCK_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "os/mapping.h"
#include "tests/support/subprocess.h"

namespace cubby::lock {

struct LockedMemory {
  LockWords lock;
  uint64_t counter;  // guarded by the lock, and not atomic
  IncarnationTable incarnations;
};

inline LockedMemory* MemoryIn(const os::Mapping& mapping) {
  return reinterpret_cast<LockedMemory*>(mapping.data());
}

inline absl::StatusOr<std::unique_ptr<WriterLock>> OpenLock(const std::string& store,
                                                            LockedMemory* memory) {
  absl::StatusOr<std::unique_ptr<Seats>> seats = Seats::Open(store);
  if (!seats.ok()) return seats.status();
  return WriterLock::Open(store, *std::move(seats), &memory->lock, &memory->incarnations);
}

class WriterLockFixture : public testing::Test {
 protected:
  void SetUp() override {
    bool created = false;
    auto daemon = Seats::OpenForDaemon(store_, 0600, &created);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
    auto mapping = os::Mapping::Create(store_, sizeof(LockedMemory), 0600);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    mapping_ = *std::move(mapping);
    memory_ = MemoryIn(mapping_);
    lock_ = Open();
    ASSERT_NE(lock_, nullptr);
  }
  void TearDown() override {
    EXPECT_TRUE(os::Mapping::Remove(store_).ok());
    EXPECT_TRUE(Seats::Remove(store_).ok());
  }

  std::unique_ptr<WriterLock> Open() {
    auto lock = OpenLock(store_, memory_);
    EXPECT_TRUE(lock.ok()) << lock.status();
    return lock.ok() ? *std::move(lock) : nullptr;
  }

  const std::string store_ = test::UniqueStoreName("lock");
  std::unique_ptr<Seats> daemon_;
  os::Mapping mapping_;
  LockedMemory* memory_ = nullptr;
  std::unique_ptr<WriterLock> lock_;
};

}  // namespace cubby::lock

#endif  // CUBBY_TESTS_LOCK_WRITER_LOCK_FIXTURE_H_

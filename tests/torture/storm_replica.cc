#include "tests/torture/storm_replica.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace cubby::test {

StormReplica::StormReplica(Store* store) : store_(*store) {
  absl::StatusOr<std::unique_ptr<Watcher>> watcher = store_.Watch({});
  EXPECT_TRUE(watcher.ok()) << watcher.status();
  if (!watcher.ok()) return;
  watcher_ = *std::move(watcher);
  ReadAll();
  thread_ = std::thread([this] { FollowUntilStopped(); });
}

StormReplica::~StormReplica() {
  stopped_ = true;
  if (thread_.joinable()) thread_.join();
}

void StormReplica::ReadAll() {
  revisions_.clear();
  const auto take = [this](absl::string_view key, absl::string_view, const Entry& entry) {
    revisions_[std::string(key)] = entry.revision;
    return true;
  };
  absl::Status status;
  do {
    status = store_.ForEach(take);
  } while (absl::IsUnavailable(status));  // contended
  EXPECT_TRUE(status.ok()) << status;
}

void StormReplica::Take(const Change& change) {
  ++told_;
  uint64_t& revision = revisions_[change.key];
  // ReadAll() may have met what the change has made, or what came after it.
  if (revision <= change.revision) {
    if (change.kind == Change::Kind::kPut) {
      revision = change.revision;
    } else {
      revisions_.erase(change.key);
    }
  }
}

void StormReplica::FollowUntilStopped() {
  Change change;
  while (!stopped_) {
    const absl::Status status = watcher_->Next(&change, absl::Milliseconds(100));
    if (status.ok()) {
      Take(change);
    } else if (absl::IsOutOfRange(status)) {
      ++losses_;
      ReadAll();
    } else {
      ASSERT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    }
  }
}

void StormReplica::ExpectEqual() {
  stopped_ = true;
  if (thread_.joinable()) thread_.join();
  if (watcher_ == nullptr) return;
  Change change;
  absl::Status status;
  while ((status = watcher_->Next(&change, absl::ZeroDuration())).ok()) Take(change);
  if (absl::IsOutOfRange(status)) return;  // equal, once it reads all
  ASSERT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  const std::map<std::string, uint64_t> kept = std::exchange(revisions_, {});
  ReadAll();
  EXPECT_EQ(kept, revisions_);
}

}  // namespace cubby::test

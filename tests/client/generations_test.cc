// A store that moves to another generation while it is open: every call goes on in the new one.
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "table/table.h"
#include "tests/attach/made_store.h"

namespace cubby {
namespace {

class GenerationsTest : public ::testing::Test {
 protected:
  // Moves the store to an empty next generation.
  void MoveOn() {
    const table::WritableTable& next = made_.Make(number_ + 1);
    test::MadeStore::Supersede(*table_, ++number_);
    table_ = &next;
  }

  test::MadeStore made_;
  uint64_t number_ = 0;
  const table::WritableTable* table_ = &made_.Make(0);
  std::unique_ptr<Store> store_ = Store::Open(made_.name()).value();
};

TEST_F(GenerationsTest, EachCallFollows) {
  std::string value;
  ASSERT_TRUE(store_->Put("k", "first").ok());
  MoveOn();
  EXPECT_TRUE(absl::IsNotFound(store_->Get("k", &value).status())) << "the next one is empty";
  MoveOn();
  ASSERT_TRUE(store_->Put("k", "third").ok());
  EXPECT_TRUE(store_->Get("k", &value).ok());
  EXPECT_EQ(value, "third");
  MoveOn();
  EXPECT_TRUE(absl::IsNotFound(store_->Delete("k")));
  MoveOn();
  EXPECT_FALSE(store_->Contains("k").value());
}

TEST_F(GenerationsTest, BatchesFollow) {
  const std::vector<absl::string_view> keys = {"a", "b", "c"};
  std::vector<absl::StatusOr<uint64_t>> revisions(3);
  std::vector<absl::StatusOr<Entry>> entries(3);
  std::vector<std::string> values(3);
  MoveOn();
  ASSERT_TRUE(store_->MultiPut(keys, keys, absl::MakeSpan(revisions)).ok());
  for (const auto& revision : revisions) EXPECT_TRUE(revision.ok()) << revision.status();
  ASSERT_TRUE(store_->MultiGet(keys, absl::MakeSpan(values), absl::MakeSpan(entries)).ok());
  EXPECT_EQ(values[2], "c");
  MoveOn();
  ASSERT_TRUE(store_->MultiGet(keys, absl::MakeSpan(values), absl::MakeSpan(entries)).ok());
  for (const auto& entry : entries) EXPECT_TRUE(absl::IsNotFound(entry.status()));
}

TEST_F(GenerationsTest, AnIterationSaysThatItMustBeginAgain) {
  ASSERT_TRUE(store_->Put("k", "v").ok());
  MoveOn();
  const auto visit = [](absl::string_view, absl::string_view, const Entry&) { return true; };
  EXPECT_TRUE(absl::IsUnavailable(store_->ForEach(visit)));
  EXPECT_TRUE(store_->ForEach(visit).ok());
}

}  // namespace
}  // namespace cubby

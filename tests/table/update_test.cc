#include "table/update.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::HasSubstr;

class UpdateTest : public ::testing::Test {
 protected:
  absl::StatusOr<uint64_t> Do(const Update& update) { return buffer_.Do("k", update); }
  absl::StatusOr<uint64_t> Add(int64_t addend, absl::optional<int64_t> initial = absl::nullopt) {
    Update update;
    update.kind = UpdateKind::kAddNumber;
    update.addend = addend;
    update.initial = initial;
    update.result = &result_;
    return Do(update);
  }
  absl::StatusOr<uint64_t> Append(absl::string_view value) {
    Update update;
    update.kind = UpdateKind::kAppend;
    update.value = value;
    update.result = &result_;
    return Do(update);
  }

  TableBuffer buffer_{TinyOptions()};
  std::string result_;
};

TEST_F(UpdateTest, CompareAndSetNeedsTheRevision) {
  Update update;
  update.kind = UpdateKind::kCompareAndSet;
  update.value = "new";
  update.if_revision = 1;
  EXPECT_EQ(Do(update).status().code(), absl::StatusCode::kNotFound);
  const uint64_t revision = buffer_.Put("k", "old").value();
  update.if_revision = revision + 1;
  EXPECT_EQ(Do(update).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(buffer_.Get("k"), "old");
  update.if_revision = revision;
  EXPECT_TRUE(Do(update).ok());
  EXPECT_EQ(buffer_.Get("k"), "new");
  EXPECT_EQ(Do(update).status().code(), absl::StatusCode::kAborted) << "a revision serves once";
}

TEST_F(UpdateTest, AddsToANumberOrStartsAtTheInitialOne) {
  EXPECT_EQ(Add(5).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Add(5, 10).ok());
  EXPECT_EQ(buffer_.Get("k"), "10");
  ASSERT_TRUE(Add(5, 10).ok());
  EXPECT_EQ(buffer_.Get("k"), "15");
  ASSERT_TRUE(Add(-20).ok());
  EXPECT_EQ(buffer_.Get("k"), "-5");
  EXPECT_EQ(result_, "-5");
}

TEST_F(UpdateTest, ASumBeyond64BitsIsAnErrorAndChangesNothing) {
  for (const int64_t end :
       {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    ASSERT_TRUE(buffer_.Put("k", absl::StrCat(end)).ok());
    const absl::Status status = Add(end < 0 ? -1 : 1).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(std::string(status.message()), HasSubstr("64 bits"));
    EXPECT_EQ(buffer_.Get("k"), absl::StrCat(end));
    EXPECT_TRUE(Add(0).ok());
  }
}

TEST_F(UpdateTest, OnlyAPlainNumberIsAddedTo) {
  for (const char* value :
       {"", "x", " 1", "1 ", "+1", "01", "1.5", "0x1", "-", "-0", "9223372036854775808", "1\n"}) {
    ASSERT_TRUE(buffer_.Put("k", value).ok());
    EXPECT_EQ(Add(1).status().code(), absl::StatusCode::kFailedPrecondition) << value;
    EXPECT_EQ(buffer_.Get("k"), value);
  }
}

TEST_F(UpdateTest, AppendsInlineAndAcrossExtents) {
  std::string expected;
  for (int i = 0; expected.size() + 50 <= 400; ++i) {
    const std::string piece(50, static_cast<char>('a' + i));
    expected += piece;
    ASSERT_TRUE(Append(piece).ok());
    EXPECT_EQ(buffer_.Get("k"), expected);
    EXPECT_EQ(result_, expected);
  }
  EXPECT_EQ(Append("x").status().code(), absl::StatusCode::kOutOfRange) << "400 is the limit";
  EXPECT_EQ(buffer_.Get("k"), expected);
}

TEST_F(UpdateTest, KeepsTheExpiryOfAnEntryIfToldTo) {
  ASSERT_TRUE(buffer_.Put("k", "v", UpdateKind::kSet, /*expiry_ns=*/1000, /*now_ns=*/1).ok());
  Update update;
  update.value = "w";
  update.expiry_ns = 2000;
  update.keep_expiry = true;
  ASSERT_TRUE(Do(update).ok());
  EXPECT_EQ(buffer_.SlotOf("k")->expiry_ns.load(), 1000u);
  ASSERT_TRUE(buffer_.Do("k", update, /*now_ns=*/1000).ok()) << "an expired entry has none to keep";
  EXPECT_EQ(buffer_.SlotOf("k")->expiry_ns.load(), 2000u);
}

TEST_F(UpdateTest, AnExpiredEntryIsAbsentToEveryCondition) {
  ASSERT_TRUE(buffer_.Put("k", "7", UpdateKind::kSet, /*expiry_ns=*/10, /*now_ns=*/1).ok());
  Update update;
  update.result = &result_;
  for (const UpdateKind kind :
       {UpdateKind::kReplace, UpdateKind::kCompareAndSet, UpdateKind::kAddNumber}) {
    update.kind = kind;
    update.if_revision = 1;
    EXPECT_EQ(buffer_.Do("k", update, /*now_ns=*/10).status().code(), absl::StatusCode::kNotFound);
  }
  update.kind = UpdateKind::kAppend;
  update.value = "new";
  ASSERT_TRUE(buffer_.Do("k", update, /*now_ns=*/10).ok());
  EXPECT_EQ(result_, "new");
}

}  // namespace
}  // namespace cubby::table

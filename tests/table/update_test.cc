#include "table/update.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/writer.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
    EXPECT_EQ(Add(1).status().code(), absl::StatusCode::kInvalidArgument) << value;
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

TEST_F(UpdateTest, ATouchChangesTheExpiryAndTheRevisionOnly) {
  Update touch;
  touch.kind = UpdateKind::kTouch;
  touch.expiry_ns = 2000;
  touch.result = &result_;
  EXPECT_EQ(Do(touch).status().code(), absl::StatusCode::kNotFound);
  for (const size_t bytes : {0, 5, 300}) {
    const std::string value(bytes, 'v');
    const uint64_t before = buffer_.Put("k", value, UpdateKind::kSet, /*expiry_ns=*/1000).value();
    EXPECT_GT(Do(touch).value(), before);
    EXPECT_EQ(result_, value);
    EXPECT_EQ(buffer_.SlotOf("k")->expiry_ns.load(), 2000u);
    touch.expiry_ns = 0;
    ASSERT_TRUE(Do(touch).ok());
    EXPECT_EQ(buffer_.Get("k"), value) << "without an expiry it is there now";
    touch.expiry_ns = 2000;
  }
  EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty());
}

TEST_F(UpdateTest, AnExchangeReturnsWhatItReplaces) {
  Existing replaced;
  Update exchange;
  exchange.kind = UpdateKind::kExchange;
  exchange.result = &result_;
  exchange.replaced = &replaced;
  std::string before;
  uint64_t revision = 0;
  for (const size_t bytes : {5, 300, 0, 400}) {
    const std::string value(bytes, static_cast<char>('a' + bytes % 26));
    exchange.value = value;
    result_ = "of before";
    const absl::StatusOr<uint64_t> exchanged = Do(exchange);
    ASSERT_TRUE(exchanged.ok()) << exchanged.status();
    EXPECT_EQ(result_, before);
    EXPECT_EQ(replaced.visible, revision != 0);
    EXPECT_EQ(replaced.revision, revision);
    EXPECT_EQ(buffer_.Get("k"), value);
    before = value;
    revision = *exchanged;
  }
}

TEST_F(UpdateTest, TakingReturnsWhatItDeletes) {
  const lock::HeldWriterRole role;
  Writer writer(buffer_.table(), [] { return uint64_t{10}; });
  EXPECT_TRUE(absl::IsNotFound(writer.Take("k", buffer_.Hash("k"), &result_).status()));
  for (const size_t bytes : {0, 5, 300}) {
    const std::string value(bytes, 'v');
    const uint64_t revision = buffer_.Put("k", value, UpdateKind::kSet, /*expiry_ns=*/11).value();
    const absl::StatusOr<Existing> taken = writer.Take("k", buffer_.Hash("k"), &result_);
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_EQ(result_, value);
    EXPECT_EQ(taken->revision, revision);
    EXPECT_EQ(taken->expiry_ns, 11u);
    EXPECT_EQ(buffer_.Get("k"), "<not found>");
  }
  ASSERT_TRUE(buffer_.Put("k", "v", UpdateKind::kSet, /*expiry_ns=*/10).ok());
  EXPECT_TRUE(absl::IsNotFound(writer.Take("k", buffer_.Hash("k"), &result_).status()))
      << "it has expired";
  EXPECT_EQ(buffer_.SlotOf("k"), nullptr);
  EXPECT_EQ(Check(buffer_.table()).extents_in_use, 0u);
}

TEST_F(UpdateTest, ADamagedValueIsNotTakenAndStays) {
  ASSERT_TRUE(buffer_.Put("k", std::string(300, 'v')).ok());
  SlotHead& slot = *buffer_.SlotOf("k");
  const uint64_t sequence = slot.sequence.load();
  slot.sequence.store(sequence + 2);  // not that of its extents
  const lock::HeldWriterRole role;
  EXPECT_TRUE(
      absl::IsDataLoss(Writer(buffer_.table()).Take("k", buffer_.Hash("k"), &result_).status()));
  EXPECT_TRUE(absl::IsDataLoss(Append("x").status()));
  slot.sequence.store(sequence);
  EXPECT_EQ(buffer_.Get("k"), std::string(300, 'v'));
}

TEST_F(UpdateTest, AnExpiredEntryIsAbsentToEveryCondition) {
  ASSERT_TRUE(buffer_.Put("k", "7", UpdateKind::kSet, /*expiry_ns=*/10, /*now_ns=*/1).ok());
  Update update;
  update.result = &result_;
  for (const UpdateKind kind : {UpdateKind::kReplace, UpdateKind::kCompareAndSet,
                                UpdateKind::kAddNumber, UpdateKind::kTouch}) {
    update.kind = kind;
    update.if_revision = 1;
    EXPECT_EQ(buffer_.Do("k", update, /*now_ns=*/10).status().code(), absl::StatusCode::kNotFound);
  }
  Existing replaced;
  update.kind = UpdateKind::kExchange;
  update.replaced = &replaced;
  update.expiry_ns = 10;
  ASSERT_TRUE(buffer_.Do("k", update, /*now_ns=*/10).ok());
  EXPECT_FALSE(replaced.visible);
  EXPECT_EQ(result_, "");
  update.kind = UpdateKind::kAppend;
  update.value = "new";
  ASSERT_TRUE(buffer_.Do("k", update, /*now_ns=*/10).ok());
  EXPECT_EQ(result_, "new");
}

}  // namespace
}  // namespace cubby::table

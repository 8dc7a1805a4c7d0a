#include "base/store_name.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cubby::base {
namespace {

TEST(StoreNameTest, TakesLowerCaseDigitsDashAndUnderscore) {
  for (const std::string name : {"a", "0", "-", "_", "jobs-2_x", "nul"}) {
    EXPECT_TRUE(ValidateStoreName(name).ok()) << name;
  }
  EXPECT_TRUE(ValidateStoreName(std::string(kMaxStoreNameBytes, 'a')).ok());
}

TEST(StoreNameTest, RefusesWhatIsNotANameEverywhere) {
  for (const std::string name :
       {"", "Jobs", "a.b", "a/b", "a\\b", "..", "a b", "\xc3\xa4", "a\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ValidateStoreName(name))) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ValidateStoreName(std::string("a\0b", 3))));
}

TEST(StoreNameTest, TooLongNamesTheLimit) {
  const absl::Status status = ValidateStoreName(std::string(kMaxStoreNameBytes + 1, 'a'));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("1 to 64"));
}

TEST(StoreNameTest, TooLongIsNotShownAsIfWhole) {
  EXPECT_EQ(ValidateStoreName(std::string(65, 'a')).message(),
            "bad store name '" + std::string(64, 'a') +
                "...' (65 bytes): use 1 to 64 of a-z, 0-9, '-' and '_'");
  EXPECT_EQ(ValidateStoreName(std::string(64, 'A')).message(),
            "bad store name '" + std::string(64, 'A') + "': use 1 to 64 of a-z, 0-9, '-' and '_'");
}

TEST(StoreNameTest, MessageIsOneLineWhateverTheName) {
  EXPECT_THAT(std::string(ValidateStoreName("a\nb").message()),
              testing::Not(testing::HasSubstr("\n")));
}

TEST(StoreNameTest, GenerationsAreToldByTheirNumber) {
  const auto first = ParseGenerationName("jobs");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->store, "jobs");
  EXPECT_EQ(first->number, 0u);
  const auto later = ParseGenerationName("jobs.18446744073709551615");
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->store, "jobs");
  EXPECT_EQ(later->number, 18446744073709551615u);
}

TEST(StoreNameTest, OtherNamesAreNoGenerations) {
  for (const char* name : {"", ".1", "Jobs", "jobs.", "jobs.0", "jobs.01", "jobs.+1", "jobs. 1",
                           "jobs.1.2", "jobs.lock", "jobs.18446744073709551616", "jobs.-1"}) {
    EXPECT_FALSE(ParseGenerationName(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace cubby::base

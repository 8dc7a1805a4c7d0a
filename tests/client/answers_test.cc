// Answers of a daemon that is newer or older than the library, or no daemon.
#include "client/answers.h"

#include <string>
#include <variant>

#include "gtest/gtest.h"

namespace cubby {
namespace {

control::Number* AddNumber(const std::string& name, uint64_t value,
                           control::StatsResponse* answer) {
  control::Number* number = answer->add_numbers();
  number->set_name(name);
  number->set_value(value);
  return number;
}

TEST(AnswersTest, NumbersOfANewerDaemonAreKeptWithTheirDescription) {
  control::StatsResponse answer;
  AddNumber("puts", 3, &answer);
  control::Number* newer = AddNumber("hits", 4, &answer);
  newer->set_kind(control::Number::COUNTER);
  newer->set_unit("gets");
  newer->set_help("Gets that found their key");
  const absl::StatusOr<DaemonStats> stats = StatsFrom(answer);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->store.puts, 3u);
  ASSERT_EQ(stats->numbers.size(), 2u);
  EXPECT_EQ(stats->numbers[1].name, "hits");
  EXPECT_EQ(stats->numbers[1].kind, NumberKind::kCounter);
  EXPECT_EQ(stats->numbers[1].unit, "gets");
  EXPECT_EQ(stats->numbers[1].help, "Gets that found their key");
  EXPECT_EQ(stats->numbers[1].value, 4u);
}

TEST(AnswersTest, NumbersThatAnOlderDaemonDoesNotCountAreZeroAndNotListed) {
  control::StatsResponse answer;
  AddNumber("requests", 7, &answer);
  const absl::StatusOr<DaemonStats> stats = StatsFrom(answer);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->daemon.requests, 7u);
  EXPECT_EQ(stats->store.puts, 0u);
  EXPECT_EQ(stats->numbers.size(), 1u);
}

TEST(AnswersTest, KindThatIsNoneIsUnknown) {
  control::StatsResponse answer;
  AddNumber("puts", 1, &answer)->set_kind(static_cast<control::Number::Kind>(77));
  EXPECT_EQ(StatsFrom(answer)->numbers[0].kind, NumberKind::kUnknown);
}

TEST(AnswersTest, PropertiesAreNumbersOrTexts) {
  control::InfoResponse answer;
  control::Property* property = answer.add_properties();
  property->set_name("ways");
  property->set_number(16);
  property = answer.add_properties();
  property->set_name("full_policy");
  property->set_text("reject");
  answer.add_properties()->set_name("valueless");
  const absl::StatusOr<DaemonInfo> info = InfoFrom(answer);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(NumberIn(info->properties, "ways"), 16u);
  EXPECT_EQ(NumberIn(info->properties, "full_policy"), absl::nullopt);
  EXPECT_EQ(NumberIn(info->properties, "bucket_count"), absl::nullopt);
  EXPECT_EQ(std::get<std::string>(info->properties[1].value), "reject");
  EXPECT_EQ(std::get<std::string>(info->properties[2].value), "");
}

TEST(AnswersTest, NameThatCouldNotBePrintedIsRefused) {
  for (const char* name : {"", "a b", "a\nb", "a\"b", "Puts", "\x1b[0m", "p\xc3\xbcts"}) {
    control::StatsResponse stats;
    AddNumber(name, 1, &stats);
    EXPECT_EQ(StatsFrom(stats).status().code(), absl::StatusCode::kInternal) << name;
    control::InfoResponse info;
    info.add_properties()->set_name(name);
    EXPECT_EQ(InfoFrom(info).status().code(), absl::StatusCode::kInternal) << name;
  }
}

}  // namespace
}  // namespace cubby

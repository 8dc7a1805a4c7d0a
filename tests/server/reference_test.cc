// docs/reference.md lists what the programs' tables list, no more and no less.
//
// After a change of a table, write the page anew:
//   CUBBY_WRITE_REFERENCE=1 build/release/tests/reference_test
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/options.h"
#include "tests/server/server_fixture.h"

namespace cubby {
namespace {

const char* NameOf(NumberKind kind) { return kind == NumberKind::kCounter ? "counter" : "gauge"; }

std::string NumbersTable(const std::vector<Number>& numbers) {
  std::string table = "| name | kind | unit | meaning |\n|---|---|---|---|\n";
  for (const Number& number : numbers) {
    absl::StrAppend(&table, "| `", number.name, "` | ", NameOf(number.kind), " | ", number.unit,
                    " | ", number.help, " |\n");
  }
  return table;
}

std::string PropertiesTable(const std::vector<Property>& properties) {
  std::string table = "| name | unit | meaning |\n|---|---|---|\n";
  for (const Property& property : properties) {
    absl::StrAppend(&table, "| `", property.name, "` | ", property.unit, " | ", property.help,
                    " |\n");
  }
  return table;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

std::string OptionsTable() {
  std::string table =
      "| flag | environment | key | value | default | meaning |\n|---|---|---|---|---|---|\n";
  const auto code = [](const std::string& text) {
    return text.empty() ? "" : absl::StrCat("`", text, "`");
  };
  for (const server::OptionDescription& option : server::DescribeOptions()) {
    absl::StrAppend(&table, "| ", code(option.flag), " | ", code(option.environment), " | ",
                    code(option.key), " | ", option.type, " | ", option.fallback, " | ",
                    option.help, " |\n");
  }
  return table;
}

using ReferenceTest = test::ServerFixture;

// `page` with `table` in place of what it has between the marks called `name`.
std::string WithTable(const std::string& page, const std::string& name, const std::string& table) {
  const std::string begin = absl::StrCat("<!-- ", name, " -->\n");
  const std::string end = absl::StrCat("<!-- end of ", name, " -->\n");
  const size_t from = page.find(begin);
  const size_t to = page.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    ADD_FAILURE() << "the page has no marks called " << name;
    return page;
  }
  return absl::StrCat(page.substr(0, from + begin.size()), table, page.substr(to));
}

TEST_F(ReferenceTest, PageListsEveryNumberPropertyAndOption) {
  ASSERT_TRUE(StartDaemon());
  const auto admin = Connect();
  ASSERT_TRUE(admin);
  const std::string page = ReadFile(CUBBY_REFERENCE);
  std::string expected = WithTable(page, "numbers", NumbersTable(admin->Stats()->numbers));
  expected = WithTable(expected, "properties", PropertiesTable(admin->Info()->properties));
  expected = WithTable(expected, "options", OptionsTable());
  if (std::getenv("CUBBY_WRITE_REFERENCE") != nullptr) {
    std::ofstream(CUBBY_REFERENCE, std::ios::binary) << expected;
    return;
  }
  EXPECT_EQ(page, expected) << "write it anew: CUBBY_WRITE_REFERENCE=1 reference_test";
}

}  // namespace
}  // namespace cubby

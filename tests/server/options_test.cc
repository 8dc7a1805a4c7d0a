// Where cubbyd's options come from: flags, the environment, a configuration file.
#include "server/options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config_file.h"
#include "tests/support/subprocess.h"

namespace cubby::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest()
      : config_((std::filesystem::temp_directory_path() / test::UniqueStoreName("cubby-config"))
                    .string()) {}
  ~OptionsTest() override {
    for (const std::string& variable : variables_) Put(absl::StrCat(variable, "="));
    std::error_code ignored;
    std::filesystem::remove(config_, ignored);
  }

  void SetVariable(const std::string& name, const std::string& value) {
    variables_.push_back(name);
    Put(absl::StrCat(name, "=", value));
  }
  void WriteConfig(const std::string& text) const {
    std::ofstream(config_, std::ios::binary) << text;
  }
  const std::string& config() const { return config_; }

  // The options that the words, the environment and the file give; fails the test if there are
  // none.
  static Options Parse(const std::vector<std::string>& words) {
    const auto parsed = ParseOptions(words);
    EXPECT_TRUE(std::holds_alternative<Options>(parsed));
    return std::holds_alternative<Options>(parsed) ? std::get<Options>(parsed) : Options();
  }
  // What is printed of options that are refused as wrong usage.
  static std::string ErrorOf(const std::vector<std::string>& words) {
    ::testing::internal::CaptureStderr();
    const auto parsed = ParseOptions(words);
    const std::string error = ::testing::internal::GetCapturedStderr();
    const auto* code = std::get_if<program::ExitCode>(&parsed);
    EXPECT_TRUE(code != nullptr && *code == program::ExitCode::kUsage) << error;
    EXPECT_EQ(error.find('\n'), error.size() - 1) << error;
    return error;
  }

 private:
  // putenv(), which every system has, keeps the string.
  static void Put(const std::string& assignment) {
    static auto* const kept = new std::vector<std::unique_ptr<std::string>>;
    kept->push_back(std::make_unique<std::string>(assignment));
    putenv(kept->back()->data());
  }

  const std::string config_;
  std::vector<std::string> variables_;
};

TEST_F(OptionsTest, FlagIsStrongerThanEnvironmentIsStrongerThanFile) {
  WriteConfig("store = infile\ncapacity = 1\nslot-bytes = 100\nmax-value = 1KiB\n");
  SetVariable("CUBBYD_CAPACITY", "2");
  SetVariable("CUBBYD_SLOT_BYTES", "200");
  const Options options = Parse({"--config", config(), "--capacity", "3"});
  EXPECT_EQ(options.capacity, 3u);
  EXPECT_EQ(options.slot_bytes, 200u);
  EXPECT_EQ(options.max_value_bytes, 1024u);
  EXPECT_EQ(options.store, "infile");
  EXPECT_EQ(options.extent_bytes, absl::nullopt);
}

TEST_F(OptionsTest, EveryOptionComesFromTheEnvironmentToo) {
  SetVariable("CUBBYD_STORE", "sessions");
  SetVariable("CUBBYD_CAPACITY", "1000");
  SetVariable("CUBBYD_SLOT_BYTES", "64");
  SetVariable("CUBBYD_MAX_VALUE", "64KiB");
  SetVariable("CUBBYD_EXTENT_POOL", "1MiB");
  SetVariable("CUBBYD_EXTENT_BYTES", "512");
  SetVariable("CUBBYD_FULL", "reject");
  SetVariable("CUBBYD_MODE", "0640");
  SetVariable("CUBBYD_HUGE_PAGES", "off");
  const Options options = Parse({});
  EXPECT_EQ(options.store, "sessions");
  EXPECT_EQ(options.capacity, 1000u);
  EXPECT_EQ(options.slot_bytes, 64u);
  EXPECT_EQ(options.max_value_bytes, 65536u);
  EXPECT_EQ(options.extent_pool_bytes, 1u << 20);
  EXPECT_EQ(options.extent_bytes, 512u);
  EXPECT_EQ(options.mode, 0640u);
  EXPECT_EQ(options.huge_pages, HugePages::kOff);
}

TEST_F(OptionsTest, EveryKeyOfAFileIsAnOptionsName) {
  for (const OptionDescription& option : DescribeOptions()) {
    if (option.key.empty()) continue;
    // Each is refused for its value, and none for its name.
    WriteConfig(absl::StrCat(option.key, " = \"no such thing\"\n"));
    const std::string error = ErrorOf({"--config", config()});
    EXPECT_THAT(error, HasSubstr("'no such thing'"));
    EXPECT_FALSE(absl::StrContains(error, "there is no key")) << error;
  }
}

TEST_F(OptionsTest, EmptyVariableCountsAsNotGiven) {
  SetVariable("CUBBYD_CAPACITY", "");
  EXPECT_EQ(Parse({"--store", "sessions"}).capacity, absl::nullopt);
}

TEST_F(OptionsTest, FreshIsAFlagOnly) {
  SetVariable("CUBBYD_FRESH", "true");
  EXPECT_FALSE(Parse({"--store", "sessions"}).fresh);
  WriteConfig("fresh = true\n");
  EXPECT_THAT(ErrorOf({"--store", "sessions", "--config", config()}),
              HasSubstr("there is no key 'fresh' for "));
}

TEST_F(OptionsTest, KeepOnExitIsAFlagOrTrueOrFalse) {
  EXPECT_FALSE(Parse({"--store", "sessions"}).keep_on_exit);
  EXPECT_TRUE(Parse({"--store", "sessions", "--keep-on-exit"}).keep_on_exit);
  WriteConfig("keep-on-exit = true\n");
  const Options options = Parse({"--store", "sessions", "--config", config()});
  EXPECT_TRUE(options.keep_on_exit);
  WriteConfig("keep-on-exit = false\n");
  EXPECT_FALSE(options.read_again()->keep_on_exit);
  SetVariable("CUBBYD_KEEP_ON_EXIT", "true");
  EXPECT_TRUE(options.read_again()->keep_on_exit);
  SetVariable("CUBBYD_KEEP_ON_EXIT", "perhaps");
  EXPECT_THAT(ErrorOf({"--store", "sessions"}),
              HasSubstr("bad CUBBYD_KEEP_ON_EXIT 'perhaps': use true or false"));
  EXPECT_FALSE(options.read_again().ok());
}

TEST_F(OptionsTest, StoreIsRequired) {
  EXPECT_EQ(ErrorOf({}), "cubbyd: --store is required; see cubbyd --help\n");
}

TEST_F(OptionsTest, ErrorSaysWhereTheValueCameFrom) {
  EXPECT_THAT(ErrorOf({"--store", "s", "--capacity", "many"}),
              HasSubstr("bad size 'many' for --capacity: write it like"));
  SetVariable("CUBBYD_CAPACITY", "many");
  EXPECT_THAT(ErrorOf({"--store", "s"}), HasSubstr("bad size 'many' for CUBBYD_CAPACITY: write"));
  SetVariable("CUBBYD_CAPACITY", "1");
  WriteConfig("mode = 0777\n");
  EXPECT_THAT(ErrorOf({"--store", "s", "--config", config()}),
              HasSubstr(absl::StrCat("bad mode in ", config(), " '0777': use octal digits")));
}

TEST_F(OptionsTest, FileThatCannotBeReadIsRefused) {
  EXPECT_THAT(ErrorOf({"--store", "s", "--config", config()}),
              HasSubstr(absl::StrCat("cannot read --config '", config(), "': ")));
  WriteConfig(std::string((1 << 20) + 1, '\n'));
  EXPECT_THAT(ErrorOf({"--store", "s", "--config", config()}), HasSubstr("it is longer than"));
}

TEST_F(OptionsTest, ByteOrderMarkOfTheFileIsLeftOutAndSaid) {
  WriteConfig("\xef\xbb\xbfstore = marked\r\n");
  ::testing::internal::CaptureStderr();
  const Options options = Parse({"--config", config()});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            absl::StrCat("cubbyd: ", config(), " begins with a byte order mark: left out\n"));
  EXPECT_EQ(options.store, "marked");
}

TEST_F(OptionsTest, Utf16FileIsRefused) {
  WriteConfig(std::string("\xff\xfes\0=\0s\0\r\0\n\0", 12));
  EXPECT_THAT(ErrorOf({"--store", "s", "--config", config()}),
              HasSubstr("': it is UTF-16 text: convert it to UTF-8"));
}

TEST_F(OptionsTest, UnknownKeyIsRefusedNamingThoseThereAre) {
  WriteConfig("capcity = 1\n");
  const std::string error = ErrorOf({"--store", "s", "--config", config()});
  EXPECT_THAT(error, HasSubstr("there is no key 'capcity' for "));
  EXPECT_THAT(error, HasSubstr("store, capacity, slot-bytes"));
}

TEST(ConfigFileTest, LinesAreKeysAndValues) {
  const auto values = ParseConfig("f",
                                  "# a comment\n\n  capacity=1000\r\n"
                                  "max-value = \"64KiB\"  # here too\n"
                                  "mode = '0640'\n; as in an INI file\nhuge-pages = off");
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, UnorderedElementsAre(Pair("capacity", "1000"), Pair("max-value", "64KiB"),
                                            Pair("mode", "0640"), Pair("huge-pages", "off")));
}

TEST(ConfigFileTest, LineWithoutAValueIsRefusedByItsNumber) {
  for (const char* line : {"x", "=", "k ", "capacity", "= 3", "log-level\r"}) {
    const absl::Status status =
        ParseConfig("f", absl::StrCat("mode = 0600\n", line, "\n")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_THAT(std::string(status.message()), HasSubstr("a line that gives no value, 2:")) << line;
  }
}

TEST(ConfigFileTest, SectionsListsAndRepeatedKeysAreRefused) {
  for (const char* text :
       {"[cubbyd]\ncapacity = 1\n", "capacity = 1 2\n", "capacity = [1, 2]\n",
        "capacity = 1\ncapacity = 2\n", "capacity = 1\nmode = 0600\ncapacity = 1\n",
        "a.capacity = 1\n", "capacity = []\n"}) {
    const absl::Status status = ParseConfig("the-file", text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the-file")) << text;
  }
}

}  // namespace
}  // namespace cubby::server

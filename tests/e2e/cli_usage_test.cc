// What the command says to those who get it wrong, and how it is told which store.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The command with no store in its environment.
ExitResult BareCubby(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), ProgramPath("cubby"));
  SubprocessOptions options;
  options.environment = {{"CUBBY_STORE", ""}, {"CUBBY_OWNER", ""}};
  return Run(arguments, options);
}

TEST(CliUsageTest, MistakesAreNamedInOneLineWithAHint) {
  const struct {
    std::vector<std::string> arguments;
    std::string error;
  } cases[] = {
      {{}, "a subcommand is required; see cubby --help"},
      {{"fetch", "k"}, "there is no subcommand 'fetch'; see cubby --help"},
      {{"--jsno", "get", "k"}, "there is no option '--jsno'; see cubby --help"},
      {{"get"}, "KEY is required; see cubby get --help"},
      {{"put", "k"}, "VALUE is required; see cubby put --help"},
      {{"put", "k", "--"}, "VALUE is required; see cubby put --help"},
      {{"exists", "k", "l", "m"}, "unexpected word 'l'; see cubby exists --help"},
      {{"exists", "k", "get"}, "unexpected word 'get'; see cubby exists --help"},
      {{"exists", "k", "--", "-l"}, "unexpected word '-l'; see cubby exists --help"},
      {{"exists", "k\n\xc2\x9b", "l\n\xc2\x9b"},
       "unexpected word 'l\\n\\xc2\\x9b'; see cubby exists --help"},
      {{"get", "k", "--jsno"},
       "there is no option '--jsno': give -- before a key or value that begins with a dash; "
       "see cubby get --help"},
      {{"put", "k", "-v"},
       "there is no option '-v': give -- before a key or value that begins with a dash; "
       "see cubby put --help"},
      {{"ping", "--json"}, "there is no option '--json'; see cubby ping --help"},
      {{"bench", "--threads", "0"},
       "--threads: '0' is not a number from 1 to 1024; see cubby bench --help"},
      {{"bench", "--threads", "\xc2\x9b"},
       "--threads: '\\xc2\\x9b' is not a number from 1 to 1024; see cubby bench --help"},
      {{"bench", "--json=\xc2\x9b"},
       "Could not convert: --json = \\xc2\\x9b; see cubby bench --help"},
      {{"get", "k"}, "no store is named: give --store NAME or set CUBBY_STORE"},
      {{"ping"}, "no store is named: give --store NAME or set CUBBY_STORE"},
      {{"get", "k", "-s"}, "--store takes one value and can be given once; see cubby get --help"},
      {{"get", "k", "-s", "x", "-s", "y"},
       "--store takes one value and can be given once; see cubby get --help"},
      {{"put", "k", "v", "--ttl", "soon", "-s", "x"},
       "--ttl 'soon' is not a duration above 0: give seconds, or a number with ms, s, m, h, d or "
       "w; "
       "see cubby put --help"},
      {{"load", "--ttl=", "--escaped", "-s", "x"},
       "--ttl '' is not a duration above 0: give seconds, or a number with ms, s, m, h, d or w; "
       "see cubby load --help"},
      {{"put", "k", "v", "--ttl", "\x1b", "-s", "x"},
       "--ttl '\\x1b' is not a duration above 0: give seconds, or a number with ms, s, m, h, d or "
       "w; "
       "see cubby put --help"},
      {{"ping", "--timeout", "0", "-s", "x"},
       "--timeout '0' is not a duration above 0: give seconds, or a number with ms, s, m, h, d or "
       "w; "
       "see cubby ping --help"},
      {{"bench", "--seconds", "nan", "-s", "x"},
       "--seconds 'nan' is not a duration above 0: give seconds, or a number with ms, s, m, h, d "
       "or w; "
       "see cubby bench --help"},
      {{"get", "k", "-s", "No.Such"},
       "bad store name 'No.Such': use 1 to 64 of a-z, 0-9, '-' and '_'"},
      {{"ping", "-s", "No.Such"}, "bad store name 'No.Such': use 1 to 64 of a-z, 0-9, '-' and '_'"},
  };
  for (const auto& c : cases) {
    const ExitResult result = BareCubby(c.arguments);
    EXPECT_EQ(result.exit_code, 2) << c.error;
    EXPECT_EQ(result.err, absl::StrCat("cubby: ", c.error, "\n"));
    EXPECT_EQ(result.out, "");
  }
}

TEST(CliUsageTest, EverySubcommandHasHelpWithAnExample) {
  for (const char* subcommand :
       {"get",  "put",    "add",    "replace", "del",   "exists", "scan",  "count",
        "load", "verify", "ping",   "info",    "stats", "flush",  "check", "shutdown",
        "ls",   "clean",  "doctor", "bench",   "trace", "version"}) {
    const ExitResult help = BareCubby({subcommand, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr(absl::StrCat("Usage: cubby ", subcommand)));
    EXPECT_THAT(help.out, ContainsRegex(absl::StrCat("Examples?:\n.*cubby ", subcommand)));
    EXPECT_THAT(help.out, EndsWith("\n"));
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(BareCubby({"--help"}).out, HasSubstr(absl::StrCat("\n  ", subcommand, " ")));
  }
}

TEST(CliUsageTest, EverySubcommandSaysThatThereIsNoSuchStore) {
  const std::string store = UniqueStoreName("none");
  const std::string error =
      absl::StrCat("cubby: no store '", store, "': start one with cubbyd --store ", store, "\n");
  for (std::vector<std::string> arguments :
       std::vector<std::vector<std::string>>{{"get", "k"},
                                             {"put", "k", "v"},
                                             {"add", "k", "v"},
                                             {"replace", "k", "v"},
                                             {"del", "k"},
                                             {"exists", "k"},
                                             {"scan"},
                                             {"count"},
                                             {"load"},
                                             {"verify"},
                                             {"ping"},
                                             {"info"},
                                             {"stats"},
                                             {"flush"},
                                             {"check"},
                                             {"shutdown"},
                                             {"bench"},
                                             {"trace", "-"}}) {
    arguments.insert(arguments.end(), {"--store", store});
    const ExitResult result = BareCubby(arguments);
    EXPECT_EQ(result.exit_code, 3) << arguments[0];
    EXPECT_EQ(result.err, error) << arguments[0];
    EXPECT_EQ(result.out, "") << arguments[0];
  }
}

class CliStoreTest : public DaemonFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(StartDaemon({"--capacity", "10"}));
    ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  }
};

TEST_F(CliStoreTest, IsNamedByOptionOrEnvironment) {
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"get", "k", "-s", store()},
                                             {"get", "--store", store(), "k"},
                                             {"get", "--store=" + store(), "k"},
                                             {"-s", store(), "get", "k"}}) {
    const ExitResult get = BareCubby(arguments);
    EXPECT_EQ(get.exit_code, 0) << get.err;
    EXPECT_EQ(get.out, "v");
  }
}

TEST_F(CliStoreTest, OptionWinsOverEnvironment) {
  EXPECT_EQ(Cubby({"get", "k", "-s", UniqueStoreName("none")}).exit_code, 3);
  EXPECT_EQ(Cubby({"-s", UniqueStoreName("none"), "get", "k"}).exit_code, 3);
}

// "$STORE" of a variable that is not set must not mean what it would mean without the option.
TEST_F(CliStoreTest, EmptyWordsAreNoValues) {
  const std::string empty = ": the value is empty: omit the option or give it a value; see cubby";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"-s", "", "get", "k"}, {"get", "k", "-s", ""}, {"get", "--store=", "k"}}) {
    const ExitResult get = Cubby(arguments);
    EXPECT_EQ(get.exit_code, 2);
    EXPECT_EQ(get.out, "");
    EXPECT_THAT(get.err, StartsWith("cubby: --store" + empty));
  }
  const ExitResult owner = Cubby({"get", "k", "--owner", ""});
  EXPECT_EQ(owner.exit_code, 2);
  EXPECT_THAT(owner.err, StartsWith("cubby: --owner" + empty));
  for (const char* option : {"--ttl", "--timeout"}) {
    const ExitResult put = Cubby({"put", "k", "w", option, ""});
    EXPECT_EQ(put.exit_code, 2);
    EXPECT_THAT(put.err, StartsWith(absl::StrCat("cubby: ", option, " '' is not a duration")));
  }
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(CliStoreTest, OfAnotherOwnerIsNotTrusted) {
  const auto mapping = os::Mapping::Open(store(), os::Access::kReadOnly);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const std::string other = mapping->owner() == "0" ? "1" : mapping->owner() + "1";
  const ExitResult get = Cubby({"get", "k", "--owner", other});
  EXPECT_EQ(get.exit_code, 5);
  EXPECT_EQ(get.out, "");
  EXPECT_THAT(get.err, StartsWith("cubby: store '" + store() + "' belongs to user "));
  EXPECT_EQ(Cubby({"get", "k", "--owner", "any"}).out, "v");
}

TEST_F(CliStoreTest, OwnerThatIsNoUserIsAUsageError) {
  for (const std::string owner : {"root", "007", "-1", "4294967296", "any ", "S-2-1", "a\nb"}) {
    const ExitResult get = Cubby({"get", "k", absl::StrCat("--owner=", owner)});
    EXPECT_EQ(get.exit_code, 2) << owner;
    EXPECT_THAT(get.err, StartsWith("cubby: bad owner '"));
    EXPECT_EQ(get.err.find('\n'), get.err.size() - 1) << get.err;
  }
}

TEST_F(CliStoreTest, HelpOfAWriteSaysWhatAPutWithoutALifetimeDoes) {
  for (const char* name : {"put", "add", "replace"}) {
    EXPECT_THAT(Cubby({name, "--help"}).out, HasSubstr("Without --ttl the entry never expires"));
  }
}

}  // namespace
}  // namespace cubby::test

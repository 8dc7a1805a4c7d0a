// get put add replace del exists, as a user runs them.
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Every byte there is, beginning with a NUL.
std::string AllBytes() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

class CliKeysTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "100"})); }

  // Puts that must work, for what a test needs beforehand.
  void Put(const std::string& key, const std::string& value) {
    const ExitResult put = Cubby({"put", key, "-"}, value);
    ASSERT_EQ(put.exit_code, 0) << put.err;
  }
};

TEST_F(CliKeysTest, GetPrintsTheExactBytes) {
  for (const std::string& value : {std::string(), std::string("ada"), std::string("line\n"),
                                   std::string("\r\n\x1a"), AllBytes()}) {
    Put("k", value);
    const ExitResult get = Cubby({"get", "k"});
    EXPECT_EQ(get.exit_code, 0) << get.err;
    EXPECT_EQ(get.out, value);
  }
}

TEST_F(CliKeysTest, GetOfMissingKeyNamesIt) {
  const ExitResult get = Cubby({"get", "k"});
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_EQ(get.out, "");
  EXPECT_EQ(get.err, "cubby: no such key 'k'\n");
}

TEST_F(CliKeysTest, GetAsJsonTellsTheEntry) {
  Put("k", "say \"hi\"\n");
  const auto json = ParseJson(Cubby({"get", "k", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->at("key"), "k");
  EXPECT_EQ(json->at("value"), "say \"hi\"\n");
  EXPECT_GT(json->at("revision").get<double>(), 0);
  EXPECT_EQ(json->at("ttl_seconds"), nullptr);
}

TEST_F(CliKeysTest, PutTakesTheValueFromTheCommandLine) {
  for (const char* value :
       {"ada", "", "-5", "{}", "[a, b]", "two words", " ", "caf\xc3\xa9", "\xf0\x9f\x90\xbb",
        "\"q\"", "*", "+", "++", "/x", "a=", "put", "get"}) {
    EXPECT_EQ(Cubby({"put", "k", value}).exit_code, 0) << value;
    EXPECT_EQ(Cubby({"get", "k"}).out, value);
  }
}

TEST_F(CliKeysTest, PutTakesTheValueFromAFile) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / UniqueStoreName("cubby-value");
  std::ofstream(file, std::ios::binary) << AllBytes();
  const ExitResult put = Cubby({"put", "k", "@" + file.string()});
  std::filesystem::remove(file);
  EXPECT_EQ(put.exit_code, 0) << put.err;
  EXPECT_EQ(Cubby({"get", "k"}).out, AllBytes());
}

TEST_F(CliKeysTest, PutOfAMissingFileSaysSo) {
  const ExitResult put = Cubby({"put", "k", "@no-such-file"});
  EXPECT_EQ(put.exit_code, 10);
  EXPECT_THAT(put.err, StartsWith("cubby: cannot open 'no-such-file': "));
  EXPECT_EQ(Cubby({"exists", "k"}).exit_code, 1);
}

TEST_F(CliKeysTest, LiteralValuesMayLookLikeInput) {
  for (const char* value : {"-", "@", "@file"}) {
    EXPECT_EQ(Cubby({"put", "k", value, "--literal"}).exit_code, 0);
    EXPECT_EQ(Cubby({"get", "k"}).out, value);
  }
}

TEST_F(CliKeysTest, KeysMayLookLikeAnythingElse) {
  for (const char* key :
       {"get", "put", "/k", "@k", "-5", "+", "++", " ", "k=", "\xf0\x9f\x90\xbb"}) {
    EXPECT_EQ(Cubby({"put", key, "v"}).exit_code, 0) << key;
    EXPECT_EQ(Cubby({"get", key}).out, "v") << key;
  }
}

TEST_F(CliKeysTest, NoWordAfterTheMarkIsAnOption) {
  for (const char* word : {"--help", "-s", "--store=", "get", "/k", "++", "--"}) {
    EXPECT_EQ(Cubby({"put", "--", word, word}).exit_code, 0) << word;
    EXPECT_EQ(Cubby({"get", "--", word}).out, word);
  }
}

TEST_F(CliKeysTest, EscapedNamesKeysThatNoArgumentCanHold) {
  for (const std::string key :
       {"nul\\x00", "two\\nlines", "\\xef\\xbb\\xbfmark", "back\\\\slash"}) {
    EXPECT_EQ(Cubby({"exists", "--escaped", key}).exit_code, 1) << key;
    EXPECT_EQ(Cubby({"add", "--escaped", key, "1\\n"}).exit_code, 0);
    EXPECT_EQ(Cubby({"get", "--escaped", key}).out, "1\\n") << "the value is literal";
    EXPECT_EQ(Cubby({"replace", "--escaped", key, "2"}).exit_code, 0);
    EXPECT_EQ(Cubby({"put", key, "3", "--escaped"}).exit_code, 0);
    EXPECT_EQ(Cubby({"scan"}).out, key + "\t3\n") << "as scan prints it";
    EXPECT_EQ(Cubby({"del", "--escaped", key}).exit_code, 0);
    const ExitResult get = Cubby({"get", "--escaped", key});
    EXPECT_EQ(get.exit_code, 1);
    EXPECT_EQ(get.err, "cubby: no such key '" + key + "'\n");
  }
}

TEST_F(CliKeysTest, UnknownEscapeInAKeyIsAUsageError) {
  for (const char* subcommand : {"get", "del", "exists"}) {
    const ExitResult result = Cubby({subcommand, "--escaped", "a\\q"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, StartsWith("cubby: unknown escape '\\q'"));
  }
}

TEST_F(CliKeysTest, InvisibleCharactersOfAKeyAreShown) {
  EXPECT_EQ(Cubby({"get", "user\xe2\x80\x8b:7"}).err,
            "cubby: no such key 'user\\xe2\\x80\\x8b:7'\n");
  EXPECT_THAT(Cubby({"put", "k", "@no\xef\xbb\xbf-such"}).err,
              StartsWith("cubby: cannot open 'no\\xef\\xbb\\xbf-such': "));
}

TEST_F(CliKeysTest, ValueOfOneMebibyteGoesThrough) {
  std::string value;
  for (uint32_t i = 0; value.size() < (1 << 20); ++i) absl::StrAppend(&value, i, "\n");
  value.resize(1 << 20);
  Put("k", value);
  const ExitResult get = Cubby({"get", "k"});
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_TRUE(get.out == value) << get.out.size() << " bytes";
}

TEST_F(CliKeysTest, ValueOverTheLimitNamesTheLimit) {
  const ExitResult put = Cubby({"put", "k", "-"}, std::string((1 << 20) + 1, 'v'));
  EXPECT_EQ(put.exit_code, 4);
  EXPECT_EQ(
      put.err,
      "cubby: standard input holds more than 1048576 bytes, this store's limit for a value: use a "
      "shorter value, or make the store with a larger --max-value\n");
  EXPECT_EQ(Cubby({"exists", "k"}).exit_code, 1);
}

TEST_F(CliKeysTest, KeyOverTheLimitNamesTheLimit) {
  const auto info = ParseJson(Cubby({"info", "--json"}).out);
  ASSERT_TRUE(info.ok()) << info.status();
  const auto limit = info->at("max_key_bytes").get<size_t>();
  // Windows has no command line of that length.
  EXPECT_EQ(Cubby({"load"}, std::string(limit, 'k') + "\tv\n").exit_code, 0);
  const ExitResult load = Cubby({"load"}, std::string(limit + 1, 'k') + "\tv\n");
  EXPECT_EQ(load.exit_code, 4);
  EXPECT_THAT(load.err, HasSubstr(absl::StrCat("the limit is ", limit)));
}

TEST_F(CliKeysTest, LongKeysGoThroughEverySubcommand) {
  const std::string path = "/srv/" + std::string(20'000, 'p');
  const std::string other = path + "/";
  EXPECT_EQ(Cubby({"put", path, "v"}).exit_code, 0);
  EXPECT_EQ(Cubby({"get", path}).out, "v");
  EXPECT_EQ(Cubby({"exists", other}).exit_code, 1);
  EXPECT_EQ(Cubby({"load"}, other + "\tw\n").exit_code, 0);
  const std::string lines = Cubby({"scan"}).out;
  EXPECT_THAT(lines, HasSubstr(path + "\tv\n"));
  EXPECT_THAT(lines, HasSubstr(other + "\tw\n"));
  EXPECT_EQ(Cubby({"verify"}, lines).exit_code, 0);
  EXPECT_EQ(Cubby({"scan", "--keys-only", "--prefix", other}).out, other + "\n");
  EXPECT_EQ(Cubby({"del", path}).exit_code, 0);
  EXPECT_EQ(Cubby({"get", path}).exit_code, 1);
  EXPECT_EQ(Cubby({"check"}).exit_code, 0);
}

TEST_F(CliKeysTest, EmptyKeyIsAUsageError) {
  const ExitResult put = Cubby({"put", "", "v"});
  EXPECT_EQ(put.exit_code, 2);
  EXPECT_THAT(put.err, HasSubstr("the key is empty"));
}

TEST_F(CliKeysTest, AddOnlyAdds) {
  EXPECT_EQ(Cubby({"add", "k", "1"}).exit_code, 0);
  const ExitResult again = Cubby({"add", "k", "2"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_EQ(again.err, "cubby: key 'k' exists already: use put or replace\n");
  EXPECT_EQ(Cubby({"get", "k"}).out, "1");
}

TEST_F(CliKeysTest, ReplaceOnlyReplaces) {
  const ExitResult missing = Cubby({"replace", "k", "1"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.err, "cubby: no such key 'k'\n");
  Put("k", "2");
  EXPECT_EQ(Cubby({"replace", "k", "3"}).exit_code, 0);
  EXPECT_EQ(Cubby({"get", "k"}).out, "3");
}

TEST_F(CliKeysTest, DelRemoves) {
  Put("k", "v");
  EXPECT_EQ(Cubby({"del", "k"}).exit_code, 0);
  EXPECT_EQ(Cubby({"get", "k"}).exit_code, 1);
  const ExitResult again = Cubby({"del", "k"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_EQ(again.err, "cubby: no such key 'k'\n");
}

TEST_F(CliKeysTest, ExistsAnswersSilently) {
  const ExitResult no = Cubby({"exists", "k"});
  EXPECT_EQ(no.exit_code, 1);
  EXPECT_EQ(no.out + no.err, "");
  Put("k", "v");
  const ExitResult yes = Cubby({"exists", "k"});
  EXPECT_EQ(yes.exit_code, 0);
  EXPECT_EQ(yes.out + yes.err, "");
}

TEST_F(CliKeysTest, TtlIsKept) {
  EXPECT_EQ(Cubby({"put", "k", "v", "--ttl", "1h"}).exit_code, 0);
  const auto json = ParseJson(Cubby({"get", "k", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_GT(json->at("ttl_seconds").get<double>(), 0);
  // The clock of Windows stands for 16 ms at a time, which are given on top.
  EXPECT_LE(json->at("ttl_seconds").get<double>(), 3600.032);
}

TEST_F(CliKeysTest, TtlMayBeInDaysAndWeeks) {
  EXPECT_EQ(Cubby({"put", "k", "v", "--ttl", "1w2d"}).exit_code, 0);
  const auto json = ParseJson(Cubby({"get", "k", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_GT(json->at("ttl_seconds").get<double>(), 8 * 86'400);
  EXPECT_LE(json->at("ttl_seconds").get<double>(), 9 * 86'400 + 0.032);
}

TEST_F(CliKeysTest, EntryIsGoneWhenItsTtlIsOver) {
  EXPECT_EQ(Cubby({"put", "k", "v", "--ttl", "1ms"}).exit_code, 0);
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "k"}).exit_code == 0) ASSERT_LT(absl::Now(), deadline);
  EXPECT_EQ(Cubby({"count"}).out, "0\n");
}

TEST_F(CliKeysTest, FullStoreRefusesNewKeysAndNamesTheLimit) {
  std::string lines;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&lines, "key", i, "\tv\n");
  ASSERT_EQ(Cubby({"load"}, lines).exit_code, 0);
  const ExitResult put = Cubby({"put", "one-more", "v"});
  EXPECT_EQ(put.exit_code, 4);
  EXPECT_THAT(put.err, HasSubstr("100"));
  EXPECT_EQ(Cubby({"put", "key7", "another"}).exit_code, 0) << "a key that is there needs no room";
}

}  // namespace
}  // namespace cubby::test

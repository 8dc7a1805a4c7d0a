// Replays every harness's corpus, and mutations of it that are the same in each run: what libFuzzer
// has found before is tested in every build, on every system.
//
// A harness runs in a process of its own: its output is discarded, and its failure ends that
// process.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fuzz/harness.h"
#include "tests/support/child.h"
#include "tests/support/runtime_dir.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

struct Harness {
  const char* name;
  void (*run)(absl::string_view input);
};
void PrintTo(const Harness& harness, std::ostream* out) { *out << harness.name; }

constexpr Harness kHarnesses[] = {
    {"geometry", &fuzz::Geometry}, {"reader", &fuzz::Reader},       {"checker", &fuzz::Checker},
    {"writer", &fuzz::Writer},     {"lock", &fuzz::Lock},           {"frames", &fuzz::Frames},
    {"control", &fuzz::Control},   {"command", &fuzz::Command},     {"options", &fuzz::Options},
    {"text", &fuzz::Text},         {"gzip", &fuzz::Gzip},
#if CUBBY_FUZZ_POSIX
    {"lines", &fuzz::Lines},       {"envelopes", &fuzz::Envelopes},
#endif
};

constexpr size_t kMaxInputBytes = 4096;

// The corpus of a harness, in the same order everywhere.
std::vector<std::string> Corpus(const std::string& harness) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(CUBBY_FUZZ_CORPUS) / harness)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// Changes `input` in one of the ways that find most: a bit, a telling byte, a part left out,
// doubled, or taken from another input.
void Mutate(const std::vector<std::string>& corpus, std::mt19937_64* random, std::string* input) {
  constexpr unsigned char kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xc0, 0xfe, 0xff, '\t', '\n', '\\'};
  const auto below = [random](size_t limit) { return static_cast<size_t>((*random)() % limit); };
  if (input->empty()) input->push_back('\0');
  const size_t at = below(input->size());
  const size_t length = std::min(below(16) + 1, input->size() - at);
  switch (below(6)) {
    case 0:
      (*input)[at] = static_cast<char>((*input)[at] ^ 1 << below(8));
      break;
    case 1:
      (*input)[at] = static_cast<char>(kTelling[below(sizeof(kTelling))]);
      break;
    case 2:
      for (size_t i = 0; i < length; ++i) (*input)[at + i] = static_cast<char>((*random)());
      break;
    case 3:
      input->erase(at, length);
      break;
    case 4:
      input->insert(at, input->substr(at, length));
      break;
    default: {
      const std::string& other = corpus[below(corpus.size())];
      if (!other.empty()) input->replace(at, length, other.substr(below(other.size()), 64));
    }
  }
  input->resize(std::min(input->size(), kMaxInputBytes));
}

// args: harness, how many mutations. The same inputs in each run, so one that ends it can be found
// with a debugger.
CUBBY_CHILD(Replay) {
  const auto* const harness =
      std::find_if(std::begin(kHarnesses), std::end(kHarnesses),
                   [&args](const Harness& candidate) { return candidate.name == args[0]; });
  const std::vector<std::string> corpus = Corpus(args[0]);
  for (const std::string& input : corpus) harness->run(input);
  std::mt19937_64 random(1);
  std::string input;
  for (uint64_t left = std::strtoull(args[1].c_str(), nullptr, 10); left > 0; --left) {
    // From one of the corpus, a few steps away.
    if (left % 4 == 0) input = corpus[random() % corpus.size()];
    Mutate(corpus, &random, &input);
    harness->run(input);
  }
  return 0;
}

class FuzzRegressionTest : public ::testing::TestWithParam<Harness> {};

TEST_P(FuzzRegressionTest, CorpusAndItsMutationsDoNoHarm) {
  const test::RuntimeDir runtime_dir;
  const std::string name = GetParam().name;
  const size_t corpus = Corpus(name).size();
  ASSERT_GT(corpus, 0u);
  const uint64_t mutations = test::Amount(4000, 200'000);
  auto replay = test::StartChild("Replay", {name, absl::StrCat(mutations)});
  ASSERT_TRUE(replay.ok()) << replay.status();
  const test::ExitResult result = (*replay)->Wait(absl::Seconds(test::Amount(240, 3600)));
  EXPECT_EQ(result.exit_code, 0) << result.err.substr(result.err.size() -
                                                      std::min<size_t>(result.err.size(), 4000));
  test::Report(absl::StrCat("fuzz regression ", name),
               {{"corpus", absl::StrCat(corpus)}, {"mutations", absl::StrCat(mutations)}});
}

INSTANTIATE_TEST_SUITE_P(, FuzzRegressionTest, ::testing::ValuesIn(kHarnesses),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cubby

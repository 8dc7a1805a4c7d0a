// The words of a command line, one a line.
#ifndef CUBBY_TESTS_FUZZ_WORDS_H_
#define CUBBY_TESTS_FUZZ_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace cubby::fuzz {

inline std::vector<std::string> Words(absl::string_view input) {
  // A system gives no program a word with a zero byte.
  std::vector<std::string> words = absl::StrSplit(input.substr(0, input.find('\0')), '\n');
  if (!words.empty() && words.back().empty()) words.pop_back();
  return words;
}

}  // namespace cubby::fuzz

#endif  // CUBBY_TESTS_FUZZ_WORDS_H_

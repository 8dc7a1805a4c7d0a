// Whether cubbyd makes of any command line options that can be, or an exit code.
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "base/store_name.h"
#include "server/config_file.h"
#include "server/options.h"
#include "server/size_text.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/words.h"

namespace cubby::fuzz {

void Options(absl::string_view input) {
  const std::vector<std::string> words = Words(input);
  // Which files there are is no matter of this harness.
  for (const std::string& word : words) {
    if (absl::StartsWith(word, "--config")) return;
  }
  const auto parsed = server::ParseOptions(words);
  if (const auto* code = std::get_if<program::ExitCode>(&parsed)) {
    Require(*code == program::ExitCode::kOk || *code == program::ExitCode::kUsage,
            "an exit code is that of help, or of wrong usage");
  } else {
    const auto& options = std::get<server::Options>(parsed);
    Require(base::ValidateStoreName(options.store).ok(), "a store's name is valid");
    const uint32_t mode = options.mode.value_or(server::kDefaultMode);
    Require((mode & ~0666u) == 0 && (mode & 0600) == 0600, "a mode is possible");
  }

  const auto config = server::ParseConfig("file", input);
  Require(config.ok() || absl::IsInvalidArgument(config.status()), "a file is read or refused");

  const absl::StatusOr<uint64_t> size = server::ParseSize("--size", input);
  if (!size.ok()) {
    Require(absl::IsInvalidArgument(size.status()), "a bad size is an invalid argument");
    return;
  }
  const std::string plain = std::to_string(*size);
  const absl::StatusOr<uint64_t> again = server::ParseSize("--size", plain);
  Require(again.ok() && *again == *size, "a size can be written as a number");
}

}  // namespace cubby::fuzz

#include "cli/key_list.h"

#include <algorithm>
#include <cstddef>

#include "base/status_macros.h"
#include "cli/text.h"

namespace cubby::cli {

void AddKeyList(Subcommand* subcommand, bool required, const std::string& null_help,
                KeyListOptions* keys) {
  subcommand->AddWords("KEY", required, &keys->words,
                       "The keys; - alone reads them from standard input, one a line.\n"
                       "Put -- before a key that begins with a dash");
  subcommand->AddFlag("--escaped", &keys->encoding.escaped,
                      "Decode the escapes of `cubby scan` in the keys, such as \\n and \\x00;\n"
                      "\\x2d is the key -");
  subcommand->AddFlag("-0,--null", &keys->encoding.null, null_help);
}

absl::Status ForEachKeys(
    const Limits& limits, const KeyListOptions& keys,
    absl::FunctionRef<absl::Status(absl::Span<const absl::string_view> keys)> visit) {
  if (keys.from_input()) return ForEachInputKeys(limits, keys.encoding, visit);
  std::vector<std::string> bytes;
  for (const std::string& word : keys.words) {
    ASSIGN_OR_RETURN(bytes.emplace_back(), BytesOf(word, keys.encoding.escaped));
  }
  const std::vector<absl::string_view> all(bytes.begin(), bytes.end());
  for (size_t begin = 0; begin < all.size(); begin += kKeysPerVisit) {
    RETURN_IF_ERROR(visit(absl::MakeConstSpan(all).subspan(begin, kKeysPerVisit)));
  }
  return absl::OkStatus();
}

void AddPrefix(Subcommand* subcommand, const std::string& help, PrefixOptions* prefix) {
  subcommand->AddText("--prefix", "BYTES", &prefix->word, help);
}

void AddOnlyPrefix(Subcommand* subcommand, PrefixOptions* prefix) {
  AddPrefix(subcommand, "Only keys that begin with BYTES", prefix);
  subcommand->AddFlag("--escaped", &prefix->escaped, "Decode the escapes of `cubby scan` in BYTES");
}

absl::StatusOr<std::string> PrefixOf(const PrefixOptions& prefix) {
  return BytesOf(prefix.word.value_or(""), prefix.escaped);
}

}  // namespace cubby::cli

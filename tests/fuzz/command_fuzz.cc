// Whether cubby makes of any command line an exit code. No store is touched: where the input names
// one that exists, it is not run.
#include <cstdlib>
#include <string>
#include <vector>

#include "base/store_name.h"
#include "cli/cli.h"
#include "os/mapping.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/words.h"

namespace cubby::fuzz {
namespace {

bool IsStore(absl::string_view name) {
  return base::ValidateStoreName(name).ok() &&
         !absl::IsNotFound(os::Mapping::Open(name, os::Access::kReadOnly).status());
}

// NAME may stand alone, behind -s and behind --store=.
bool NamesAStore(absl::string_view word) {
  return IsStore(word) || (word.size() > 2 && IsStore(word.substr(2))) ||
         IsStore(word.substr(word.find('=') + 1));
}

// No default from the environment of this process.
void ClearEnvironment() {
  static char store[] = "CUBBY_STORE=";
  static char owner[] = "CUBBY_OWNER=";
  putenv(store);
  putenv(owner);
}

}  // namespace

void Command(absl::string_view input) {
  ClearEnvironment();
  const std::vector<std::string> words = Words(input);
  for (const std::string& word : words) {
    if (NamesAStore(word)) return;
  }
  const program::ExitCode code = cli::Run(words);
  // Help and version; else a usage error, no such store, or no daemon.
  Require(static_cast<int>(code) >= 0 && static_cast<int>(code) <= 10,
          "an exit code is one of ours");
}

}  // namespace cubby::fuzz

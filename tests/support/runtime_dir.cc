#include "tests/support/runtime_dir.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

RuntimeDir::RuntimeDir()
    : path_(std::filesystem::temp_directory_path() / UniqueStoreName("cubby-test")) {
  std::filesystem::create_directory(path_);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  // putenv(), which every system has, keeps the string, and reads the one it kept before.
  static auto* const kept = new std::unique_ptr<std::string>;
  auto assignment =
      std::make_unique<std::string>(absl::StrCat("CUBBY_RUNTIME_DIR=", path_.string()));
  putenv(assignment->data());
  *kept = std::move(assignment);
}

RuntimeDir::~RuntimeDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace cubby::test

#include "tests/support/runtime_dir.h"

#include <cstdlib>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

RuntimeDir::RuntimeDir()
    : path_(std::filesystem::temp_directory_path() / UniqueStoreName("cubby-test")) {
  std::filesystem::create_directory(path_);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  // putenv(), which every system has, keeps the string.
  static std::string* const assignment = new std::string;
  *assignment = absl::StrCat("CUBBY_RUNTIME_DIR=", path_.string());
  putenv(assignment->data());
}

RuntimeDir::~RuntimeDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace cubby::test

// A runtime directory for one test: this process and its later children use it for control
// channels.
#ifndef CUBBY_TESTS_SUPPORT_RUNTIME_DIR_H_
#define CUBBY_TESTS_SUPPORT_RUNTIME_DIR_H_

#include <filesystem>

namespace cubby::test {

// Creates the directory and sets CUBBY_RUNTIME_DIR; the destructor removes it with its contents.
// One at a time. REQUIRES: no other threads run, because it changes the environment.
class RuntimeDir {
 public:
  RuntimeDir();
  ~RuntimeDir();
  RuntimeDir(const RuntimeDir&) = delete;
  RuntimeDir& operator=(const RuntimeDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_RUNTIME_DIR_H_

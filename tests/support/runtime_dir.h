// A folder of a test's own for control channels: this process and all it starts from then on look
// for them there.
#ifndef CUBBY_TESTS_SUPPORT_RUNTIME_DIR_H_
#define CUBBY_TESTS_SUPPORT_RUNTIME_DIR_H_

#include <filesystem>

namespace cubby::test {

// Makes the folder and names it in CUBBY_RUNTIME_DIR; removes it, with all in it, when destroyed.
// One at a time. Not for use while other threads of the process run.
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

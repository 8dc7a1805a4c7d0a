// Objects in shared memory, for a test and the processes that it starts.
//
//   test::Shared<Notes> notes("notes");                      // in the test
//   StartUser("Writer", {notes.name()});
//
//   auto notes = test::SharedView<Notes>::Open(args[1]);     // in the child
//   if (!notes.ok()) return 2;
//   (*notes)->done = 1;
#ifndef CUBBY_TESTS_SUPPORT_SHARED_H_
#define CUBBY_TESTS_SUPPORT_SHARED_H_

#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

// A T in a mapping of the test's own, whose bytes are zeros at first. Its name is removed when this
// is destroyed. T has no constructor or destructor that does anything; what several processes write
// in it is atomic.
template <typename T>
class Shared {
 public:
  // Throws if the mapping cannot be made, which GoogleTest reports.
  explicit Shared(absl::string_view stem)
      : name_(UniqueStoreName(stem)),
        mapping_(os::Mapping::Create(name_, sizeof(T), 0600).value()) {}
  ~Shared() { EXPECT_TRUE(os::Mapping::Remove(name_).ok()); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  const std::string& name() const { return name_; }
  T& operator*() const { return *reinterpret_cast<T*>(mapping_.data()); }
  T* operator->() const { return &**this; }

 private:
  const std::string name_;
  const os::Mapping mapping_;
};

// The T at the start of a mapping that another process made: a Shared, or a store. Read-only if T
// is const.
template <typename T>
class SharedView {
 public:
  // Errors are those of os::Mapping::Open.
  static absl::StatusOr<SharedView> Open(const std::string& name) {
    absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(
        name, std::is_const<T>::value ? os::Access::kReadOnly : os::Access::kReadWrite);
    if (!mapping.ok()) return mapping.status();
    return SharedView(*std::move(mapping));
  }

  T& operator*() const { return *reinterpret_cast<T*>(mapping_.data()); }
  T* operator->() const { return &**this; }

 private:
  explicit SharedView(os::Mapping mapping) : mapping_(std::move(mapping)) {}

  os::Mapping mapping_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_SHARED_H_

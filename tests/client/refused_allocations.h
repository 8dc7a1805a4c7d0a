// `new` that fails at will. Only in a test's own binary, whose operator new it replaces.
#ifndef CUBBY_TESTS_CLIENT_REFUSED_ALLOCATIONS_H_
#define CUBBY_TESTS_CLIENT_REFUSED_ALLOCATIONS_H_

#include <cstdint>

namespace cubby::test {

// While it lives, one allocation of this thread is refused: the one after `granted` others. One at
// a time in each thread.
class RefusedAllocations {
 public:
  explicit RefusedAllocations(int64_t granted);
  ~RefusedAllocations();
  RefusedAllocations(const RefusedAllocations&) = delete;
  RefusedAllocations& operator=(const RefusedAllocations&) = delete;

  // Whether it came to that.
  bool any() const;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_CLIENT_REFUSED_ALLOCATIONS_H_

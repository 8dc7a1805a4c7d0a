#include "tests/client/refused_allocations.h"

#include <cstdlib>
#include <new>

namespace {

// How many more are granted before one is refused. Below zero: all.
thread_local int64_t left = -1;
thread_local bool refused = false;

}  // namespace

// Out of sight of the code that calls them: a compiler that sees malloc() in a `new` whose memory
// is deleted elsewhere takes it for a mistake.
void* operator new(size_t bytes) {
  if (left >= 0 && left-- == 0) {
    refused = true;
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace cubby::test {

RefusedAllocations::RefusedAllocations(int64_t granted) {
  refused = false;
  left = granted;
}
RefusedAllocations::~RefusedAllocations() { left = -1; }
bool RefusedAllocations::any() const { return refused; }

}  // namespace cubby::test

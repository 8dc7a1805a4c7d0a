#define _CRT_RAND_S  // for rand_s, before its header

#include <windows.h>

#include <cstdlib>

#include "os/process.h"

namespace cubby::os {

uint64_t ProcessId() { return GetCurrentProcessId(); }

uint64_t RandomBits() {
  unsigned int high, low;
  // The C library's call for the system's entropy source; without entropy nothing here is safe to
  // go on.
  if (rand_s(&high) != 0 || rand_s(&low) != 0) abort();
  return uint64_t{high} << 32 | low;
}

}  // namespace cubby::os

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "os/process.h"

namespace cubby::os {

uint64_t ProcessId() { return static_cast<uint64_t>(getpid()); }

uint64_t RandomBits() {
  uint64_t bits;
  ssize_t got;
  do {
    got = getrandom(&bits, sizeof(bits), 0);
  } while (got < 0 && errno == EINTR);  // while a machine that just started gathers entropy
  if (got != sizeof(bits)) abort();     // without entropy nothing here is safe to go on
  return bits;
}

}  // namespace cubby::os

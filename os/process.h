// Who this process is.
#ifndef CUBBY_OS_PROCESS_H_
#define CUBBY_OS_PROCESS_H_

#include <cstdint>

namespace cubby::os {

// This process's id, for people to read. Never proof that anything lives: ids are reused, and
// differ between containers.
uint64_t ProcessId();

// 64 bits from the system's entropy source.
uint64_t RandomBits();

}  // namespace cubby::os

#endif  // CUBBY_OS_PROCESS_H_

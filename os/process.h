// The process's id, and random bits.
#ifndef CUBBY_OS_PROCESS_H_
#define CUBBY_OS_PROCESS_H_

#include <cstdint>

namespace cubby::os {

// Returns this process's id, for messages. It proves nothing about a process that lives: ids are
// reused, and differ between containers.
uint64_t ProcessId();

// Returns 64 bits from the system's entropy source.
uint64_t RandomBits();

}  // namespace cubby::os

#endif  // CUBBY_OS_PROCESS_H_

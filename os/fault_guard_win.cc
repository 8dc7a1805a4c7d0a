#include "os/fault_guard.h"

namespace cubby::os {

struct FaultGuard::Impl {};

// A section keeps its size for as long as a process has it open.
FaultGuard::FaultGuard(char*, size_t) {}
FaultGuard::~FaultGuard() = default;

}  // namespace cubby::os

#include "os/notify.h"

namespace cubby::os {

absl::Status NotifyServiceManager(absl::string_view) { return absl::OkStatus(); }

absl::Status CheckReadyDescriptor(int) {
  return absl::InvalidArgumentError(
      "Windows programs inherit no descriptors by number: use cubby ping --wait");
}

absl::Status WriteReady(int fd) { return CheckReadyDescriptor(fd); }

}  // namespace cubby::os

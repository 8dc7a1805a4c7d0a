#include "server/log.h"

#include "absl/strings/str_cat.h"
#include "os/output.h"

namespace cubby::server {

void Log(absl::string_view store, absl::string_view event) {
  os::PrintMessage("cubbyd", absl::StrCat("store '", store, "': ", event));
}

}  // namespace cubby::server

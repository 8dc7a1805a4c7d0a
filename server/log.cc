#include "server/log.h"

#include "absl/strings/str_cat.h"
#include "program/output.h"

namespace cubby::server {

void Log(absl::string_view store, absl::string_view event) {
  program::PrintMessage("cubbyd", absl::StrCat("store '", store, "': ", event));
}

}  // namespace cubby::server

#include "server/log.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"

namespace cubby::server {

void Log(absl::string_view store, absl::string_view event) {
  const std::string line = absl::StrCat("cubbyd: store '", store, "': ", event, "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);  // Windows may buffer it when it is no terminal
}

}  // namespace cubby::server

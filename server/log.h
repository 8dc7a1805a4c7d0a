// The daemon's log: one line per event, to standard error.
#ifndef CUBBY_SERVER_LOG_H_
#define CUBBY_SERVER_LOG_H_

#include "absl/strings/string_view.h"

namespace cubby::server {

// Writes "cubbyd: store 'STORE': EVENT" as program::PrintMessage() does.
void Log(absl::string_view store, absl::string_view event);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_LOG_H_

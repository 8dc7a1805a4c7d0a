// Reads a daemon's answers (proto/control.proto) into the structs of client/admin.h. The daemon may
// be of another version, or be something else that has its name.
#ifndef CUBBY_CLIENT_ANSWERS_H_
#define CUBBY_CLIENT_ANSWERS_H_

#include "absl/status/statusor.h"
#include "client/admin.h"
#include "proto/control.pb.h"

namespace cubby {

// Internal: a name is not of a-z, 0-9 and '_', as printing relies on.
absl::StatusOr<DaemonInfo> InfoFrom(const control::InfoResponse& answer);
absl::StatusOr<DaemonStats> StatsFrom(const control::StatsResponse& answer);

}  // namespace cubby

#endif  // CUBBY_CLIENT_ANSWERS_H_

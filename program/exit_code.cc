#include "program/exit_code.h"

namespace cubby::program {

ExitCode ExitCodeFor(const absl::Status& status, Subject subject) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kNotFound:
      switch (subject) {
        case Subject::kEntry:
          return ExitCode::kNotFound;
        case Subject::kServing:  // something that a daemon needs, not its store
          return ExitCode::kSystem;
        case Subject::kStore:
        case Subject::kDaemon:
          return ExitCode::kNoStore;
      }
      return ExitCode::kSystem;
    case absl::StatusCode::kAlreadyExists:  // a key exists, or the store has a daemon
    case absl::StatusCode::kAborted:
      return ExitCode::kNotFound;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kResourceExhausted:
      return ExitCode::kFull;
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kPermission;
    case absl::StatusCode::kUnimplemented:
      return ExitCode::kIncompatible;
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kTimeout;
    case absl::StatusCode::kDataLoss:
      return ExitCode::kCorrupt;
    case absl::StatusCode::kFailedPrecondition:  // shut down; another object has the name
    case absl::StatusCode::kUnavailable:         // half made; contended; no daemon
      switch (subject) {
        case Subject::kStore:
          return ExitCode::kNoStore;
        case Subject::kEntry:
          return absl::IsUnavailable(status) ? ExitCode::kTimeout : ExitCode::kNoStore;
        case Subject::kDaemon:
          return ExitCode::kNoDaemon;
        case Subject::kServing:
          return ExitCode::kSystem;
      }
      return ExitCode::kSystem;
    default:
      return ExitCode::kSystem;
  }
}

}  // namespace cubby::program

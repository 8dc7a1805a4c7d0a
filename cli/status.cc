#include "cli/status.h"

#include "absl/strings/str_cat.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "program/output.h"

namespace cubby::cli {

using program::ExitCode;

void PrintMessage(absl::string_view message) {
  EraseProgress();
  program::PrintMessage("cubby", message);
}

ExitCode Fail(ExitCode code, absl::string_view message) {
  PrintMessage(message);
  return code;
}

ExitCode Fail(const absl::Status& status, Subject subject) {
  const ExitCode code = ExitCodeFor(status, subject);
  if (status.message().empty()) return Fail(code, absl::StatusCodeToString(status.code()));
  return Fail(code, status.message());
}

absl::Status EntryError(const absl::Status& status, absl::string_view key) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return absl::NotFoundError(absl::StrCat("no such key ", Quoted(key)));
    case absl::StatusCode::kAlreadyExists:
      return absl::AlreadyExistsError(
          absl::StrCat("key ", Quoted(key), " exists already: use put or replace"));
    default:
      return status;
  }
}

}  // namespace cubby::cli

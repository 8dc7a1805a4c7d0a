#include <variant>

#include "absl/status/status.h"
#include "program/exit_code.h"
#include "program/output.h"
#include "program/standard_streams.h"
#include "server/daemon.h"
#include "server/log.h"
#include "server/options.h"

using ::cubby::program::ExitCode;

int main(int argc, char** argv) {
  cubby::program::PrepareStandardStreams();
  cubby::program::EndWhenOutOfMemory("cubbyd");
  const absl::Status logging = cubby::server::StartLog();
  const auto options = cubby::server::ParseOptions(cubby::program::Arguments(argc, argv));
  if (const ExitCode* done = std::get_if<ExitCode>(&options)) {
    cubby::server::FinishLog();
    return static_cast<int>(*done);
  }
  const absl::Status ended =
      logging.ok() ? cubby::server::RunDaemon(std::get<cubby::server::Options>(options)) : logging;
  if (!ended.ok()) cubby::server::LogMessage(cubby::server::LogLevel::kError, ended.message());
  cubby::server::FinishLog();
  return static_cast<int>(cubby::program::ExitCodeFor(ended, cubby::program::Subject::kServing));
}

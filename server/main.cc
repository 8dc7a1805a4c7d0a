#include <variant>

#include "absl/status/status.h"
#include "os/exit_code.h"
#include "os/output.h"
#include "os/standard_streams.h"
#include "server/daemon.h"
#include "server/options.h"

using ::cubby::os::ExitCode;

int main(int argc, char** argv) {
  cubby::os::PrepareStandardStreams();
  cubby::os::EndWhenOutOfMemory("cubbyd");
  const auto options = cubby::server::ParseOptions(cubby::os::Arguments(argc, argv));
  if (const ExitCode* done = std::get_if<ExitCode>(&options)) return static_cast<int>(*done);
  const absl::Status ended = cubby::server::RunDaemon(std::get<cubby::server::Options>(options));
  if (!ended.ok()) cubby::os::PrintMessage("cubbyd", ended.message());
  return static_cast<int>(cubby::os::ExitCodeFor(ended, cubby::os::Subject::kServing));
}

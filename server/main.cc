#include <cstdio>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/exit_code.h"
#include "os/standard_streams.h"
#include "server/daemon.h"
#include "server/options.h"

using ::cubby::os::ExitCode;

int main(int argc, char** argv) {
  cubby::os::PrepareStandardStreams();
  const auto options = cubby::server::ParseOptions(cubby::os::Arguments(argc, argv));
  if (const ExitCode* done = std::get_if<ExitCode>(&options)) return static_cast<int>(*done);
  const absl::Status ended = cubby::server::RunDaemon(std::get<cubby::server::Options>(options));
  if (!ended.ok()) {
    const std::string line = absl::StrCat("cubbyd: ", ended.message(), "\n");
    std::fputs(line.c_str(), stderr);
  }
  return static_cast<int>(cubby::os::ExitCodeFor(ended, cubby::os::Subject::kServing));
}

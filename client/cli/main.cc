#include "client/cli/cli.h"
#include "os/output.h"
#include "os/standard_streams.h"

int main(int argc, char** argv) {
  cubby::os::PrepareStandardStreams();
  cubby::os::EndWhenOutOfMemory("cubby");
  cubby::cli::Cli cli;
  cubby::cli::AddKeyCommands(&cli);
  cubby::cli::AddListingCommands(&cli);
  cubby::cli::AddAdminCommands(&cli);
  cubby::cli::AddBenchCommand(&cli);
  cubby::cli::AddVersionCommand(&cli);
  return static_cast<int>(cli.Run(cubby::os::Arguments(argc, argv)));
}

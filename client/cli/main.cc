#include "client/cli/cli.h"
#include "os/output.h"
#include "os/standard_streams.h"

int main(int argc, char** argv) {
  cubby::os::PrepareStandardStreams();
  cubby::os::EndWhenOutOfMemory("cubby");
  return static_cast<int>(cubby::cli::Run(cubby::os::Arguments(argc, argv)));
}

#include "cli/cli.h"
#include "program/output.h"
#include "program/standard_streams.h"

int main(int argc, char** argv) {
  cubby::program::PrepareStandardStreams();
  cubby::program::EndWhenOutOfMemory("cubby");
  return static_cast<int>(cubby::cli::Run(cubby::program::Arguments(argc, argv)));
}

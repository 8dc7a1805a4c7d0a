// get mget del: operations on the keys that a command line or standard input names.
#ifndef CUBBY_CLI_MANY_H_
#define CUBBY_CLI_MANY_H_

#include "cli/cli.h"
#include "cli/key_list.h"

namespace cubby::cli {

void DefineGet(Subcommand* get);
void DefineMultiGet(Subcommand* mget);
void DefineDelete(Subcommand* del);

// Removes the entries whose keys begin with the prefix, prints their number or an error, and
// returns the exit code: kUsage for an empty prefix, which may be that of a shell variable that is
// not set.
program::ExitCode RemovePrefix(const StoreOptions& store_options, const PrefixOptions& options);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_MANY_H_

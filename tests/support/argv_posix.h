// Command lines for execv() and its kin.
#ifndef CUBBY_TESTS_SUPPORT_ARGV_POSIX_H_
#define CUBBY_TESTS_SUPPORT_ARGV_POSIX_H_

#include <cstddef>
#include <string>
#include <vector>

namespace cubby::test {

// Returns the arguments from `first` on, and the null behind them. Valid as long as `args` is.
inline std::vector<char*> ArgvOf(const std::vector<std::string>& args, size_t first = 0) {
  std::vector<char*> argv;
  argv.reserve(args.size() + 1);
  for (size_t i = first; i < args.size(); ++i) argv.push_back(const_cast<char*>(args[i].c_str()));
  argv.push_back(nullptr);
  return argv;
}

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_ARGV_POSIX_H_

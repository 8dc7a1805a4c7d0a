// Compression, for tests of what reads compressed files.
#ifndef CUBBY_TESTS_SUPPORT_GZIP_H_
#define CUBBY_TESTS_SUPPORT_GZIP_H_

#include <string>

#include "absl/strings/string_view.h"

namespace cubby::test {

// Returns `bytes` as a gzip file of one member.
std::string Gzip(absl::string_view bytes);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_GZIP_H_

// Recorded requests to caches. They lie beside the repository, because their terms do not let all
// of them be copied; where they are not, tests that need them are skipped.
//
// web07: headissue, cache2k benchmark, CC BY 4.0. oltp: Megiddo and Modha, "ARC: a self-tuning, low
// overhead replacement cache", FAST 2003. The others: the LIRS simulator's collection, as caffeine
// has it.
#ifndef CUBBY_TESTS_SUPPORT_RECORDED_REQUESTS_H_
#define CUBBY_TESTS_SUPPORT_RECORDED_REQUESTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cubby::test {

bool HaveRecordedRequests();

// Returns the path of the trace of that name.
std::string TracePath(absl::string_view trace);

// Returns the keys of a trace, in order. Fails the test if they cannot be read.
std::vector<std::string> RecordedRequests(absl::string_view trace);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_RECORDED_REQUESTS_H_

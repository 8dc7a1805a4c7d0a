// Names for shared memory that only this process uses.
#ifndef CUBBY_BENCH_LOCAL_NAME_H_
#define CUBBY_BENCH_LOCAL_NAME_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "os/process.h"

namespace cubby::bench {

// A store name that is unique: random, because an earlier process with the same id may have left
// its names.
inline std::string LocalName() {
  return absl::StrCat("bench-", absl::Hex(os::RandomBits(), absl::kZeroPad16));
}

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_LOCAL_NAME_H_

// A store of the benchmark's own: real shared memory with the real layout, opened through the
// public cubby::Store, but with no daemon to start or stop.
#ifndef CUBBY_BENCH_LOCAL_STORE_H_
#define CUBBY_BENCH_LOCAL_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/store.h"
#include "table/geometry.h"

namespace cubby::bench {

// Makes an empty store of that shape and opens it for reading and writing. Its names are unique to
// the process and are taken away again before this returns (on Windows they go with the last
// handle): however the benchmark ends, nothing stays behind. Only a kill during this very call can
// leave names. Errors are those of table::PlanGeometry, os::Mapping::Create and cubby::Store::Open.
absl::StatusOr<std::unique_ptr<Store>> MakeLocalStore(const table::GeometryOptions& options);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_LOCAL_STORE_H_

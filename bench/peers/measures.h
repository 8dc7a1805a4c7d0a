// What peer_bench measures in a session: one function for each kind of row that peer_bench.cc
// describes. Each opens the stores that it needs. Errors name the peer.
#ifndef CUBBY_BENCH_PEERS_MEASURES_H_
#define CUBBY_BENCH_PEERS_MEASURES_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "bench/peers/effort.h"
#include "bench/peers/rows.h"
#include "bench/peers/session.h"
#include "bench/peers/worker.h"

namespace cubby::bench {

// The time of an operation of `work` (works.h), by turns, in one process.
absl::StatusOr<Rows> MeasureTurns(Session& session, const std::string& work, const StoreSize& size);
// The time to put a new entry when the store was filled: once, so it is a mean and no median.
absl::StatusOr<Rows> MeasureLoad(Session& session, const StoreSize& size);

// All of the following use the store for several processes.

// The gets per second of `readers` processes together.
absl::StatusOr<Rows> MeasureReaders(Session& session, size_t readers);
// The gets per second of one process, beside another one that puts if `puts` says what.
absl::StatusOr<Rows> MeasureReader(Session& session, absl::optional<Work> puts);
// The times of a process's single gets, beside another one that puts if `puts` says what. REQUIRES:
// `gets` is timed.
absl::StatusOr<Rows> MeasureLatency(Session& session, Work gets, absl::optional<Work> puts);
// The time to open a store, get one value and close it.
absl::StatusOr<Rows> MeasureAttach(Session& session);

// The time of a get from the shell, with the process that does it. Leaves the session's stores.
absl::StatusOr<Rows> MeasureFreshGet(Session& session);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_MEASURES_H_

// For peers that are templates of the value's size.
#ifndef CUBBY_BENCH_PEERS_SIZES_H_
#define CUBBY_BENCH_PEERS_SIZES_H_

#include <cstddef>
#include <memory>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peer.h"

namespace cubby::bench {

// A PeerOf<cell.value_bytes>. Unimplemented if there is none for that size.
template <typename Base, template <size_t> class PeerOf>
absl::StatusOr<std::unique_ptr<Base>> OfSize(const Cell& cell) {
  switch (cell.value_bytes) {
    case 8:
      return absl::make_unique<PeerOf<8>>(cell);
    case 64:
      return absl::make_unique<PeerOf<64>>(cell);
    case 1024:
      return absl::make_unique<PeerOf<1024>>(cell);
    case 65536:
      return absl::make_unique<PeerOf<65536>>(cell);
    default:
      return absl::UnimplementedError(absl::StrCat("no values of ", cell.value_bytes, " bytes"));
  }
}

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_SIZES_H_

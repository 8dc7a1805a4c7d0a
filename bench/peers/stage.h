// A cell's stores, all open and filled with the same entries, for as long as it is measured.
#ifndef CUBBY_BENCH_PEERS_STAGE_H_
#define CUBBY_BENCH_PEERS_STAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "bench/peers/peer.h"
#include "bench/pointer_chase.h"

namespace cubby::bench {

// A folder in memory for one cell, and names that are unique on the machine. When it is destroyed,
// or this process ends in any way, a process that waits for that removes the folder with all files
// in it, and all shared memory whose name begins with the cell's, which may be gigabytes.
class CellFolder {
 public:
  static absl::StatusOr<std::unique_ptr<CellFolder>> Make(uint32_t value_bytes, uint32_t entries);
  ~CellFolder();
  CellFolder(const CellFolder&) = delete;
  CellFolder& operator=(const CellFolder&) = delete;

  const Cell& cell() const { return cell_; }

 private:
  CellFolder(Cell cell, pid_t remover, int pipe)
      : cell_(std::move(cell)), remover_(remover), pipe_(pipe) {}

  const Cell cell_;
  const pid_t remover_;
  const int pipe_;  // at whose end the remover does its work
};

class Stage {
 public:
  // Opens and fills every peer, and checks that each gives the right bytes, sees what is put and
  // what is deleted. An error names the peer.
  static absl::StatusOr<std::unique_ptr<Stage>> Make(uint32_t value_bytes, uint32_t entries);

  const Cell& cell() const { return folder_->cell(); }
  // As AllPeers().
  const std::vector<PeerKind>& kinds() const { return kinds_; }
  Peer& peer(size_t i) { return *peers_[i]; }
  // What peer i took to be filled, in ns per new entry: of each batch, one after the other.
  const std::vector<double>& fill_ns(size_t i) const { return fill_ns_[i]; }
  // Closes peer i, whose store other processes keep, calls `meanwhile`, and opens it again. Some
  // libraries have one opening in a process at most.
  absl::Status WhileClosed(size_t i, absl::FunctionRef<absl::Status()> meanwhile);
  // As many lines as there are entries, in as many bytes as cubby's store has.
  PointerChase& floor() { return *floor_; }

  // Entry i's value, as it is before another is put: it begins with the token of the entry
  // that is next on a cycle through all, and no two entries' are alike.
  void MakeValue(uint32_t i, absl::Span<char> value) const;

 private:
  Stage() = default;
  absl::Status Fill(Peer& peer, std::vector<double>* ns) const;
  absl::Status Check(Peer& peer) const;
  // Gets every entry.
  absl::Status Read(Peer& peer) const;
  void TouchFloor(uint64_t bytes) const;

  // What is last goes first: peers before their servers, and those before their folder.
  std::unique_ptr<CellFolder> folder_;
  std::vector<uint32_t> next_;
  std::vector<PeerKind> kinds_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::vector<double>> fill_ns_;
  std::unique_ptr<PointerChase> floor_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_STAGE_H_

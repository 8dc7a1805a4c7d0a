// What cubby is compared with: each peer a key-value store that holds the same entries and does the
// same work through its usual library, with the settings that `about` names.
//
// A kind of peer is a row of functions (peers.h lists them). For every cell of the report one
// process calls start(), whose Host is what keeps the data (a server, a file), then every process
// that takes part calls open() for a Peer of its own, which is not thread-safe.
#ifndef CUBBY_BENCH_PEERS_PEER_H_
#define CUBBY_BENCH_PEERS_PEER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/key.h"

namespace cubby::bench {

// What is in a store: entries of 16-byte keys with values that are all of one size.
struct Cell {
  uint32_t value_bytes;
  uint32_t entries;
  std::string name;    // unique; for a store, or shared memory
  std::string folder;  // unique; on tmpfs, that is in memory
};

class Peer {
 public:
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Copies the key's value into the caller's memory, `value`. False if there is no such key.
  // REQUIRES of all: values have the cell's size.
  virtual absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) = 0;
  virtual absl::Status Put(const Key& key, absl::string_view value) = 0;
  // False if there was no such key.
  virtual absl::StatusOr<bool> Delete(const Key& key) = 0;

  // Many at once, as well as the peer can: in one transaction, or all requests sent before the
  // first answer is read. Values lie one behind the other. NotFound if one of the keys is not
  // there.
  virtual absl::Status GetMany(absl::Span<const Key> keys, absl::Span<char> values);
  virtual absl::Status PutMany(absl::Span<const Key> keys, absl::string_view values);

 protected:
  Peer() = default;
};

// Keeps the data until it is destroyed, and leaves nothing behind then.
class Host {
 public:
  virtual ~Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

 protected:
  Host() = default;
};

struct PeerKind {
  std::string name;    // in the names of rows
  std::string about;   // for readers of the report: what it is, with every setting that matters
  bool shared;         // whether several processes can open it
  bool gets_together;  // whether GetMany does more than to get one after the other
  bool puts_together;  // and PutMany
  // A Host whose store is empty. Null if there is nothing to do before open().
  absl::StatusOr<std::unique_ptr<Host>> (*start)(const Cell& cell);
  absl::StatusOr<std::unique_ptr<Peer>> (*open)(const Cell& cell);
  // The same for one that only gets, where that is another way; else null.
  absl::StatusOr<std::unique_ptr<Peer>> (*open_to_read)(const Cell& cell) = nullptr;
  bool server = false;  // whether another process answers, in microseconds
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_PEER_H_

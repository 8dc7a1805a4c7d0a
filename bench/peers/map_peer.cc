// absl::flat_hash_map: no sharing, no lock, nothing but the table. What being shared costs.
#include <array>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/memory/memory.h"
#include "bench/peers/peers.h"
#include "bench/peers/sizes.h"

namespace cubby::bench {
namespace {

template <size_t kValueBytes>
class MapPeer : public Peer {
 public:
  explicit MapPeer(const Cell& cell) { map_.reserve(cell.entries); }

  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    std::memcpy(value.data(), found->second.data(), kValueBytes);
    return true;
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    std::memcpy(map_[key].data(), value.data(), kValueBytes);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Delete(const Key& key) override { return map_.erase(key) != 0; }

 private:
  absl::flat_hash_map<Key, std::array<char, kValueBytes>> map_;
};

absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) { return OfSize<Peer, MapPeer>(cell); }

absl::StatusOr<std::unique_ptr<Host>> Start(const Cell&) { return nullptr; }

}  // namespace

PeerKind MapKind() {
  return {"map",
          "absl::flat_hash_map in the process itself, reserved for all entries; no lock",
          /*shared=*/false,
          /*gets_together=*/false,
          /*puts_together=*/false,
          Start,
          Open};
}

}  // namespace cubby::bench

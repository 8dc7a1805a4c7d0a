#include <array>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_sharable_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/interprocess/sync/sharable_lock.hpp>
#include <boost/unordered_map.hpp>
#include <boost/version.hpp>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peers.h"
#include "bench/peers/sizes.h"

namespace cubby::bench {
namespace {

namespace ipc = boost::interprocess;

struct KeyHash {
  size_t operator()(const Key& key) const {
    size_t hash = 0;
    boost::hash_combine(hash, key.words[0]);
    boost::hash_combine(hash, key.words[1]);
    return hash;
  }
};

std::string NameOf(const Cell& cell) { return absl::StrCat(cell.name, ".boost"); }

template <size_t kValueBytes>
class BoostPeer : public Peer {
 public:
  explicit BoostPeer(const Cell& cell)
      : memory_(ipc::open_or_create, NameOf(cell).c_str(), BytesFor(cell)),
        mutex_(*memory_.find_or_construct<ipc::interprocess_sharable_mutex>("mutex")()),
        map_(*memory_.find_or_construct<Map>("map")(
            cell.entries, KeyHash(), std::equal_to<Key>(),
            typename Map::allocator_type(memory_.get_segment_manager()))) {}

  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    const ipc::sharable_lock<ipc::interprocess_sharable_mutex> lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    std::memcpy(value.data(), found->second.data(), kValueBytes);
    return true;
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    const ipc::scoped_lock<ipc::interprocess_sharable_mutex> lock(mutex_);
    std::memcpy(map_[key].data(), value.data(), kValueBytes);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Delete(const Key& key) override {
    const ipc::scoped_lock<ipc::interprocess_sharable_mutex> lock(mutex_);
    return map_.erase(key) != 0;
  }

 private:
  using Value = std::array<char, kValueBytes>;
  using Pair = std::pair<const Key, Value>;
  using Map =
      boost::unordered_map<Key, Value, KeyHash, std::equal_to<Key>,
                           ipc::allocator<Pair, ipc::managed_shared_memory::segment_manager>>;

  // For a node (links, hash and allocator's head) and up to two buckets for each entry.
  static size_t BytesFor(const Cell& cell) {
    return (size_t{1} << 20) + cell.entries * (sizeof(Pair) + 96);
  }

  ipc::managed_shared_memory memory_;
  ipc::interprocess_sharable_mutex& mutex_;
  Map& map_;
};

absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) {
  try {
    return OfSize<Peer, BoostPeer>(cell);
  } catch (const ipc::interprocess_exception& error) {
    return absl::ResourceExhaustedError(error.what());
  }
}

struct Memory : Host {
  explicit Memory(std::string memory_name) : name(std::move(memory_name)) {}
  ~Memory() override { ipc::shared_memory_object::remove(name.c_str()); }
  const std::string name;
};

absl::StatusOr<std::unique_ptr<Host>> Start(const Cell& cell) {
  return absl::make_unique<Memory>(NameOf(cell));
}

}  // namespace

PeerKind BoostKind() {
  return {"boost",
          absl::StrCat("Boost ", BOOST_VERSION / 100000, ".", BOOST_VERSION / 100 % 1000,
                       ": boost::unordered_map in a managed_shared_memory, reserved for all "
                       "entries, values in its nodes; an interprocess_sharable_mutex, shared by "
                       "gets"),
          /*shared=*/true,
          /*gets_together=*/false,
          /*puts_together=*/false,
          Start,
          Open};
}

}  // namespace cubby::bench

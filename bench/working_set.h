// What the benchmarks work on: the same random keys and values in a cubby store, in an
// absl::flat_hash_map and, as bare cache lines in as many bytes as the store's buckets take, in a
// pointer chase.
//
// The first 8 bytes of a value tell the token of the key (bench/key.h) that is next on a random
// cycle through all of them: a dependent look-up knows its key only when the one before has given
// its value.
#ifndef CUBBY_BENCH_WORKING_SET_H_
#define CUBBY_BENCH_WORKING_SET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/local_store.h"
#include "bench/pointer_chase.h"
#include "bench/random_order.h"
#include "client/store.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby::bench {

template <size_t kValueBytes>
class WorkingSet {
 public:
  static_assert(kValueBytes >= sizeof(uint64_t), "a value begins with the next key's token");
  using Value = std::array<char, kValueBytes>;
  using Map = absl::flat_hash_map<Key, Value>;

  // Takes a second and 5 GB of memory for 1,000,000 values of 1 KiB. Errors are those of
  // MakeLocalStore.
  static absl::StatusOr<std::unique_ptr<WorkingSet>> Make(uint32_t entries) {
    std::unique_ptr<WorkingSet> set(new WorkingSet(entries));
    absl::Status filled = set->Fill();
    if (!filled.ok()) return filled;
    return set;
  }

  // Puts every value again, in random order, so that the entries lie in their buckets as they do in
  // a store that has been in use for a while: a put over an entry moves it to another way of its
  // bucket. Once: later calls do nothing.
  absl::Status Rewrite() {
    if (rewritten_) return absl::OkStatus();
    Picker picker(entries_);
    Value value;
    for (uint64_t i = 0; i < uint64_t{kRewrites} * entries_; ++i) {
      const Key key(TokenOf(picker.Next()));
      absl::Status got = store_->Get(key.view(), absl::MakeSpan(value)).status();
      if (!got.ok()) return got;
      absl::Status put = store_->Put(key.view(), {value.data(), value.size()}).status();
      if (!put.ok()) return put;
    }
    rewritten_ = true;
    return absl::OkStatus();
  }

  Store& store() { return *store_; }
  Map& map() { return map_; }
  PointerChase& chase() { return *chase_; }
  uint32_t entries() const { return entries_; }

 private:
  explicit WorkingSet(uint32_t entries) : entries_(entries) {}

  absl::Status Fill() {
    table::GeometryOptions options;
    options.capacity = entries_;
    // All in the slot, and slots that begin on cache lines.
    options.slot_bytes = (table::kSlotHeadBytes + sizeof(Key) + kValueBytes + 63) & ~size_t{63};
    options.max_value_bytes = kValueBytes;
    options.extent_pool_bytes =
        64 * 1024;  // the least that is accepted would do: no value here needs any
    absl::StatusOr<std::unique_ptr<Store>> store = MakeLocalStore(options);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);

    const std::vector<uint32_t> next = RandomCycle(entries_);
    absl::StatusOr<std::unique_ptr<PointerChase>> chase =
        PointerChase::Make(next, *NumberIn(store_->Properties(), "total_bytes"));
    if (!chase.ok()) return chase.status();
    chase_ = *std::move(chase);

    map_.reserve(entries_);
    Value value;
    value.fill('v');
    for (uint32_t i = 0; i < entries_; ++i) {
      const Key key(TokenOf(i));
      const uint64_t next_token = TokenOf(next[i]);
      std::memcpy(value.data(), &next_token, sizeof(next_token));
      absl::Status put = store_->Put(key.view(), {value.data(), value.size()}).status();
      if (!put.ok()) return put;
      map_.emplace(key, value);
    }
    return absl::OkStatus();
  }

  // After so many puts per entry the share of entries that lie where a get looks first changes no
  // more.
  static constexpr uint32_t kRewrites = 3;

  const uint32_t entries_;
  bool rewritten_ = false;
  std::unique_ptr<Store> store_;
  std::unique_ptr<PointerChase> chase_;
  Map map_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_WORKING_SET_H_

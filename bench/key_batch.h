// Keys of random entries for calls that take many at once.
#ifndef CUBBY_BENCH_KEY_BATCH_H_
#define CUBBY_BENCH_KEY_BATCH_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/random_order.h"

namespace cubby::bench {

// Keys for one call.
class KeyBatch {
 public:
  explicit KeyBatch(size_t keys) : keys_(keys, Key(0)) {
    views_.reserve(keys);
    for (const Key& key : keys_) views_.push_back(key.view());
  }
  KeyBatch(const KeyBatch&) = delete;
  KeyBatch& operator=(const KeyBatch&) = delete;

  void Pick(Picker* picks) {
    for (Key& key : keys_) key = Key(TokenOf(picks->Next()));
  }
  // Of those picked last.
  absl::Span<const absl::string_view> views() const { return views_; }

 private:
  std::vector<Key> keys_;
  std::vector<absl::string_view> views_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_KEY_BATCH_H_

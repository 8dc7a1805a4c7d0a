// Replacement policies by their definitions, simulated: which requests a cache of exactly N entries
// would have answered. `cubby trace --against` shows them beside the store's own.
#ifndef CUBBY_CLI_POLICIES_H_
#define CUBBY_CLI_POLICIES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace cubby::cli {

// The keys that a simulated cache holds, in slots numbered from 0. Memory grows with the slots that
// are in use.
class KeySlots {
 public:
  KeySlots() : slots_(0, HashOfKey{&keys_}, SameKey{&keys_}) {}
  KeySlots(const KeySlots&) = delete;
  KeySlots& operator=(const KeySlots&) = delete;

  size_t size() const { return keys_.size(); }
  // Returns the slot of `key`, or nullopt.
  absl::optional<size_t> Find(absl::string_view key) const;
  // Puts `key`, which no slot holds, into `slot`: a new one, size(), or one whose key goes.
  void Put(size_t slot, absl::string_view key);

 private:
  // Both take slots and keys: a set of slots is searched by key.
  struct HashOfKey {
    using is_transparent = void;
    const std::vector<std::string>* keys;
    size_t operator()(absl::string_view key) const;
    size_t operator()(size_t slot) const { return (*this)((*keys)[slot]); }
  };
  struct SameKey {
    using is_transparent = void;
    const std::vector<std::string>* keys;
    bool operator()(size_t a, size_t b) const { return a == b; }
    bool operator()(size_t slot, absl::string_view key) const { return (*keys)[slot] == key; }
    bool operator()(absl::string_view key, size_t slot) const { return (*keys)[slot] == key; }
  };

  std::vector<std::string> keys_;  // by slot
  absl::flat_hash_set<size_t, HashOfKey, SameKey> slots_;
};

// A cache of at most `entries` entries that is got from, and put to on a miss.
class Policy {
 public:
  // REQUIRES: entries > 0.
  explicit Policy(uint64_t entries) : entries_(entries) {}
  virtual ~Policy() = default;

  // Gets `key`. Returns whether the cache held it; if not, it does now, in place of another if the
  // cache was full.
  bool Request(absl::string_view key);

 protected:
  uint64_t entries() const { return entries_; }

 private:
  // The key in `slot` is requested again.
  virtual void Hit(size_t slot) = 0;
  // All slots are in use: returns the one to be used for a new key, and forgets its old one.
  virtual size_t Evict() = 0;
  // A new key is in `slot`, which was never used before or came from Evict().
  virtual void Insert(size_t slot) = 0;

  const uint64_t entries_;
  KeySlots keys_;
};

struct PolicyKind {
  const char* name;
  std::unique_ptr<Policy> (*make)(uint64_t entries);
};

// The policies:
//   lru    evicts the key that was requested least recently
//   fifo   evicts the key that was inserted first
//   clock  FIFO with second chances: a hit sets the key's bit, and a key that would be evicted with
//          its bit set loses the bit and counts as inserted now. The bit of a new key is not set.
//   sieve  Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU", NSDI 2024,
//          algorithm 1: as clock, but a key that loses its bit keeps its place, and the search goes
//          on from there, towards newer keys
absl::Span<const PolicyKind> Policies();
// Returns the policy of that name, or null.
const PolicyKind* FindPolicy(absl::string_view name);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_POLICIES_H_

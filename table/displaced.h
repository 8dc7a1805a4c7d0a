// The entries in other buckets than their homes, as the checker collects and sorts them.
#ifndef CUBBY_TABLE_DISPLACED_H_
#define CUBBY_TABLE_DISPLACED_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace cubby::table {

struct PackedPlace {
  uint64_t bucket : 60;
  uint64_t way : 4;
};

// An entry in another bucket than its home, noted by the walk over the slots and judged afterwards.
struct Displaced {
  uint64_t hash;  // in whose order homes come, too
  uint64_t second_hash;
  PackedPlace place;
};
static_assert(sizeof(Displaced) == 24, "checker.h adds it to 8 bytes for an end");

// Displaced entries in the order of their hashes, sorted without a long pause: each run of
// kRunEntries is sorted when it is full, and reading merges the runs. Memory is allocated and freed
// a run at a time.
class DisplacedEntries {
 public:
  void Add(const Displaced& entry) {
    if (runs_.empty() || runs_.back().entries.size() == kRunEntries) {
      runs_.emplace_back();
      runs_.back().entries.reserve(kRunEntries);
    }
    std::vector<Displaced>& entries = runs_.back().entries;
    entries.push_back(entry);
    if (entries.size() == kRunEntries) std::sort(entries.begin(), entries.end(), Before);
  }

  // Ends the adding; what follows is for reading.
  void Finish() {
    if (!runs_.empty()) {
      std::sort(runs_.back().entries.begin(), runs_.back().entries.end(), Before);
    }
    std::make_heap(runs_.begin(), runs_.end(), FirstIsLater);
  }

  bool empty() const { return runs_.empty(); }
  // REQUIRES: not empty().
  const Displaced& first() const { return runs_.front().first(); }
  void RemoveFirst() {
    std::pop_heap(runs_.begin(), runs_.end(), FirstIsLater);
    Run& run = runs_.back();
    if (++run.begin == run.entries.size()) {
      runs_.pop_back();
    } else {
      std::push_heap(runs_.begin(), runs_.end(), FirstIsLater);
    }
  }

 private:
  // Sorting one takes some 300 us.
  static constexpr size_t kRunEntries = 4096;

  struct Run {
    const Displaced& first() const { return entries[begin]; }
    std::vector<Displaced> entries;
    size_t begin = 0;
  };
  static bool Before(const Displaced& a, const Displaced& b) {
    return std::tie(a.hash, a.second_hash) < std::tie(b.hash, b.second_hash);
  }
  // Makes the heap one whose front has the first entry of all.
  static bool FirstIsLater(const Run& a, const Run& b) { return Before(b.first(), a.first()); }

  std::vector<Run> runs_;  // a heap once finished
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_DISPLACED_H_

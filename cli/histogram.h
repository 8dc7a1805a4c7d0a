// A histogram with buckets of bounded relative width (1/64), so that percentiles of any number of
// values take a fixed 30 KiB.
#ifndef CUBBY_CLI_HISTOGRAM_H_
#define CUBBY_CLI_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cubby::cli {

// Not thread-safe: use one per thread, then Merge().
class Histogram {
 public:
  Histogram();

  void Add(uint64_t value);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  // Returns the least value that `fraction` (0 to 1) of all values do not exceed, rounded up by at
  // most 1/64. Returns 0 if there are no values.
  uint64_t Percentile(double fraction) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace cubby::cli

#endif  // CUBBY_CLI_HISTOGRAM_H_

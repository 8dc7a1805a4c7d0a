#include "cli/histogram.h"

#include <algorithm>
#include <cmath>

#include "absl/numeric/bits.h"

namespace cubby::cli {
namespace {

// Values below 2 * kPerOctave have a bucket each; above, each doubling is divided into kPerOctave
// buckets.
constexpr uint64_t kPerOctave = 64;
constexpr int kOctaveBits = 6;
constexpr size_t kBuckets = (64 - kOctaveBits + 1) * kPerOctave;

// The number of low bits of the value that its bucket ignores.
int IgnoredBits(uint64_t value) {
  return std::max(0, static_cast<int>(absl::bit_width(value)) - (kOctaveBits + 1));
}

size_t BucketOf(uint64_t value) {
  const int ignored = IgnoredBits(value);
  return static_cast<size_t>(ignored) * kPerOctave + (value >> ignored);
}

// The largest value in the bucket.
uint64_t BucketEnd(size_t bucket) {
  if (bucket < 2 * kPerOctave) return bucket;
  const uint64_t ignored = bucket / kPerOctave - 1;
  const uint64_t first = (bucket - ignored * kPerOctave) << ignored;
  return first + ((uint64_t{1} << ignored) - 1);
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

void Histogram::Add(uint64_t value) {
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Percentile(double fraction) const {
  const auto rank = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen > 0 && seen >= rank) return std::min(BucketEnd(i), max_);
  }
  return 0;
}

}  // namespace cubby::cli

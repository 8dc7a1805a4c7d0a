// Picks entries as users do: few of them often, most of them hardly ever.
#ifndef CUBBY_BENCH_ZIPF_H_
#define CUBBY_BENCH_ZIPF_H_

#include <cmath>
#include <cstdint>
#include <random>

namespace cubby::bench {

// Ranks in [0, entries), rank r with a probability in proportion to 1 / (r + 1)^exponent, exactly.
// By rejection-inversion (Hoermann and Derflinger, 1996): no table, 1.1 tries or so for each, but
// logarithms, so that a benchmark draws its picks beforehand. REQUIRES: exponent > 0 and not 1.
class Zipf {
 public:
  Zipf(uint64_t entries, double exponent)
      : exponent_(exponent),
        entries_(static_cast<double>(entries)),
        // The density's integral over [0.5, entries + 0.5], whose part left of 1.5 is shortened to
        // just the first rank's weight: nothing drawn there is ever thrown away.
        first_(Integral(1.5) - 1),
        last_(Integral(entries_ + 0.5)) {}

  template <typename Random>
  uint64_t Next(Random& random) {
    while (true) {
      const double at = std::uniform_real_distribution<double>(first_, last_)(random);
      double rank = std::floor(Inverse(at) + 0.5);
      if (rank < 1) rank = 1;
      if (rank > entries_) rank = entries_;
      // Right of this, within the rank's part of the integral, lies the rank's own weight.
      if (at >= Integral(rank + 0.5) - std::pow(rank, -exponent_)) {
        return static_cast<uint64_t>(rank) - 1;
      }
    }
  }

 private:
  // Of x^-exponent, and what it is the integral at.
  double Integral(double x) const { return std::pow(x, 1 - exponent_) / (1 - exponent_); }
  double Inverse(double integral) const {
    return std::pow(integral * (1 - exponent_), 1 / (1 - exponent_));
  }

  const double exponent_;
  const double entries_;
  const double first_;
  const double last_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_ZIPF_H_

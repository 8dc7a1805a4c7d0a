// How fast is a get, against the memory it must touch and against a hash table of one's own?
//
//   lookup_bench --benchmark_filter='GetHitDependent/64/1000000'
//
// Names are BM_<what>/<value bytes>/<entries>; keys have 16 bytes. Everything goes through the
// public cubby::Store on real shared memory: one thread, no writers, no entry expires. A get
// therefore includes hashing the key, its bucket's head, comparing tags and the whole key, copying
// the value out, the checks that nothing was torn, that it has not expired and that the store
// serves, and returning absl::StatusOr<Entry>.
//
//   BM_GetHitDependent        Get into the caller's buffer; the key comes from the value before
//   BM_GetHitDependentString  the same into a std::string
//   BM_GetHitIndependent      Get into the caller's buffer; random keys known beforehand
//   BM_MultiGet32             the same, 32 in a call
//   BM_GetMiss                Get of keys that are not there, random and known beforehand
//   BM_GetHitDependentRewritten  as the first, after every entry was put again about three times
//
// The Time is cubby's. The counters compare it with two others in the same run
// (bench/side_by_side.h): the floor, which for dependent gets is a pointer chase through as many
// lines in as many bytes and for the others a read of such lines with none waiting for another; and
// an absl::flat_hash_map<Key, Value>, asked for the same keys and copied out of the same way.
//
// With 1,000 entries all three lie in the processor's caches (the cost of the instructions), with
// 1,000,000 hardly anything does (the cost of memory).
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/key_batch.h"
#include "bench/pointer_chase.h"
#include "bench/random_order.h"
#include "bench/side_by_side.h"
#include "bench/working_set.h"
#include "bench/working_set_bench.h"
#include "benchmark/benchmark.h"

namespace cubby::bench {
namespace {

template <size_t kValueBytes>
void GetHitDependent(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  uint64_t cubby_token = TokenOf(0);
  uint64_t map_token = TokenOf(0);
  typename WorkingSet<kValueBytes>::Value value;
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(cubby_token);
          if (!set.store().Get(key.view(), absl::MakeSpan(value)).ok()) return false;
          benchmark::DoNotOptimize(value);
          std::memcpy(&cubby_token, value.data(), sizeof(cubby_token));
        }
        return true;
      },
      [&](size_t operations) { benchmark::DoNotOptimize(set.chase().Walk(operations)); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          value = set.map().find(Key(map_token))->second;
          benchmark::DoNotOptimize(value);
          std::memcpy(&map_token, value.data(), sizeof(map_token));
        }
      });
}

template <size_t kValueBytes>
void GetHitDependentString(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  uint64_t cubby_token = TokenOf(0);
  uint64_t map_token = TokenOf(0);
  std::string value;
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(cubby_token);
          if (!set.store().Get(key.view(), &value).ok()) return false;
          benchmark::DoNotOptimize(value);
          std::memcpy(&cubby_token, value.data(), sizeof(cubby_token));
        }
        return true;
      },
      [&](size_t operations) { benchmark::DoNotOptimize(set.chase().Walk(operations)); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const auto& found = set.map().find(Key(map_token))->second;
          value.assign(found.data(), found.size());
          benchmark::DoNotOptimize(value);
          std::memcpy(&map_token, value.data(), sizeof(map_token));
        }
      });
}

// Changes the working set for all that come after it: registered last.
template <size_t kValueBytes>
void GetHitDependentRewritten(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  absl::Status rewritten = set.Rewrite();
  if (!rewritten.ok()) {
    state.SkipWithError(rewritten.ToString().c_str());
    return;
  }
  GetHitDependent(state, set);
}

// The floor of look-ups that need not wait for each other: `operations` lines, read in any order.
void ReadLines(const PointerChase& lines, Picker* picker, size_t operations) {
  uint64_t sum = 0;
  for (; operations != 0; --operations) {
    uint64_t word;
    std::memcpy(&word, lines.LineOf(static_cast<uint32_t>(picker->Next())), sizeof(word));
    sum += word;
  }
  benchmark::DoNotOptimize(sum);
}

template <size_t kValueBytes>
void GetHitIndependent(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  Picker cubby_picks(set.entries()), floor_picks(set.entries()), map_picks(set.entries());
  typename WorkingSet<kValueBytes>::Value value;
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(TokenOf(cubby_picks.Next()));
          if (!set.store().Get(key.view(), absl::MakeSpan(value)).ok()) return false;
          benchmark::DoNotOptimize(value);
        }
        return true;
      },
      [&](size_t operations) { ReadLines(set.chase(), &floor_picks, operations); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          value = set.map().find(Key(TokenOf(map_picks.Next())))->second;
          benchmark::DoNotOptimize(value);
        }
      });
}

template <size_t kValueBytes>
void MultiGet32(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  constexpr size_t kAtOnce = 32;
  static_assert(kTurn % kAtOnce == 0);
  Picker cubby_picks(set.entries()), floor_picks(set.entries()), map_picks(set.entries());
  std::vector<typename WorkingSet<kValueBytes>::Value> values(kAtOnce);
  const std::vector<absl::Span<char>> buffers(values.begin(), values.end());
  std::vector<absl::StatusOr<Entry>> results(kAtOnce);
  KeyBatch keys(kAtOnce);
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; operations -= kAtOnce) {
          keys.Pick(&cubby_picks);
          if (!set.store().MultiGet(keys.views(), buffers, absl::MakeSpan(results)).ok()) {
            return false;
          }
          for (const absl::StatusOr<Entry>& result : results) {
            if (!result.ok()) return false;
          }
          benchmark::ClobberMemory();
        }
        return true;
      },
      [&](size_t operations) { ReadLines(set.chase(), &floor_picks, operations); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          values[0] = set.map().find(Key(TokenOf(map_picks.Next())))->second;
          benchmark::DoNotOptimize(values[0]);
        }
      });
}

template <size_t kValueBytes>
void GetMiss(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  Picker cubby_picks(set.entries()), floor_picks(set.entries()), map_picks(set.entries());
  typename WorkingSet<kValueBytes>::Value value;
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(TokenOf(kAbsent + cubby_picks.Next()));
          if (!absl::IsNotFound(set.store().Get(key.view(), absl::MakeSpan(value)).status())) {
            return false;
          }
        }
        return true;
      },
      [&](size_t operations) { ReadLines(set.chase(), &floor_picks, operations); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          benchmark::DoNotOptimize(set.map().contains(Key(TokenOf(kAbsent + map_picks.Next()))));
        }
      });
}

template <size_t kValueBytes>
void RegisterAll(CurrentWorkingSet* sets) {
  // By working set first: each is made once.
  for (const uint32_t entries : {1'000u, 100'000u, 1'000'000u}) {
    RegisterSideBySide<kValueBytes>("GetHitDependent", entries, sets, GetHitDependent<kValueBytes>);
    RegisterSideBySide<kValueBytes>("GetHitDependentString", entries, sets,
                                    GetHitDependentString<kValueBytes>);
    RegisterSideBySide<kValueBytes>("GetHitIndependent", entries, sets,
                                    GetHitIndependent<kValueBytes>);
    RegisterSideBySide<kValueBytes>("MultiGet32", entries, sets, MultiGet32<kValueBytes>);
    RegisterSideBySide<kValueBytes>("GetMiss", entries, sets, GetMiss<kValueBytes>);
    RegisterSideBySide<kValueBytes>("GetHitDependentRewritten", entries, sets,
                                    GetHitDependentRewritten<kValueBytes>);
  }
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  cubby::bench::CurrentWorkingSet sets;
  cubby::bench::RegisterAll<8>(&sets);
  cubby::bench::RegisterAll<64>(&sets);
  cubby::bench::RegisterAll<1024>(&sets);
  return cubby::bench::RunRegistered(argc, argv);
}

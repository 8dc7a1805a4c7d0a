// Does one kind of operation a fixed number of times, so that tools/budget can count its
// instructions: everything that is to be counted happens in Counted().
//
//   counted OPERATION      one of those below; prints how many it did
//
// Keys have 16 bytes and values 64; 10,000 entries, in random order. Other sizes differ by what it
// takes to hash and copy them.
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/local_store.h"
#include "client/store.h"
#include "table/geometry.h"

namespace cubby::bench {
namespace {

constexpr uint32_t kEntries = 10'000;
constexpr uint32_t kOperations = 5000;
constexpr size_t kAtOnce = 32;

using Value = std::array<char, 64>;

// The function that the counter is switched on in. Not inlined, so that it is there.
__attribute__((noinline)) bool Counted(absl::FunctionRef<bool(uint32_t)> operation,
                                       uint32_t operations) {
  for (uint32_t i = 0; i < operations; ++i) {
    if (!operation(i)) return false;
  }
  return true;
}

struct Operation {
  const char* name;
  uint32_t keys;  // that one call of `run` handles
  bool (*run)(Store& store, const std::vector<Key>& keys, uint32_t i);
  bool evicting = false;  // on a full store that evicts
};

absl::string_view View(const Value& value) { return {value.data(), value.size()}; }

Value value;
std::string text;
constexpr Value kFresh = {'f', 'r', 'e', 's', 'h'};
std::array<Value, kAtOnce> values;
std::array<absl::Span<char>, kAtOnce> buffers;
std::array<absl::StatusOr<Entry>, kAtOnce> results;
std::array<absl::string_view, kAtOnce> views;
std::array<absl::string_view, kAtOnce> fresh;
std::array<absl::StatusOr<uint64_t>, kAtOnce> revisions;

// keys[0, kEntries) are in the store, those after them are not.
constexpr Operation kKinds[] = {
    {"get-hit", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Get(keys[i].view(), absl::MakeSpan(value)).ok();
     }},
    {"get-hit-string", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Get(keys[i].view(), &text).ok();
     }},
    {"get-miss", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return absl::IsNotFound(
           store.Get(keys[kEntries + i].view(), absl::MakeSpan(value)).status());
     }},
    {"multi-get", kAtOnce,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       for (size_t k = 0; k < kAtOnce; ++k) views[k] = keys[i * kAtOnce + k].view();
       return store.MultiGet(views, buffers, absl::MakeSpan(results)).ok() && results[0].ok();
     }},
    {"put-over", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Put(keys[i].view(), View(kFresh)).ok();
     }},
    {"multi-put", kAtOnce,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       for (size_t k = 0; k < kAtOnce; ++k) views[k] = keys[i * kAtOnce + k].view();
       return store.MultiPut(views, fresh, absl::MakeSpan(revisions)).ok() && revisions[0].ok();
     }},
    {"put-new", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Put(keys[kEntries + i].view(), View(kFresh)).ok();
     }},
    {"delete", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Delete(keys[i].view()).ok();
     }},
    {"get-marking", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Get(keys[i].view(), absl::MakeSpan(value)).ok();
     },
     /*evicting=*/true},
    {"put-evicting", 1,
     [](Store& store, const std::vector<Key>& keys, uint32_t i) {
       return store.Put(keys[kEntries + i].view(), View(kFresh)).ok();
     },
     /*evicting=*/true},
};

absl::StatusOr<uint32_t> Run(absl::string_view name) {
  for (size_t k = 0; k < kAtOnce; ++k) buffers[k] = absl::MakeSpan(values[k]);
  fresh.fill(View(kFresh));
  for (const Operation& kind : kKinds) {
    if (name != kind.name) continue;
    table::GeometryOptions options;
    options.capacity = kind.evicting ? kEntries : kEntries + kOperations;
    if (kind.evicting) options.full_policy = table::FullPolicy::kEvict;
    options.max_value_bytes = sizeof(Value);
    absl::StatusOr<std::unique_ptr<Store>> store = MakeLocalStore(options);
    if (!store.ok()) return store.status();
    std::vector<Key> keys;
    keys.reserve(kEntries + kOperations);
    for (uint32_t i = 0; i < kEntries + kOperations; ++i) keys.emplace_back(TokenOf(i));
    for (uint32_t i = 0; i < kEntries; ++i) {
      absl::Status put = (*store)->Put(keys[i].view(), View(value)).status();
      if (!put.ok()) return put;
    }
    const uint32_t calls = kOperations / kind.keys;
    const bool done = Counted([&](uint32_t i) { return kind.run(**store, keys, i); }, calls);
    if (!done) return absl::InternalError("an operation failed");
    return calls * kind.keys;
  }
  return absl::InvalidArgumentError("no such operation");
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  const absl::StatusOr<uint32_t> done = cubby::bench::Run(argc == 2 ? argv[1] : "");
  if (!done.ok()) {
    std::fprintf(stderr, "counted: %s\n", done.status().ToString().c_str());
    return 2;
  }
  std::printf("%u\n", *done);
  return 0;
}

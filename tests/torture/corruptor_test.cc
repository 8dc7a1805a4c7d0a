// A process that writes random bytes anywhere into a store while others use it: no process crashes,
// hangs or grows, and each problem is returned as a Status.
//
// The corruptor may change every byte of the mapping: the header, the lock word and the seats'
// incarnations too. Each change is undone some changes later, and now and then the whole store is
// set back to its first state while it is in use, so that the others meet all kinds of damage and
// not only the first. One thing is not tested here, because it changes no byte of the mapping: on
// Linux a process with write access can also truncate the file (shrunk_mapping_test).
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/histogram.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "program/exit_code.h"
#include "table/layout.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"
#include "tests/torture/process_meter.h"

namespace cubby {
namespace {

constexpr int kKeys = 2000;
constexpr size_t kMaxValue = 3000;  // most go to extents
// How many changes are there at once: some for every fifth bucket.
constexpr size_t kChanges = 256;
// Long enough for writers to fill it, short against what a counter that is wrong for good hides.
constexpr absl::Duration kRenewEvery = absl::Milliseconds(100);
constexpr size_t kStateWord = offsetof(table::FixedPart, state) / sizeof(uint64_t);

// How often each code came.
class Tally {
 public:
  void Add(const absl::Status& status) { ++counts_[status.code()]; }
  uint64_t of(absl::StatusCode code) const {
    const auto found = counts_.find(code);
    return found == counts_.end() ? 0 : found->second;
  }
  // True if they are all of these.
  bool Only(const std::vector<absl::StatusCode>& codes) const {
    return std::all_of(counts_.begin(), counts_.end(), [&codes](const auto& count) {
      return std::find(codes.begin(), codes.end(), count.first) != codes.end();
    });
  }
  std::string ToString() const {
    std::string text;
    for (const auto& [code, count] : counts_) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", count, " ", absl::StatusCodeToString(code));
    }
    return text;
  }

 private:
  std::map<absl::StatusCode, uint64_t> counts_;
};

// A mapping, word by word.
class Words {
 public:
  explicit Words(const os::Mapping& mapping)
      : words_(reinterpret_cast<std::atomic<uint64_t>*>(mapping.data())),
        count_(mapping.size() / sizeof(uint64_t)),
        fresh_(count_) {
    for (size_t i = 0; i < count_; ++i) fresh_[i] = words_[i];
  }

  size_t count() const { return count_; }
  std::atomic<uint64_t>& at(size_t i) { return words_[i]; }
  // As it was in the beginning: one word, or all.
  void Renew(size_t i) { words_[i] = fresh_[i]; }
  void RenewAll() {
    for (size_t i = 0; i < count_; ++i) Renew(i);
  }

 private:
  std::atomic<uint64_t>* const words_;
  const size_t count_;
  std::vector<uint64_t> fresh_;
};

struct Change {
  size_t word;
  uint64_t flipped;   // bits, if it was some that were flipped
  uint64_t replaced;  // else the word that was there
};

Change MakeChange(Words* words, std::mt19937_64* random) {
  constexpr uint64_t kTelling[] = {
      0, 1, 0x7fff'ffff, 0xffff'fffe, 0xffff'ffff, ~uint64_t{0} >> 1, ~uint64_t{0}};
  constexpr size_t kFixedWords = sizeof(table::FixedPart) / sizeof(uint64_t);
  constexpr size_t kUsedFixedWords = offsetof(table::FixedPart, pad1) / sizeof(uint64_t);
  // The few words at the front lead farthest.
  size_t word = (*random)() % words->count();
  switch ((*random)() % 8) {
    case 0:
      word = (*random)() % kUsedFixedWords;
      break;
    case 1:
      word = (*random)() % kFixedWords;
      break;
    default:
      break;
  }
  Change change = {word, 0, 0};
  switch ((*random)() % 4) {
    case 0:
      change.replaced = words->at(word).exchange((*random)());
      break;
    case 1:
      change.replaced =
          words->at(word).exchange(kTelling[(*random)() % (sizeof(kTelling) / sizeof(uint64_t))]);
      break;
    default:
      change.flipped = uint64_t{1} << (*random)() % 64;
      words->at(word).fetch_xor(change.flipped);
  }
  return change;
}

void TakeBack(const Change& change, Words* words) {
  if (change.flipped != 0) {
    words->at(change.word).fetch_xor(change.flipped);
  } else {
    words->at(change.word) = change.replaced;
  }
}

// args: store, seed. Changes bytes until its input ends; prints how often.
CUBBY_CHILD(Corruptor) {
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(args[0], os::Access::kReadWrite);
  if (!mapping.ok()) return 2;
  Words words(*mapping);
  std::mt19937_64 random(std::strtoull(args[1].c_str(), nullptr, 10));
  const std::atomic<bool>& stopped = test::InputEnded();
  test::ReportReady();
  std::vector<Change> changes;
  uint64_t made = 0;
  os::Deadline next_renewal(kRenewEvery);
  while (!stopped) {
    const size_t at = made++ % kChanges;
    words.Renew(kStateWord);
    if (changes.size() > at) {
      TakeBack(changes[at], &words);
      changes[at] = MakeChange(&words, &random);
    } else {
      changes.push_back(MakeChange(&words, &random));
    }
    if (made % 256 != 0) continue;
    std::this_thread::yield();
    if (next_renewal.Passed()) {
      words.RenewAll();
      changes.clear();
      next_renewal = os::Deadline(kRenewEvery);
    }
  }
  words.RenewAll();
  std::printf("%llu\n", static_cast<unsigned long long>(made));
  return 0;
}

// What a reader or writer may be told of damaged bytes.
const std::vector<absl::StatusCode>& PossibleCodes() {
  static const auto* const codes = new std::vector<absl::StatusCode>{
      absl::StatusCode::kOk,
      absl::StatusCode::kNotFound,
      absl::StatusCode::kAlreadyExists,
      absl::StatusCode::kDataLoss,
      absl::StatusCode::kUnavailable,         // contended
      absl::StatusCode::kResourceExhausted,   // full, by a count that is not true
      absl::StatusCode::kDeadlineExceeded,    // a lock word that names a living writer
      absl::StatusCode::kFailedPrecondition,  // a state word that says the store was shut down
  };
  return *codes;
}

// As a user would who is told to: opens the store again, and keeps what there is if it cannot be
// opened now.
void OpenAgain(const std::string& name, const OpenOptions& options, std::unique_ptr<Store>* store) {
  absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(name, options);
  if (opened.ok()) *store = *std::move(opened);
}

// args: store, seed. Gets and scans until its input ends; prints figures.
CUBBY_CHILD(CorruptedReader) {
  OpenOptions options;
  options.mode = Mode::kReadOnly;
  absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(args[0], options);
  if (!opened.ok()) return 2;
  std::unique_ptr<Store> store = *std::move(opened);
  std::mt19937_64 random(std::strtoull(args[1].c_str(), nullptr, 10));
  const std::atomic<bool>& stopped = test::InputEnded();
  test::ReportReady();
  Tally gets, scans;
  cli::Histogram cpu_ns, wall_ns;
  std::string value;
  std::vector<char> buffer(kMaxValue / 2);
  bool too_long = false;
  for (uint64_t round = 1; !stopped; ++round) {
    const std::string key = test::KeyOf(random() % (kKeys + kKeys / 4));  // each fifth is not there
    const uint64_t wall = os::BootNanos();
    const uint64_t cpu = test::ThreadCpuNanos();
    absl::Status status;
    if (round % 4 != 0) {
      status = store->Get(key, &value).status();
    } else {
      status = store->Get(key, absl::MakeSpan(buffer)).status();
    }
    cpu_ns.Add(test::ThreadCpuNanos() - cpu);
    wall_ns.Add(os::BootNanos() - wall);
    if (round % 4 == 0 && absl::IsOutOfRange(status)) status = absl::OkStatus();  // long for that
    too_long = too_long || value.size() > store->limits().max_value_bytes;
    gets.Add(status);
    if (round % 1000 == 0) {
      scans.Add(store->ForEach([&](absl::string_view, absl::string_view found, const Entry&) {
        too_long = too_long || found.size() > store->limits().max_value_bytes;
        return true;
      }));
      store->Stats();
    }
    if (round % 10'000 == 0) OpenAgain(args[0], options, &store);
  }
  std::printf("gets: %s; scans: %s\n", gets.ToString().c_str(), scans.ToString().c_str());
  std::printf("figures %llu %llu %llu %llu %llu %llu %llu\n",
              static_cast<unsigned long long>(cpu_ns.count()),
              static_cast<unsigned long long>(gets.of(absl::StatusCode::kOk)),
              static_cast<unsigned long long>(cpu_ns.Percentile(0.5)),
              static_cast<unsigned long long>(cpu_ns.Percentile(0.999)),
              static_cast<unsigned long long>(cpu_ns.max()),
              static_cast<unsigned long long>(wall_ns.Percentile(0.999)),
              static_cast<unsigned long long>(wall_ns.max()));
  return gets.Only(PossibleCodes()) && scans.Only(PossibleCodes()) && !too_long ? 0 : 1;
}

// args: store, seed. Puts, adds and deletes until its input ends; prints what it was told.
CUBBY_CHILD(CorruptedWriter) {
  OpenOptions options;
  options.lock_timeout = absl::Milliseconds(20);
  absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(args[0], options);
  if (!opened.ok()) return 2;
  std::unique_ptr<Store> store = *std::move(opened);
  std::mt19937_64 random(std::strtoull(args[1].c_str(), nullptr, 10));
  const std::atomic<bool>& stopped = test::InputEnded();
  test::ReportReady();
  Tally writes;
  for (uint64_t round = 1; !stopped; ++round) {
    const std::string key = test::KeyOf(random() % kKeys);
    const std::string value(random() % kMaxValue, static_cast<char>(random()));
    PutOptions put;
    if (random() % 8 == 0) put.ttl = absl::Milliseconds(1 + random() % 100);
    switch (random() % 8) {
      case 0:
        writes.Add(store->Delete(key));
        break;
      case 1:
        writes.Add(store->Add(key, value, put).status());
        break;
      default:
        writes.Add(store->Put(key, value, put).status());
    }
    if (round % 10'000 == 0) OpenAgain(args[0], options, &store);
  }
  std::printf("writes: %s\n", writes.ToString().c_str());
  return writes.Only(PossibleCodes()) ? 0 : 1;
}

struct Watched {
  const char* what;
  uint64_t pid;
  absl::optional<uint64_t> before;
};

class CorruptorTest : public test::DaemonFixture {
 protected:
  std::unique_ptr<test::Subprocess> StartRole(const std::string& role, int seed) {
    std::unique_ptr<test::Subprocess> child = StartUser(role, {absl::StrCat(seed)});
    if (child == nullptr) return nullptr;
    const absl::Status ready = test::WaitUntilReady(*child);
    EXPECT_TRUE(ready.ok()) << ready;
    return child;
  }
};

TEST_F(CorruptorTest, NobodyCrashesHangsOrGrows) {
  const absl::Duration duration = absl::Seconds(test::Amount(5, 120));
  // Enough for what readers and writers keep for their own, and not for what grows with time.
  constexpr uint64_t kMayGrow = 4 << 20;
  ASSERT_TRUE(StartDaemon({"--capacity", "4000", "--max-value", "4KiB", "--extent-pool", "8MiB"}));
  const int seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  std::vector<std::unique_ptr<test::Subprocess>> users;
  for (const char* role : {"CorruptedReader", "CorruptedReader", "CorruptedWriter"}) {
    users.push_back(StartRole(role, seed + static_cast<int>(users.size())));
    ASSERT_NE(users.back(), nullptr);
  }
  const std::unique_ptr<test::Subprocess> corruptor = StartRole("Corruptor", seed);
  ASSERT_NE(corruptor, nullptr);

  std::vector<Watched> watched;
  const absl::Time begin = absl::Now();
  const absl::Time end = begin + duration;
  uint64_t requests = 0;
  for (size_t i = 0; absl::Now() < end || requests < 4; ++i, ++requests) {
    constexpr const char* kRequests[] = {"ping", "stats", "check", "flush"};
    const char* const request = kRequests[i % 4];
    const test::ExitResult result = Cubby({request});
    const bool told = result.exit_code == 0 ||
                      result.exit_code == static_cast<int>(program::ExitCode::kTimeout) ||
                      result.exit_code == static_cast<int>(program::ExitCode::kCorrupt) ||
                      // The magic is zero, as that of a store that is being made.
                      absl::StrContains(result.err, "is half made");
    ASSERT_TRUE(told) << request << " gave " << result.exit_code << ": " << result.err << ", seed "
                      << seed;
    // What they need for their work, they have by then.
    if (watched.empty() && absl::Now() > begin + duration / 4) {
      watched = {{"daemon", daemon()->pid(), test::OwnBytes(daemon()->pid())}};
      for (size_t u = 0; u < 2; ++u) {
        watched.push_back({"reader", users[u]->pid(), test::OwnBytes(users[u]->pid())});
      }
    }
  }
  std::string grew;
  for (const Watched& process : watched) {
    const absl::optional<uint64_t> after = test::OwnBytes(process.pid);
    if (!process.before.has_value() || !after.has_value()) continue;
    EXPECT_LT(*after, *process.before + kMayGrow) << process.what << ", seed " << seed;
    absl::StrAppend(&grew, grew.empty() ? "" : " / ", *process.before / 1024, " to ",
                    *after / 1024);
  }

  corruptor->CloseInput();
  const test::ExitResult corrupted = corruptor->Wait(absl::Seconds(60));
  EXPECT_EQ(corrupted.exit_code, 0) << corrupted.err;
  uint64_t gets = 0, hits = 0, p50 = 0, p999 = 0, max = 0, wall_p999 = 0, wall_max = 0;
  for (std::unique_ptr<test::Subprocess>& user : users) {
    user->CloseInput();
    const test::ExitResult result = user->Wait(absl::Seconds(60));
    std::printf("%s", result.out.c_str());
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err << ", seed " << seed;
    const size_t at = result.out.find("figures ");
    if (at == std::string::npos) continue;
    unsigned long long f[7] = {};
    std::sscanf(result.out.c_str() + at, "figures %llu %llu %llu %llu %llu %llu %llu", &f[0], &f[1],
                &f[2], &f[3], &f[4], &f[5], &f[6]);
    gets += f[0];
    hits += f[1];
    p50 = std::max<uint64_t>(p50, f[2]);
    p999 = std::max<uint64_t>(p999, f[3]);
    max = std::max<uint64_t>(max, f[4]);
    wall_p999 = std::max<uint64_t>(wall_p999, f[5]);
    wall_max = std::max<uint64_t>(wall_max, f[6]);
  }
  // A hang would not end; this is for what nearly is one. (A host that shares its processors may
  // charge a pause of its own to the process that was running.)
  EXPECT_LT(max, test::Amount(30'000'000'000, 1'000'000'000)) << "seed " << seed;
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
  const auto us = [](uint64_t ns) { return absl::StrFormat("%.1f us", ns / 1e3); };
  test::Report("corruptor", {{"seconds", absl::StrCat(absl::ToInt64Seconds(duration))},
                             {"changes", std::string(corrupted.out.substr(
                                             corrupted.out.find('\n') + 1,
                                             corrupted.out.size() - corrupted.out.find('\n') - 2))},
                             {"gets", absl::StrCat(gets)},
                             {"of which hits", absl::StrCat(hits)},
                             {"get cpu p50", us(p50)},
                             {"p99.9", us(p999)},
                             {"max", us(max)},
                             {"get wall p99.9", us(wall_p999)},
                             {"max", us(wall_max)},
                             {"requests", absl::StrCat(requests)},
                             {"own KiB of daemon / readers", grew.empty() ? "not told" : grew}});
}

}  // namespace
}  // namespace cubby

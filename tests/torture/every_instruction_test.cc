// A writer that is killed at any single instruction of an operation (Linux, by ptrace's single
// steps). Before any repair, a read-only reader sees the old state or the new one; then another
// writer continues, and the checker finds nothing wrong.
//
// What a killed writer leaves is the bytes of the mapping and a seat that the kernel releases. So
// at every instruction the bytes are copied and checked as if the writer had been killed there; and
// at some instructions, others in each run, it is really killed, and another process continues with
// the real store; in the whole test (tests/support/torture.h) at each one, or at 3,000 where there
// are more.
//
// To test another operation, add a line to the table at the end.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "attach/attachment.h"
#include "attach/mapped_table.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lock/writer_lock.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "table/changes.h"
#include "table/checker.h"
#include "table/geometry.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/repair.h"
#include "table/sweep.h"
#include "table/table.h"
#include "table/writer.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

using ::testing::IsEmpty;

// The key under the knife, and one that lies in two extents.
constexpr char kKey[] = "the key under the knife";
const std::string& LongKey() {
  static const auto* const key = new std::string(1200, 'k');
  return *key;
}
constexpr char kAbsent[] = "<absent>";
// Follows the value of an entry that has an expiry.
constexpr char kExpires[] = "<expires>";

// The process that is stepped through: a store of its own, and what lies under it.
struct Victim {
  Store& store;
  const table::WritableTable& table;
  lock::WriterLock& lock;
};
using Act = void (*)(Victim& victim);

struct Operation {
  const char* name;
  std::string before;  // the key's value, with kExpires if it has an hour to live, or kAbsent
  std::string after;
  Act act = nullptr;  // null: the victim puts `after`, or deletes the key if that is kAbsent

  std::string key = kKey;
  // Whether the key's home bucket is full of others, so that it lives in the next.
  bool full_home = false;
  // Whether other keys go too.
  bool others_go = false;
  // Whether the store evicts, and what it must give up for the key: an entry that lives at the
  // key's home; one whose home that is, and which lives in the next bucket, as the key will; one of
  // the next bucket, while the key goes to its home; one with extents, because the pool is full.
  enum class Evicts { kNothing, kFromHome, kOverflowed, kFromNext, kForExtents };
  Evicts evicts = Evicts::kNothing;
  // How long the key lives before the operation.
  absl::Duration ttl = absl::InfiniteDuration();
  // Whether the value before and the value after lie in extents apart from each other, which are
  // the only free ones of the pool. REQUIRES: both values take two extents, or are kAbsent.
  bool scattered = false;
  // Whether the lock belongs to one who died before it: how far that one's put had come.
  enum class DeadOwner { kNone, kNotCommitted, kCommitted } dead_owner = DeadOwner::kNone;

  // Whether commits are recorded in the change ring.
  bool recorded = false;

  Operation& Recorded() {
    recorded = true;
    return *this;
  }
  Operation& WithLongKey() {
    key = LongKey();
    return *this;
  }
  Operation& FullHome() {
    full_home = true;
    return *this;
  }
  Operation& OthersGo() {
    others_go = true;
    return *this;
  }
  Operation& Evicting(Evicts what) {
    evicts = what;
    others_go = true;
    return *this;
  }
  Operation& Scattered() {
    scattered = true;
    return *this;
  }
  Operation& Expired() {
    ttl = absl::Nanoseconds(1);
    return *this;
  }
  Operation& After(DeadOwner owner) {
    dead_owner = owner;
    return *this;
  }
};
using DeadOwner = Operation::DeadOwner;
using Evicts = Operation::Evicts;

void PrintTo(const Operation& operation, std::ostream* out) { *out << operation.name; }

// As the daemon does it.
void RunPass(Victim& victim, bool everything) {
  table::Sweep sweep(victim.table, everything);
  while (!sweep.done()) {
    if (!victim.lock.Acquire(absl::Seconds(5)).ok()) _exit(3);
    lock::WriterLockHolder holder(&victim.lock);
    (void)sweep.Step(os::BootNanos());
  }
}
void Flush(Victim& victim) { RunPass(victim, /*everything=*/true); }
void Sweep(Victim& victim) { RunPass(victim, /*everything=*/false); }

// As a watcher, or the daemon, does it.
template <table::ChangeRecording kRecording>
void Record(Victim& victim) {
  if (!victim.lock.Acquire(absl::Seconds(5)).ok()) _exit(3);
  lock::WriterLockHolder holder(&victim.lock);
  table::RepairIfNeeded(victim.table);
  table::SetRecording(victim.table, kRecording);
}

// The key, and its company, in one call.
void PutMany(Victim& victim) {
  const absl::string_view keys[] = {"filler0", kKey, "filler1"};
  const absl::string_view values[] = {"f", "new", "f"};
  absl::StatusOr<uint64_t> results[3];
  (void)victim.store.MultiPut(keys, values, results);
}

// One of the keys that fill the key's home bucket, so that the key moves there.
void DeleteFromHomeOf(const std::string& key, Victim& victim) {
  const table::Geometry& geometry = victim.table.geometry();
  const auto home = [&geometry](const std::string& key) {
    return table::HomeBucket(table::HashKey(key, geometry.hash_seed), geometry.bucket_count);
  };
  int i = 0;
  while (home(absl::StrCat("filler", i)) != home(key)) ++i;
  (void)victim.store.Delete(absl::StrCat("filler", i));
}
void DeleteFromHome(Victim& victim) { DeleteFromHomeOf(kKey, victim); }
void DeleteFromHomeOfLongKey(Victim& victim) { DeleteFromHomeOf(LongKey(), victim); }

void CompareAndSet(Victim& victim) {
  PutOptions options;
  options.if_revision = victim.store.GetMetadata(kKey)->revision;
  (void)victim.store.Put(kKey, "new", options);
}
void Increment(Victim& victim) { (void)victim.store.Increment(kKey, 1, {/*initial=*/1}); }
void IncrementLongKey(Victim& victim) { (void)victim.store.Increment(LongKey()); }
void Append(Victim& victim) { (void)victim.store.Append(kKey, std::string(300, 'a')); }
void GetAndSet(Victim& victim) {
  std::string old_value;
  (void)victim.store.GetAndSet(kKey, "new", &old_value);
}
void GetAndDelete(Victim& victim) {
  std::string value;
  (void)victim.store.GetAndDelete(kKey, &value);
}
void Compute(Victim& victim) {
  ComputeOptions options;
  options.stale = absl::Hours(1);
  std::string value;
  (void)victim.store.GetOrCompute(
      kKey, options, [] { return std::string("new"); }, &value);
}
void ComputeLongValue(Victim& victim) {
  std::string value;
  (void)victim.store.GetOrCompute(
      kKey, {}, [] { return std::string(1500, 'n'); }, &value);
}
// Leaves what had expired before the lease.
void FailToCompute(Victim& victim) {
  ComputeOptions options;
  options.stale = absl::Hours(1);
  std::string value;
  (void)victim.store.GetOrCompute(
      kKey, options, [] { return absl::InternalError("no value"); }, &value);
}
void Touch(Victim& victim) { (void)victim.store.Touch(kKey, absl::Hours(2)); }
void Persist(Victim& victim) { (void)victim.store.Persist(kKey); }

class EveryInstructionTest : public test::DaemonFixture,
                             public ::testing::WithParamInterface<Operation> {
 protected:
  void Prepare(Store& store, const Operation& operation, const std::vector<std::string>& fillers) {
    if (operation.evicts != Evicts::kNothing) return PrepareToEvict(store, operation, fillers);
    for (const std::string& filler : fillers) ASSERT_TRUE(store.Put(filler, "f").ok()) << filler;
    if (operation.scattered) {
      ASSERT_NO_FATAL_FAILURE(Scatter(store));
    }
    PutOptions options;
    options.ttl = operation.ttl;
    absl::string_view before = operation.before;
    if (absl::ConsumeSuffix(&before, kExpires)) options.ttl = absl::Hours(1);
    absl::Status status = before == kAbsent && options.ttl == absl::InfiniteDuration()
                              ? store.Delete(operation.key)
                              : store.Put(operation.key, before, options).status();
    if (absl::IsNotFound(status)) status = absl::OkStatus();
    ASSERT_TRUE(status.ok()) << status;
    if (operation.scattered) {
      for (const int i : {4, 6}) ASSERT_TRUE(store.Delete(Piece(i)).ok());
    }
    if (operation.dead_owner != DeadOwner::kNone) LeaveDeadOwner(operation.dead_owner, fillers[0]);
  }

  // Makes the first of `fillers` the victim.
  static void PrepareToEvict(Store& store, const Operation& operation,
                             const std::vector<std::string>& fillers) {
    for (const std::string& key : fillers) (void)store.Delete(key);
    (void)store.Delete(operation.key);
    const bool extents = operation.evicts == Evicts::kForExtents;
    const std::string value(extents ? 1500 : 1, 'f');
    std::vector<std::string> keys = fillers;
    if (operation.evicts == Evicts::kOverflowed) {
      // It comes when its home is full of others, which are got more often.
      std::rotate(keys.begin(), keys.begin() + 1, keys.begin() + table::kMaxWays);
    }
    for (const std::string& key : keys) ASSERT_TRUE(store.Put(key, value).ok()) << key;
    if (operation.evicts != Evicts::kOverflowed) return;
    for (size_t i = 0; i + 1 < table::kMaxWays; ++i) ASSERT_TRUE(*store.Contains(keys[i]));
  }

  static std::string Piece(int i) { return absl::StrCat("piece", i); }

  // Fills the pool with values of one extent each, one after the other, except two extents that are
  // not neighbours.
  static void Scatter(Store& store) {
    constexpr int kPool = 15;
    (void)store.Delete(kKey);
    for (int i = 0; i < kPool; ++i) (void)store.Delete(Piece(i));
    for (int i = 0; i < kPool; ++i) {
      ASSERT_TRUE(store.Put(Piece(i), std::string(300, 'p')).ok()) << i;
    }
    for (const int i : {0, 2}) ASSERT_TRUE(store.Delete(Piece(i)).ok());
  }

  // Keys to keep the one under test company: three, or as many as fill its home bucket.
  static std::vector<std::string> Fillers(const table::Geometry& geometry,
                                          const Operation& operation) {
    const auto home = [&geometry](const std::string& key) {
      return table::HomeBucket(table::HashKey(key, geometry.hash_seed), geometry.bucket_count);
    };
    std::vector<std::string> fillers;
    if (operation.evicts != Evicts::kNothing) {
      // `count` more keys whose home that of the key under the knife is, or is not.
      int next = 0;
      const auto add = [&](uint64_t count, bool of_its_home) {
        while (count != 0) {
          std::string key = absl::StrCat("filler", next++);
          if ((home(key) == home(operation.key)) != of_its_home) continue;
          fillers.push_back(std::move(key));
          --count;
        }
      };
      const uint64_t full = geometry.ways - 1;
      switch (operation.evicts) {
        case Evicts::kFromHome:
          add(full, true);
          add(geometry.capacity - full, false);
          break;
        case Evicts::kOverflowed:
          add(full + 1, true);
          add(geometry.capacity - full - 1, false);
          break;
        case Evicts::kFromNext:
          add(full, false);
          add(geometry.capacity - full, true);
          break;
        default:
          add(geometry.extent_count / 2, true);
      }
      return fillers;
    }
    for (int i = 0; fillers.size() < (operation.full_home ? geometry.ways - 1 : 3); ++i) {
      std::string key = absl::StrCat("filler", i);
      if (!operation.full_home || home(key) == home(operation.key))
        fillers.push_back(std::move(key));
    }
    return fillers;
  }

  // Starts a process that stops itself right before it does `act`, and again right behind it.
  pid_t StartVictim(const std::function<void(Victim&)>& act) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    // What the parent opened is of no use here: this is a writer of its own.
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
    const auto attachment = attach::Attachment::Open(store(), {});
    if (!opened.ok() || !attachment.ok()) _exit(2);
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
      std::perror("victim: ptrace");
      _exit(2);
    }
    Victim victim = {**opened, (*attachment)->current().table(), *(*attachment)->current().lock()};
    raise(SIGSTOP);
    act(victim);
    raise(SIGUSR1);
    _exit(0);
  }
  pid_t StartVictim(const Operation& operation) {
    if (operation.act != nullptr) return StartVictim(operation.act);
    return StartVictim([&operation](Victim& victim) {
      if (operation.after == kAbsent) {
        (void)victim.store.Delete(operation.key);
      } else {
        (void)victim.store.Put(operation.key, operation.after);
      }
    });
  }

  // Has a process die inside a put over `filler` that needs extents, with the lock.
  void LeaveDeadOwner(DeadOwner how_far, const std::string& filler) {
    absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(store(), os::Access::kReadOnly);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    const auto mapped = attach::MappedTable::Adopt(&*mapping, attach::Guard::kNone);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    const table::Table& table = mapped->table();
    const table::Intent& intent = table.fixed().intent;
    const auto far_enough = [&] {
      if (intent.operation.load() == 0) return false;
      const bool committed =
          table.head(intent.bucket.load()).word0.load() == intent.word0_after.load();
      return committed == (how_far == DeadOwner::kCommitted);
    };
    const pid_t pid = StartVictim(
        [&filler](Victim& victim) { (void)victim.store.Put(filler, std::string(300, 'd')); });
    ASSERT_NO_FATAL_FAILURE(WaitUntilStopped(pid));
    while (!far_enough()) ASSERT_TRUE(Step(pid, 1)) << "the owner came to its end";
    ASSERT_NO_FATAL_FAILURE(End(pid));
  }

  static void WaitUntilStopped(pid_t pid) {
    ASSERT_GT(pid, 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) << status;
  }

  static void End(pid_t pid) {
    kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
  }

  // Reads the key, and every filler, as they are: the old value or the new one (into *value), at
  // the first try.
  static void ReadKeys(const table::Table& table, const Operation& operation,
                       const std::vector<std::string>& fillers, std::string* value) {
    const table::Reader reader(table);
    table::Found found;
    const table::Outcome outcome = reader.Get(operation.key, table::StringSink(value), &found);
    if (outcome == table::Outcome::kNotFound) {
      *value = kAbsent;
    } else {
      ASSERT_EQ(outcome, table::Outcome::kFound);
      if (found.expiry_ns != 0) *value += kExpires;
    }
    ASSERT_TRUE(*value == operation.before || *value == operation.after) << *value;
    for (const std::string& filler : fillers) {
      const table::Outcome other = reader.Get(filler, table::NoSink(), &found);
      ASSERT_TRUE(other == table::Outcome::kFound ||
                  (operation.others_go && other == table::Outcome::kNotFound))
          << filler;
    }
  }

  // What another writer puts: in a store that evicts a key that it has, or it would evict another.
  static std::string SuccessorsKey(const Operation& operation,
                                   const std::vector<std::string>& fillers) {
    return operation.evicts == Evicts::kNothing ? "successor" : fillers.back();
  }

  // Whether the mapping's bytes are others than when this was asked last. If not, they need not be
  // judged again.
  bool BytesChanged(const os::Mapping& mapping) {
    if (judged_.size() == mapping.size() &&
        std::memcmp(judged_.data(), mapping.data(), judged_.size()) == 0) {
      return false;
    }
    judged_.assign(mapping.data(), mapping.size());
    return true;
  }

  // The change ring tells of the key what the table has. REQUIRES: nothing is to be repaired.
  static void ExpectChangesTell(const table::Table& table, const std::string& key) {
    if (!table::Recording(table)) return;
    table::ChangeFollower follower(table, table.fixed().changes.lost.load());
    table::ChangeFollower::Change change;
    table::ChangeFollower::Change last;
    table::ChangeFollower::Outcome outcome;
    while ((outcome = follower.Next(&change)) == table::ChangeFollower::Outcome::kChange) {
      if (change.key == key) last = change;
    }
    ASSERT_EQ(outcome, table::ChangeFollower::Outcome::kNone);
    table::Found found;
    const bool there = table::Reader(table).FindHidden(key, &found) == table::Outcome::kFound;
    if (last.key.empty()) {
      ASSERT_TRUE(!there || found.revision <= table.fixed().changes.lost.load()) << "no record";
      return;
    }
    if (there) {
      ASSERT_EQ(found.revision, last.revision);
    }
    if (last.kind == table::ChangeKind::kHidden) {  // a lease, or what had expired before it
      ASSERT_EQ(table::Reader(table).Get(key, table::NoSink(), &found), table::Outcome::kNotFound);
    } else {
      ASSERT_EQ(last.kind == table::ChangeKind::kPut, there && !found.lease);
    }
  }

  // On a copy of the mapping's bytes: another writer puts a key, after which all is sound and the
  // key is as it was seen.
  void JudgeBytes(const os::Mapping& mapping, const Operation& operation,
                  const std::vector<std::string>& fillers, const std::string& seen) {
    copy_.resize((mapping.size() + sizeof(Line) - 1) / sizeof(Line));
    char* bytes = reinterpret_cast<char*>(copy_.data());
    std::memcpy(bytes, mapping.data(), mapping.size());
    const table::WritableTable table(bytes, table::ReadGeometry(bytes, mapping.size()).value());
    table::PutRequest request;
    request.key = SuccessorsKey(operation, fillers);
    request.update.value = "h";
    request.hash = table::HashKey(request.key, table.geometry().hash_seed);
    const lock::HeldWriterRole role;
    ASSERT_TRUE(table::Writer(table).Put(request).ok());
    const table::CheckResult check = table::Check(table);
    ASSERT_THAT(check.problems, IsEmpty());
    ASSERT_EQ(check.loose_overflow_counts, 0u);
    if (operation.recorded) {
      ASSERT_NO_FATAL_FAILURE(ExpectChangesTell(table, operation.key));
      ASSERT_NO_FATAL_FAILURE(ExpectChangesTell(table, fillers[0]));
    }
    std::string value;
    ASSERT_NO_FATAL_FAILURE(ReadKeys(table, operation, fillers, &value));
    ASSERT_EQ(value, seen);
  }

  // Lets the stopped victim run `steps` instructions. False once it has come to its end.
  static bool Step(pid_t pid, int steps) {
    for (int i = 0; i < steps; ++i) {
      int status = 0;
      if (ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0 ||
          waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        ADD_FAILURE() << "the victim did not step: status " << status;
        return false;
      }
      if (WSTOPSIG(status) == SIGUSR1) return false;
    }
    return true;
  }

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  std::vector<Line> copy_;
  std::string judged_;
};

TEST_P(EveryInstructionTest, LeavesOldOrNewAndTheNextWriterGoesOn) {
  const Operation& operation = GetParam();
  const bool evicts = operation.evicts != Evicts::kNothing;
  // One that evicts has two buckets.
  ASSERT_TRUE(
      StartDaemon({"--capacity", evicts ? "20" : "40", "--full", evicts ? "evict" : "reject",
                   "--slot-bytes", "64", "--max-value", "2000", "--extent-pool", "16KiB"}));
  absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
  ASSERT_TRUE(opened.ok()) << opened.status();
  Store& successor = **opened;
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(store(), os::Access::kReadOnly);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const auto mapped = attach::MappedTable::Adopt(&*mapping, attach::Guard::kNone);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  const table::Table& table = mapped->table();
  const std::vector<std::string> fillers = Fillers(table.geometry(), operation);
  // Only victim and successor may change anything: the daemon would sweep during a check.
  KillDaemon();

  if (operation.recorded) {
    const auto attachment = attach::Attachment::Open(store(), {});
    ASSERT_TRUE(attachment.ok()) << attachment.status();
    const auto record = [](const table::WritableTable& writable) CUBBY_REQUIRES_WRITER_LOCK {
      table::SetRecording(writable, table::ChangeRecording::kOn);
      return absl::OkStatus();
    };
    ASSERT_TRUE((*attachment)->AsWriter(absl::Seconds(5), record).ok());
  }

  // First, one walk from end to end, with every stop judged by its bytes.
  ASSERT_NO_FATAL_FAILURE(Prepare(successor, operation, fillers));
  pid_t pid = StartVictim(operation);
  ASSERT_NO_FATAL_FAILURE(WaitUntilStopped(pid));
  int old_seen = 0;
  int new_seen = 0;
  int steps = 0;
  bool midway = true;
  std::string value;
  for (; midway; ++steps) {
    if (BytesChanged(mapped->mapping())) {
      ASSERT_NO_FATAL_FAILURE(ReadKeys(table, operation, fillers, &value)) << "after " << steps;
      ASSERT_NO_FATAL_FAILURE(JudgeBytes(mapped->mapping(), operation, fillers, value))
          << "after " << steps;
    }
    (value == operation.after ? new_seen : old_seen) += 1;
    midway = Step(pid, 1);
  }
  ASSERT_NO_FATAL_FAILURE(End(pid));
  ASSERT_GT(new_seen, 0);
  if (evicts) {
    ASSERT_FALSE(*successor.Contains(fillers[0])) << "another was evicted";
  }
  if (operation.before != operation.after) {
    ASSERT_GT(old_seen, 0);
  }

  // Then real deaths.
  const uint64_t seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const int deaths = static_cast<int>(test::Amount(25, 3000));
  const int stride = std::max(1, steps / deaths);
  const uint64_t takeovers_before = successor.Stats().lock_takeovers;
  int kills = 0;
  for (int at = static_cast<int>(random() % stride); at < steps; at += stride, ++kills) {
    ASSERT_NO_FATAL_FAILURE(Prepare(successor, operation, fillers));
    pid = StartVictim(operation);
    ASSERT_NO_FATAL_FAILURE(WaitUntilStopped(pid));
    Step(pid, at);
    ASSERT_NO_FATAL_FAILURE(End(pid));
    ASSERT_NO_FATAL_FAILURE(ReadKeys(table, operation, fillers, &value)) << "killed after " << at;
    const std::string key = SuccessorsKey(operation, fillers);
    ASSERT_TRUE(successor.Put(key, absl::StrCat(at)).ok()) << "killed after " << at;
    ASSERT_TRUE(successor.Delete(key).ok());
    const table::CheckResult check = table::Check(table);
    ASSERT_THAT(check.problems, IsEmpty()) << "killed after " << at;
    ASSERT_EQ(check.loose_overflow_counts, 0u) << "killed after " << at;
    if (operation.recorded) {
      ASSERT_NO_FATAL_FAILURE(ExpectChangesTell(table, operation.key)) << "killed after " << at;
    }
  }
  const uint64_t takeovers = successor.Stats().lock_takeovers - takeovers_before;
  test::Report(absl::StrCat("every instruction of ", operation.name),
               {{"instructions", absl::StrCat(steps)},
                {"old state", absl::StrCat(old_seen)},
                {"new state", absl::StrCat(new_seen)},
                {"killed", absl::StrCat(kills)},
                {"with the lock held", absl::StrCat(takeovers)}});
  EXPECT_GT(takeovers, 0u);
}

std::string Long(size_t bytes, char fill) { return std::string(bytes, fill); }

INSTANTIATE_TEST_SUITE_P(
    Operations, EveryInstructionTest,
    ::testing::Values(
        Operation{"PutNew", kAbsent, "new"}, Operation{"Overwrite", "old", "new"},
        Operation{"Delete", "old", kAbsent}, Operation{"OverwriteAmongMany", "old", "new", PutMany},
        Operation{"PutNewOverflowing", kAbsent, "new"}.FullHome(),
        Operation{"OverwriteOverflowed", "old", "new"}.FullHome(),
        Operation{"DeleteOverflowed", "old", kAbsent}.FullHome(),
        Operation{"PutNewInExtents", kAbsent, Long(1500, 'n')},
        Operation{"GrowIntoExtents", "old", Long(300, 'n')},
        Operation{"ShrinkOutOfExtents", Long(1500, 'o'), "new"},
        Operation{"OverwriteInExtents", Long(1500, 'o'), Long(1200, 'n')},
        Operation{"DeleteFromExtents", Long(1500, 'o'), kAbsent},
        Operation{"OverwriteScattered", Long(1500, 'o'), Long(1200, 'n')}.Scattered(),
        Operation{"DeleteScattered", Long(1500, 'o'), kAbsent}.Scattered(),
        Operation{"PutNewLongKey", kAbsent, "new"}.WithLongKey(),
        Operation{"OverwriteLongKey", Long(100, 'o'), Long(900, 'n')}.WithLongKey(),
        Operation{"DeleteLongKey", "", kAbsent}.WithLongKey(),
        Operation{"PutNewLongKeyOverflowing", kAbsent, ""}.WithLongKey().FullHome(),
        Operation{"SweepLongKey", kAbsent, kAbsent, Sweep}.WithLongKey().Expired(),
        Operation{"MoveLongKeyHome", "old", "old", DeleteFromHomeOfLongKey}
            .WithLongKey()
            .FullHome()
            .OthersGo(),
        Operation{"Flush", Long(300, 'o'), kAbsent, Flush}.OthersGo(),
        Operation{"FlushOverflowed", "old", kAbsent, Flush}.FullHome().OthersGo(),
        Operation{"Sweep", kAbsent, kAbsent, Sweep}.Expired(),
        Operation{"MoveHome", "old", "old", DeleteFromHome}.FullHome().OthersGo(),
        Operation{"MoveHomeWithExtents", Long(1500, 'o'), Long(1500, 'o'), DeleteFromHome}
            .FullHome()
            .OthersGo(),
        Operation{"RemoveInPlaceOfMoving", kAbsent, kAbsent, DeleteFromHome}
            .FullHome()
            .OthersGo()
            .Expired(),
        Operation{"PutOverExpired", kAbsent, "new"}.Expired(),
        Operation{"EvictFromHome", kAbsent, "new"}.Evicting(Evicts::kFromHome),
        Operation{"EvictOverflowed", kAbsent, "new"}.Evicting(Evicts::kOverflowed),
        Operation{"EvictFromNext", kAbsent, "new"}.Evicting(Evicts::kFromNext),
        Operation{"EvictForExtents", kAbsent, Long(1500, 'n')}.Evicting(Evicts::kForExtents),
        Operation{"CompareAndSet", "old", "new", CompareAndSet},
        Operation{"Increment", "41", "42", Increment},
        Operation{"IncrementNothing", kAbsent, "1", Increment},
        Operation{"IncrementExpiring", absl::StrCat("9", kExpires), absl::StrCat("10", kExpires),
                  Increment},
        Operation{"IncrementLongKey", "41", "42", IncrementLongKey}.WithLongKey(),
        Operation{"AppendIntoExtents", "o", "o" + Long(300, 'a'), Append},
        Operation{"AppendInExtents", Long(900, 'o'), Long(900, 'o') + Long(300, 'a'), Append},
        Operation{"GetAndSetOutOfExtents", Long(300, 'o'), "new", GetAndSet},
        Operation{"GetAndDelete", "old", kAbsent, GetAndDelete},
        Operation{"GetAndDeleteFromExtents", Long(1500, 'o'), kAbsent, GetAndDelete}.Scattered(),
        Operation{"Compute", kAbsent, "new", Compute},
        Operation{"ComputeIntoExtents", kAbsent, Long(1500, 'n'), ComputeLongValue},
        Operation{"ComputeAfterExpiry", kAbsent, "new", Compute}.Expired(),
        Operation{"FailToComputeAfterExpiry", kAbsent, kAbsent, FailToCompute}.Expired(),
        Operation{"ComputeEvicting", kAbsent, "new", Compute}.Evicting(Evicts::kFromHome),
        Operation{"Touch", "old", absl::StrCat("old", kExpires), Touch},
        Operation{"TouchInExtents", Long(1500, 'o'), absl::StrCat(Long(1500, 'o'), kExpires), Touch}
            .Scattered(),
        Operation{"TouchOverflowed", "old", absl::StrCat("old", kExpires), Touch}.FullHome(),
        Operation{"Persist", absl::StrCat("old", kExpires), "old", Persist},
        Operation{"StartRecording", "old", "old", Record<table::ChangeRecording::kOn>},
        Operation{"StopRecording", "old", "old", Record<table::ChangeRecording::kOff>}.Recorded(),
        Operation{"RecordedPutNew", kAbsent, "new"}.Recorded(),
        Operation{"RecordedOverwriteInExtents", Long(1500, 'o'), Long(1200, 'n')}.Recorded(),
        Operation{"RecordedDelete", "old", kAbsent}.Recorded(),
        Operation{"RecordedDeleteLongKey", "", kAbsent}.WithLongKey().Recorded(),
        Operation{"RecordedMoveHome", "old", "old", DeleteFromHome}
            .FullHome()
            .OthersGo()
            .Recorded(),
        Operation{"RecordedSweep", kAbsent, kAbsent, Sweep}.Expired().Recorded(),
        Operation{"RecordedFlush", "old", kAbsent, Flush}.OthersGo().Recorded(),
        Operation{"RecordedEvictFromHome", kAbsent, "new"}.Evicting(Evicts::kFromHome).Recorded(),
        Operation{"RecordedEvictFromNext", kAbsent, "new"}.Evicting(Evicts::kFromNext).Recorded(),
        Operation{"RecordedEvictForExtents", kAbsent, Long(1500, 'n')}
            .Evicting(Evicts::kForExtents)
            .Recorded(),
        Operation{"RecordedCompute", kAbsent, "new", Compute}.Expired().Recorded(),
        Operation{"RecordedFailToCompute", kAbsent, kAbsent, FailToCompute}.Expired().Recorded(),
        Operation{"TakeOverFromUncommitted", "old", "new"}.After(DeadOwner::kNotCommitted),
        Operation{"TakeOverFromCommitted", "old", "new"}.After(DeadOwner::kCommitted)),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cubby

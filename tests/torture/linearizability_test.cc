// Four processes at a few keys, with writers killed and replaced on the way: all that they were
// answered must be explained by operations that took effect one at a time
// (tests/linearizability/checker.h).
//
// Each of four roles has a log in a mapping of its own, so that what its process was doing when it
// was killed can be read there; a spare process takes the role over. Processes live through many
// histories.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lock/parking.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "tests/linearizability/checker.h"
#include "tests/linearizability/faults.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/interruptions.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

using test::Kind;
using test::Outcome;

constexpr uint32_t kRoles = 4;
constexpr uint32_t kRecords = 500;              // of a role, in a history
constexpr uint32_t kRecordsToMeeting = 10;      // after as many the roles wait for each other
constexpr uint64_t kPatienceNanos = 1'000'000;  // but no longer than this
constexpr int kInterruptionMicros = 150;        // a few operations' time
constexpr uint32_t kMaxKills = 2;               // in a history
constexpr uint32_t kProcesses = kRoles + kMaxKills;
constexpr size_t kShortValue = 120;                       // at most; most of them fit their slot
constexpr size_t kLongValue = 60 << 10;                   // at most; one in four, and more
constexpr uint64_t kTorn = ~uint64_t{0};                  // instead of a value's number
constexpr absl::Duration kDeadline = absl::Seconds(120);  // of a history; only a failing test waits

// What one role does in a history. A kill at any moment leaves records that are whole, then at most
// one whose end is missing, then none.
struct Log {
  struct Record {
    std::atomic<uint64_t> start;  // stored when what was asked is there; 0: not begun
    std::atomic<uint64_t> end;    // stored when the answer is there; 0: none
    Kind kind;
    Outcome outcome;
    uint32_t key;
    uint64_t put_value;
    uint64_t found_value;
    uint64_t revision;
  };
  Record records[kRecords];
};

// What the test tells its processes, and they it.
struct Board {
  struct Process {
    // History * kRoles + role: write that role's log to its end.
    std::atomic<uint64_t> order;
  };
  struct Role {
    std::atomic<uint64_t> fatal;  // at this record it has the test kill its process
    std::atomic<uint64_t> ripe;   // it has come to that
    std::atomic<uint64_t> at;     // the record it is at; kRecords: it is done
  };
  uint32_t keys;
  uint64_t seed;
  std::atomic<uint64_t> bell;  // raised when a role is ripe or done
  Process processes[kProcesses];
  Role roles[kRoles];
};

constexpr uint64_t kNever = ~uint64_t{0};

// Nanoseconds, of a clock that all processes share. The fences keep the processor from doing a part
// of the operation before its start is told, or after its end.
uint64_t Now() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

std::string KeyOf(uint32_t key) { return absl::StrCat("key", key); }
std::string BellName(const std::string& board) { return absl::StrCat(board, "-bell"); }
std::string OrderName(const std::string& board, uint32_t process) {
  return absl::StrCat(board, "-", process);
}

// Every value of a test has a number of its own, which says whether it has a ttl.
uint64_t ValueNumber(uint32_t history, uint32_t role, uint32_t record) {
  return (uint64_t{history} * kRoles + role) * kRecords + record + 1;
}
bool HasTtl(uint64_t number) { return number % 16 == 5; }

// One process: takes roles as it is told, until its input ends.
class Worker {
 public:
  static absl::StatusOr<std::unique_ptr<Worker>> Open(const std::string& store_name,
                                                      const std::string& board_name,
                                                      uint32_t process,
                                                      const std::vector<std::string>& log_names) {
    OpenOptions options;
    options.lock_timeout = kDeadline;  // four may be many, where others want the processors too
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(store_name, options);
    if (!store.ok()) return store.status();
    absl::StatusOr<os::Mapping> board = os::Mapping::Open(board_name, os::Access::kReadWrite);
    if (!board.ok()) return board.status();
    absl::StatusOr<lock::Parking> bell = lock::Parking::Open(BellName(board_name));
    absl::StatusOr<lock::Parking> order = lock::Parking::Open(OrderName(board_name, process));
    if (!bell.ok()) return bell.status();
    if (!order.ok()) return order.status();
    auto worker = std::unique_ptr<Worker>(
        new Worker(*std::move(store), *std::move(board), *std::move(bell), *std::move(order)));
    worker->process_ = process;
    for (const std::string& name : log_names) {
      absl::StatusOr<os::Mapping> log = os::Mapping::Open(name, os::Access::kReadWrite);
      if (!log.ok()) return log.status();
      worker->logs_.push_back(*std::move(log));
    }
    return worker;
  }

  // Returns only on an error.
  absl::Status Run() {
    const std::atomic<uint64_t>& order = board().processes[process_].order;
    uint64_t last = order.load(std::memory_order_acquire);
    if (!test::StartInterruptions(kInterruptionMicros)) {
      return absl::InternalError("cannot interrupt itself");
    }
    test::ReportReady();
    for (;;) {
      order_.Wait(order, last, absl::Seconds(1));
      const uint64_t now = order.load(std::memory_order_acquire);
      if (now == last) continue;
      last = now;
      absl::Status status =
          Play(static_cast<uint32_t>(now / kRoles), static_cast<uint32_t>(now % kRoles));
      if (!status.ok()) return status;
    }
  }

 private:
  Worker(std::unique_ptr<Store> store, os::Mapping board, lock::Parking bell, lock::Parking order)
      : store_(std::move(store)),
        board_(std::move(board)),
        bell_(std::move(bell)),
        order_(std::move(order)) {}

  Board& board() { return *reinterpret_cast<Board*>(board_.data()); }

  void Ring() {
    board().bell.fetch_add(1, std::memory_order_release);
    bell_.WakeOne(board().bell);
  }

  struct Plan {
    Kind kind;
    uint32_t key;
    uint64_t number;
    std::string value;
    PutOptions options;
  };

  static Plan MakePlan(uint64_t choice, uint32_t key, uint64_t number, size_t max_bytes) {
    static constexpr Kind kMix[] = {
        Kind::kGet, Kind::kGet,     Kind::kGet,     Kind::kGet,    Kind::kGet,    Kind::kGet,
        Kind::kGet, Kind::kPut,     Kind::kPut,     Kind::kPut,    Kind::kAdd,    Kind::kAdd,
        Kind::kAdd, Kind::kReplace, Kind::kReplace, Kind::kDelete, Kind::kDelete, Kind::kDelete};
    Plan plan;
    plan.kind = kMix[choice % std::size(kMix)];
    plan.key = key;
    plan.number = number;
    if (plan.kind != Kind::kGet && plan.kind != Kind::kDelete) {
      plan.value = test::CheckedValue(KeyOf(plan.key), number, max_bytes);
      if (HasTtl(number)) plan.options.ttl = absl::Hours(1);
    }
    return plan;
  }

  absl::Status Play(uint32_t history, uint32_t role) {
    Log& log = *reinterpret_cast<Log*>(logs_[role].data());
    Board::Role& own = board().roles[role];
    uint32_t at = 0;
    while (at < kRecords && log.records[at].start.load(std::memory_order_acquire) != 0) ++at;
    std::mt19937_64 random(board().seed + ValueNumber(history, role, at));
    std::vector<Plan> plans;  // all of them now: later the operations are to crowd
    for (uint32_t i = at; i < kRecords; ++i) {
      // Between two meetings all roles are mostly at one key.
      const uint64_t crowded = (i / kRecordsToMeeting) % board().keys;
      const uint64_t choice = random();
      const uint64_t key = random() % 4 != 0 ? crowded : random() % board().keys;
      // Who is to die has long ones to put until then, so that it dies at that.
      const bool is_long = random() % 4 == 0 || i >= own.fatal.load(std::memory_order_relaxed);
      plans.push_back(MakePlan(choice, static_cast<uint32_t>(key), ValueNumber(history, role, i),
                               is_long ? kLongValue : kShortValue));
    }
    for (Plan& plan : plans) {
      own.at.store(at, std::memory_order_release);
      const uint64_t fatal = own.fatal.load(std::memory_order_relaxed);
      // Who is to die goes on without waiting.
      if (at % kRecordsToMeeting == 0 && at < fatal) Meet(at);
      if (at == fatal) {
        own.ripe.store(1, std::memory_order_release);
        Ring();
      }
      absl::Status status = Do(&plan, &log.records[at]);
      if (!status.ok()) return status;
      ++at;
    }
    own.at.store(kRecords, std::memory_order_release);
    Ring();
    return absl::OkStatus();
  }

  // Waits for the other roles to come as far, so that all four go on from here at one moment; but
  // not for long, for one of them may be dead, or have no processor.
  void Meet(uint32_t at) {
    const uint64_t start = Now();
    if (start < next_meeting_) return;
    bool all = false;
    while (!all && Now() < start + kPatienceNanos) {
      all = true;
      for (const Board::Role& role : board().roles) {
        all &= role.at.load(std::memory_order_acquire) >= at;
      }
      if (!all) std::this_thread::yield();
    }
    // One yield may take long where many others want the processor.
    const uint64_t end = Now();
    if (end - start > 2 * kPatienceNanos) next_meeting_ = end + 2 * (end - start);
  }

  absl::Status Do(Plan* plan, Log::Record* record) {
    const std::string key = KeyOf(plan->key);
    record->kind = plan->kind;
    record->key = plan->key;
    record->put_value = plan->number;
    Entry entry;
    uint64_t revision = 0;
    // Takes what a call returned apart.
    const auto take = [](const auto& returned, auto* result) {
      if (returned.ok()) *result = *returned;
      return returned.status();
    };
    absl::Status status;

    record->start.store(Now(), std::memory_order_release);
    switch (plan->kind) {
      case Kind::kGet:
        status = take(store_->Get(key, &plan->value), &entry);
        break;
      case Kind::kPut:
        status = take(store_->Put(key, plan->value, plan->options), &revision);
        break;
      case Kind::kAdd:
        status = take(store_->Add(key, plan->value, plan->options), &revision);
        break;
      case Kind::kReplace:
        status = take(store_->Replace(key, plan->value, plan->options), &revision);
        break;
      case Kind::kDelete:
        status = store_->Delete(key);
        break;
    }
    const uint64_t end = Now();

    if (status.ok()) {
      record->outcome = Outcome::kOk;
    } else if (absl::IsNotFound(status)) {
      record->outcome = Outcome::kAbsent;
    } else if (absl::IsAlreadyExists(status)) {
      record->outcome = Outcome::kPresent;
    } else if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
      record->outcome = Outcome::kNoEffect;
    } else {
      return status;
    }
    record->revision = revision;
    if (status.ok() && plan->kind == Kind::kGet) {
      uint64_t found = 0;
      const bool whole = test::IsCheckedValue(key, plan->value, &found) &&
                         entry.value_bytes == plan->value.size() &&
                         (entry.ttl != absl::InfiniteDuration()) == HasTtl(found);
      record->found_value = whole ? found : kTorn;
      record->revision = entry.revision;
    }
    record->end.store(end, std::memory_order_release);
    return absl::OkStatus();
  }

  const std::unique_ptr<Store> store_;
  const os::Mapping board_;
  const lock::Parking bell_;
  const lock::Parking order_;
  uint32_t process_ = 0;
  std::vector<os::Mapping> logs_;
  uint64_t next_meeting_ = 0;
};

// args: store, board, the process's number, logs.
CUBBY_CHILD(Worker) {
  uint32_t process = 0;
  if (!absl::SimpleAtoi(args[2], &process)) return 2;
  absl::StatusOr<std::unique_ptr<Worker>> worker =
      Worker::Open(args[0], args[1], process, {args.begin() + 3, args.end()});
  absl::Status status = worker.status();
  if (worker.ok()) {
    std::thread([] {
      test::WaitForInputEnd();
      std::_Exit(0);
    }).detach();
    status = (*worker)->Run();
  }
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 3;
}

// A mapping of the test's own, gone after it.
class Shared {
 public:
  Shared(absl::string_view stem, size_t bytes) : name_(test::UniqueStoreName(stem)) {
    absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(name_, bytes, 0600);
    EXPECT_TRUE(mapping.ok()) << mapping.status();
    if (mapping.ok()) mapping_ = *std::move(mapping);
  }
  ~Shared() { EXPECT_TRUE(os::Mapping::Remove(name_).ok()); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  const std::string& name() const { return name_; }
  char* data() const { return mapping_.data(); }

 private:
  const std::string name_;
  os::Mapping mapping_;
};

struct Totals {
  uint64_t histories = 0, operations = 0, kills = 0, pending = 0, contended = 0, full = 0;
  uint64_t overlapping = 0;  // operations that began before another one, of the same key, had ended
  uint64_t violations = 0, undecided = 0, faults = 0, faults_found = 0;
};

class LinearizabilityTest : public test::DaemonFixture {
 protected:
  LinearizabilityTest()
      : seed_(static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed()) + 1),
        random_(seed_),
        board_memory_("board", sizeof(Board)) {
    for (uint32_t role = 0; role < kRoles; ++role) {
      log_memory_.push_back(std::make_unique<Shared>("log", sizeof(Log)));
    }
  }

  // Opens the store for the test itself, and starts all processes.
  void Prepare(uint32_t keys) {
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    absl::StatusOr<lock::Parking> bell = lock::Parking::Open(BellName(board_memory_.name()));
    ASSERT_TRUE(bell.ok()) << bell.status();
    bell_ = std::make_unique<lock::Parking>(*std::move(bell));
    board().keys = keys;
    board().seed = random_();
    for (uint32_t process = 0; process < kProcesses; ++process) {
      absl::StatusOr<lock::Parking> order =
          lock::Parking::Open(OrderName(board_memory_.name(), process));
      ASSERT_TRUE(order.ok()) << order.status();
      orders_.push_back(std::make_unique<lock::Parking>(*std::move(order)));
      processes_.emplace_back();
      ASSERT_NO_FATAL_FAILURE(Start(process));
    }
    for (auto& process : processes_) ASSERT_TRUE(test::WaitUntilReady(*process).ok());
  }

  // Records and judges histories, six in ten of them with one kill or two.
  void Run(uint64_t histories) {
    for (uint32_t history = 1; history <= histories; ++history) {
      SCOPED_TRACE(absl::StrCat("history ", history, ", seed ", seed_));
      std::vector<test::Operation> operations;
      const uint64_t kills = random_() % 10 < 6 ? 1 + random_() % kMaxKills : 0;
      ASSERT_NO_FATAL_FAILURE(Record(history, kills, &operations));
      ASSERT_NO_FATAL_FAILURE(Judge(operations));
    }
  }

  void Finish(absl::string_view what) {
    for (auto& process : processes_) process->CloseInput();
    for (auto& process : processes_) {
      const test::ExitResult result = process->Wait(kDeadline);
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    const test::ExitResult check = Cubby({"check"});
    EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
    test::Report(what, {{"histories", absl::StrCat(totals_.histories)},
                        {"operations", absl::StrCat(totals_.operations)},
                        {"overlapping", absl::StrCat(totals_.overlapping)},
                        {"kills", absl::StrCat(totals_.kills)},
                        {"pending", absl::StrCat(totals_.pending)},
                        {"contended", absl::StrCat(totals_.contended)},
                        {"full", absl::StrCat(totals_.full)},
                        {"violations", absl::StrCat(totals_.violations)},
                        {"undecided", absl::StrCat(totals_.undecided)},
                        {"faults put in", absl::StrCat(totals_.faults)},
                        {"found", absl::StrCat(totals_.faults_found)}});
  }

  Store& own_store() { return *store_; }
  const Totals& totals() const { return totals_; }

 private:
  Board& board() { return *reinterpret_cast<Board*>(board_memory_.data()); }
  Log& log(uint32_t role) { return *reinterpret_cast<Log*>(log_memory_[role]->data()); }

  void Start(uint32_t process) {
    std::vector<std::string> args = {store(), board_memory_.name(), absl::StrCat(process)};
    for (const auto& memory : log_memory_) args.push_back(memory->name());
    auto child = test::StartChild("Worker", args);
    ASSERT_TRUE(child.ok()) << child.status();
    processes_[process] = *std::move(child);
  }

  void Order(uint32_t process, uint32_t history, uint32_t role) {
    std::atomic<uint64_t>& order = board().processes[process].order;
    order.store(uint64_t{history} * kRoles + role, std::memory_order_release);
    orders_[process]->WakeOne(order);
  }

  // Ends the role's process, wherever it is, and has a spare go on.
  void Kill(uint32_t history, uint32_t role) {
    const uint32_t victim = player_[role];
    processes_[victim]->Kill();
    const test::ExitResult ended = processes_[victim]->Wait(kDeadline);
    const uint64_t dead = Now();
    ASSERT_EQ(ended.exit_code, 137) << ended.err;
    ++totals_.kills;
    for (Log::Record& record : log(role).records) {
      if (record.start == 0 || record.end != 0) continue;
      record.outcome = Outcome::kUnknown;
      record.end = dead;
    }
    // The dead one may have come to the end of the log: it is the spare now that must say so, or it
    // would still be on its way when the next history begins.
    board().roles[role].at = 0;
    ASSERT_FALSE(spares_.empty());
    player_[role] = spares_.back();
    spares_.pop_back();
    Order(player_[role], history, role);
    dead_.push_back(victim);
  }

  void Record(uint32_t history, uint64_t kills, std::vector<test::Operation>* operations) {
    for (uint32_t key = 0; key < board().keys; ++key) {
      const absl::Status deleted = store_->Delete(KeyOf(key));
      ASSERT_TRUE(deleted.ok() || absl::IsNotFound(deleted)) << deleted;
    }
    player_.clear();
    spares_.clear();
    for (uint32_t role = 0; role < kRoles; ++role) {
      std::memset(log_memory_[role]->data(), 0, sizeof(Log));
      board().roles[role].fatal = kNever;
      board().roles[role].ripe = 0;
      board().roles[role].at = 0;
      player_.push_back(role);
    }
    for (uint32_t process = kRoles; process < kProcesses; ++process) spares_.push_back(process);
    for (uint64_t i = 0; i < kills; ++i) {
      board().roles[random_() % kRoles].fatal = random_() % (kRecords / 2);
    }
    for (uint32_t role = 0; role < kRoles; ++role) Order(role, history, role);

    const os::Deadline deadline(kDeadline);
    for (bool done = false; !done;) {
      const uint64_t bell = board().bell.load(std::memory_order_acquire);
      done = true;
      for (uint32_t role = 0; role < kRoles; ++role) {
        Board::Role& state = board().roles[role];
        if (state.ripe.exchange(0, std::memory_order_acquire) != 0) {
          state.fatal = kNever;
          ASSERT_NO_FATAL_FAILURE(Kill(history, role));
        }
        done &= state.at.load(std::memory_order_acquire) == kRecords;
        if (!processes_[player_[role]]->Running()) {
          FAIL() << processes_[player_[role]]->Wait(kDeadline).err;
        }
      }
      ASSERT_GT(deadline.Left(), absl::ZeroDuration()) << "stuck";
      if (!done) bell_->Wait(board().bell, bell, absl::Seconds(1));
    }
    for (const uint32_t process : dead_) ASSERT_NO_FATAL_FAILURE(Start(process));
    Collect(operations);
    for (const uint32_t process : dead_) {
      ASSERT_TRUE(test::WaitUntilReady(*processes_[process]).ok());
    }
    dead_.clear();
  }

  void Collect(std::vector<test::Operation>* operations) {
    for (uint32_t role = 0; role < kRoles; ++role) {
      for (const Log::Record& record : log(role).records) {
        test::Operation operation;
        operation.kind = record.kind;
        operation.outcome = record.outcome;
        operation.key = record.key;
        operation.process = role;
        operation.start = record.start;
        operation.end = record.end;
        operation.value = record.kind == Kind::kGet ? record.found_value : record.put_value;
        operation.revision = record.revision;
        operations->push_back(operation);
        totals_.pending += operation.outcome == Outcome::kUnknown;
        if (operation.outcome == Outcome::kNoEffect) {
          ++(operation.kind == Kind::kGet ? totals_.contended : totals_.full);
        }
      }
    }
    ++totals_.histories;
    totals_.operations += operations->size();
    std::sort(operations->begin(), operations->end(),
              [](const auto& a, const auto& b) { return a.start < b.start; });
    std::vector<uint64_t> ended(board().keys, 0);  // by key: when all that began so far had
    for (const test::Operation& operation : *operations) {
      uint64_t& last = ended[operation.key];
      totals_.overlapping += operation.start < last;
      last = std::max(last, operation.end);
    }
  }

  void Judge(const std::vector<test::Operation>& operations) {
    const test::Judgement judgement = test::Judge(operations);
    totals_.violations += judgement.verdict == test::Verdict::kViolation;
    totals_.undecided += judgement.verdict == test::Verdict::kUndecided;
    EXPECT_EQ(judgement.verdict, test::Verdict::kLinearizable) << test::Describe(judgement);
    if (judgement.verdict != test::Verdict::kLinearizable) return;
    // What it would have said of a store with a fault.
    test::Effort verdict_only;
    verdict_only.core = false;
    for (const test::Fault fault : test::kFaults) {
      std::vector<test::Operation> faulty = operations;
      if (!test::Inject(fault, &random_, &faulty)) continue;
      ++totals_.faults;
      const bool found = test::Judge(faulty, verdict_only).verdict == test::Verdict::kViolation;
      totals_.faults_found += found;
      EXPECT_TRUE(found) << test::Name(fault);
    }
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  const Shared board_memory_;
  std::vector<std::unique_ptr<Shared>> log_memory_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<lock::Parking> bell_;
  std::vector<std::unique_ptr<lock::Parking>> orders_;  // by process
  std::vector<std::unique_ptr<test::Subprocess>> processes_;
  std::vector<uint32_t> player_;  // by role: the process that has it
  std::vector<uint32_t> spares_;
  std::vector<uint32_t> dead_;
  Totals totals_;
};

TEST_F(LinearizabilityTest, FewKeys) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--max-value", "64KiB", "--extent-pool", "2MiB"}));
  ASSERT_NO_FATAL_FAILURE(Prepare(6));
  ASSERT_NO_FATAL_FAILURE(Run(test::Amount(CUBBY_HISTORIES, CUBBY_HISTORIES_WHOLE)));
  Finish("linearizability");
  EXPECT_GT(totals().kills, 0u);
  EXPECT_EQ(totals().full, 0u);
}

// One bucket whose ways are nearly all taken: each write reuses one of the same few.
TEST_F(LinearizabilityTest, TwoKeysInAFullBucket) {
  ASSERT_TRUE(StartDaemon({"--capacity", "12", "--max-value", "64KiB", "--extent-pool", "512KiB"}));
  ASSERT_NO_FATAL_FAILURE(Prepare(2));
  ASSERT_EQ(own_store().geometry().bucket_count, 1u);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(own_store().Put(absl::StrCat("other", i), "").ok());
  ASSERT_NO_FATAL_FAILURE(Run(test::Amount(CUBBY_HISTORIES / 3, CUBBY_HISTORIES_WHOLE / 4)));
  Finish("linearizability, one bucket");
  EXPECT_EQ(totals().full, 0u);
}

// Room for two of the six keys, and for few long values.
TEST_F(LinearizabilityTest, FullStore) {
  ASSERT_TRUE(StartDaemon({"--capacity", "12", "--max-value", "64KiB", "--extent-pool", "140KiB"}));
  ASSERT_NO_FATAL_FAILURE(Prepare(6));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(own_store().Put(absl::StrCat("other", i), "").ok());
  ASSERT_NO_FATAL_FAILURE(Run(test::Amount(CUBBY_HISTORIES / 3, CUBBY_HISTORIES_WHOLE / 4)));
  Finish("linearizability, full store");
  EXPECT_GT(totals().full, 0u);
}

}  // namespace
}  // namespace cubby

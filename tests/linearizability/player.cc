#include "tests/linearizability/player.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "client/store.h"
#include "lock/parking.h"
#include "tests/linearizability/checker.h"
#include "tests/linearizability/recording.h"
#include "tests/linearizability/workload.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/interruptions.h"
#include "tests/support/shared.h"

namespace cubby::test {
namespace {

constexpr uint64_t kPatienceNanos = 1'000'000;  // at a meeting
constexpr int kInterruptionMicros = 150;        // a few operations' time

// Returns what the checker is to make of the answer, or the answer itself if no history has it.
absl::StatusOr<Outcome> OutcomeOf(const absl::Status& answer) {
  if (answer.ok()) return Outcome::kOk;
  if (absl::IsNotFound(answer)) return Outcome::kAbsent;
  if (absl::IsAlreadyExists(answer)) return Outcome::kPresent;
  if (absl::IsUnavailable(answer) || absl::IsResourceExhausted(answer)) return Outcome::kNoEffect;
  return answer;
}

// Does what is planned and records it. A kill at any moment leaves the record as Log says.
absl::Status Do(Plan* plan, Store* store, Log::Record* record) {
  const std::string key = NameOf(plan->key);
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
      status = take(store->Get(key, &plan->value), &entry);
      break;
    case Kind::kPut:
      status = take(store->Put(key, plan->value, plan->options), &revision);
      break;
    case Kind::kAdd:
      status = take(store->Add(key, plan->value, plan->options), &revision);
      break;
    case Kind::kReplace:
      status = take(store->Replace(key, plan->value, plan->options), &revision);
      break;
    case Kind::kDelete:
      status = store->Delete(key);
      break;
  }
  const uint64_t end = Now();

  ASSIGN_OR_RETURN(record->outcome, OutcomeOf(status));
  record->revision = revision;
  if (status.ok() && plan->kind == Kind::kGet) {
    uint64_t found = 0;
    const bool whole = IsCheckedValue(key, plan->value, &found) &&
                       entry.value_bytes == plan->value.size() &&
                       (entry.ttl != absl::InfiniteDuration()) == HasTtl(found);
    record->found_value = whole ? found : kTorn;
    record->revision = entry.revision;
  }
  record->end.store(end, std::memory_order_release);
  return absl::OkStatus();
}

class Player {
 public:
  static absl::StatusOr<std::unique_ptr<Player>> Open(const std::string& store_name,
                                                      const std::string& board_name,
                                                      uint32_t process,
                                                      const std::vector<std::string>& log_names) {
    OpenOptions options;
    options.lock_timeout = kRecordingDeadline;
    ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(store_name, options));
    ASSIGN_OR_RETURN(SharedView<Board> board, SharedView<Board>::Open(board_name));
    ASSIGN_OR_RETURN(lock::Parking bell, lock::Parking::Open(BellName(board_name)));
    ASSIGN_OR_RETURN(lock::Parking order, lock::Parking::Open(OrderName(board_name, process)));
    std::vector<SharedView<Log>> logs;
    for (const std::string& name : log_names) {
      ASSIGN_OR_RETURN(SharedView<Log> log, SharedView<Log>::Open(name));
      logs.push_back(std::move(log));
    }
    return std::unique_ptr<Player>(new Player(std::move(store), std::move(board), std::move(bell),
                                              std::move(order), process, std::move(logs)));
  }

  // Returns only on an error.
  absl::Status Run() {
    const std::atomic<uint64_t>& order = board_->processes[process_].order;
    uint64_t last = order.load(std::memory_order_acquire);
    if (!StartInterruptions(kInterruptionMicros)) {
      return absl::InternalError("cannot interrupt itself");
    }
    ReportReady();
    for (;;) {
      order_.Wait(order, last, absl::Seconds(1));
      const uint64_t now = order.load(std::memory_order_acquire);
      if (now == last) continue;
      last = now;
      RETURN_IF_ERROR(
          Play(static_cast<uint32_t>(now / kRoles), static_cast<uint32_t>(now % kRoles)));
    }
  }

 private:
  Player(std::unique_ptr<Store> store, SharedView<Board> board, lock::Parking bell,
         lock::Parking order, uint32_t process, std::vector<SharedView<Log>> logs)
      : store_(std::move(store)),
        board_(std::move(board)),
        bell_(std::move(bell)),
        order_(std::move(order)),
        process_(process),
        logs_(std::move(logs)) {}

  void Ring() {
    board_->bell.fetch_add(1, std::memory_order_release);
    bell_.WakeOne(board_->bell);
  }

  // Writes the role's log to its end, from the first record that no process has begun.
  absl::Status Play(uint32_t history, uint32_t role) {
    Log& log = *logs_[role];
    Board::Role& own = board_->roles[role];
    uint32_t at = 0;
    while (at < kRecords && log.records[at].start.load(std::memory_order_acquire) != 0) ++at;
    // All of them now: later the operations are to crowd.
    std::vector<Plan> plans = MakePlans(
        {history, role, board_->keys, board_->seed, own.fatal.load(std::memory_order_relaxed)}, at);
    for (Plan& plan : plans) {
      own.at.store(at, std::memory_order_release);
      const uint64_t fatal = own.fatal.load(std::memory_order_relaxed);
      // Past its fatal record the role goes on, without waiting, until it is killed.
      if (at % kRecordsToMeeting == 0 && at < fatal) Meet(at);
      if (at == fatal) {
        own.ripe.store(1, std::memory_order_release);
        Ring();
      }
      RETURN_IF_ERROR(Do(&plan, store_.get(), &log.records[at]));
      ++at;
    }
    own.at.store(kRecords, std::memory_order_release);
    Ring();
    return absl::OkStatus();
  }

  // Waits for the other roles to come as far, so that all four go on from here at one moment; but
  // not for long, for a process may have been killed, or have no processor.
  void Meet(uint32_t at) {
    const uint64_t start = Now();
    if (start < next_meeting_) return;
    bool all = false;
    while (!all && Now() < start + kPatienceNanos) {
      all = true;
      for (const Board::Role& role : board_->roles) {
        all &= role.at.load(std::memory_order_acquire) >= at;
      }
      if (!all) std::this_thread::yield();
    }
    // One yield may take long where many others want the processor.
    const uint64_t end = Now();
    if (end - start > 2 * kPatienceNanos) next_meeting_ = end + 2 * (end - start);
  }

  const std::unique_ptr<Store> store_;
  const SharedView<Board> board_;
  const lock::Parking bell_;
  const lock::Parking order_;
  const uint32_t process_;
  const std::vector<SharedView<Log>> logs_;  // by role
  uint64_t next_meeting_ = 0;
};

CUBBY_CHILD(Player) {
  uint32_t process = 0;
  if (!absl::SimpleAtoi(args[2], &process)) return 2;
  const absl::StatusOr<std::unique_ptr<Player>> player =
      Player::Open(args[0], args[1], process, {args.begin() + 3, args.end()});
  absl::Status status = player.status();
  if (player.ok()) {
    std::thread([] {
      WaitForInputEnd();
      std::_Exit(0);
    }).detach();
    status = (*player)->Run();
  }
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 3;
}

}  // namespace
}  // namespace cubby::test

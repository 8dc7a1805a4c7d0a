#include "tests/linearizability/recorder.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "tests/linearizability/player.h"
#include "tests/linearizability/workload.h"
#include "tests/support/child.h"

namespace cubby::test {

Recorder::Recorder(const std::string& name, Store* store, uint32_t keys, std::mt19937_64* random)
    : name_(name), store_(store), random_(random), board_("board") {
  for (uint32_t role = 0; role < kRoles; ++role) {
    logs_.push_back(std::make_unique<Shared<Log>>("log"));
  }
  board_->keys = keys;
  board_->seed = (*random)();
}

void Recorder::Start() {
  absl::StatusOr<lock::Parking> bell = lock::Parking::Open(BellName(board_.name()));
  ASSERT_TRUE(bell.ok()) << bell.status();
  bell_ = std::make_unique<lock::Parking>(*std::move(bell));
  for (uint32_t process = 0; process < kProcesses; ++process) {
    absl::StatusOr<lock::Parking> order = lock::Parking::Open(OrderName(board_.name(), process));
    ASSERT_TRUE(order.ok()) << order.status();
    orders_.push_back(std::make_unique<lock::Parking>(*std::move(order)));
    processes_.emplace_back();
    ASSERT_NO_FATAL_FAILURE(StartProcess(process));
  }
  for (auto& process : processes_) ASSERT_TRUE(WaitUntilReady(*process).ok());
}

void Recorder::StartProcess(uint32_t process) {
  std::vector<std::string> args = {name_, board_.name(), absl::StrCat(process)};
  for (const auto& log : logs_) args.push_back(log->name());
  auto child = StartChild(kPlayer, args);
  ASSERT_TRUE(child.ok()) << child.status();
  processes_[process] = *std::move(child);
}

void Recorder::Order(uint32_t process, uint32_t history, uint32_t role) {
  std::atomic<uint64_t>& order = board_->processes[process].order;
  order.store(OrderOf(history, role), std::memory_order_release);
  orders_[process]->WakeOne(order);
}

void Recorder::Record(uint32_t history, uint64_t kills, std::vector<Operation>* operations) {
  ASSERT_NO_FATAL_FAILURE(Prepare(kills));
  for (uint32_t role = 0; role < kRoles; ++role) Order(role, history, role);
  ASSERT_NO_FATAL_FAILURE(AwaitAll(history));
  for (const uint32_t process : killed_) ASSERT_NO_FATAL_FAILURE(StartProcess(process));
  Collect(operations);
  for (const uint32_t process : killed_) ASSERT_TRUE(WaitUntilReady(*processes_[process]).ok());
  killed_.clear();
}

void Recorder::Prepare(uint64_t kills) {
  for (uint32_t key = 0; key < board_->keys; ++key) {
    const absl::Status deleted = store_->Delete(NameOf(key));
    ASSERT_TRUE(deleted.ok() || absl::IsNotFound(deleted)) << deleted;
  }
  players_.clear();
  spares_.clear();
  for (uint32_t role = 0; role < kRoles; ++role) {
    std::memset(static_cast<void*>(&**logs_[role]), 0, sizeof(Log));
    board_->roles[role].fatal = kNever;
    board_->roles[role].ripe = 0;
    board_->roles[role].at = 0;
    players_.push_back(role);
  }
  for (uint32_t process = kRoles; process < kProcesses; ++process) spares_.push_back(process);
  for (uint64_t i = 0; i < kills; ++i) {
    board_->roles[(*random_)() % kRoles].fatal = (*random_)() % (kRecords / 2);
  }
}

void Recorder::AwaitAll(uint32_t history) {
  const os::Deadline deadline(kRecordingDeadline);
  for (bool done = false; !done;) {
    const uint64_t bell = board_->bell.load(std::memory_order_acquire);
    done = true;
    for (uint32_t role = 0; role < kRoles; ++role) {
      Board::Role& state = board_->roles[role];
      if (state.ripe.exchange(0, std::memory_order_acquire) != 0) {
        state.fatal = kNever;
        ASSERT_NO_FATAL_FAILURE(Kill(history, role));
      }
      done &= state.at.load(std::memory_order_acquire) == kRecords;
      Subprocess& player = *processes_[players_[role]];
      if (!player.Running()) FAIL() << player.Wait(kRecordingDeadline).err;
    }
    ASSERT_GT(deadline.Left(), absl::ZeroDuration()) << "stuck";
    if (!done) bell_->Wait(board_->bell, bell, absl::Seconds(1));
  }
}

void Recorder::Kill(uint32_t history, uint32_t role) {
  const uint32_t victim = players_[role];
  processes_[victim]->Kill();
  const ExitResult ended = processes_[victim]->Wait(kRecordingDeadline);
  const uint64_t dead = Now();
  ASSERT_EQ(ended.exit_code, 137) << ended.err;
  ++kills_;
  for (Log::Record& record : (*logs_[role])->records) {
    if (record.start == 0 || record.end != 0) continue;
    record.outcome = Outcome::kUnknown;
    record.end = dead;
  }
  // The victim may have come to the end of the log: its successor must say so now, or it would
  // still be on its way when the next history begins.
  board_->roles[role].at = 0;
  ASSERT_FALSE(spares_.empty());
  players_[role] = spares_.back();
  spares_.pop_back();
  Order(players_[role], history, role);
  killed_.push_back(victim);
}

void Recorder::Collect(std::vector<Operation>* operations) const {
  for (uint32_t role = 0; role < kRoles; ++role) {
    for (const Log::Record& record : (*logs_[role])->records) {
      Operation operation;
      operation.kind = record.kind;
      operation.outcome = record.outcome;
      operation.key = record.key;
      operation.process = role;
      operation.start = record.start;
      operation.end = record.end;
      operation.value = record.kind == Kind::kGet ? record.found_value : record.put_value;
      operation.revision = record.revision;
      operations->push_back(operation);
    }
  }
  std::sort(operations->begin(), operations->end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
}

void Recorder::Finish() {
  for (auto& process : processes_) process->CloseInput();
  for (auto& process : processes_) {
    const ExitResult result = process->Wait(kRecordingDeadline);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
}

}  // namespace cubby::test

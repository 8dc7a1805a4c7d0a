#include "bench/peers/session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace cubby::bench {

Session::Session(const Effort& effort, std::vector<std::unique_ptr<Worker>> workers)
    : effort_(effort), workers_(std::move(workers)) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Start(const Effort& effort) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < kReaders + 1; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker, Worker::Start());
    workers.push_back(std::move(worker));
  }
  return std::unique_ptr<Session>(new Session(effort, std::move(workers)));
}

absl::Status Session::Enter(const StoreSize& size) {
  if (stage_ != nullptr && stage_->cell().value_bytes == size.value_bytes &&
      stage_->cell().entries == size.entries) {
    return absl::OkStatus();
  }
  Leave();
  ASSIGN_OR_RETURN(stage_, Stage::Make(size.value_bytes, size.entries));
  return absl::OkStatus();
}

void Session::Leave() {
  if (shared_) {
    for (const std::unique_ptr<Worker>& worker : workers_) worker->Close().IgnoreError();
  }
  shared_ = false;
  stage_.reset();
}

absl::Status Session::EnterShared() {
  RETURN_IF_ERROR(Enter({kSharedValueBytes, effort_.shared_entries}));
  if (shared_) return absl::OkStatus();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    RETURN_IF_ERROR(worker->Open(stage_->cell()));
  }
  shared_ = true;
  // A process that maps a store takes page faults when it first looks at each of its parts.
  for (uint32_t peer = 0; peer < stage_->kinds().size(); ++peer) {
    if (!stage_->kinds()[peer].shared) continue;
    RETURN_IF_ERROR(ReadTogether(workers_.size(), peer, 2 * effort_.task).status());
  }
  return absl::OkStatus();
}

absl::Status Session::ForSharedPeers(const std::function<absl::Status(uint32_t peer)>& measure) {
  RETURN_IF_ERROR(EnterShared());
  for (int round = 0; round < effort_.rounds; ++round) {
    for (uint32_t peer = 0; peer < stage_->kinds().size(); ++peer) {
      if (!stage_->kinds()[peer].shared) continue;
      const absl::Status measured = measure(peer);
      if (!measured.ok()) {
        return absl::Status(measured.code(),
                            absl::StrCat(stage_->kinds()[peer].name, ": ", measured.message()));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Session::ReadTogether(size_t readers, uint32_t peer, absl::Duration time) {
  Task task = MakeTask(Work::kGet, peer, time);
  for (size_t i = 0; i < readers; ++i) {
    task.seed = ++seed_;
    RETURN_IF_ERROR(workers_[i]->Begin(task));
  }
  double rate = 0;
  absl::Status status;
  for (size_t i = 0; i < readers; ++i) {
    const absl::StatusOr<Outcome> outcome = workers_[i]->Finish();
    status.Update(outcome.status());
    if (outcome.ok()) rate += RateOf(*outcome);
  }
  RETURN_IF_ERROR(status);
  return rate;
}

absl::StatusOr<std::map<std::string, Session::Both>> Session::GetBesideWriter(
    Work gets, absl::optional<Work> puts) {
  ++series_;
  std::map<std::string, Both> all;
  RETURN_IF_ERROR(ForSharedPeers([&](uint32_t peer) {
    Task task = MakeTask(gets, peer, effort_.task);
    task.seed = ++seed_;
    task.series = series_ * 100 + peer;
    return GetBesideWriter(task, puts, &all[stage_->kinds()[peer].name]);
  }));
  return all;
}

absl::Status Session::GetBesideWriter(const Task& gets, absl::optional<Work> puts, Both* both) {
  Worker& reader = *workers_.front();
  Worker& writer = *workers_.back();
  if (puts.has_value()) {
    Task put = gets;
    put.work = *puts;
    RETURN_IF_ERROR(writer.Begin(put));
  }
  absl::Status status = reader.Begin(gets);
  if (!status.ok()) return status;
  const auto finish = [&status](Worker& worker, std::vector<Outcome>* outcomes) {
    const absl::StatusOr<Outcome> outcome = worker.Finish();
    status.Update(outcome.status());
    if (outcome.ok()) outcomes->push_back(*outcome);
  };
  finish(reader, &both->gets);
  if (puts.has_value()) finish(writer, &both->puts);
  return status;
}

double RateOf(const Outcome& outcome) {
  return static_cast<double>(outcome.operations) / outcome.seconds;
}

}  // namespace cubby::bench

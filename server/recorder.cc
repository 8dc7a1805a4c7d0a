#include "server/recorder.h"

#include <algorithm>
#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "server/log.h"
#include "table/changes.h"
#include "table/repair.h"

namespace cubby::server {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

table::ChangeRecording Recorder::Wanted() const {
  using table::ChangeRecording;
  const table::Table& table = store_.table();
  if (table.geometry().changes_bytes == 0) return ChangeRecording::kOff;
  const uint64_t now_ns = os::BootNanos();
  if (now_ns < readers_until_ns_) return ChangeRecording::kForReaders;
  // A watcher begins the recording itself, if it can.
  const table::ChangesLine& line = table.fixed().changes;
  const bool watched =
      line.recording.load(kRelaxed) != 0 && now_ns < line.wanted_until_ns.load(kRelaxed);
  return always_ || watched ? ChangeRecording::kOn : ChangeRecording::kOff;
}

void Recorder::Want(absl::Duration duration) {
  readers_until_ns_ = std::max(readers_until_ns_, os::Deadline(duration).InBootNanos());
}

bool Recorder::Due() const {
  const table::FixedPart& fixed = store_.table().fixed();
  const uint64_t recording = fixed.changes.recording.load(kRelaxed);
  return recording != static_cast<uint64_t>(Wanted()) ||
         (recording != 0 && fixed.intent.operation.load(kRelaxed) != 0);
}

void Recorder::Update() {
  const table::WritableTable& table = store_.table();
  table::RepairIfNeeded(table);
  const table::ChangeRecording wanted = Wanted();
  const bool before = table::Recording(table);
  if (table.geometry().changes_bytes != 0) table::SetRecording(table, wanted);
  if (table::Recording(table) == before) return;
  Log(LogLevel::kDebug, store_.name(), before ? "no longer records changes" : "records changes");
}

Job::Progress RecorderJob::Step(const os::Deadline&) {
  if (!recorder_.Due()) return Progress::Blocked(kPause);
  const absl::Status acquired = lock_.Acquire();
  if (absl::IsUnavailable(acquired)) return Progress::Blocked(JobLock::kPause);
  if (!acquired.ok()) return Progress::Blocked(kPause);
  absl::Cleanup release = [this] { lock_.Release(); };
  const lock::HeldWriterRole role;  // by Acquire()
  recorder_.Update();
  return Progress::Blocked(kPause);
}

}  // namespace cubby::server

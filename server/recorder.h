// Whether the store's commits are recorded in its change ring (table/changes.h), and until when:
// always, if the daemon's options say so, else for as long as watchers want it. A watcher with
// write access begins the recording itself, and notes in the store until when it wants it; others
// ask for it (RecordJob).
#ifndef CUBBY_SERVER_RECORDER_H_
#define CUBBY_SERVER_RECORDER_H_

#include <cstdint>

#include "absl/time/time.h"
#include "lock/writer_role.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/owned_store.h"
#include "table/layout.h"

namespace cubby::server {

// Used by the daemon's one thread.
class Recorder {
 public:
  // `store` outlives this.
  Recorder(OwnedStore* store, bool always) : store_(*store), always_(always) {}

  // Has commits recorded for that long, and watchers woken that cannot write.
  void Want(absl::Duration duration);
  // True if Update() would change something.
  bool Due() const;
  // Begins or ends the recording, as it is wanted now. It also repairs what a killed writer has
  // left half done, so that watchers learn of its commit.
  void Update() CUBBY_REQUIRES_WRITER_LOCK;

 private:
  table::ChangeRecording Wanted() const;

  OwnedStore& store_;
  const bool always_;
  uint64_t readers_until_ns_ = 0;
};

// Does what the recorder is due to do, a second later at most. The job is never done.
class RecorderJob final : public Job {
 public:
  // Both outlive this.
  RecorderJob(Recorder* recorder, JobLock* lock) : recorder_(*recorder), lock_(*lock) {}

  Progress Step(const os::Deadline& until) override;
  void Cancel(const absl::Status&) override {}

 private:
  Recorder& recorder_;
  JobLock& lock_;
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_RECORDER_H_

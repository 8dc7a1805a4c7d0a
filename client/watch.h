// Follows the changes of a store: puts, deletes, expirations and evictions, in the order of their
// commits and without gaps.
//
//   absl::StatusOr<std::unique_ptr<cubby::Watcher>> watcher =
//   (*store)->Watch({/*prefix=*/"user:"}); cubby::Change change; for (;;) {
//     absl::Status status = (*watcher)->Next(&change);
//     if (absl::IsOutOfRange(status)) <changes are lost: read all keys anew>;
//     else if (!status.ok()) return status;
//     else if (change.kind == cubby::Change::Kind::kPut) (*store)->Get(change.key, &value);
//   }
//
// To begin with all that there is: make the watcher first, and then read the keys (ForEach()). What
// changes in between is told too, with revisions that tell which is newer. A program that was
// stopped goes on with WatchOptions::since, the last revision() of before.
//
// A program that has the store open read-only asks the daemon to record changes. The daemon answers
// programs of its own user only:
//
//   options.ask_daemon = [&](absl::Duration time) { return (*admin)->RecordChanges(time); };
//
// A watcher reads without a lock, and takes the lock only to begin the recording and to repair what
// a killed writer has left. Changes lie in a ring in the store's memory (cubbyd --changes): a
// watcher that falls behind by more than the ring holds is told so, and up to which revision it has
// missed changes. It then goes on with the next. Values are not in the ring: a get of the key after
// its change finds that value, or that of a later change.
//
// The store records changes while a process watches, and a minute longer, or always with
// cubbyd --record-changes. A put then takes some 10 to 20 % longer.
#ifndef CUBBY_CLIENT_WATCH_H_
#define CUBBY_CLIENT_WATCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/store.h"

namespace cubby {

struct Change {
  enum class Kind {
    kPut,     // by any call that leaves an entry, a touch or a filled lease included
    kDelete,  // by any call that removes it
    kExpire,  // it had expired, and is removed now: up to some seconds later. Told again if a
              // GetOrCompute() of the key fails and leaves the stale value
    kEvict,   // it made room for another
    kFlush,   // by a flush of the whole store: one for each of its keys
  };
  Kind kind = Kind::kPut;
  // That of the entry, for a put. Each change has a larger one than the change before it.
  uint64_t revision = 0;
  std::string key;
};

struct WatchOptions {
  std::string prefix;  // tells only changes of keys that begin with this
  // If set, begins with the changes after this revision, as Watcher::revision(), Change::revision
  // or Store::Put() told it, and not with those to come. Next() first returns OutOfRange if changes
  // after it are lost, or if the store has not reached it because it was made anew. A store that
  // was made anew and has reached it by now is not noticed: compare "created" of
  // Store::Properties().
  absl::optional<uint64_t> since = absl::nullopt;
  // For a store that is open read-only, and so cannot begin the recording: asks the daemon to
  // record changes for some time, as Admin::RecordChanges() does. Is called by Store::Watch() and,
  // now and then, by Next(). Without it such a watcher depends on a process with write access that
  // watches, or on cubbyd --record-changes.
  std::function<absl::Status(absl::Duration)> ask_daemon;
};

// Made by Store::Watch(). Not thread-safe: use one Watcher per thread. In a fork's child, open the
// store anew.
class Watcher {
 public:
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Waits for the next change. It takes no processor time meanwhile, and less than a millisecond to
  // wake (on Windows, and for a store that is open read-only without ask_daemon, up to 10 ms, or a
  // tick of the timer). Call it at least once a minute: else the recording may end meanwhile. It
  // may take longer than `timeout` to begin the recording (OpenOptions::lock_timeout, or what
  // ask_daemon takes). Errors:
  //   DeadlineExceeded  none came within `timeout`; zero does not wait
  //   OutOfRange        changes after revision() were lost, up to the one that it returns from then
  //                     on. The next call goes on with those after it
  // and those of every call of the store (client/store.h).
  absl::Status Next(Change* change, absl::Duration timeout = absl::InfiniteDuration());

  // Returns the revision of the last change that Next() has met, whether or not its key begins with
  // the prefix; that up to which changes were lost; or at first WatchOptions::since, else the
  // newest of the store (of a store that is open read-only, up to 2 less). A watcher since this
  // revision goes on where this one is.
  uint64_t revision() const;

 private:
  friend class Store;
  struct Impl;
  explicit Watcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby

#endif  // CUBBY_CLIENT_WATCH_H_

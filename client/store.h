// A handle on a cubby store: looks keys up in memory that a cubbyd daemon shares with every process
// on the host.
//
//   absl::StatusOr<std::unique_ptr<cubby::Store>> store = cubby::Store::Open("sessions");
//   if (!store.ok()) return store.status();
//   absl::StatusOr<uint64_t> revision = (*store)->Put("user:7", "ada", {absl::Minutes(30)});
//   std::string value;
//   if ((*store)->Get("user:7", &value).ok()) std::cout << value;
//   absl::StatusOr<int64_t> visits = (*store)->Increment("visits", 1, {/*initial=*/1});
//
// A get takes no lock, makes no system call and stores nothing; it works on a read-only mapping. A
// put holds the store's writer lock for some hundred nanoseconds. A process killed at any
// instruction, even inside a put, leaves every key readable at its old or its new value, and the
// next writer proceeds within milliseconds.
//
// Thread safety: all members may be called from many threads at once. Gets and puts are
// linearizable per key. In a fork's child gets work, and puts return FailedPrecondition until the
// child opens the store itself. A put in a signal handler that interrupted a put of the same
// process returns DeadlineExceeded at its lock_timeout; a get into the caller's memory works in any
// handler (docs/reliability.md).
//
// Errors of every call, besides those that it names:
//   FailedPrecondition  the store was shut down: open it again
//   Unavailable         the store was truncated (OpenOptions::survive_truncation)
//   DataLoss            the bytes are damaged: run `cubby check`
#ifndef CUBBY_CLIENT_STORE_H_
#define CUBBY_CLIENT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "base/property.h"
#include "base/stats.h"

namespace cubby {

enum class Mode {
  kReadOnly,  // needs only read permission; writes return FailedPrecondition
  kReadWrite,
};

struct OpenOptions {
  Mode mode = Mode::kReadWrite;
  // The owner to trust: empty for the calling user or the administrator, else a user as the system
  // writes it (a uid on Linux, a SID on Windows), or "any". The check keeps a process from
  // using a store that another user has made under the same name.
  std::string owner;
  // How long a write waits for other writers before it returns DeadlineExceeded. A put into a full
  // store then removes expired entries until it finds room, for up to as long again; it does not
  // walk a store in which nothing can have expired. A MultiPut() waits so for each 32 entries, and
  // removes expired entries until that has once made no room.
  absl::Duration lock_timeout = absl::Seconds(5);
  // If true, truncation of the store's file yields Unavailable instead of SIGBUS (Linux). Installs
  // a handler for that signal, which passes faults outside the store to the previous handler. Only
  // a user with write permission can truncate the file.
  bool survive_truncation = false;
  // If true, Open() maps all of the store's pages, which takes 2 ms for each GiB in huge pages and
  // 50 ms in others. Otherwise the first access to a page waits for that, some 4 us. Unimplemented
  // on Linux before 5.14.
  bool prefault = false;
};

struct PutOptions {
  // The entry's lifetime from the put on; at least 1 ns. The entry never expires earlier, and on
  // Windows up to 32 ms later: the clock there steps by up to 16 ms, for writers and readers alike.
  absl::Duration ttl = absl::InfiniteDuration();
  // If set, the moment at which the entry expires, in place of the ttl: such as the expires() of
  // another entry. One that has passed makes an entry that no get finds.
  absl::optional<absl::Time> expires = absl::nullopt;
  // If true, and the key has an entry, the new value expires when the old one would have; `ttl` is
  // then for a new entry.
  bool keep_ttl = false;
  // If set, the put happens only if the key's entry has this revision. It returns NotFound if there
  // is no entry, and Aborted, naming the revision, if there is one with another.
  absl::optional<uint64_t> if_revision = absl::nullopt;
  // How long the entry is kept after its lifetime, a year at most, for those calls of
  // GetOrCompute() that return a stale value while another process computes a new one. No other
  // call finds it then, but it counts towards the store's capacity.
  absl::Duration stale = absl::ZeroDuration();
};

// Options of GetOrCompute().
struct ComputeOptions {
  absl::Duration ttl = absl::InfiniteDuration();  // of the computed value; at least 1 ns
  // How long after its ttl the value is kept, and is returned while another process computes a new
  // one. The store may keep it for up to an eighth longer; other calls do not find it.
  absl::Duration stale = absl::ZeroDuration();
  // How long a computation may take: this call waits so long for each process that computes, and
  // others so long for this one. After the shorter of the two, one of those that wait computes too,
  // and what the first one returns is not stored. At least 1 ns.
  absl::Duration lease = absl::Minutes(1);
  // The longest wait for other processes altogether, before DeadlineExceeded.
  absl::Duration wait = absl::Minutes(10);
};

// Options of Increment() and Append(), which leave an entry that exists its lifetime.
struct IncrementOptions {
  absl::optional<int64_t> initial = absl::nullopt;  // the number if the key has no entry
  absl::Duration ttl = absl::InfiniteDuration();    // of an entry that the call makes
};
struct AppendOptions {
  absl::Duration ttl = absl::InfiniteDuration();  // of an entry that the call makes
};

// An entry's metadata.
struct Entry {
  size_t value_bytes = 0;
  uint64_t revision = 0;  // of the last write to it; a larger one is newer, in the whole store
  absl::Duration ttl = absl::InfiniteDuration();  // the remaining lifetime
  uint64_t expiry_ns = 0;  // the moment at which that is over, on the host's boot clock; 0: never

  // Returns that moment on the wall clock; absl::InfiniteFuture() if the entry never expires. Every
  // process finds the same time, to the nanosecond, until the wall clock is set, and an entry that
  // is put with it expires then. On Windows it is up to 50 ms off, and may change by 50 ms as the
  // system corrects the wall clock.
  absl::Time expires() const;
};

// What ForEach() visits.
struct ForEachOptions {
  // Only entries whose keys begin with this. A call still reads every key of the store.
  absl::string_view prefix;
  // If false, values are not read: `value` is empty, and entry.value_bytes is its length.
  bool values = true;
  // If true, also visits keys that no get finds: those for which a process computes a value, and
  // those whose entries are kept after their lifetime (PutOptions::stale).
  bool hidden = false;
  // If set, is called now and then, with the share of the store that has been read: from 0 to 1.
  std::function<void(double share)> progress;
};

// The result of GetOrCompute().
struct Computed {
  enum class Source {
    kFound,     // the key had an entry, or another process has computed it meanwhile
    kStale,     // the value had expired, and another process computes a new one
    kComputed,  // this call computed it
  };
  Source source = Source::kFound;
  Entry entry;  // its revision is 0 if the value is stale, or not stored
  // For kComputed, OK if the value is in the store, else why not: Aborted if the key was put,
  // deleted or evicted meanwhile, or another process computes because this one took longer than its
  // lease; FailedPrecondition if the store is open read-only; Unimplemented if it was made by a
  // version without leases (layout 5.2 and before); or an error of Put().
  absl::Status stored;
};

// The store's limits; they may change when it is resized.
struct Limits {
  uint64_t capacity = 0;       // entries
  uint64_t max_key_bytes = 0;  // 65,535, or less if the store's extents are few
  uint64_t max_value_bytes = 0;
  // An entry needs no extents if its key, rounded up to 8 bytes, and its value together are no
  // longer than this.
  uint64_t max_inline_bytes = 0;
};

// client/watch.h
class Watcher;
struct WatchOptions;

class Store {
 public:
  // Opens the store that a daemon made under `name`. Errors:
  //   InvalidArgument     no store can have that name (base/store_name.h), or a bad owner
  //   NotFound            there is no such store
  //   PermissionDenied    no permission, or another user's store (see OpenOptions::owner)
  //   Unimplemented       another layout version, an unknown feature, or the boot clock of another
  //                       time namespace (Linux)
  //   DataLoss            truncated or damaged
  //   Unavailable         half made: its daemon is still making it
  //   FailedPrecondition  something else has the name; or, for writing, the store has lost its lock
  //                       file
  //   ResourceExhausted   all 1,024 seats of writers are taken; or the process has no memory or
  //                       descriptors left
  static absl::StatusOr<std::unique_ptr<Store>> Open(absl::string_view name,
                                                     const OpenOptions& options = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Copies the key's value to *value. Returns NotFound, without a message, if there is no such key;
  // Unavailable if writers changed the entry during each of a fixed number of tries. On error
  // *value is unspecified.
  absl::StatusOr<Entry> Get(absl::string_view key, std::string* value) const;

  // The same into the caller's memory, without allocation. Returns OutOfRange, naming the size, if
  // the value does not fit.
  absl::StatusOr<Entry> Get(absl::string_view key, absl::Span<char> buffer) const;

  // Gets many keys in one call: their cache misses overlap, so that 32 keys take a fraction of the
  // time of 32 calls. results[i] is the result of Get(keys[i], &values[i]); the look-ups are not
  // one atomic operation. Returns InvalidArgument, with nothing done, unless there are as many
  // values and results as keys.
  absl::Status MultiGet(absl::Span<const absl::string_view> keys, absl::Span<std::string> values,
                        absl::Span<absl::StatusOr<Entry>> results) const;
  // The same into the caller's memory.
  absl::Status MultiGet(absl::Span<const absl::string_view> keys,
                        absl::Span<const absl::Span<char>> buffers,
                        absl::Span<absl::StatusOr<Entry>> results) const;

  // Returns true if Get() would find the key. Errors as Get().
  absl::StatusOr<bool> Contains(absl::string_view key) const;
  // As Get(), without the value: its time does not depend on the value's length.
  absl::StatusOr<Entry> GetMetadata(absl::string_view key) const;

  // Sets the key's value and returns the entry's revision. Errors, each with nothing changed:
  //   InvalidArgument    the key is empty, or the ttl is below 1 ns
  //   OutOfRange         the key or the value is over the limit that the message names
  //   ResourceExhausted  the store, or its memory for long keys and values, is full
  //   DeadlineExceeded   see OpenOptions::lock_timeout
  absl::StatusOr<uint64_t> Put(absl::string_view key, absl::string_view value,
                               const PutOptions& options = {});
  // Puts many entries in one call, in order. Up to 32 of them share one acquisition of the lock,
  // and their cache misses overlap, so that each takes a fraction of the time of a Put().
  // results[i] is the result of Put(keys[i], values[i], options). Not a transaction: each entry is
  // visible as soon as it is put, other writers may put in between, and a failed put does not stop
  // the next. Returns InvalidArgument, with nothing done, unless there are as many values and
  // results as keys.
  absl::Status MultiPut(absl::Span<const absl::string_view> keys,
                        absl::Span<const absl::string_view> values,
                        absl::Span<absl::StatusOr<uint64_t>> results,
                        const PutOptions& options = {});
  // As Put(), but returns AlreadyExists if the key has an entry; InvalidArgument if
  // options.if_revision is set.
  absl::StatusOr<uint64_t> Add(absl::string_view key, absl::string_view value,
                               const PutOptions& options = {});
  // As Put(), but returns NotFound if the key has no entry.
  absl::StatusOr<uint64_t> Replace(absl::string_view key, absl::string_view value,
                                   const PutOptions& options = {});
  // Removes the key's entry. Returns NotFound if there is none.
  absl::Status Delete(absl::string_view key);

  // Each of the following reads the old entry and commits the new one with the writer lock held: no
  // other write comes in between, and a kill leaves the old or the new. They copy the value, of an
  // entry that changes into new room, so a long value needs as many free extents as a Put() of it.
  // All but GetAndDelete() make a new revision, and return the errors of Put() besides their own.

  // Adds `by` to the key's value, a decimal number from -2^63 to 2^63 - 1 without leading zeros or
  // spaces, and returns the sum. If the key has no entry, puts and returns options.initial.
  //   NotFound         there is no entry, and options.initial is not set
  //   InvalidArgument  the value is not such a number
  //   OutOfRange       the sum is not such a number
  absl::StatusOr<int64_t> Increment(absl::string_view key, int64_t by = 1,
                                    const IncrementOptions& options = {});
  // Puts the key's value with `suffix` behind it, or `suffix` if the key has no entry.
  absl::StatusOr<uint64_t> Append(absl::string_view key, absl::string_view suffix,
                                  const AppendOptions& options = {});
  // Puts as Put() does, and returns the entry that it replaced, with its value in *old_value;
  // nullopt if there was none. InvalidArgument if options.if_revision is set.
  absl::StatusOr<absl::optional<Entry>> GetAndSet(absl::string_view key, absl::string_view value,
                                                  std::string* old_value,
                                                  const PutOptions& options = {});
  // Removes the key's entry and returns it, with its value in *value. Returns NotFound if there is
  // none. Of many calls at once for one entry, one returns it.
  absl::StatusOr<Entry> GetAndDelete(absl::string_view key, std::string* value);

  // Gives the key's entry a lifetime that begins now; absl::InfiniteDuration() for one without end.
  // Returns its new revision: a put with the revision of before returns Aborted. NotFound if there
  // is no entry.
  absl::StatusOr<uint64_t> Touch(absl::string_view key, absl::Duration ttl);
  // The same, and copies the value to *value; returns the entry as it is then.
  absl::StatusOr<Entry> GetAndTouch(absl::string_view key, absl::Duration ttl, std::string* value);
  // Gives the key's entry a lifetime without end, as Touch() does.
  absl::StatusOr<uint64_t> Persist(absl::string_view key);

  // Gets the key's value or, if there is none, computes and puts it, so that of many processes that
  // miss it at once one computes it and the others wait for that, asleep. Copies the value to
  // *value.
  //
  // A call that finds no entry takes the key's lease, calls `compute` with no lock held, and puts
  // what that returns. A put or delete of the key in between ends the lease: this call's value is
  // returned, but not stored. If `compute` fails, its error is returned, and one of those that wait
  // calls its own. If the process dies, one of those that wait notices within 20 ms and computes.
  // A lease takes the room of an entry, and as such may be evicted. Where it finds no room, and in
  // a store that is open read-only, each call computes for itself. `compute` must not call
  // GetOrCompute() for the same key.
  //   DeadlineExceeded  the value was being computed for all of options.wait
  // and the errors of Get(), of `compute` and, of the lock and the key, of Put().
  absl::StatusOr<Computed> GetOrCompute(absl::string_view key, const ComputeOptions& options,
                                        absl::FunctionRef<absl::StatusOr<std::string>()> compute,
                                        std::string* value);

  // Calls `visit` with every entry, in no particular order, until it returns false. Visits an entry
  // that exists throughout the call exactly once, and one that is put or deleted during it at most
  // once. The views are valid during the call of `visit`, which may use this store: it may Delete()
  // the key, so that an entry put meanwhile may stay or go. Errors as Get(); DataLoss comes at the
  // end, after every entry that is not damaged was visited. Also Unavailable if the store was
  // resized during the call.
  absl::Status ForEach(
      absl::FunctionRef<bool(absl::string_view key, absl::string_view value, const Entry& entry)>
          visit,
      const ForEachOptions& options = {}) const;

  // Begins to follow the store's changes; include client/watch.h, which has the options. The store
  // must outlive the watcher. Errors:
  //   Unimplemented       the store has no change ring: it was made with --changes 0, or by a
  //                       version before layout 5.4
  //   FailedPrecondition  the store is open read-only, and no changes are recorded
  // and, of a store that is open for writing, the errors of the lock as of Put().
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(const WatchOptions& options) const;

  Limits limits() const;
  // Returns what the store counts (base/stats.h).
  StoreStats Stats() const;
  // Returns the store's internals by name, such as "total_bytes", "slot_bytes" and "created"; see
  // docs/reference.md. For display and monitoring: names may change with versions.
  std::vector<Property> Properties() const;
  const std::string& name() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby

#endif  // CUBBY_CLIENT_STORE_H_

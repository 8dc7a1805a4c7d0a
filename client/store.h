// A cubby store, opened: look keys up in memory that a cubbyd daemon shares with every process on
// the host.
//
//   absl::StatusOr<std::unique_ptr<cubby::Store>> store = cubby::Store::Open("sessions");
//   if (!store.ok()) return store.status();
//   absl::StatusOr<uint64_t> revision = (*store)->Put("user:7", "ada", {absl::Minutes(30)});
//   std::string value;
//   if ((*store)->Get("user:7", &value).ok()) std::cout << value;
//
// A get takes no lock, makes no system call and stores nothing; it works on a mapping opened
// read-only. A put takes the store's writer lock for some hundred nanoseconds. A process killed at
// any instruction, inside a put too, leaves every key readable at its old or its new value, and the
// next writer goes on within milliseconds.
//
// All members are safe to call from many threads at once. Gets and puts are linearizable per key.
// In a fork's child gets still work; puts give FailedPrecondition until the child opens the store
// for itself.
//
// Errors that any call can return, besides those it names:
//   FailedPrecondition  the store was shut down: open it again
//   Unavailable         the store was truncated (OpenOptions::survive_truncation)
//   DataLoss            the bytes are damaged: `cubby check`
#ifndef CUBBY_CLIENT_STORE_H_
#define CUBBY_CLIENT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/property.h"
#include "base/stats.h"

namespace cubby {

enum class Mode {
  kReadOnly,  // needs only read permission; put, add, replace and delete give FailedPrecondition
  kReadWrite,
};

struct OpenOptions {
  Mode mode = Mode::kReadWrite;
  // Whose store to trust: empty for one's own (or root's), else the owner as the system writes it
  // (a uid on Linux, a SID on Windows), or "any". Without this check, whoever takes the name first
  // would be believed.
  std::string owner;
  // How long put, add, replace and delete wait for other writers before DeadlineExceeded; a put
  // that finds the store full, and first has to remove what has expired, twice that at most.
  absl::Duration lock_timeout = absl::Seconds(5);
  // Whether to outlive somebody's truncating the store's file (Linux): calls then give Unavailable,
  // where the process would be ended by SIGBUS. Installs a handler for that signal, which passes on
  // what is not about this store to the one that was there before. Only who may write the store may
  // truncate it.
  bool survive_truncation = false;
  // Whether to map all of the store's pages now, so that no call waits for that later: the first
  // call to need a page does otherwise, some 4 us. Takes 2 ms for each GiB in huge pages, 50 ms
  // in others; Unimplemented on Linux before 5.14.
  bool prefault = false;
};

struct PutOptions {
  // How long the entry lives from when it is put; at least 1 ns. Never less, and on Windows up to
  // 32 ms more: the clock there steps by up to 16 ms, for writers and readers alike.
  absl::Duration ttl = absl::InfiniteDuration();
};

// What Get and ForEach tell of an entry besides its bytes.
struct Entry {
  size_t value_bytes = 0;
  uint64_t revision = 0;  // of the put that made it; larger is newer, in the whole store
  absl::Duration ttl = absl::InfiniteDuration();  // what is left of it
};

// What fits into the store, as it was created or last resized.
struct Limits {
  uint64_t capacity = 0;  // entries
  uint64_t max_key_bytes = 0;
  uint64_t max_value_bytes = 0;
  // An entry needs no extents if its key, rounded up to 8 bytes, and its value together are no
  // longer than this.
  uint64_t max_inline_bytes = 0;
};

class Store {
 public:
  // Opens the store that a daemon made under `name`.
  // NotFound: there is none. PermissionDenied: you may not, or it is another user's (see
  // OpenOptions::owner). Unimplemented: another layout version. DataLoss: truncated or damaged.
  // Unavailable: half made. FailedPrecondition: something else has the name, or the store has lost
  // its lock file and cannot be opened for writing.
  static absl::StatusOr<std::unique_ptr<Store>> Open(absl::string_view name,
                                                     const OpenOptions& options = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Copies the key's value into *value. NotFound, without a message, if there is no such key;
  // Unavailable if writers rewrote the entry under every one of a fixed number of tries. On error
  // *value is unspecified.
  absl::StatusOr<Entry> Get(absl::string_view key, std::string* value) const;

  // The same into the caller's memory, with no allocation. OutOfRange, naming the size needed, if
  // it does not fit.
  absl::StatusOr<Entry> Get(absl::string_view key, absl::Span<char> buffer) const;

  // Gets many keys in one call: the memory is asked for all of them before the first is waited for,
  // so that 32 keys take a fraction of the time that 32 calls do. results[i] is what
  // Get(keys[i], &values[i]) would return, each at a moment of its own. InvalidArgument, with
  // nothing done, unless there are as many values and results as keys.
  absl::Status MultiGet(absl::Span<const absl::string_view> keys, absl::Span<std::string> values,
                        absl::Span<absl::StatusOr<Entry>> results) const;
  // The same into the caller's memory.
  absl::Status MultiGet(absl::Span<const absl::string_view> keys,
                        absl::Span<const absl::Span<char>> buffers,
                        absl::Span<absl::StatusOr<Entry>> results) const;

  // Whether Get would find the key. Errors as Get.
  absl::StatusOr<bool> Contains(absl::string_view key) const;

  // Sets the key's value, and returns the revision it now has.
  // InvalidArgument: empty key, or ttl < 1 ns. OutOfRange: key or value over the limit it names.
  // ResourceExhausted: the store is full, or its room for long values is. DeadlineExceeded: see
  // OpenOptions::lock_timeout. Nothing changed on error.
  absl::StatusOr<uint64_t> Put(absl::string_view key, absl::string_view value,
                               const PutOptions& options = {});
  // Puts many entries in one call, one after the other: up to 32 of them for one lock, with the
  // memory asked for all of those before, so that each takes a fraction of the time of a Put().
  // results[i] is what Put(keys[i], values[i], options) would return. Not a transaction: others see
  // each entry as soon as it is put, and may put in between; a failed one does not stop the next.
  // InvalidArgument, with nothing done, unless there are as many values and results as keys.
  absl::Status MultiPut(absl::Span<const absl::string_view> keys,
                        absl::Span<const absl::string_view> values,
                        absl::Span<absl::StatusOr<uint64_t>> results,
                        const PutOptions& options = {});
  // As Put(), but AlreadyExists if the key is there.
  absl::StatusOr<uint64_t> Add(absl::string_view key, absl::string_view value,
                               const PutOptions& options = {});
  // The same, but NotFound if the key is not there.
  absl::StatusOr<uint64_t> Replace(absl::string_view key, absl::string_view value,
                                   const PutOptions& options = {});
  // Removes the key. NotFound if it is not there.
  absl::Status Delete(absl::string_view key);

  // Calls `visit` with every entry, in no order, until it returns false. Each entry is seen whole;
  // one that is there all the while is seen exactly once; one put or deleted meanwhile may be seen
  // or not. The views are valid during the call. `visit` may call this store. Errors as Get.
  absl::Status ForEach(
      absl::FunctionRef<bool(absl::string_view key, absl::string_view value, const Entry& entry)>
          visit) const;

  Limits limits() const;
  // Returns what the store counts (base/stats.h).
  StoreStats Stats() const;
  // Returns the store's internals by name, such as "total_bytes", "slot_bytes" and "created"; see
  // docs/reference.md. For people and monitoring: names may come and go with versions.
  std::vector<Property> Properties() const;
  const std::string& name() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby

#endif  // CUBBY_CLIENT_STORE_H_

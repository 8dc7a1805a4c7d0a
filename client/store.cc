#include "client/store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/str_cat.h"
#include "base/store_name.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/fault_guard.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/scan.h"
#include "table/stats.h"
#include "table/sweep.h"
#include "table/table.h"
#include "table/writer.h"

namespace cubby {
namespace {

// Adds which store it is about to the front of a message.
absl::Status About(absl::string_view name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("store '", name, "': ", status.message()));
}

// Opening says NotFound for the store's absence only, in words that help.
absl::Status NoStore(absl::string_view name) {
  return absl::NotFoundError(
      absl::StrCat("no store '", name, "': start one with cubbyd --store ", name));
}

absl::StatusOr<os::Mapping> OpenMapping(absl::string_view name, os::Access access) {
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(name, access);
  if (absl::IsNotFound(mapping.status())) return NoStore(name);
  if (!mapping.ok()) return About(name, mapping.status());
  return mapping;
}

absl::Status CheckOwner(absl::string_view name, const os::Mapping& mapping,
                        absl::string_view trusted) {
  if (trusted == "any" || mapping.owner() == trusted) return absl::OkStatus();
  if (trusted.empty() && (mapping.OwnedByCaller() || mapping.OwnedBySystem())) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("store '", name, "' belongs to user ", mapping.owner(), ", not to ",
                   trusted.empty() ? "you" : trusted, ": if you trust that user, say --owner ",
                   mapping.owner()));
}

Geometry PublicGeometry(const table::Geometry& from) {
  Geometry geometry;
  geometry.capacity = from.capacity;
  geometry.max_key_bytes = from.max_key_bytes;
  geometry.max_value_bytes = from.max_value_bytes;
  geometry.max_inline_bytes = from.max_inline_bytes;
  geometry.slot_bytes = from.slot_bytes;
  geometry.ways = from.ways;
  geometry.bucket_count = from.bucket_count;
  geometry.extent_bytes = from.extent_bytes;
  geometry.extent_count = from.extent_count;
  geometry.total_bytes = from.total_bytes;
  geometry.generation = from.generation;
  geometry.layout_major = table::kLayoutMajor;
  geometry.layout_minor = from.layout_minor;
  geometry.created = absl::FromUnixNanos(static_cast<int64_t>(from.created_unix_ns));
  return geometry;
}

absl::Duration TimeLeft(uint64_t expiry_ns) {
  const uint64_t now = os::BootNanos();
  // The bytes are anybody's, and may say any time.
  const uint64_t left = std::min<uint64_t>(expiry_ns > now ? expiry_ns - now : 0, INT64_MAX);
  return absl::Nanoseconds(static_cast<int64_t>(left));
}

Entry EntryOf(size_t value_bytes, uint64_t revision, uint64_t expiry_ns) {
  Entry entry;
  entry.value_bytes = value_bytes;
  entry.revision = revision;
  if (expiry_ns != 0) entry.ttl = TimeLeft(expiry_ns);
  return entry;
}

// The moment at which a ttl that begins now is over, wherever between its steps the clock is; 0 for
// one of more than 292 years.
uint64_t ExpiryOf(absl::Duration ttl) {
  if (ttl == absl::InfiniteDuration()) return 0;
  const absl::Duration now = absl::Nanoseconds(os::BootNanos() + os::BootStepNanos());
  if (ttl >= absl::Nanoseconds(INT64_MAX) - now) return 0;
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(now + ttl));
}

// How many puts, and bytes of values, MultiPut does while it has the lock, for which others wait.
// (32 puts take some 3 us.)
constexpr size_t kPutsAtOnce = 32;
constexpr size_t kPutBytesAtOnce = 64 << 10;

// Up to which of the values one goes with those from `begin` on; always some.
size_t EndOfBatch(absl::Span<const absl::string_view> values, size_t begin) {
  size_t end = begin;
  size_t bytes = 0;
  do {
    bytes += values[end].size();
    ++end;
  } while (end < values.size() && end - begin < kPutsAtOnce &&
           bytes + values[end].size() <= kPutBytesAtOnce);
  return end;
}

absl::Status SameSizes(size_t keys, size_t values, size_t results) {
  if (keys == values && keys == results) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(keys, " keys, ", values, " values and ", results,
                                                 " results: give as many of each"));
}

}  // namespace

struct Store::Impl {
  Impl(absl::string_view store_name, os::Mapping opened,
       std::unique_ptr<os::FaultGuard> mapping_guard, const table::Geometry& validated)
      : name(store_name),
        mapping(std::move(opened)),
        guard(std::move(mapping_guard)),
        table(mapping.data(), validated),
        geometry(PublicGeometry(validated)) {}

  // True while what readers find is the store's. One load of a line that is almost never written.
  bool Readable() const {
    if (guard != nullptr && guard->tripped()) return false;
    const table::State state = StateOf(table);
    return state == table::State::kServing || state == table::State::kSealed;
  }

  // Why the store is not readable.
  absl::Status Unreadable() const {
    // Without a page that is missing, the daemon may have found out, and poisoned the store.
    if ((guard != nullptr && guard->tripped()) || mapping.Truncated()) {
      return absl::UnavailableError(absl::StrCat(
          "store '", name, "' was truncated by somebody: restart its cubbyd with --fresh"));
    }
    const table::State state = StateOf(table);
    if (state == table::State::kRetired || state == table::State::kSuperseded) {
      return absl::FailedPreconditionError(
          absl::StrCat("store '", name, "' was shut down: open it again"));
    }
    return absl::DataLossError(absl::StrCat("store '", name, "' is damaged: run cubby check"));
  }

  uint64_t HashOf(absl::string_view key) const {
    return table::HashKey(key, table.geometry().hash_seed);
  }

  absl::Status FromOutcome(table::Outcome outcome) const {
    switch (outcome) {
      case table::Outcome::kNotFound:
        return absl::Status(absl::StatusCode::kNotFound, "");  // no message, no allocation
      case table::Outcome::kContended:
        return absl::UnavailableError(
            absl::StrCat("contended: writers rewrote the entry during each of ", table::kMaxRounds,
                         " tries: try again"));
      default:
        return absl::DataLossError(
            absl::StrCat("store '", name, "' has a damaged entry: run cubby check"));
    }
  }

  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<Entry> Get(absl::string_view key,
                                                         const Sink& sink) const {
    const uint64_t hash = HashOf(key);
    table::PrefetchLookup(table, hash);
    return GetHashed(key, hash, sink);
  }

  // The same for a key whose hash is known, and its bucket prefetched.
  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<Entry> GetHashed(absl::string_view key, uint64_t hash,
                                                               const Sink& sink) const {
    table::Found found;
    const table::Outcome outcome = table::Reader(table).TryHashed(key, hash, sink, &found);
    if (ABSL_PREDICT_FALSE(outcome == table::Outcome::kContended || !Readable())) {
      return GetInRounds(key, sink);
    }
    if (outcome == table::Outcome::kNotFound) return FromOutcome(outcome);
    return EntryOf(found.value_bytes, found.revision, found.expiry_ns);
  }

  // The same, whatever it takes. Apart, and hashing once more, so that what few gets need is not in
  // the way of the others, nor in their registers.
  template <typename Sink>
  ABSL_ATTRIBUTE_NOINLINE absl::StatusOr<Entry> GetInRounds(absl::string_view key,
                                                            const Sink& sink) const {
    table::Found found;
    const table::Outcome outcome = table::Reader(table).GetHashed(key, HashOf(key), sink, &found);
    if (!Readable()) return Unreadable();
    if (outcome == table::Outcome::kFound) {
      return EntryOf(found.value_bytes, found.revision, found.expiry_ns);
    }
    if (outcome == table::Outcome::kTooSmall) {
      return absl::OutOfRangeError(
          absl::StrCat("the value has ", found.value_bytes, " bytes, more than the buffer"));
    }
    return FromOutcome(outcome);
  }

  // `sink_of(i)` is where the value of keys[i] goes.
  template <typename SinkOf>
  void MultiGet(absl::Span<const absl::string_view> keys, const SinkOf& sink_of,
                absl::Span<absl::StatusOr<Entry>> results) const {
    // Three stages, each so many keys behind the one before, so that a key's head, and then its
    // slot, come while others are hashed, compared and copied. (Measured at a million entries, ns
    // per key: all of 32 stage by stage 83; in turns 76 with 4 behind, 57 with 8, 59 with 12.)
    constexpr size_t kBehind = 8;
    constexpr size_t kHashes = 4 * kBehind;  // a power of 2 above 2 * kBehind
    uint64_t hashes[kHashes];
    const uint64_t bucket_count = table.geometry().bucket_count;
    // What is behind the first key is a number beyond all.
    for (size_t i = 0; i < keys.size() + 2 * kBehind; ++i) {
      if (i < keys.size()) {
        const uint64_t hash = HashOf(keys[i]);
        hashes[i % kHashes] = hash;
        __builtin_prefetch(&table.head(table::HomeBucket(hash, bucket_count)));
      }
      if (i - kBehind < keys.size()) {
        const uint64_t hash = hashes[(i - kBehind) % kHashes];
        const uint64_t home = table::HomeBucket(hash, bucket_count);
        const table::Bucket bucket = table.bucket(home);
        const uint8_t tag = table::TagOf(hash);
        // The head is there by now and tells as much as the hints, so those are not asked for; and
        // whether the key may live in the next bucket.
        if (!table::PrefetchSlots(table.geometry(), bucket, bucket.head().tags, tag) &&
            table::OverflowCount(bucket.head(), table::OverflowClass(hash)) != 0) {
          table::PrefetchLookup(table, table.NextBucket(home), tag);
        }
      }
      if (i - 2 * kBehind < keys.size()) {
        const size_t at = i - 2 * kBehind;
        results[at] = GetHashed(keys[at], hashes[at % kHashes], sink_of(at));
      }
    }
  }

  // Runs `operation` as the store's one writer, for whom it waits at most `timeout`.
  template <typename Operation>
  auto AsWriter(absl::Duration timeout, const Operation& operation) -> decltype(operation()) {
    if (lock == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("store '", name, "' is open read-only: open it for writing"));
    }
    absl::Status acquired = lock->Acquire(timeout);
    if (!acquired.ok()) return About(name, acquired);
    lock::WriterLockHolder holder(lock.get());
    if (!Readable()) return Unreadable();
    auto result = operation();
    if (ABSL_PREDICT_FALSE(!Readable())) return Unreadable();
    return result;
  }

  // Deletes every expired entry that is not damaged, letting other writers in between.
  absl::Status SweepExpired(const os::Deadline& deadline) {
    table::Sweep sweep(table, /*everything=*/false);
    while (!sweep.done()) {
      absl::Status swept = AsWriter(deadline.Left(), [&] {
        sweep.Step(os::BootNanos()).IgnoreError();
        return absl::OkStatus();
      });
      if (!swept.ok()) return swept;
    }
    return absl::OkStatus();
  }

  absl::Status CheckPut(absl::string_view key, absl::string_view value,
                        const PutOptions& options) const {
    absl::Status sizes = table::Writer(table).CheckSizes(key, value);
    if (!sizes.ok() || options.ttl >= absl::Nanoseconds(1)) return sizes;
    return absl::InvalidArgumentError(absl::StrCat("a ttl of ", absl::FormatDuration(options.ttl),
                                                   " is over before it begins: use 1ns or more"));
  }

  absl::StatusOr<uint64_t> Put(absl::string_view key, absl::string_view value,
                               const PutOptions& options, table::Condition condition) {
    absl::Status checked = CheckPut(key, value, options);
    if (!checked.ok()) return checked;
    table::Writer writer(table);
    table::PutRequest request;
    request.key = key;
    request.value = value;
    request.hash = HashOf(key);
    request.condition = condition;
    writer.Prefetch(request.hash, key.size() + value.size());
    const auto put = [&] {
      // Here, with the lock: waiting for it is not a part of the entry's life.
      request.expiry_ns = ExpiryOf(options.ttl);
      return writer.Put(request);
    };
    absl::StatusOr<uint64_t> revision = AsWriter(lock_timeout, put);
    // Expired entries hold their places, and their extents, until somebody sweeps. Whoever is
    // turned away does it now.
    if (ABSL_PREDICT_FALSE(absl::IsResourceExhausted(revision.status())) &&
        table::MayHaveExpired(table, os::BootNanos())) {
      const os::Deadline deadline(lock_timeout);
      absl::Status swept = SweepExpired(deadline);
      if (!swept.ok()) return swept;
      revision = AsWriter(deadline.Left(), put);
    }
    return revision;
  }

  void MultiPut(absl::Span<const absl::string_view> keys,
                absl::Span<const absl::string_view> values,
                absl::Span<absl::StatusOr<uint64_t>> results, const PutOptions& options) {
    table::Writer writer(table);
    uint64_t hashes[kPutsAtOnce];
    for (size_t at = 0; at < keys.size();) {
      const size_t begin = at;
      const size_t end = EndOfBatch(values, begin);
      for (size_t i = begin; i < end; ++i) {
        hashes[i - begin] = HashOf(keys[i]);
        writer.PrefetchHome(hashes[i - begin]);
      }
      for (size_t i = begin; i < end; ++i) {
        writer.Prefetch(hashes[i - begin], keys[i].size() + values[i].size());
      }
      absl::Status written = AsWriter(lock_timeout, [&] {
        table::PutRequest request;
        request.expiry_ns = ExpiryOf(options.ttl);
        for (; at < end; ++at) {
          absl::Status checked = CheckPut(keys[at], values[at], options);
          if (!checked.ok()) {
            results[at] = std::move(checked);
            continue;
          }
          request.key = keys[at];
          request.value = values[at];
          request.hash = hashes[at - begin];
          results[at] = writer.Put(request);
          if (absl::IsResourceExhausted(results[at].status())) break;
        }
        return absl::OkStatus();
      });
      if (!written.ok()) {
        // What is wrong with the store, or its lock, will be with the next batch.
        for (size_t i = begin; i < keys.size(); ++i) {
          absl::Status checked = CheckPut(keys[i], values[i], options);
          results[i] = checked.ok() ? written : std::move(checked);
        }
        return;
      }
      if (at < end) {
        results[at] = Put(keys[at], values[at], options, table::Condition::kAlways);  // sweeps
        ++at;
      }
    }
  }

  const std::string name;
  const os::Mapping mapping;
  const std::unique_ptr<os::FaultGuard> guard;  // null: SIGBUS is not ours to handle
  // Written only with the lock, which read-only stores do not have.
  const table::WritableTable table;
  const Geometry geometry;
  absl::Duration lock_timeout;
  std::unique_ptr<lock::WriterLock> lock;  // null if read-only
};

absl::StatusOr<std::unique_ptr<Store>> Store::Open(absl::string_view name,
                                                   const OpenOptions& options) {
  absl::Status valid = base::ValidateStoreName(name);
  if (!valid.ok()) return valid;
  const bool writable = options.mode == Mode::kReadWrite;
  absl::StatusOr<os::Mapping> mapping =
      OpenMapping(name, writable ? os::Access::kReadWrite : os::Access::kReadOnly);
  if (!mapping.ok()) return mapping.status();
  absl::Status owned = CheckOwner(name, *mapping, options.owner);
  if (!owned.ok()) return owned;
  std::unique_ptr<os::FaultGuard> guard;
  if (options.survive_truncation) {
    guard = std::make_unique<os::FaultGuard>(mapping->data(), mapping->size());
  }
  absl::StatusOr<table::Geometry> geometry = table::ReadGeometry(mapping->data(), mapping->size());
  if (!geometry.ok()) return About(name, geometry.status());

  const std::string owner = mapping->owner();
  auto impl = std::make_unique<Impl>(name, *std::move(mapping), std::move(guard), *geometry);
  impl->lock_timeout = options.lock_timeout;
  // On Windows a name outlives the store while anybody has it open.
  if (StateOf(impl->table) == table::State::kRetired) return NoStore(name);
  if (!impl->Readable()) return impl->Unreadable();
  if (writable) {
    absl::StatusOr<std::unique_ptr<lock::Seats>> seats = lock::Seats::Open(name);
    if (absl::IsNotFound(seats.status())) {
      return absl::FailedPreconditionError(absl::StrCat(
          "store '", name, "' has lost its lock file, so nobody can write it: restart its cubbyd"));
    }
    if (!seats.ok()) return About(name, seats.status());
    if ((*seats)->owner() != owner) {
      return absl::FailedPreconditionError(absl::StrCat(
          "store '", name, "': its mapping belongs to user ", owner, " and its lock file to user ",
          (*seats)->owner(), ": have the impostor's removed"));
    }
    table::FixedPart& fixed = impl->table.mutable_fixed();
    absl::StatusOr<std::unique_ptr<lock::WriterLock>> lock =
        lock::WriterLock::Open(name, *std::move(seats), &fixed.lock.lock, &fixed.incarnations);
    if (!lock.ok()) return lock.status();
    impl->lock = *std::move(lock);
  }
  if (options.prefault) {
    absl::Status prefaulted = impl->mapping.Prefault();
    if (!prefaulted.ok()) return About(name, prefaulted);
  }
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

absl::StatusOr<Entry> Store::Get(absl::string_view key, std::string* value) const {
  return impl_->Get(key, table::StringSink(value));
}

absl::StatusOr<Entry> Store::Get(absl::string_view key, absl::Span<char> buffer) const {
  return impl_->Get(key, table::BufferSink(buffer.data(), buffer.size()));
}

absl::Status Store::MultiGet(absl::Span<const absl::string_view> keys,
                             absl::Span<std::string> values,
                             absl::Span<absl::StatusOr<Entry>> results) const {
  absl::Status sizes = SameSizes(keys.size(), values.size(), results.size());
  if (!sizes.ok()) return sizes;
  impl_->MultiGet(
      keys, [values](size_t i) { return table::StringSink(&values[i]); }, results);
  return absl::OkStatus();
}

absl::Status Store::MultiGet(absl::Span<const absl::string_view> keys,
                             absl::Span<const absl::Span<char>> buffers,
                             absl::Span<absl::StatusOr<Entry>> results) const {
  absl::Status sizes = SameSizes(keys.size(), buffers.size(), results.size());
  if (!sizes.ok()) return sizes;
  impl_->MultiGet(
      keys, [buffers](size_t i) { return table::BufferSink(buffers[i].data(), buffers[i].size()); },
      results);
  return absl::OkStatus();
}

absl::StatusOr<bool> Store::Contains(absl::string_view key) const {
  absl::StatusOr<Entry> entry = impl_->Get(key, table::NoSink());
  if (entry.ok()) return true;
  if (absl::IsNotFound(entry.status())) return false;
  return entry.status();
}

absl::StatusOr<uint64_t> Store::Put(absl::string_view key, absl::string_view value,
                                    const PutOptions& options) {
  return impl_->Put(key, value, options, table::Condition::kAlways);
}

absl::Status Store::MultiPut(absl::Span<const absl::string_view> keys,
                             absl::Span<const absl::string_view> values,
                             absl::Span<absl::StatusOr<uint64_t>> results,
                             const PutOptions& options) {
  absl::Status sizes = SameSizes(keys.size(), values.size(), results.size());
  if (!sizes.ok()) return sizes;
  impl_->MultiPut(keys, values, results, options);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Store::Add(absl::string_view key, absl::string_view value,
                                    const PutOptions& options) {
  return impl_->Put(key, value, options, table::Condition::kIfAbsent);
}

absl::StatusOr<uint64_t> Store::Replace(absl::string_view key, absl::string_view value,
                                        const PutOptions& options) {
  return impl_->Put(key, value, options, table::Condition::kIfPresent);
}

absl::Status Store::Delete(absl::string_view key) {
  const uint64_t hash = impl_->HashOf(key);
  table::Writer writer(impl_->table);
  writer.Prefetch(hash, 0);
  return impl_->AsWriter(impl_->lock_timeout, [&] { return writer.Delete(key, hash); });
}

absl::Status Store::ForEach(
    absl::FunctionRef<bool(absl::string_view, absl::string_view, const Entry&)> visit) const {
  std::vector<table::ScannedEntry> entries;
  for (uint64_t bucket = 0; bucket < impl_->table.geometry().bucket_count; ++bucket) {
    const table::Outcome outcome = table::ScanBucket(impl_->table, bucket, &entries);
    if (!impl_->Readable()) return impl_->Unreadable();
    if (outcome != table::Outcome::kFound) return impl_->FromOutcome(outcome);
    for (const table::ScannedEntry& entry : entries) {
      if (!visit(entry.key, entry.value,
                 EntryOf(entry.value.size(), entry.revision, entry.expiry_ns))) {
        return absl::OkStatus();
      }
    }
  }
  return absl::OkStatus();
}

const Geometry& Store::geometry() const { return impl_->geometry; }
const std::string& Store::name() const { return impl_->name; }

StoreStats Store::Stats() const {
  const table::TableStats from = table::ReadStats(impl_->table);
  StoreStats stats;
  stats.entries = from.entries;
  stats.expiring = from.expiring;
  stats.revision = from.revision;
  stats.puts = from.puts;
  stats.deletes = from.deletes;
  stats.expired = from.expired;
  stats.lock_takeovers = from.lock_takeovers;
  stats.mends = from.mends;
  stats.extents_in_use = from.extents_in_use;
  return stats;
}

}  // namespace cubby

// Store::GetOrCompute(): one process computes, the others wait.
//
// A process that finds no entry looks for a lease, without a lock. If there is none, or its owner
// lives no more, it makes one with the lock held, calls the function, and fills the lease: an
// update that happens only if the lease is still there with its revision.
//
// If there is one, it takes the value that has expired, or sleeps on one of the words of the lease
// line. It wakes when a fill, or a failed function, raises that word's count; at the lease's bound;
// and every kProbe, to see whether the owner still lives and whether another process has ended the
// lease. It loads the count before it looks for the lease, so that it never misses an end that
// comes after the look.
#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "attach/attachment.h"
#include "base/status_macros.h"
#include "client/requests.h"
#include "client/store.h"
#include "client/store_impl.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/wait.h"
#include "table/expiry.h"
#include "table/hash.h"
#include "table/layout.h"
#include "table/reader.h"
#include "table/table.h"
#include "table/writer.h"

namespace cubby {
namespace {

using table::Writer;

// How soon a process that waits sees that the lease's owner has died.
constexpr absl::Duration kProbe = absl::Milliseconds(10);
// So that a sweep removes what an owner has left.
constexpr absl::Duration kLongestLease = absl::Hours(24 * 365);

// The word of the lease line that processes sleep on which wait for a key with this hash.
std::atomic<uint64_t>& EndsOf(const table::WritableTable& table, uint64_t hash) {
  return table.mutable_fixed().leases.ends[hash >> 32 & 7];
}

// Wakes those that wait for a key with this hash.
void TellEnd(const table::WritableTable& table, uint64_t hash) {
  std::atomic<uint64_t>& ends = EndsOf(table, hash);
  if (os::RaiseCount(ends)) os::WakeWaiters(ends, INT_MAX);
}

}  // namespace

// What a process has seen of a key that has no entry.
struct Store::Impl::LeaseView {
  const attach::Attachment::Generation* generation = nullptr;
  uint64_t hash = 0;
  uint64_t ends = 0;      // EndsOf(), before the look
  uint64_t revision = 0;  // of the lease; 0: there is none
  table::LeaseRecord record = {};

  const table::WritableTable& table() const { return generation->table(); }
};

absl::StatusOr<Store::Impl::LeaseView> Store::Impl::LookForLease(absl::string_view key,
                                                                 std::string* value) const {
  LeaseView view;
  view.generation = &attachment->current();
  view.hash = table::HashKey(key, view.table().geometry().hash_seed);
  // Sequentially consistent, as all accesses to it.
  view.ends = EndsOf(view.table(), view.hash).load();
  table::Found found;
  const table::Outcome outcome = table::Reader(view.table()).GetHidden(key, value, &found);
  if (outcome == table::Outcome::kNotFound) return view;
  if (outcome != table::Outcome::kFound) return Failure(outcome, found.value_bytes);
  if (!found.lease) return view;
  if (!table::SplitRecord(value, &view.record)) return Failure(table::Outcome::kDamaged, 0);
  view.revision = found.revision;
  return view;
}

absl::StatusOr<Writer::Leased> Store::Impl::TakeLease(absl::string_view key,
                                                      const ComputeOptions& options,
                                                      uint64_t void_revision, std::string* value) {
  Writer::Leased leased;
  uint64_t hash = 0;
  const auto take = [&](const table::WritableTable& table)
                        CUBBY_REQUIRES_WRITER_LOCK -> absl::StatusOr<uint64_t> {
    Writer writer(table);
    RETURN_IF_ERROR(writer.CheckSizes(key, ""));
    hash = table::HashKey(key, table.geometry().hash_seed);
    table::LeaseRequest request;
    request.key = key;
    request.hash = hash;
    request.owner = attachment->current().lock()->self();
    request.bound_ns = ExpiryOf(Lasting(std::min(options.lease, kLongestLease)));
    request.stale_flags = table::StaleFlags(NanosOf(options.stale));
    request.void_revision = void_revision;
    ASSIGN_OR_RETURN(leased, writer.Lease(request, value));
    return leased.revision;
  };
  absl::StatusOr<uint64_t> taken = attachment->AsWriter(lock_timeout, take);
  if (absl::IsResourceExhausted(taken.status())) taken = PutAfterSweep(take, hash, taken);
  RETURN_IF_ERROR(taken.status());
  return leased;
}

void Store::Impl::AwaitEnd(absl::string_view key, const LeaseView& view,
                           const os::Deadline& deadline) const {
  std::atomic<uint64_t>& ends = EndsOf(view.table(), view.hash);
  const uint64_t asleep = view.ends | 1;
  ends.fetch_or(1);
  while (ends.load() == asleep && !deadline.Passed()) {
    const uint64_t now_ns = os::BootNanos();
    table::Found found;
    if (now_ns >= view.record.bound_ns || !view.generation->Readable() ||
        !view.generation->lock()->Lives(view.record.owner) ||
        table::Reader(view.table()).FindHidden(key, &found) != table::Outcome::kFound ||
        !found.lease || found.revision != view.revision) {
      return;
    }
    // A hostile bound is too far away for a Duration.
    const uint64_t until_bound = std::min(view.record.bound_ns - now_ns, NanosOf(kProbe));
    os::WaitWhile(ends, asleep,
                  std::min(deadline.Left(), absl::Nanoseconds(static_cast<int64_t>(until_bound))));
  }
}

absl::StatusOr<Computed> Store::GetOrCompute(
    absl::string_view key, const ComputeOptions& options,
    absl::FunctionRef<absl::StatusOr<std::string>()> compute, std::string* value) {
  Impl& impl = *impl_;
  if (options.lease < absl::Nanoseconds(1)) return TooShort("a lease", options.lease);
  if (options.ttl < absl::Nanoseconds(1)) return TooShort("a ttl", options.ttl);
  PutOptions put_options = Lasting(options.ttl);
  put_options.stale = options.stale;
  Computed computed;
  // Puts *value, which this call has computed, if `request` says so.
  const auto store = [&](table::PutRequest request) {
    const absl::StatusOr<uint64_t> revision = impl.Put(request, put_options);
    computed.source = Computed::Source::kComputed;
    computed.entry =
        EntryOf(value->size(), revision.value_or(0), revision.ok() ? request.update.expiry_ns : 0);
    computed.stored = revision.status();
  };

  const os::Deadline deadline(options.wait);
  uint64_t seen = 0;  // the revision of the lease that `patience` is for
  os::Deadline patience(options.lease);
  Impl::LeaseView view;
  uint64_t revision = 0;  // of the lease that this call takes
  while (revision == 0) {
    absl::StatusOr<Entry> found = Get(key, value);
    if (found.ok()) {
      computed.entry = *found;
      return computed;
    }
    if (!absl::IsNotFound(found.status())) return found.status();
    if (impl.attachment->current().lock() == nullptr) {
      ASSIGN_OR_RETURN(*value, compute());
      computed.source = Computed::Source::kComputed;
      computed.entry.value_bytes = value->size();
      computed.stored = absl::FailedPreconditionError("the store is open read-only");
      return computed;
    }

    ASSIGN_OR_RETURN(view, impl.LookForLease(key, value));
    const table::LeaseRecord& record = view.record;
    uint64_t void_revision = 0;
    if (view.revision != 0) {
      if (view.revision != seen) {
        seen = view.revision;
        patience = os::Deadline(options.lease);
      }
      const uint64_t now_ns = os::BootNanos();
      if (!view.generation->lock()->Lives(record.owner) || patience.Passed()) {
        void_revision = seen;
      } else if (record.old_expiry_ns != 0 &&
                 now_ns - record.old_expiry_ns < NanosOf(options.stale)) {
        computed.source = Computed::Source::kStale;
        computed.entry = EntryOf(value->size(), 0, record.old_expiry_ns);
        return computed;
      } else if (deadline.Passed()) {
        return absl::DeadlineExceededError(
            absl::StrCat("other processes computed the value for all of ",
                         absl::FormatDuration(options.wait), ": try again, or allow more time"));
      } else if (now_ns < record.bound_ns) {
        impl.AwaitEnd(key, view, std::min(deadline, patience));
        continue;
      }
    }

    const absl::StatusOr<Writer::Leased> leased =
        impl.TakeLease(key, options, void_revision, value);
    if (absl::IsResourceExhausted(leased.status()) || absl::IsUnimplemented(leased.status())) {
      // No lease can be: the value may have room all the same.
      ASSIGN_OR_RETURN(*value, compute());
      store(RequestOf(key, *value, put_options, table::UpdateKind::kAdd));
      return computed;
    }
    RETURN_IF_ERROR(leased.status());
    // Else another process was faster: with its value, or with a lease.
    if (leased->outcome == Writer::Leased::Outcome::kGranted) revision = leased->revision;
  }

  const auto tell_end = [&] { TellEnd(view.table(), view.hash); };
  absl::Cleanup end = [&] {
    impl.attachment
        ->AsWriter(impl.lock_timeout,
                   [&](const table::WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
                     return Writer(table).EndLease(
                         key, table::HashKey(key, table.geometry().hash_seed), revision);
                   })
        .IgnoreError();  // it ends at its bound
    tell_end();
  };
  ASSIGN_OR_RETURN(*value, compute());
  table::PutRequest request = RequestOf(key, *value, put_options, table::UpdateKind::kFill);
  request.update.if_revision = revision;
  store(request);
  if (computed.stored.ok()) {
    std::move(end).Cancel();
    tell_end();
  }
  return computed;
}

}  // namespace cubby

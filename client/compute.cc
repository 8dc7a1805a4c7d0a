// Store::GetOrCompute(): one process computes, the others wait.
//
// The process that finds neither an entry nor a lease makes a lease, calls the function, and fills
// the lease: an update that happens only if the lease is still there with its revision. A process
// that finds another's lease sleeps on one of the words of the lease line. It wakes when a fill, or
// a failed function, raises that word's count; at the lease's bound; and every kProbe, to see
// whether the owner still lives and whether another process has put the key. The count is loaded
// with the writer lock held, before the look at the lease, so that an end after that look is never
// missed.
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
#include "table/table.h"
#include "table/writer.h"

namespace cubby {
namespace {

using table::Writer;

// How soon a process that waits sees that the lease's owner has died.
constexpr absl::Duration kProbe = absl::Milliseconds(10);

uint64_t Nanos(absl::Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Nanoseconds(duration), 0));
}

// The word of the lease line that processes sleep on which wait for a key with this hash.
std::atomic<uint64_t>& EndsOf(const table::WritableTable& table, uint64_t hash) {
  return table.mutable_fixed().leases.ends[hash >> 32 & 7];
}

// Wakes those that wait for a key with this hash.
void TellEnd(const table::WritableTable& table, uint64_t hash) {
  std::atomic<uint64_t>& ends = EndsOf(table, hash);
  uint64_t before = ends.load(std::memory_order_relaxed);
  // Sequentially consistent, as the other process's: either that sees the new count, or this one
  // sees that it may sleep.
  while (!ends.compare_exchange_weak(before, (before | 1) + 1)) {
  }
  if ((before & 1) != 0) os::WakeWaiters(ends, INT_MAX);
}

}  // namespace

// What a process knows of a lease that it has made, or waits for.
struct Store::Impl::LeaseView {
  const table::WritableTable* table = nullptr;
  uint64_t hash = 0;
  uint64_t ends = 0;  // EndsOf(), before the look
  Writer::Leased leased;
};

absl::StatusOr<Store::Impl::LeaseView> Store::Impl::LookForLease(absl::string_view key,
                                                                 const ComputeOptions& options,
                                                                 uint64_t void_revision,
                                                                 std::string* value) {
  return attachment->AsWriter(lock_timeout,
                              [&](const table::WritableTable& table)
                                  CUBBY_REQUIRES_WRITER_LOCK -> absl::StatusOr<LeaseView> {
                                    Writer writer(table);
                                    RETURN_IF_ERROR(writer.CheckSizes(key, ""));
                                    LeaseView view;
                                    view.table = &table;
                                    view.hash = table::HashKey(key, table.geometry().hash_seed);
                                    view.ends = EndsOf(table, view.hash).load();
                                    table::LeaseRequest request;
                                    request.key = key;
                                    request.hash = view.hash;
                                    request.owner = attachment->current().lock()->self();
                                    request.bound_ns = ExpiryOf(Lasting(options.lease));
                                    if (request.bound_ns == 0) request.bound_ns = ~uint64_t{0};
                                    request.stale_flags = table::StaleFlags(Nanos(options.stale));
                                    request.void_revision = void_revision;
                                    ASSIGN_OR_RETURN(view.leased, writer.Lease(request, value));
                                    return view;
                                  });
}

bool Store::Impl::AwaitEnd(absl::string_view key, const LeaseView& view,
                           const os::Deadline& deadline) const {
  const std::atomic<uint64_t>& ends = EndsOf(*view.table, view.hash);
  const uint64_t asleep = view.ends | 1;
  EndsOf(*view.table, view.hash).fetch_or(1);
  while (ends.load() == asleep && !deadline.Passed()) {
    const uint64_t now_ns = os::BootNanos();
    if (now_ns >= view.leased.bound_ns) break;
    if (!attachment->current().lock()->Lives(view.leased.owner)) return false;
    if (Get(key, table::NoSink()).ok()) break;
    // A hostile bound, or that of an endless lease, is too far away for a Duration.
    const uint64_t until_bound = std::min(view.leased.bound_ns - now_ns, Nanos(kProbe));
    os::WaitWhile(ends, asleep,
                  std::min(deadline.Left(), absl::Nanoseconds(static_cast<int64_t>(until_bound))));
  }
  return true;
}

absl::StatusOr<Computed> Store::GetOrCompute(
    absl::string_view key, const ComputeOptions& options,
    absl::FunctionRef<absl::StatusOr<std::string>()> compute, std::string* value) {
  Impl& impl = *impl_;
  if (options.lease < absl::Nanoseconds(1)) {
    return absl::InvalidArgumentError(absl::StrCat("a lease of ",
                                                   absl::FormatDuration(options.lease),
                                                   " is over before it begins: use 1ns or more"));
  }
  if (options.ttl < absl::Nanoseconds(1)) return TtlTooShort(options.ttl);
  Computed computed;
  const auto without_lease = [&](absl::Status why) -> absl::StatusOr<Computed> {
    ASSIGN_OR_RETURN(*value, compute());
    computed.source = Computed::Source::kComputed;
    computed.entry.value_bytes = value->size();
    computed.stored = std::move(why);
    return computed;
  };

  const os::Deadline deadline(options.wait);
  Impl::LeaseView view;
  for (uint64_t void_revision = 0;;) {
    absl::StatusOr<Entry> found = Get(key, value);
    if (found.ok()) {
      computed.entry = *found;
      return computed;
    }
    if (!absl::IsNotFound(found.status())) return found.status();
    if (impl.attachment->current().lock() == nullptr) {
      return without_lease(absl::FailedPreconditionError("the store is open read-only"));
    }
    absl::StatusOr<Impl::LeaseView> looked = impl.LookForLease(key, options, void_revision, value);
    if (absl::IsResourceExhausted(looked.status()) || absl::IsUnimplemented(looked.status())) {
      return without_lease(looked.status());
    }
    RETURN_IF_ERROR(looked.status());
    view = *looked;
    const Writer::Leased& leased = view.leased;
    if (leased.outcome == Writer::Leased::Outcome::kGranted) break;
    if (leased.outcome == Writer::Leased::Outcome::kValue) {
      computed.entry = EntryOf(value->size(), leased.existing.revision, leased.existing.expiry_ns);
      return computed;
    }
    if (leased.stale_expiry_ns != 0 &&
        os::BootNanos() - leased.stale_expiry_ns < Nanos(options.stale)) {
      computed.source = Computed::Source::kStale;
      computed.entry = EntryOf(value->size(), 0, leased.stale_expiry_ns);
      return computed;
    }
    if (deadline.Passed()) {
      return absl::DeadlineExceededError(
          absl::StrCat("another process computed the value for all of ",
                       absl::FormatDuration(options.wait), ": try again, or allow more time"));
    }
    if (!impl.AwaitEnd(key, view, deadline)) void_revision = leased.revision;
  }

  const uint64_t revision = view.leased.revision;
  absl::Cleanup end = [&] {
    impl.attachment
        ->AsWriter(impl.lock_timeout,
                   [&](const table::WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
                     return Writer(table).EndLease(
                         key, table::HashKey(key, table.geometry().hash_seed), revision);
                   })
        .IgnoreError();  // it ends at its bound
    TellEnd(*view.table, view.hash);
  };
  ASSIGN_OR_RETURN(*value, compute());
  PutOptions put_options = Lasting(options.ttl);
  put_options.stale = options.stale;
  table::PutRequest request = RequestOf(key, *value, put_options, table::UpdateKind::kFill);
  request.update.if_revision = revision;
  absl::StatusOr<uint64_t> filled = impl.Put(request, put_options);
  computed.source = Computed::Source::kComputed;
  computed.entry = EntryOf(value->size(), filled.value_or(0), request.update.expiry_ns);
  computed.stored = filled.status();
  return computed;
}

}  // namespace cubby

// What a Store does behind its interface. Inline, so that a get or put is one function.
#ifndef CUBBY_CLIENT_STORE_IMPL_H_
#define CUBBY_CLIENT_STORE_IMPL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "attach/attachment.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "client/requests.h"
#include "client/store.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "table/batch.h"
#include "table/eviction.h"
#include "table/expiry.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/sweep.h"
#include "table/table.h"
#include "table/update.h"
#include "table/writer.h"

namespace cubby {

struct Store::Impl {
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<Entry> FromOutcome(table::Outcome outcome,
                                                                 const table::Found& found) const {
    if (outcome == table::Outcome::kFound) {
      return EntryOf(found.value_bytes, found.revision, found.expiry_ns);
    }
    if (outcome == table::Outcome::kNotFound) {
      return absl::Status(absl::StatusCode::kNotFound, "");  // no message, no allocation
    }
    return Failure(outcome, found.value_bytes);
  }

  ABSL_ATTRIBUTE_NOINLINE absl::Status Failure(table::Outcome outcome, uint32_t value_bytes) const {
    switch (outcome) {
      case table::Outcome::kTooSmall:
        return absl::OutOfRangeError(absl::StrCat("the value has ", value_bytes,
                                                  base::OneOrMany(value_bytes, " byte", " bytes"),
                                                  ", more than the buffer"));
      case table::Outcome::kContended:
        return absl::UnavailableError(
            absl::StrCat("contended: writers rewrote the entry during each of ", table::kMaxRounds,
                         " tries: try again"));
      default:
        return absl::DataLossError(
            absl::StrCat("store '", attachment->name(), "' has a damaged entry: run cubby check"));
    }
  }

  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<Entry> Get(absl::string_view key,
                                                         const Sink& sink) const {
    const attach::Attachment::Generation& generation = attachment->current();
    // Two paths from here on, so that a get which marks nothing does not keep the entry's place.
    return ABSL_PREDICT_FALSE(generation.marks_uses()) ? GetFrom<true>(generation, key, sink)
                                                       : GetFrom<false>(generation, key, sink);
  }
  template <bool kMarks, typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<Entry> GetFrom(
      const attach::Attachment::Generation& generation, absl::string_view key,
      const Sink& sink) const {
    table::Found found;
    const table::Outcome outcome = table::Reader(generation.table()).Get(key, sink, &found);
    if (kMarks && outcome == table::Outcome::kFound) MarkUse(generation.table(), found.place);
    return Answer(generation, outcome, key, sink, found);
  }

  // What Get() returns for an outcome of a look-up in `generation`.
  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<Entry> Answer(
      const attach::Attachment::Generation& generation, table::Outcome outcome,
      absl::string_view key, const Sink& sink, const table::Found& found) const {
    if (ABSL_PREDICT_FALSE(!generation.Readable())) return GetElsewhere(&generation, key, sink);
    return FromOutcome(outcome, found);
  }

  // Gets from the successors of a generation that is not readable.
  template <typename Sink>
  ABSL_ATTRIBUTE_NOINLINE absl::StatusOr<Entry> GetElsewhere(
      const attach::Attachment::Generation* generation, absl::string_view key, Sink sink) const {
    table::Found found;
    for (int round = 0; round < table::kMaxRounds; ++round) {
      RETURN_IF_ERROR(attachment->Follow(*generation));
      generation = &attachment->current();
      const table::Outcome outcome = table::Reader(generation->table()).Get(key, sink, &found);
      if (outcome == table::Outcome::kFound && generation->marks_uses()) {
        MarkUse(generation->table(), found.place);
      }
      if (generation->Readable()) return FromOutcome(outcome, found);
    }
    return FromOutcome(table::Outcome::kContended, found);
  }

  // `sink_of(i)` is the sink for the value of keys[i].
  template <typename SinkOf>
  void MultiGet(absl::Span<const absl::string_view> keys, const SinkOf& sink_of,
                absl::Span<absl::StatusOr<Entry>> results) const {
    const attach::Attachment::Generation& generation = attachment->current();
    if (generation.marks_uses()) {
      MultiGetFrom<true>(generation, keys, sink_of, results);
    } else {
      MultiGetFrom<false>(generation, keys, sink_of, results);
    }
  }
  template <bool kMarks, typename SinkOf>
  void MultiGetFrom(const attach::Attachment::Generation& generation,
                    absl::Span<const absl::string_view> keys, const SinkOf& sink_of,
                    absl::Span<absl::StatusOr<Entry>> results) const {
    // By value: what lies behind a reference would be loaded again for every key.
    table::VisitPrefetched(generation.table(), keys, [=, &generation](size_t i, uint64_t hash) {
      const auto sink = sink_of(i);
      table::Found found;
      const table::Outcome outcome =
          table::Reader(generation.table()).GetPrefetched(keys[i], hash, sink, &found);
      if (kMarks && outcome == table::Outcome::kFound) MarkUse(generation.table(), found.place);
      results[i] = Answer(generation, outcome, keys[i], sink, found);
    });
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::Status CheckPut(const table::WritableTable& table,
                                                     absl::string_view key, absl::string_view value,
                                                     const PutOptions& options) const {
    absl::Status sizes = table::Writer(table).CheckSizes(key, value);
    if (ABSL_PREDICT_TRUE(options.ttl >= absl::Nanoseconds(1)) || !sizes.ok()) return sizes;
    return TooShort("a ttl", options.ttl);
  }

  // Does what `request` says, of which it sets the hash and, by `options`, the expiry.
  ABSL_ATTRIBUTE_NOINLINE absl::StatusOr<uint64_t> Put(table::PutRequest& request,
                                                       const PutOptions& options) {
    return PutInline(request, options);
  }
  // The same, where a call more would count.
  ABSL_ATTRIBUTE_ALWAYS_INLINE absl::StatusOr<uint64_t> PutInline(table::PutRequest& request,
                                                                  const PutOptions& options) {
    const table::WritableTable& prepared = attachment->current().table();
    RETURN_IF_ERROR(CheckPut(prepared, request.key, request.update.value, options));
    request.hash = table::HashKey(request.key, prepared.geometry().hash_seed);
    table::Writer(prepared).Prefetch(request.hash,
                                     request.key.size() + request.update.value.size());
    const auto put = [&](const table::WritableTable& table)
                         CUBBY_REQUIRES_WRITER_LOCK -> absl::StatusOr<uint64_t> {
      if (ABSL_PREDICT_FALSE(&table != &prepared)) {  // a later generation
        RETURN_IF_ERROR(CheckPut(table, request.key, request.update.value, options));
        request.hash = table::HashKey(request.key, table.geometry().hash_seed);
      }
      // Here, with the lock: waiting for it does not shorten the entry's life.
      SetExpiry(options, &request.update);
      return table::Writer(table).Put(request);
    };
    absl::StatusOr<uint64_t> revision = attachment->AsWriter(lock_timeout, put);
    if (ABSL_PREDICT_FALSE(absl::IsResourceExhausted(revision.status()))) {
      return PutAfterSweep(put, request.hash, std::move(revision));
    }
    return revision;
  }

  // Expired entries keep their ways and extents until a sweep. A put that found no room, and has
  // returned `full`, sweeps until it finds room or has spent the lock's timeout: one step and one
  // try for each acquisition of the lock. It begins at the key's home, so that sweeps which end
  // early do not all visit the same buckets.
  absl::StatusOr<uint64_t> PutAfterSweep(
      absl::FunctionRef<absl::StatusOr<uint64_t>(const table::WritableTable&)> put, uint64_t hash,
      absl::StatusOr<uint64_t> full) {
    const table::WritableTable& table = attachment->current().table();
    if (!table::MayHaveExpired(table, os::BootNanos())) return full;
    const os::Deadline deadline(lock_timeout);
    table::Sweep sweep(table, /*everything=*/false,
                       table::HomeBucket(hash, table.geometry().bucket_count));
    bool ends = false;
    do {
      full = attachment->AsWriter(deadline.Left(),
                                  [&](const table::WritableTable& current)
                                      CUBBY_REQUIRES_WRITER_LOCK -> absl::StatusOr<uint64_t> {
                                        // Damaged entries stay, for the checker.
                                        if (&current == &table)
                                          sweep.Step(os::BootNanos()).IgnoreError();
                                        ends = &current != &table || sweep.done();
                                        return put(current);
                                      });
    } while (absl::IsResourceExhausted(full.status()) && !ends && !deadline.Passed());
    return full;
  }

  void MultiPut(absl::Span<const absl::string_view> keys,
                absl::Span<const absl::string_view> values,
                absl::Span<absl::StatusOr<uint64_t>> results, const PutOptions& options) {
    bool sweeps = true;  // until one has found no room: it would cost the lock's timeout each time
    for (size_t at = 0; at < keys.size();) {
      const size_t begin = at;
      const table::WritableTable& prepared = attachment->current().table();
      const table::PutBatch batch(prepared, keys, values, begin);
      absl::Status written = attachment->AsWriter(
          lock_timeout, [&](const table::WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
            if (ABSL_PREDICT_FALSE(&table != &prepared)) return absl::OkStatus();  // begin again
            table::Writer writer(table);
            table::PutRequest request = RequestOf("", "", options, table::UpdateKind::kSet);
            SetExpiry(options, &request.update);
            for (; at < batch.end(); ++at) {
              absl::Status checked = CheckPut(table, keys[at], values[at], options);
              if (!checked.ok()) {
                results[at] = std::move(checked);
                continue;
              }
              request.key = keys[at];
              request.update.value = values[at];
              request.hash = batch.hash(at);
              results[at] = writer.Put(request);
              if (sweeps && absl::IsResourceExhausted(results[at].status())) break;
            }
            return absl::OkStatus();
          });
      if (!written.ok()) {
        // The next batch would meet the same problem of the store or its lock.
        for (size_t i = begin; i < keys.size(); ++i) {
          absl::Status checked = CheckPut(prepared, keys[i], values[i], options);
          results[i] = checked.ok() ? written : std::move(checked);
        }
        return;
      }
      if (at < batch.end() && &attachment->current().table() == &prepared) {
        table::PutRequest request =
            RequestOf(keys[at], values[at], options, table::UpdateKind::kSet);
        results[at] = Put(request, options);  // sweeps
        sweeps = !absl::IsResourceExhausted(results[at].status());
        ++at;
      }
    }
  }

  // Returns what `remove(writer, hash)`, with the lock held, returns. `hash` is the key's.
  template <typename Remove>
  auto RemoveWith(absl::string_view key, const Remove& remove) {
    const auto hash_in = [key](const table::WritableTable& table) {
      return table::HashKey(key, table.geometry().hash_seed);
    };
    const table::WritableTable& prepared = attachment->current().table();
    const uint64_t hash = hash_in(prepared);
    table::Writer(prepared).Prefetch(hash, 0);
    return attachment->AsWriter(
        lock_timeout, [&](const table::WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
          table::Writer writer(table);
          return remove(writer, &table == &prepared ? hash : hash_in(table));
        });
  }

  // For GetOrCompute(), in compute.cc.
  struct LeaseView;
  // Looks for the key's lease, without the lock. *value is then the value that has expired, if the
  // lease keeps one. REQUIRES: the store is open for writing.
  absl::StatusOr<LeaseView> LookForLease(absl::string_view key, std::string* value) const;
  // Makes a lease, if the key has neither an entry nor a lease, or that of `void_revision`.
  absl::StatusOr<table::Writer::Leased> TakeLease(absl::string_view key,
                                                  const ComputeOptions& options,
                                                  uint64_t void_revision, std::string* value);
  // Waits until the lease has ended or may be taken over, or the deadline has passed. May return
  // early.
  void AwaitEnd(absl::string_view key, const LeaseView& view, const os::Deadline& deadline) const;

  std::unique_ptr<attach::Attachment> attachment;
  absl::Duration lock_timeout;
};

}  // namespace cubby

#endif  // CUBBY_CLIENT_STORE_IMPL_H_

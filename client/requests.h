// The calls of a Store in the terms of a table: requests, and expiries on the boot clock.
#ifndef CUBBY_CLIENT_REQUESTS_H_
#define CUBBY_CLIENT_REQUESTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/plural.h"
#include "client/store.h"
#include "os/clock.h"
#include "table/expiry.h"
#include "table/update.h"
#include "table/writer.h"

namespace cubby {

// The error of a ttl, or what `what` names, below 1 ns.
ABSL_ATTRIBUTE_NOINLINE inline absl::Status TooShort(absl::string_view what,
                                                     absl::Duration duration) {
  return absl::InvalidArgumentError(absl::StrCat(what, " of ", absl::FormatDuration(duration),
                                                 " is over before it begins: use 1ns or more"));
}

// Returns 0 for a negative duration.
inline uint64_t NanosOf(absl::Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Nanoseconds(duration), 0));
}

// Returns how long an entry has left that expires then, at least 0.
inline absl::Duration TimeLeft(uint64_t expiry_ns) {
  const uint64_t now = os::BootNanos();
  // The bytes may be hostile and hold any time.
  const uint64_t left = std::min<uint64_t>(expiry_ns > now ? expiry_ns - now : 0, INT64_MAX);
  return absl::Nanoseconds(static_cast<int64_t>(left));
}

inline Entry EntryOf(size_t value_bytes, uint64_t revision, uint64_t expiry_ns) {
  Entry entry;
  entry.value_bytes = value_bytes;
  entry.revision = revision;
  entry.expiry_ns = expiry_ns;
  if (expiry_ns != 0) entry.ttl = TimeLeft(expiry_ns);
  return entry;
}

// How far a time since 1970 is ahead of the same moment on the boot clock.
inline absl::Duration UnixAheadOfBoot() { return absl::Nanoseconds(os::UnixAheadOfBootNanos()); }

// Returns the moment on the boot clock at which an entry expires that is put now: that of a ttl is
// the same wherever between its steps the clock is. 0, for never, if that is in more than 292
// years.
inline uint64_t ExpiryOf(const PutOptions& options) {
  if (!options.expires.has_value() && options.ttl == absl::InfiniteDuration()) return 0;
  const absl::Duration expiry =
      options.expires.has_value()
          ? *options.expires - absl::UnixEpoch() - UnixAheadOfBoot()
          : absl::Nanoseconds(os::BootNanos() + os::BootStepNanos()) + options.ttl;
  if (expiry >= absl::Nanoseconds(INT64_MAX)) return 0;
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Nanoseconds(expiry), 1));
}

// Sets when an entry goes that is put now.
inline void SetExpiry(const PutOptions& options, table::Update* update) {
  update->expiry_ns = ExpiryOf(options);
  if (ABSL_PREDICT_TRUE(update->expiry_ns == 0)) return;
  update->flags = table::StaleFlags(NanosOf(options.stale));
}

inline PutOptions Lasting(absl::Duration ttl) {
  PutOptions options;
  options.ttl = ttl;
  return options;
}

inline table::PutRequest RequestOf(absl::string_view key, absl::string_view value,
                                   const PutOptions& options, table::UpdateKind kind) {
  table::PutRequest request;
  request.key = key;
  request.update.kind = kind;
  request.update.value = value;
  request.update.keep_expiry = options.keep_ttl;
  if (ABSL_PREDICT_FALSE(options.if_revision.has_value())) {
    request.update.kind = table::UpdateKind::kCompareAndSet;
    request.update.if_revision = *options.if_revision;
  }
  return request;
}

// InvalidArgument, naming the call, if the options have a revision.
inline absl::Status TakesNoRevision(absl::string_view call, const PutOptions& options) {
  if (!options.if_revision.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(call, " takes no if_revision: use Put() or Replace()"));
}

// InvalidArgument unless there are as many values and results as keys.
inline absl::Status SameSizes(size_t keys, size_t values, size_t results) {
  if (keys == values && keys == results) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(keys, base::OneOrMany(keys, " key, ", " keys, "), values,
                   base::OneOrMany(values, " value and ", " values and "), results,
                   base::OneOrMany(results, " result", " results"), ": give as many of each"));
}

}  // namespace cubby

#endif  // CUBBY_CLIENT_REQUESTS_H_

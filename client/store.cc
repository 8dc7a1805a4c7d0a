#include "client/store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "attach/attachment.h"
#include "attach/mapped_table.h"
#include "base/status_macros.h"
#include "client/requests.h"
#include "client/store_impl.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/properties.h"
#include "table/scan.h"
#include "table/stats.h"
#include "table/table.h"
#include "table/update.h"
#include "table/writer.h"

namespace cubby {
absl::Time Entry::expires() const {
  if (expiry_ns == 0) return absl::InfiniteFuture();
  // The bytes may be hostile and hold any time.
  const auto since_boot = static_cast<int64_t>(std::min<uint64_t>(expiry_ns, INT64_MAX));
  return absl::UnixEpoch() + absl::Nanoseconds(since_boot) + UnixAheadOfBoot();
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(absl::string_view name,
                                                   const OpenOptions& options) {
  attach::Options attach_options;
  if (options.mode == Mode::kReadOnly) attach_options.access = os::Access::kReadOnly;
  attach_options.owner = options.owner;
  if (options.survive_truncation) attach_options.guard = attach::Guard::kTruncated;
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->attachment, attach::Attachment::Open(name, attach_options));
  const attach::MappedTable& mapped = impl->attachment->current().mapped();
  impl->lock_timeout = options.lock_timeout;
  if (options.prefault) {
    RETURN_IF_ERROR(attach::About(name, mapped.mapping().Prefault()));
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

absl::StatusOr<Entry> Store::GetMetadata(absl::string_view key) const {
  return impl_->Get(key, table::NoSink());
}

absl::StatusOr<uint64_t> Store::Put(absl::string_view key, absl::string_view value,
                                    const PutOptions& options) {
  table::PutRequest request = RequestOf(key, value, options, table::UpdateKind::kSet);
  return impl_->PutInline(request, options);
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
  RETURN_IF_ERROR(TakesNoRevision("Add()", options));
  table::PutRequest request = RequestOf(key, value, options, table::UpdateKind::kAdd);
  return impl_->Put(request, options);
}

absl::StatusOr<uint64_t> Store::Replace(absl::string_view key, absl::string_view value,
                                        const PutOptions& options) {
  table::PutRequest request = RequestOf(key, value, options, table::UpdateKind::kReplace);
  return impl_->Put(request, options);
}

absl::Status Store::Delete(absl::string_view key) {
  return impl_->RemoveWith(key,
                           [key](table::Writer& writer, uint64_t hash)
                               CUBBY_REQUIRES_WRITER_LOCK { return writer.Delete(key, hash); });
}

absl::StatusOr<int64_t> Store::Increment(absl::string_view key, int64_t by,
                                         const IncrementOptions& options) {
  std::string text;
  table::PutRequest request;
  request.key = key;
  request.update.kind = table::UpdateKind::kAddNumber;
  request.update.addend = by;
  request.update.initial = options.initial;
  request.update.keep_expiry = true;
  request.update.result = &text;
  RETURN_IF_ERROR(impl_->Put(request, Lasting(options.ttl)).status());
  int64_t sum;
  if (!absl::SimpleAtoi(text, &sum)) return absl::InternalError("the sum is no number");
  return sum;
}

absl::StatusOr<uint64_t> Store::Append(absl::string_view key, absl::string_view suffix,
                                       const AppendOptions& options) {
  std::string value;
  table::PutRequest request;
  request.key = key;
  request.update.kind = table::UpdateKind::kAppend;
  request.update.value = suffix;
  request.update.keep_expiry = true;
  request.update.result = &value;
  return impl_->Put(request, Lasting(options.ttl));
}

absl::StatusOr<absl::optional<Entry>> Store::GetAndSet(absl::string_view key,
                                                       absl::string_view value,
                                                       std::string* old_value,
                                                       const PutOptions& options) {
  RETURN_IF_ERROR(TakesNoRevision("GetAndSet()", options));
  table::Existing replaced;
  table::PutRequest request = RequestOf(key, value, options, table::UpdateKind::kExchange);
  request.update.result = old_value;
  request.update.replaced = &replaced;
  RETURN_IF_ERROR(impl_->Put(request, options).status());
  if (!replaced.visible) return absl::nullopt;
  return EntryOf(old_value->size(), replaced.revision, replaced.expiry_ns);
}

absl::StatusOr<Entry> Store::GetAndDelete(absl::string_view key, std::string* value) {
  ASSIGN_OR_RETURN(const table::Existing deleted,
                   impl_->RemoveWith(key, [key, value](table::Writer& writer, uint64_t hash)
                                              CUBBY_REQUIRES_WRITER_LOCK {
                                                return writer.Take(key, hash, value);
                                              }));
  return EntryOf(value->size(), deleted.revision, deleted.expiry_ns);
}

absl::StatusOr<Entry> Store::GetAndTouch(absl::string_view key, absl::Duration ttl,
                                         std::string* value) {
  table::PutRequest request;
  request.key = key;
  request.update.kind = table::UpdateKind::kTouch;
  request.update.result = value;
  ASSIGN_OR_RETURN(const uint64_t revision, impl_->Put(request, Lasting(ttl)));
  return EntryOf(value->size(), revision, request.update.expiry_ns);
}

absl::StatusOr<uint64_t> Store::Touch(absl::string_view key, absl::Duration ttl) {
  std::string value;
  ASSIGN_OR_RETURN(const Entry entry, GetAndTouch(key, ttl, &value));
  return entry.revision;
}

absl::StatusOr<uint64_t> Store::Persist(absl::string_view key) {
  return Touch(key, absl::InfiniteDuration());
}

absl::Status Store::ForEach(
    absl::FunctionRef<bool(absl::string_view, absl::string_view, const Entry&)> visit,
    const ForEachOptions& options) const {
  constexpr uint64_t kHomesPerProgress = 256;  // some 100 us of small values
  const attach::Attachment::Generation& generation = impl_->attachment->current();
  const table::WritableTable& table = generation.table();
  std::vector<table::ScannedEntry> entries;
  bool damaged = false;
  const uint64_t homes = table.geometry().bucket_count;
  for (uint64_t home = 0; home < homes; ++home) {
    if (options.progress && home % kHomesPerProgress == 0) {
      options.progress(static_cast<double>(home) / static_cast<double>(homes));
    }
    const table::Outcome outcome = table::ScanHome(
        table, home, &entries, os::BootNanos, {options.prefix, options.values, options.hidden});
    if (!generation.Readable()) {
      RETURN_IF_ERROR(impl_->attachment->Follow(generation));
      return absl::UnavailableError(
          absl::StrCat("store '", name(), "' was resized during the iteration: begin it again"));
    }
    if (outcome == table::Outcome::kContended) return impl_->Failure(outcome, 0);
    damaged |= outcome == table::Outcome::kDamaged;
    for (const table::ScannedEntry& entry : entries) {
      if (!visit(entry.key, entry.value,
                 EntryOf(entry.value_bytes, entry.revision, entry.expiry_ns))) {
        return absl::OkStatus();
      }
    }
  }
  return damaged ? impl_->Failure(table::Outcome::kDamaged, 0) : absl::OkStatus();
}

Limits Store::limits() const {
  const table::Geometry& geometry = impl_->attachment->current().table().geometry();
  Limits limits;
  limits.capacity = geometry.capacity;
  limits.max_key_bytes = geometry.max_key_bytes;
  limits.max_value_bytes = geometry.max_value_bytes;
  limits.max_inline_bytes = geometry.max_inline_bytes;
  return limits;
}
const std::string& Store::name() const { return impl_->attachment->name(); }
StoreStats Store::Stats() const { return table::ReadStats(impl_->attachment->current().table()); }
std::vector<Property> Store::Properties() const {
  return table::Properties(impl_->attachment->current().table().geometry());
}

}  // namespace cubby

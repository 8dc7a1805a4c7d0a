#include "table/batch.h"

namespace cubby::table {

PutBatch::PutBatch(const WritableTable& table, absl::Span<const absl::string_view> keys,
                   absl::Span<const absl::string_view> values, size_t begin)
    : begin_(begin), end_(begin + 1) {
  size_t bytes = keys[begin].size() + values[begin].size();
  for (; end_ < values.size() && end_ - begin < kPutsPerBatch; ++end_) {
    bytes += keys[end_].size() + values[end_].size();
    if (bytes > kPutBytesPerBatch) break;
  }

  const Writer writer(table);
  for (size_t i = begin; i < end_; ++i) {
    hashes_[i - begin] = HashKey(keys[i], table.geometry().hash_seed);
    writer.PrefetchHome(hashes_[i - begin]);
  }
  for (size_t i = begin; i < end_; ++i) {
    writer.Prefetch(hashes_[i - begin], keys[i].size() + values[i].size());
  }
}

}  // namespace cubby::table

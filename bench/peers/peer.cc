#include "bench/peers/peer.h"

namespace cubby::bench {

absl::Status Peer::GetMany(absl::Span<const Key> keys, absl::Span<char> values) {
  const size_t value_bytes = values.size() / keys.size();
  for (size_t i = 0; i < keys.size(); ++i) {
    const absl::StatusOr<bool> got = Get(keys[i], values.subspan(i * value_bytes, value_bytes));
    if (!got.ok()) return got.status();
    if (!*got) return absl::NotFoundError("a key is missing");
  }
  return absl::OkStatus();
}

absl::Status Peer::PutMany(absl::Span<const Key> keys, absl::string_view values) {
  const size_t value_bytes = values.size() / keys.size();
  for (size_t i = 0; i < keys.size(); ++i) {
    const absl::Status put = Put(keys[i], values.substr(i * value_bytes, value_bytes));
    if (!put.ok()) return put;
  }
  return absl::OkStatus();
}

}  // namespace cubby::bench

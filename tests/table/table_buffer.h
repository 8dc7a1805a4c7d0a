// A table in plain memory, for tests that need no operating system. The caller counts as the owner
// of the writer lock.
#ifndef CUBBY_TESTS_TABLE_TABLE_BUFFER_H_
#define CUBBY_TESTS_TABLE_TABLE_BUFFER_H_

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "table/entry.h"
#include "table/geometry.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/table.h"
#include "table/writer.h"

namespace cubby::table {

class TableBuffer {
 public:
  explicit TableBuffer(const GeometryOptions& options)
      : TableBuffer(PlanGeometry(options).value()) {}
  explicit TableBuffer(const Geometry& geometry)
      : memory_(Allocate(geometry.total_bytes)),
        geometry_(geometry),
        table_(memory_.get(), geometry_) {
    std::memset(memory_.get(), 0, geometry_.total_bytes);
    Format(memory_.get(), geometry_);
  }
  // A copy of a whole store's bytes.
  explicit TableBuffer(absl::string_view bytes)
      : memory_(Allocate(bytes.size())),
        geometry_((std::memcpy(memory_.get(), bytes.data(), bytes.size()),
                   ReadGeometry(memory_.get(), bytes.size()).value())),
        table_(memory_.get(), geometry_) {}

  char* memory() const { return memory_.get(); }
  const Geometry& geometry() const { return geometry_; }
  const WritableTable& table() const { return table_; }

  uint64_t Hash(absl::string_view key) const { return HashKey(key, geometry_.hash_seed); }
  uint64_t HomeOf(absl::string_view key) const {
    return HomeBucket(Hash(key), geometry_.bucket_count);
  }

  absl::StatusOr<uint64_t> Put(absl::string_view key, absl::string_view value,
                               UpdateKind kind = UpdateKind::kSet, uint64_t expiry_ns = 0,
                               uint64_t now_ns = 1) {
    Update update;
    update.kind = kind;
    update.value = value;
    update.expiry_ns = expiry_ns;
    return Do(key, update, now_ns);
  }
  absl::StatusOr<uint64_t> Do(absl::string_view key, const Update& update, uint64_t now_ns = 1) {
    Writer writer = WriterAt(now_ns);
    absl::Status sizes = writer.CheckSizes(key, update.value);
    if (!sizes.ok()) return sizes;
    PutRequest request;
    request.key = key;
    request.hash = Hash(key);
    request.update = update;
    const lock::HeldWriterRole role;
    return writer.Put(request);
  }
  absl::Status Delete(absl::string_view key, uint64_t now_ns = 1) {
    const lock::HeldWriterRole role;
    return WriterAt(now_ns).Delete(key, Hash(key));
  }
  absl::StatusOr<Writer::Leased> Lease(LeaseRequest request, std::string* value,
                                       uint64_t now_ns = 1) {
    request.hash = Hash(request.key);
    const lock::HeldWriterRole role;
    return WriterAt(now_ns).Lease(request, value);
  }
  absl::Status EndLease(absl::string_view key, uint64_t revision, uint64_t now_ns = 1) {
    const lock::HeldWriterRole role;
    return WriterAt(now_ns).EndLease(key, Hash(key), revision);
  }
  // The value, or "<outcome>" if there is none.
  std::string Get(absl::string_view key) const {
    Found found;
    std::string value;
    switch (Reader(table_).Get(key, StringSink(&value), &found)) {
      case Outcome::kFound:
        return value;
      case Outcome::kNotFound:
        return "<not found>";
      case Outcome::kTooSmall:
        return "<too small>";
      case Outcome::kContended:
        return "<contended>";
      case Outcome::kDamaged:
        return "<damaged>";
    }
    return "<impossible>";
  }

  // The slot a key is live in; null if it is not.
  SlotHead* SlotOf(absl::string_view key, uint64_t* bucket_out = nullptr,
                   uint32_t* way_out = nullptr) {
    for (uint64_t bucket = 0; bucket < geometry_.bucket_count; ++bucket) {
      for (uint32_t way = 0; way < geometry_.ways; ++way) {
        if ((LiveWays(table_.head(bucket).word0.load()) >> way & 1) == 0) continue;
        SlotHead& slot = table_.mutable_slot(bucket, way);
        std::string live;
        const SlotLengths lengths = UnpackLengths(slot.lengths.load());
        if (lengths.key_bytes != key.size()) continue;
        if (CopyKey(table_, slot, slot.sequence.load(), lengths, &live) != Look::kWhole) continue;
        if (live != key) continue;
        if (bucket_out != nullptr) *bucket_out = bucket;
        if (way_out != nullptr) *way_out = way;
        return &slot;
      }
    }
    return nullptr;
  }

  // Damages the first byte of a live key, so that its tag is no longer that of its way: one byte in
  // 256 has the same.
  void SpoilKey(absl::string_view key) {
    char& first = SlotBytes(*SlotOf(key))[0];
    std::string spoiled(key);
    do {
      ++spoiled[0];
    } while (TagOf(Hash(spoiled)) == TagOf(Hash(key)));
    first = spoiled[0];
  }

 private:
  // A writer for whom it is `now_ns`.
  Writer WriterAt(uint64_t now_ns) {
    static thread_local uint64_t now;
    now = now_ns;
    return Writer(table_, [] { return now; });
  }

  struct Free {
    void operator()(char* memory) const { ::operator delete (memory, std::align_val_t{4096}); }
  };
  static std::unique_ptr<char, Free> Allocate(size_t bytes) {
    return std::unique_ptr<char, Free>(
        static_cast<char*>(::operator new (bytes, std::align_val_t{4096})));
  }
  const std::unique_ptr<char, Free> memory_;
  const Geometry geometry_;
  const WritableTable table_;
};

// Few buckets of few ways, so that overflow, reuse and a full store come soon; extents of 48 bytes
// of value.
inline GeometryOptions TinyOptions() {
  GeometryOptions options;
  options.capacity = 12;
  options.slot_bytes = 64;
  options.max_value_bytes = 400;
  options.extent_bytes = 64;
  options.ways = 3;
  return options;
}

}  // namespace cubby::table

#endif  // CUBBY_TESTS_TABLE_TABLE_BUFFER_H_

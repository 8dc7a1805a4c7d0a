// Cubby itself, as users have it: a daemon, and the public library.
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peers.h"
#include "bench/peers/program.h"
#include "client/store.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby::bench {
namespace {

class CubbyPeer : public Peer {
 public:
  explicit CubbyPeer(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  // As all gets here, again if it was contended, as a user would; but not for ever.
  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    absl::StatusOr<Entry> entry = store_->Get(key.view(), value);
    for (int tries = 0; tries < 1000 && absl::IsUnavailable(entry.status()); ++tries) {
      entry = store_->Get(key.view(), value);
    }
    if (entry.ok()) return true;
    if (absl::IsNotFound(entry.status())) return false;
    return entry.status();
  }

  absl::Status GetMany(absl::Span<const Key> keys, absl::Span<char> values) override {
    const size_t value_bytes = values.size() / keys.size();
    views_.clear();
    buffers_.clear();
    for (size_t i = 0; i < keys.size(); ++i) {
      views_.push_back(keys[i].view());
      buffers_.push_back(values.subspan(i * value_bytes, value_bytes));
    }
    entries_.resize(keys.size(), absl::UnknownError(""));
    absl::Status status = store_->MultiGet(views_, buffers_, absl::MakeSpan(entries_));
    for (size_t i = 0; i < keys.size() && status.ok(); ++i) {
      if (entries_[i].ok()) continue;
      const absl::StatusOr<bool> found = Get(keys[i], buffers_[i]);
      status = found.ok() && !*found ? absl::NotFoundError("a key is not there") : found.status();
    }
    return status;
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    return store_->Put(key.view(), value).status();
  }

  absl::Status PutMany(absl::Span<const Key> keys, absl::string_view values) override {
    const size_t value_bytes = values.size() / keys.size();
    views_.clear();
    values_.clear();
    for (size_t i = 0; i < keys.size(); ++i) {
      views_.push_back(keys[i].view());
      values_.push_back(values.substr(i * value_bytes, value_bytes));
    }
    revisions_.resize(keys.size(), absl::UnknownError(""));
    absl::Status status = store_->MultiPut(views_, values_, absl::MakeSpan(revisions_));
    for (const absl::StatusOr<uint64_t>& revision : revisions_) status.Update(revision.status());
    return status;
  }

  absl::StatusOr<bool> Delete(const Key& key) override {
    const absl::Status deleted = store_->Delete(key.view());
    if (deleted.ok()) return true;
    if (absl::IsNotFound(deleted)) return false;
    return deleted;
  }

 private:
  const std::unique_ptr<Store> store_;
  // Of GetMany and PutMany.
  std::vector<absl::string_view> views_;
  std::vector<absl::string_view> values_;
  std::vector<absl::StatusOr<uint64_t>> revisions_;
  std::vector<absl::Span<char>> buffers_;
  std::vector<absl::StatusOr<Entry>> entries_;
};

// The options that fit the entries: as README and `cubbyd --help` tell users to choose them.
std::vector<std::string> Arguments(const Cell& cell) {
  std::vector<std::string> arguments = {CUBBY_CUBBYD, "--store", cell.name, "--capacity",
                                        absl::StrCat(cell.entries)};
  // A key and value in the slot, if slots can be so large, and slots that begin on cache lines.
  const uint64_t slot_bytes = (table::kSlotHeadBytes + sizeof(Key) + cell.value_bytes + 63) & ~63u;
  if (slot_bytes <= table::kMaxSlotBytes) {
    arguments.insert(arguments.end(), {"--slot-bytes", absl::StrCat(slot_bytes), "--max-value",
                                       absl::StrCat(cell.value_bytes)});
  } else {
    // An extent for each, and some for puts: they need the new value's before the old one's is
    // free.
    const uint64_t extent_bytes = cell.value_bytes + table::kExtentHeadBytes;
    arguments.insert(arguments.end(),
                     {"--max-value", absl::StrCat(cell.value_bytes), "--extent-bytes",
                      absl::StrCat(extent_bytes), "--extent-pool",
                      absl::StrCat(extent_bytes * (uint64_t{cell.entries} + 16))});
  }
  return arguments;
}

template <Mode kMode>
absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) {
  OpenOptions options;
  options.mode = kMode;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(cell.name, options);
  if (!store.ok()) return store.status();
  return absl::make_unique<CubbyPeer>(*std::move(store));
}

absl::StatusOr<std::unique_ptr<Host>> Start(const Cell& cell) {
  absl::StatusOr<std::unique_ptr<Program>> daemon =
      Program::Start(Arguments(cell), absl::StrCat(cell.folder, "/cubbyd.log"));
  if (!daemon.ok()) return daemon.status();
  const absl::Status ready =
      (*daemon)->WaitUntilReady([&] { return Store::Open(cell.name).status(); });
  if (!ready.ok()) return ready;
  return *std::move(daemon);
}

}  // namespace

PeerKind CubbyKind() {
  return {
      "cubby",
      "cubbyd and cubby::Store, the release build; --slot-bytes that hold key and value, but for "
      "values of 64 KiB, which lie in an extent each (--extent-bytes); by 32: MultiGet, MultiPut",
      /*shared=*/true,
      /*gets_together=*/true,
      /*puts_together=*/true,
      Start,
      Open<Mode::kReadWrite>,
      Open<Mode::kReadOnly>};
}

}  // namespace cubby::bench

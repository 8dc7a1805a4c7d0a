#include <lmdb.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peers.h"

namespace cubby::bench {
namespace {

absl::Status FromCode(int code) {
  if (code == MDB_SUCCESS) return absl::OkStatus();
  return absl::InternalError(mdb_strerror(code));
}

MDB_val ValueOf(absl::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

class LmdbPeer : public Peer {
 public:
  static absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) {
    std::unique_ptr<LmdbPeer> peer(new LmdbPeer);
    // Pages are half full at worst, and large values begin pages of their own.
    const size_t entry_bytes = 16 + cell.value_bytes + (cell.value_bytes > 1024 ? 4096 : 64);
    const size_t map_bytes = (size_t{64} << 20) + 3 * entry_bytes * cell.entries;
    int code = mdb_env_create(&peer->env_);
    if (code == 0) code = mdb_env_set_mapsize(peer->env_, map_bytes & ~size_t{4095});
    if (code == 0) {
      code = mdb_env_open(peer->env_, absl::StrCat(cell.folder, "/lmdb").c_str(),
                          MDB_NOSUBDIR | MDB_WRITEMAP | MDB_NOSYNC | MDB_NORDAHEAD, 0600);
    }
    MDB_txn* txn = nullptr;
    if (code == 0) code = mdb_txn_begin(peer->env_, nullptr, 0, &txn);
    if (code == 0) {
      code = mdb_dbi_open(txn, nullptr, 0, &peer->dbi_);
      const int ended = mdb_txn_commit(txn);
      if (code == 0) code = ended;
    }
    // A read transaction, kept for its seat among the readers, but not its snapshot.
    if (code == 0) code = mdb_txn_begin(peer->env_, nullptr, MDB_RDONLY, &peer->read_);
    if (code != 0) return FromCode(code);
    mdb_txn_reset(peer->read_);
    return peer;
  }

  ~LmdbPeer() override {
    if (read_ != nullptr) mdb_txn_abort(read_);
    if (env_ != nullptr) mdb_env_close(env_);
  }

  // Renews the transaction, so that the newest value is seen.
  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    int code = mdb_txn_renew(read_);
    if (code != 0) return FromCode(code);
    MDB_val k = ValueOf(key.view()), v;
    code = mdb_get(read_, dbi_, &k, &v);
    if (code == 0) std::memcpy(value.data(), v.mv_data, std::min(v.mv_size, value.size()));
    mdb_txn_reset(read_);
    if (code == MDB_NOTFOUND) return false;
    if (code != 0) return FromCode(code);
    return true;
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    return PutMany({&key, 1}, value);
  }

  absl::StatusOr<bool> Delete(const Key& key) override {
    MDB_txn* txn;
    int code = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (code != 0) return FromCode(code);
    MDB_val k = ValueOf(key.view());
    const int deleted = mdb_del(txn, dbi_, &k, nullptr);
    code = mdb_txn_commit(txn);
    if (deleted == MDB_NOTFOUND) return false;
    if (deleted != 0) return FromCode(deleted);
    if (code != 0) return FromCode(code);
    return true;
  }

  absl::Status PutMany(absl::Span<const Key> keys, absl::string_view values) override {
    const size_t value_bytes = values.size() / keys.size();
    MDB_txn* txn;
    int code = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (code != 0) return FromCode(code);
    for (size_t i = 0; i < keys.size() && code == 0; ++i) {
      MDB_val k = ValueOf(keys[i].view()), v = ValueOf(values.substr(i * value_bytes, value_bytes));
      code = mdb_put(txn, dbi_, &k, &v, 0);
    }
    if (code != 0) {
      mdb_txn_abort(txn);
      return FromCode(code);
    }
    return FromCode(mdb_txn_commit(txn));
  }

 private:
  LmdbPeer() = default;

  MDB_env* env_ = nullptr;
  MDB_txn* read_ = nullptr;
  MDB_dbi dbi_ = 0;
};

// The first to open it makes it; it goes with the cell's folder.
absl::StatusOr<std::unique_ptr<Host>> Start(const Cell&) { return nullptr; }

}  // namespace

PeerKind LmdbKind() {
  return {"lmdb",
          absl::StrCat("LMDB ", MDB_VERSION_MAJOR, ".", MDB_VERSION_MINOR, ".", MDB_VERSION_PATCH,
                       ": a file on tmpfs, MDB_WRITEMAP | MDB_NOSYNC | MDB_NORDAHEAD; a read "
                       "transaction renewed for each get, a write transaction for each put and "
                       "delete"),
          /*shared=*/true,
          /*gets_together=*/false,
          /*puts_together=*/false,
          Start,
          LmdbPeer::Open};
}

}  // namespace cubby::bench

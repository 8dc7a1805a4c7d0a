#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

// Needs some of those above, and does not include them.
#include <tdb.h>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peers.h"

namespace cubby::bench {
namespace {

TDB_DATA DataOf(absl::string_view bytes) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())), bytes.size()};
}

// For tdb_parse_record: copies the value out of the mapping, with its chain locked.
int CopyOut(TDB_DATA /*key*/, TDB_DATA data, void* to) {
  auto* value = static_cast<absl::Span<char>*>(to);
  std::memcpy(value->data(), data.dptr, std::min(data.dsize, value->size()));
  return 0;
}

class TdbPeer : public Peer {
 public:
  static absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) {
    if (!tdb_runtime_check_for_robust_mutexes()) {
      return absl::UnimplementedError("no robust mutexes here, which this measures TDB with");
    }
    // A chain for each entry, as far as its mutexes leave the 4 GiB that a file may have.
    const int chains = static_cast<int>(std::min(cell.entries, 1u << 20));
    tdb_context* tdb =
        tdb_open(absl::StrCat(cell.folder, "/tdb").c_str(), chains,
                 TDB_NOSYNC | TDB_MUTEX_LOCKING | TDB_CLEAR_IF_FIRST | TDB_INCOMPATIBLE_HASH,
                 O_RDWR | O_CREAT, 0600);
    if (tdb == nullptr) return absl::ErrnoToStatus(errno, "cannot open");
    return std::unique_ptr<Peer>(new TdbPeer(tdb));
  }

  ~TdbPeer() override { tdb_close(tdb_); }

  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    if (tdb_parse_record(tdb_, DataOf(key.view()), CopyOut, &value) == 0) return true;
    return FalseIfMissing();
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    if (tdb_store(tdb_, DataOf(key.view()), DataOf(value), TDB_REPLACE) == 0) {
      return absl::OkStatus();
    }
    return Error();
  }

  absl::StatusOr<bool> Delete(const Key& key) override {
    if (tdb_delete(tdb_, DataOf(key.view())) == 0) return true;
    return FalseIfMissing();
  }

 private:
  explicit TdbPeer(tdb_context* tdb) : tdb_(tdb) {}

  absl::Status Error() const { return absl::InternalError(tdb_errorstr(tdb_)); }
  absl::StatusOr<bool> FalseIfMissing() const {
    if (tdb_error(tdb_) == TDB_ERR_NOEXIST) return false;
    return Error();
  }

  tdb_context* const tdb_;
};

// The first to open it makes it; it goes with the cell's folder.
absl::StatusOr<std::unique_ptr<Host>> Start(const Cell&) { return nullptr; }

}  // namespace

PeerKind TdbKind() {
  return {"tdb",
          absl::StrCat("TDB ", CUBBY_TDB_VERSION,
                       ": a file on tmpfs, TDB_NOSYNC | TDB_MUTEX_LOCKING | TDB_CLEAR_IF_FIRST | "
                       "TDB_INCOMPATIBLE_HASH (as Samba opens what need not outlive it); a hash "
                       "chain for each entry, up to 2^20"),
          /*shared=*/true,
          /*gets_together=*/false,
          /*puts_together=*/false,
          Start,
          TdbPeer::Open};
}

}  // namespace cubby::bench

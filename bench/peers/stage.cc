#include "bench/peers/stage.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/key.h"
#include "bench/local_name.h"
#include "bench/peers/peers.h"
#include "bench/random_order.h"
#include "bench/round_robin.h"
#include "client/store.h"

namespace cubby::bench {
namespace {

// How many entries are put at once to fill a store.
constexpr uint32_t kFillBatch = 256;
// How many entries are looked at, evenly spread, before a peer is measured.
constexpr uint32_t kChecked = 512;

constexpr const char kMemory[] = "/dev/shm/";

// The remover of a CellFolder. Ctrl-C is for all processes in the foreground, but not for this one.
[[noreturn]] void RemoveAtEnd(int pipe, const std::string& name) {
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  char nothing;
  while (read(pipe, &nothing, 1) < 0 && errno == EINTR) {
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kMemory, ignored)) {
    if (absl::StartsWith(entry.path().filename().string(), name)) {
      std::filesystem::remove_all(entry.path(), ignored);
    }
  }
  _exit(0);
}

absl::Status Wrong(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("gave a wrong answer: ", what));
}

absl::Status Named(const PeerKind& kind, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(kind.name, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CellFolder>> CellFolder::Make(uint32_t value_bytes,
                                                             uint32_t entries) {
  const std::string name = LocalName();
  Cell cell = {value_bytes, entries, name, absl::StrCat(kMemory, name)};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  const pid_t remover = fork();
  if (remover == 0) {
    close(ends[1]);
    RemoveAtEnd(ends[0], name);
  }
  close(ends[0]);
  std::unique_ptr<CellFolder> folder(new CellFolder(std::move(cell), remover, ends[1]));
  if (remover < 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  std::error_code error;
  if (!std::filesystem::create_directory(folder->cell().folder, error)) {
    return absl::InternalError(
        absl::StrCat("cannot make ", folder->cell().folder, ": ", error.message()));
  }
  return folder;
}

CellFolder::~CellFolder() {
  close(pipe_);
  if (remover_ > 0) waitpid(remover_, nullptr, 0);
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Make(uint32_t value_bytes, uint32_t entries) {
  std::unique_ptr<Stage> stage(new Stage);
  absl::StatusOr<std::unique_ptr<CellFolder>> folder = CellFolder::Make(value_bytes, entries);
  if (!folder.ok()) return folder.status();
  stage->folder_ = *std::move(folder);
  stage->next_ = RandomCycle(entries);
  stage->kinds_ = AllPeers();
  for (const PeerKind& kind : stage->kinds_) {
    absl::StatusOr<std::unique_ptr<Host>> host = kind.start(stage->cell());
    if (!host.ok()) return Named(kind, host.status());
    stage->hosts_.push_back(*std::move(host));
    absl::StatusOr<std::unique_ptr<Peer>> peer = kind.open(stage->cell());
    if (!peer.ok()) return Named(kind, peer.status());
    stage->peers_.push_back(*std::move(peer));
    stage->fill_ns_.emplace_back();
    absl::Status status = stage->Fill(*stage->peers_.back(), &stage->fill_ns_.back());
    if (status.ok()) status = stage->Check(*stage->peers_.back());
    if (!status.ok()) return Named(kind, status);
  }
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(stage->cell().name);
  if (!store.ok()) return store.status();
  const uint64_t total_bytes = *NumberIn((*store)->Properties(), "total_bytes");
  absl::StatusOr<std::unique_ptr<PointerChase>> floor =
      PointerChase::Make(stage->next_, total_bytes);
  if (!floor.ok()) return floor.status();
  stage->floor_ = *std::move(floor);
  // What was filled first has lain idle while the others were filled, and a virtual machine's
  // memory that lies idle may be taken away by its host, and come back a page at a time. So all is
  // read, servers first, which takes a while.
  for (const bool servers : {true, false}) {
    for (size_t i = 0; i < stage->kinds_.size(); ++i) {
      if (stage->kinds_[i].server != servers) continue;
      const absl::Status read = stage->Read(stage->peer(i));
      if (!read.ok()) return Named(stage->kinds_[i], read);
    }
  }
  stage->TouchFloor(total_bytes);
  return stage;
}

absl::Status Stage::WhileClosed(size_t i, absl::FunctionRef<absl::Status()> meanwhile) {
  peers_[i].reset();
  absl::Status status = meanwhile();
  absl::StatusOr<std::unique_ptr<Peer>> peer = kinds_[i].open(cell());
  status.Update(peer.status());
  if (peer.ok()) peers_[i] = *std::move(peer);
  return status;
}

// Making it has touched a line for each entry; copies of large values go over the pages between.
void Stage::TouchFloor(uint64_t bytes) const {
  const volatile char* const memory = floor_->LineOf(0);
  for (uint64_t at = 0; at < bytes; at += 4096) static_cast<void>(memory[at]);
}

void Stage::MakeValue(uint32_t i, absl::Span<char> value) const {
  const uint64_t next = TokenOf(next_[i]);
  std::memcpy(value.data(), &next, sizeof(next));
  for (size_t at = sizeof(next); at + sizeof(uint64_t) <= value.size(); at += sizeof(uint64_t)) {
    const uint64_t word = TokenOf(i) + at;
    std::memcpy(value.data() + at, &word, sizeof(word));
  }
}

absl::Status Stage::Fill(Peer& peer, std::vector<double>* ns) const {
  const size_t value_bytes = cell().value_bytes;
  std::vector<char> values(kFillBatch * value_bytes);
  std::vector<Key> keys;
  for (uint32_t i = 0; i < cell().entries;) {
    keys.clear();
    for (; keys.size() < kFillBatch && i < cell().entries; ++i) {
      MakeValue(i, absl::MakeSpan(values).subspan(keys.size() * value_bytes, value_bytes));
      keys.emplace_back(TokenOf(i));
    }
    const auto began = std::chrono::steady_clock::now();
    const absl::Status put = peer.PutMany(keys, {values.data(), keys.size() * value_bytes});
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    if (!put.ok()) return put;
    ns->push_back(took.count() / static_cast<double>(keys.size()));
  }
  return absl::OkStatus();
}

absl::Status Stage::Read(Peer& peer) const {
  std::vector<char> values(kBatch * size_t{cell().value_bytes});
  std::vector<Key> keys;
  for (uint32_t i = 0; i < cell().entries;) {
    keys.clear();
    for (; keys.size() < kBatch && i < cell().entries; ++i) keys.emplace_back(TokenOf(i));
    const absl::Status got = peer.GetMany(
        keys, absl::MakeSpan(values).subspan(0, keys.size() * size_t{cell().value_bytes}));
    if (!got.ok()) return got;
  }
  return absl::OkStatus();
}

absl::Status Stage::Check(Peer& peer) const {
  const size_t value_bytes = cell().value_bytes;
  std::vector<char> right(value_bytes), other(value_bytes, 'x'), got(value_bytes);
  std::vector<Key> keys;
  std::vector<char> rights;
  const auto gives = [&](const Key& key, const std::vector<char>& value) -> absl::Status {
    std::fill(got.begin(), got.end(), '\0');
    const absl::StatusOr<bool> found = peer.Get(key, absl::MakeSpan(got));
    if (!found.ok()) return found.status();
    if (!*found) return Wrong("an entry is missing");
    return got == value ? absl::OkStatus() : Wrong("another value");
  };
  const auto gives_nothing = [&](const Key& key) -> absl::Status {
    const absl::StatusOr<bool> found = peer.Get(key, absl::MakeSpan(got));
    if (!found.ok()) return found.status();
    return *found ? Wrong("a value for a key that is not there") : absl::OkStatus();
  };
  const auto deletes = [&](const Key& key, bool expected) -> absl::Status {
    const absl::StatusOr<bool> deleted = peer.Delete(key);
    if (!deleted.ok()) return deleted.status();
    return *deleted == expected ? absl::OkStatus() : Wrong("of a delete");
  };
  for (uint32_t i = 0; i < cell().entries; i += std::max(1u, cell().entries / kChecked)) {
    const Key key(TokenOf(i));
    MakeValue(i, absl::MakeSpan(right));
    absl::Status status = gives(key, right);
    if (status.ok()) status = gives_nothing(Key(TokenOf(kAbsent + i)));
    if (status.ok()) status = peer.Put(key, {other.data(), other.size()});
    if (status.ok()) status = gives(key, other);
    if (status.ok()) status = deletes(key, true);
    if (status.ok()) status = gives_nothing(key);
    if (status.ok()) status = deletes(key, false);
    if (status.ok()) status = peer.Put(key, {right.data(), right.size()});
    if (status.ok()) status = gives(key, right);
    if (!status.ok()) return status;
    if (keys.size() < kBatch) {
      keys.push_back(key);
      rights.insert(rights.end(), right.begin(), right.end());
    }
  }
  std::vector<char> values(rights.size());
  const absl::Status many = peer.GetMany(keys, absl::MakeSpan(values));
  if (!many.ok()) return many;
  return values == rights ? absl::OkStatus() : Wrong("another value, of many");
}

}  // namespace cubby::bench

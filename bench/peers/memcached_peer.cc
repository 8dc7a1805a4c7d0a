#include <libmemcached/memcached.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peers.h"
#include "bench/peers/program.h"
#include "bench/round_robin.h"

namespace cubby::bench {
namespace {

std::string SocketOf(const Cell& cell) { return absl::StrCat(cell.folder, "/memcached.socket"); }

class MemcachedPeer : public Peer {
 public:
  static absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) {
    std::unique_ptr<MemcachedPeer> peer(new MemcachedPeer);
    memcached_behavior_set(&peer->quiet_, MEMCACHED_BEHAVIOR_NOREPLY, 1);
    memcached_behavior_set(&peer->quiet_, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1);
    for (memcached_st* const client : {&peer->client_, &peer->quiet_}) {
      // Keys are arbitrary bytes, which only the binary protocol takes.
      memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1);
      const memcached_return_t added =
          memcached_server_add_unix_socket(client, SocketOf(cell).c_str());
      if (!memcached_success(added)) return peer->Error(added);
    }
    const memcached_return_t code = memcached_version(&peer->client_);
    if (!memcached_success(code)) return peer->Error(code);
    return peer;
  }

  ~MemcachedPeer() override {
    memcached_result_free(&result_);
    memcached_free(&quiet_);
    memcached_free(&client_);
  }

  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    return GetFrom(&client_, key, value);
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    const memcached_return_t code = Set(&client_, key, value);
    return memcached_success(code) ? absl::OkStatus() : Error(code);
  }

  absl::StatusOr<bool> Delete(const Key& key) override {
    const memcached_return_t code =
        memcached_delete(&client_, key.view().data(), key.view().size(), 0);
    if (code == MEMCACHED_NOTFOUND) return false;
    if (!memcached_success(code)) return Error(code);
    return true;
  }

  absl::Status GetMany(absl::Span<const Key> keys, absl::Span<char> values) override {
    const size_t value_bytes = values.size() / keys.size();
    std::array<const char*, kBatch> names;
    std::array<size_t, kBatch> lengths;
    if (keys.size() > kBatch) return absl::InvalidArgumentError("too many keys");
    for (size_t i = 0; i < keys.size(); ++i) {
      names[i] = keys[i].view().data();
      lengths[i] = keys[i].view().size();
    }
    memcached_return_t code = memcached_mget(&client_, names.data(), lengths.data(), keys.size());
    if (!memcached_success(code)) return Error(code);
    size_t got = 0;
    // Answers come in the order of the keys.
    while (memcached_fetch_result(&client_, &result_, &code) != nullptr) {
      if (got == keys.size() ||
          keys[got].view() != absl::string_view(memcached_result_key_value(&result_),
                                                memcached_result_key_length(&result_))) {
        return absl::NotFoundError("a key is missing");
      }
      std::memcpy(values.data() + got * value_bytes, memcached_result_value(&result_),
                  std::min(memcached_result_length(&result_), value_bytes));
      ++got;
    }
    return got == keys.size() ? absl::OkStatus() : absl::NotFoundError("a key is missing");
  }

  // They go without an answer; that of a get behind them, of a key that is not there, tells that
  // all have arrived.
  absl::Status PutMany(absl::Span<const Key> keys, absl::string_view values) override {
    const size_t value_bytes = values.size() / keys.size();
    for (size_t i = 0; i < keys.size(); ++i) {
      const memcached_return_t code =
          Set(&quiet_, keys[i], values.substr(i * value_bytes, value_bytes));
      if (!memcached_success(code)) return Error(code);
    }
    const absl::StatusOr<bool> arrived = GetFrom(&quiet_, Key(~uint64_t{0}), {});
    return arrived.status();
  }

 private:
  MemcachedPeer() {
    memcached_create(&client_);
    memcached_create(&quiet_);
    memcached_result_create(&client_, &result_);
  }

  absl::StatusOr<bool> GetFrom(memcached_st* client, const Key& key, absl::Span<char> value) {
    const char* const keys[] = {key.view().data()};
    const size_t lengths[] = {key.view().size()};
    memcached_return_t code = memcached_mget(client, keys, lengths, 1);
    if (!memcached_success(code)) return Error(code);
    // Until there is no more: what is not read now would be taken for the next answer.
    bool found = false;
    while (memcached_fetch_result(client, &result_, &code) != nullptr) {
      std::memcpy(value.data(), memcached_result_value(&result_),
                  std::min(memcached_result_length(&result_), value.size()));
      found = true;
    }
    if (!found && code != MEMCACHED_NOTFOUND && code != MEMCACHED_END) return Error(code);
    return found;
  }

  static memcached_return_t Set(memcached_st* client, const Key& key, absl::string_view value) {
    return memcached_set(client, key.view().data(), key.view().size(), value.data(), value.size(),
                         0, 0);
  }

  absl::Status Error(memcached_return_t code) {
    return absl::InternalError(memcached_strerror(&client_, code));
  }

  memcached_st client_;
  memcached_st quiet_;  // a connection of its own: changing how one behaves opens it anew
  memcached_result_st result_;
};

absl::StatusOr<std::unique_ptr<Host>> Start(const Cell& cell) {
  // A limit that is never reached: what it takes of its own, and the room that its size classes
  // leave unused.
  const uint64_t megabytes = 256 + (uint64_t{cell.value_bytes} + 128) * cell.entries / 650'000;
  const passwd* const user = getpwuid(geteuid());
  if (user == nullptr) return absl::NotFoundError("the current user has no name");
  absl::StatusOr<std::unique_ptr<Program>> server =
      Program::Start({CUBBY_MEMCACHED, "-s", SocketOf(cell), "-u", user->pw_name, "-m",
                      absl::StrCat(megabytes), "-M"},
                     absl::StrCat(cell.folder, "/memcached.log"));
  if (!server.ok()) return server.status();
  const absl::Status ready =
      (*server)->WaitUntilReady([&] { return MemcachedPeer::Open(cell).status(); });
  if (!ready.ok()) return ready;
  return *std::move(server);
}

}  // namespace

PeerKind MemcachedKind() {
  return {"memcached",
          absl::StrCat("memcached ", CUBBY_MEMCACHED_VERSION,
                       " with 4 threads on a Unix socket, -M, "
                       "enough -m; libmemcached ",
                       LIBMEMCACHED_VERSION_STRING,
                       ", binary protocol; pipelined: one mget of 32, or 32 quiet sets and "
                       "the answer of a get of an absent key behind them"),
          /*shared=*/true,
          /*gets_together=*/true,
          /*puts_together=*/true,
          Start,
          MemcachedPeer::Open,
          /*open_to_read=*/nullptr,
          /*server=*/true};
}

}  // namespace cubby::bench

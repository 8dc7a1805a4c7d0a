#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/peers.h"
#include "bench/peers/program.h"

namespace cubby::bench {
namespace {

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

class RedisPeer : public Peer {
 public:
  static absl::StatusOr<std::unique_ptr<Peer>> Open(const Cell& cell) {
    std::unique_ptr<RedisPeer> peer(new RedisPeer(cell));
    if (peer->context_ == nullptr)
      return absl::ResourceExhaustedError("no memory for a connection");
    if (peer->context_->err != 0) return peer->Error();
    Reply reply(static_cast<redisReply*>(redisCommand(peer->context_.get(), "PING")));
    if (reply == nullptr) return peer->Error();
    if (reply->type == REDIS_REPLY_ERROR) return absl::UnavailableError(reply->str);
    return peer;
  }

  absl::StatusOr<bool> Get(const Key& key, absl::Span<char> value) override {
    Send({"GET", key.view()});
    const absl::StatusOr<Reply> reply = Receive();
    if (!reply.ok()) return reply.status();
    return CopyOut(**reply, value);
  }

  absl::Status Put(const Key& key, absl::string_view value) override {
    Send({"SET", key.view(), value});
    return Receive().status();
  }

  absl::StatusOr<bool> Delete(const Key& key) override {
    Send({"DEL", key.view()});
    const absl::StatusOr<Reply> reply = Receive();
    if (!reply.ok()) return reply.status();
    return (*reply)->integer == 1;
  }

  absl::Status GetMany(absl::Span<const Key> keys, absl::Span<char> values) override {
    const size_t value_bytes = values.size() / keys.size();
    for (const Key& key : keys) Send({"GET", key.view()});
    for (size_t i = 0; i < keys.size(); ++i) {
      const absl::StatusOr<Reply> reply = Receive();
      if (!reply.ok()) return reply.status();
      if (!CopyOut(**reply, values.subspan(i * value_bytes, value_bytes))) {
        return absl::NotFoundError("a key is missing");
      }
    }
    return absl::OkStatus();
  }

  absl::Status PutMany(absl::Span<const Key> keys, absl::string_view values) override {
    const size_t value_bytes = values.size() / keys.size();
    for (size_t i = 0; i < keys.size(); ++i) {
      Send({"SET", keys[i].view(), values.substr(i * value_bytes, value_bytes)});
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      const absl::Status put = Receive().status();
      if (!put.ok()) return put;
    }
    return absl::OkStatus();
  }

 private:
  explicit RedisPeer(const Cell& cell) : context_(redisConnectUnix(RedisSocketOf(cell).c_str())) {}

  // Into the connection's buffer, which goes out when an answer is waited for.
  void Send(std::initializer_list<absl::string_view> words) {
    const char* texts[3];
    size_t lengths[3];
    int count = 0;
    for (const absl::string_view word : words) {
      texts[count] = word.data();
      lengths[count++] = word.size();
    }
    redisAppendCommandArgv(context_.get(), count, texts, lengths);
  }

  absl::StatusOr<Reply> Receive() {
    void* received = nullptr;
    if (redisGetReply(context_.get(), &received) != REDIS_OK) return Error();
    Reply reply(static_cast<redisReply*>(received));
    if (reply->type == REDIS_REPLY_ERROR) return absl::InternalError(reply->str);
    return reply;
  }

  static bool CopyOut(const redisReply& reply, absl::Span<char> value) {
    if (reply.type != REDIS_REPLY_STRING) return false;
    std::memcpy(value.data(), reply.str, std::min(reply.len, value.size()));
    return true;
  }

  absl::Status Error() const { return absl::UnavailableError(context_->errstr); }

  const std::unique_ptr<redisContext, FreeContext> context_;
};

absl::StatusOr<std::unique_ptr<Host>> Start(const Cell& cell) {
  absl::StatusOr<std::unique_ptr<Program>> server =
      Program::Start({CUBBY_REDIS_SERVER, "--port", "0", "--unixsocket", RedisSocketOf(cell),
                      "--dir", cell.folder, "--save", "", "--appendonly", "no"},
                     absl::StrCat(cell.folder, "/redis.log"));
  if (!server.ok()) return server.status();
  const absl::Status ready =
      (*server)->WaitUntilReady([&] { return RedisPeer::Open(cell).status(); });
  if (!ready.ok()) return ready;
  return *std::move(server);
}

}  // namespace

std::string RedisSocketOf(const Cell& cell) { return absl::StrCat(cell.folder, "/redis.socket"); }

PeerKind RedisKind() {
  return {"redis",
          absl::StrCat("Redis ", CUBBY_REDIS_VERSION,
                       " on a Unix socket, no snapshots, no append-only file; hiredis ",
                       HIREDIS_MAJOR, ".", HIREDIS_MINOR, ".", HIREDIS_PATCH,
                       "; pipelined: 32 commands sent before the first answer is read"),
          /*shared=*/true,
          /*gets_together=*/true,
          /*puts_together=*/true,
          Start,
          RedisPeer::Open,
          /*open_to_read=*/nullptr,
          /*server=*/true};
}

}  // namespace cubby::bench

// The control channel without cubby::Admin: for what no administrator's tool sends.
#ifndef CUBBY_TESTS_SERVER_RAW_CHANNEL_H_
#define CUBBY_TESTS_SERVER_RAW_CHANNEL_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/served_store.h"
#include "gtest/gtest.h"
#include "os/pipe_client.h"
#include "proto/control.pb.h"
#include "proto/frame.h"
#include "proto/protocol.h"
#include "tests/server/server_fixture.h"

namespace cubby::test {

// Null, and a failure of the test, if the daemon cannot be reached.
inline std::unique_ptr<os::PipeClient> ConnectRaw(const std::string& store) {
  auto client = os::PipeClient::Connect(store, kLong);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *std::move(client) : nullptr;
}

inline control::Request Ping(const std::string& store) {
  control::Request request;
  const absl::StatusOr<ServedStore> served = LookAtStore(store);
  EXPECT_TRUE(served.ok()) << served.status();
  if (served.ok()) request.set_instance(served->instance);
  request.set_protocol(proto::kProtocol);
  request.set_request_id(7);
  request.mutable_ping();
  return request;
}

inline std::string FrameOf(const control::Request& request) {
  return proto::EncodeFrames(request.SerializeAsString()).value();
}

inline absl::StatusOr<control::Response> ReceiveResponse(os::PipeClient* client) {
  proto::FrameDecoder decoder;
  for (;;) {
    absl::StatusOr<std::string> bytes = client->Receive(kLong);
    if (!bytes.ok()) return bytes.status();
    decoder.Append(*bytes);
    if (absl::optional<std::string> message = decoder.Next()) {
      control::Response response;
      if (!response.ParseFromString(*message)) return absl::InternalError("not a response");
      return response;
    }
  }
}

inline absl::StatusOr<control::Response> Ask(os::PipeClient* client,
                                             const control::Request& request) {
  absl::Status sent = client->Send(FrameOf(request), kLong);
  if (!sent.ok()) return sent;
  return ReceiveResponse(client);
}

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SERVER_RAW_CHANNEL_H_

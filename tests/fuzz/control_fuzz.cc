// Whether the daemon answers whatever comes through its pipe, and its clients understand whatever
// comes back, without harm. A real store and a real pipe; no client takes the answers.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/openmetrics.h"
#include "client/admin.h"
#include "client/answers.h"
#include "lock/seats.h"
#include "os/mapping.h"
#include "os/pipe_server.h"
#include "os/process.h"
#include "proto/control.pb.h"
#include "proto/frame.h"
#include "proto/protocol.h"
#include "server/control.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/options.h"
#include "server/owned_store.h"
#include "table/writer.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

// A daemon without its loop.
struct Daemon {
  std::unique_ptr<server::OwnedStore> store;
  std::unique_ptr<os::PipeServer> pipe;
};

const Daemon& TheDaemon() {
  static const auto* const daemon = [] {
    server::Options options;
    options.store = absl::StrCat("fuzz-", os::ProcessId());
    options.capacity = 20;
    options.max_value_bytes = 1000;
    auto* made = new Daemon;
    auto store =
        server::OwnedStore::Open(options, [](const lock::Seats&) { return absl::OkStatus(); });
    Require(store.ok(), store.status().message());
    made->store = *std::move(store);
    auto pipe = os::PipeServer::Create(options.store);
    Require(pipe.ok(), pipe.status().message());
    made->pipe = *std::move(pipe);
    // However this process ends, it leaves nothing.
    made->pipe->Withdraw();
    os::Mapping::Remove(options.store).IgnoreError();
    lock::Seats::Remove(options.store).IgnoreError();
    return made;
  }();
  return *daemon;
}

std::string Framed(absl::string_view message) { return proto::EncodeFrames(message).value(); }

// As client/admin.cc does.
void Understand(absl::string_view message) {
  control::Response response;
  if (!response.ParseFromString(std::string(message))) return;
  const absl::Status status(static_cast<absl::StatusCode>(response.status_code()),
                            response.status_message());
  Require(status.ok() == (response.status_code() == 0), "an error stays an error");
  control::Response again;
  Require(again.ParseFromString(response.SerializeAsString()), "an answer can be written again");
  const absl::StatusOr<DaemonStats> stats = StatsFrom(response.stats());
  Require(stats.ok() || absl::IsInternal(stats.status()), "numbers are read or refused");
  if (stats.ok()) {
    const std::string exposition = base::OpenMetrics("store", stats->numbers);
    const auto lines = std::count(exposition.begin(), exposition.end(), '\n');
    Require(static_cast<size_t>(lines) <= 4 * stats->numbers.size() + 1, "each text is in a line");
  }
  const absl::StatusOr<DaemonInfo> info = InfoFrom(response.info());
  Require(info.ok() || absl::IsInternal(info.status()), "properties are read or refused");
}

// A request that the daemon knows, of some protocol.
std::string Request(Input* input) {
  control::Request request;
  const uint8_t kind = input->Byte();
  request.set_protocol(kind < 0xc0 ? proto::kProtocol : input->Byte());
  request.set_request_id(input->Number64());
  if (kind % 2 == 0) {
    request.set_instance(table::InstanceOf(TheDaemon().store->table().geometry()));
  }
  switch (kind % 7) {
    case 0:
      request.mutable_ping();
      break;
    case 1:
      request.mutable_info();
      break;
    case 2:
      request.mutable_stats();
      break;
    case 3:
      request.mutable_flush();
      break;
    case 4:
      request.mutable_check();
      break;
    case 5:
      request.mutable_shutdown();
      break;
    case 6:
      request.mutable_record()->set_duration_ns(input->Number64());
      break;
    default:
      break;
  }
  return request.SerializeAsString();
}

}  // namespace

void Control(absl::string_view bytes) {
  Input input(bytes);
  server::OwnedStore* const store = TheDaemon().store.get();
  server::JobLock lock(&store->lock(), &store->table());
  server::Jobs jobs;
  server::Recorder recorder(store, /*always=*/false);
  server::Control control(store, TheDaemon().pipe.get(), &jobs, &lock, &recorder);
  std::string received;
  while (!input.empty()) {
    const uint8_t what = input.Byte();
    const absl::string_view part = input.Take(what % 4 == 3 ? 0 : input.Byte());
    switch (what % 4) {
      case 0:
        absl::StrAppend(&received, part);
        break;
      case 1:
        absl::StrAppend(&received, Framed(part));
        break;
      case 2:
        Understand(part);
        break;
      default:
        absl::StrAppend(&received, Framed(Request(&input)));
    }
  }
  control.Handle({/*reply_to=*/1, received});
  // Half of the jobs that a shutdown meets are ended by it, the others by themselves.
  for (size_t steps = jobs.size() / 2; steps > 0; --steps) jobs.Step();
  if (control.shutdown_requested()) {
    control.Stop(/*keep=*/false);
    control.ConfirmShutdown();
  }
  while (jobs.size() != 0) jobs.Step();
}

}  // namespace cubby::fuzz

// A get from the shell: what scripts pay for a process that opens a store, gets one value and ends.
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "bench/key.h"
#include "bench/peers/measures.h"
#include "bench/peers/peers.h"
#include "bench/peers/program.h"
#include "bench/peers/stage.h"

namespace cubby::bench {
namespace {

constexpr uint32_t kEntries = 1000;    // room for them, in each store
constexpr int kCommandsInARound = 50;  // of each program

using Command = std::vector<std::string>;

// Returns the peer's command that gets the key; none if it has none.
Command GetCommandOf(const PeerKind& kind, const Cell& cell, const Key& key) {
  if (kind.name == "cubby") {
    return {CUBBY_CLI, "get", "--store", cell.name, std::string(key.view())};
  }
#if CUBBY_WITH_REDIS
  if (kind.name == "redis") {
    return {CUBBY_REDIS_CLI, "-s", RedisSocketOf(cell), "get", std::string(key.view())};
  }
#endif
  return {};
}

// Puts the value into the peer's store, and checks that the command gives it.
absl::Status PutAndCheck(const PeerKind& kind, const Cell& cell, const Key& key,
                         const std::string& value, const Command& command) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Peer> peer, kind.open(cell));
  RETURN_IF_ERROR(peer->Put(key, value));
  const std::string out = absl::StrCat(cell.folder, "/out");
  RETURN_IF_ERROR(TimeCommand(command, out).status());
  if (absl::StripSuffix(ReadFile(out), "\n") == value) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(kind.name, ": gave a wrong answer"));
}

}  // namespace

absl::StatusOr<Rows> MeasureFreshGet(Session& session) {
  session.Leave();
  ASSIGN_OR_RETURN(const std::unique_ptr<CellFolder> folder,
                   CellFolder::Make(kSharedValueBytes, kEntries));
  const Cell& cell = folder->cell();
  const std::string value(cell.value_bytes, 'v');
  Key key(0);
  std::memcpy(key.words, "sixteen-byte-key", sizeof(key.words));
  std::map<std::string, Command> commands = {{"floor_process", {CUBBY_EMPTY}}};
  std::vector<std::unique_ptr<Host>> hosts;
  for (const PeerKind& kind : AllPeers()) {
    const Command command = GetCommandOf(kind, cell, key);
    if (command.empty()) continue;
    ASSIGN_OR_RETURN(std::unique_ptr<Host> host, kind.start(cell));
    hosts.push_back(std::move(host));
    RETURN_IF_ERROR(PutAndCheck(kind, cell, key, value, command));
    commands[kind.name] = command;
  }
  std::map<std::string, std::vector<double>> samples;
  for (int i = 0; i < kCommandsInARound * session.effort().rounds; ++i) {
    for (const auto& [who, command] : commands) {
      ASSIGN_OR_RETURN(const absl::Duration took, TimeCommand(command));
      samples[who].push_back(absl::ToDoubleNanoseconds(took));
    }
  }
  return MediansOf(samples);
}

}  // namespace cubby::bench

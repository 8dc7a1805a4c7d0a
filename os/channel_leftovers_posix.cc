#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "base/store_name.h"
#include "os/channel_leftovers.h"
#include "os/errors.h"
#include "os/fifo_posix.h"
#include "os/runtime_dir_posix.h"

namespace cubby::os {
namespace {

// How long it must not have been used. REQUIRES: it is a FIFO of the store's channel.
absl::Duration AgeOf(absl::string_view store, absl::string_view file) {
  return IsReplyFifoName(store, file) ? kLeftoverAge : absl::ZeroDuration();
}

// The store whose control channel has a FIFO of that name; "" if there is none.
std::string StoreOf(absl::string_view file) {
  const std::string store(file.substr(0, file.find('.')));
  const bool fifo = file == RequestFifoName(store) || file == OldRequestFifoName(store) ||
                    IsReplyFifoName(store, file);
  return fifo && base::ValidateStoreName(store).ok() ? store : "";
}

}  // namespace

absl::StatusOr<std::vector<ChannelLeftover>> FindChannelLeftovers() {
  std::vector<ChannelLeftover> leftovers;
  absl::StatusOr<RuntimeDir> dir = OpenRuntimeDir();
  if (absl::IsNotFound(dir.status())) return leftovers;
  RETURN_IF_ERROR(dir.status());
  const Listing listing = ListRuntimeDir(*dir);
  if (listing == nullptr) return LastError(absl::StrCat("cannot list ", dir->path));
  // Until `dir` is closed: a daemon that starts makes its FIFO, and then reads it, under the lock.
  RETURN_IF_ERROR(LockRuntimeDir(*dir));
  while (const dirent* entry = readdir(listing.get())) {
    const std::string file = entry->d_name;
    const std::string store = StoreOf(file);
    if (store.empty() || !IsUnread(*dir, file, AgeOf(store, file))) continue;
    leftovers.push_back(
        {store, absl::StrCat(dir->path, "/", file), file,
         IsReplyFifoName(store, file) ? "its client was killed" : "its cubbyd was killed"});
  }
  absl::c_sort(leftovers, [](const auto& a, const auto& b) { return a.file < b.file; });
  return leftovers;
}

absl::Status RemoveChannelLeftover(const ChannelLeftover& leftover) {
  ASSIGN_OR_RETURN(const RuntimeDir dir, OpenRuntimeDir());
  RETURN_IF_ERROR(LockRuntimeDir(dir));
  if (IsUnread(dir, leftover.file, AgeOf(leftover.store, leftover.file))) {
    return RemoveOwnFifo(dir, leftover.file);
  }
  if (faccessat(dir.fd.get(), leftover.file.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
      errno == ENOENT) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError("a process reads it by now");
}

}  // namespace cubby::os

#include <windows.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "lock/seats.h"
#include "os/errors.h"
#include "os/security_win.h"

namespace cubby::lock {
namespace {

constexpr DWORD kRights = SYNCHRONIZE | MUTEX_MODIFY_STATE;

// IsHeld() has to own a free seat for a moment to find that it is free. A daemon must not mistake
// such a moment for another daemon, so it waits for the seat a little; a writer takes another seat.
constexpr DWORD kDaemonPatienceMs = 100;

std::string SeatName(absl::string_view store, uint32_t seat) {
  if (seat == kDaemonSeat) return os::ObjectName(store, ".mutex");
  return os::ObjectName(store, absl::StrCat(".w", seat));
}

// Owns mutexes. A mutex belongs to a thread and is released when the thread ends, but a seat
// belongs to a Seats handle, which any thread may use: hence a thread that lives as long as the
// handle and does nothing but take mutexes and keep them.
class Keeper {
 public:
  Keeper() : thread_([this] { Work(); }) {}
  ~Keeper() {
    {
      std::lock_guard<std::mutex> guard(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  // Takes the mutex of that name; makes it, with `security`, if there is none. Returns false if
  // another thread owns it for all of `patience_ms`.
  absl::StatusOr<bool> Claim(const std::string& name, os::Security& security, DWORD patience_ms) {
    return Run([&] { return ClaimHere(name, security, patience_ms); });
  }

  // Releases the mutex of that name if Claim() has taken it.
  void Release(const std::string& name) {
    Run([&] {
      ReleaseHere(name);
      return true;
    })
        .status()
        .IgnoreError();
  }

 private:
  using Task = std::packaged_task<absl::StatusOr<bool>()>;

  // Has the thread do it.
  absl::StatusOr<bool> Run(std::function<absl::StatusOr<bool>()> work) {
    Task task(std::move(work));
    std::future<absl::StatusOr<bool>> result = task.get_future();
    {
      std::lock_guard<std::mutex> guard(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result.get();
  }

  void Work() {
    for (;;) {
      Task task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
        if (tasks_.empty()) break;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
    for (const auto& [name, mutex] : taken_) {
      ReleaseMutex(mutex);
      CloseHandle(mutex);
    }
  }

  absl::StatusOr<bool> ClaimHere(const std::string& name, os::Security& security,
                                 DWORD patience_ms) {
    if (taken_.count(name) != 0) return false;  // the system lets an owner take it again
    const HANDLE mutex = CreateMutexExA(security.attributes(), name.c_str(), 0, kRights);
    if (mutex == nullptr) return os::LastError(absl::StrCat("cannot open the mutex ", name));
    switch (WaitForSingleObject(mutex, patience_ms)) {
      case WAIT_OBJECT_0:
      case WAIT_ABANDONED:  // its last owner was killed
        taken_[name] = mutex;
        return true;
      case WAIT_TIMEOUT:
        CloseHandle(mutex);
        return false;
      default: {
        absl::Status status = os::LastError(absl::StrCat("cannot take the mutex ", name));
        CloseHandle(mutex);
        return status;
      }
    }
  }

  void ReleaseHere(const std::string& name) {
    const auto found = taken_.find(name);
    if (found == taken_.end()) return;
    ReleaseMutex(found->second);
    CloseHandle(found->second);
    taken_.erase(found);
  }

  std::map<std::string, HANDLE> taken_;  // used by the thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

// Opens the store's mapping to ask about it; null if there is none.
absl::StatusOr<HANDLE> FindMapping(absl::string_view store) {
  const std::string name = os::ObjectName(store, "");
  const HANDLE mapping = OpenFileMappingA(READ_CONTROL, /*bInheritHandle=*/FALSE, name.c_str());
  if (mapping == nullptr && GetLastError() != ERROR_FILE_NOT_FOUND) {
    return os::LastError(absl::StrCat("cannot look at the mapping ", name));
  }
  return mapping;
}

}  // namespace

struct Seats::Impl {
  Impl(absl::string_view store, std::string owner) : store(store), owner(std::move(owner)) {}

  const std::string store;
  const std::string owner;
  Keeper keeper;
};

Seats::Seats(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Seats::~Seats() = default;

absl::StatusOr<std::unique_ptr<Seats>> Seats::Open(absl::string_view store) {
  ASSIGN_OR_RETURN(const HANDLE mapping, FindMapping(store));
  absl::StatusOr<std::string> owner =
      mapping == nullptr ? os::CurrentUserSid() : os::OwnerSid(mapping);
  if (mapping != nullptr) CloseHandle(mapping);
  RETURN_IF_ERROR(owner.status());
  return std::unique_ptr<Seats>(new Seats(std::make_unique<Impl>(store, *std::move(owner))));
}

absl::StatusOr<std::unique_ptr<Seats>> Seats::OpenForDaemon(absl::string_view store, uint32_t mode,
                                                            bool* created,
                                                            absl::optional<uint32_t>) {
  ASSIGN_OR_RETURN(std::string user, os::CurrentUserSid());
  auto impl = std::make_unique<Impl>(store, std::move(user));
  ASSIGN_OR_RETURN(os::Security writers, os::Security::FromMode(mode, 0, kRights));
  ASSIGN_OR_RETURN(const bool claimed,
                   impl->keeper.Claim(SeatName(store, kDaemonSeat), writers, kDaemonPatienceMs));
  std::unique_ptr<Seats> seats(new Seats(std::move(impl)));
  if (!claimed || seats->IsHeld(kHandOverSeat)) {
    return absl::AlreadyExistsError(absl::StrCat(
        "store '", store, "' already has a daemon: use that, or replace it by cubbyd --replace"));
  }
  // Seats end with their holders here. Only a mapping, which a client has open, can outlive a
  // daemon.
  const absl::StatusOr<HANDLE> mapping = FindMapping(store);
  *created = mapping.ok() && *mapping == nullptr;
  if (mapping.ok() && *mapping != nullptr) CloseHandle(*mapping);
  return seats;
}

bool Seats::Exist(absl::string_view) { return true; }
absl::Status Seats::CheckName() const { return absl::OkStatus(); }
absl::Status Seats::GiveTo(const Instance&) { return absl::OkStatus(); }
bool Seats::BelongTo(const Instance&) const { return true; }
bool Seats::BelongToNone() const { return true; }
void Seats::NoteTime(uint64_t) const {}
absl::optional<uint64_t> Seats::NotedTime(absl::string_view) { return absl::nullopt; }
absl::Status Seats::CheckBytes() const { return absl::OkStatus(); }

absl::StatusOr<bool> Seats::Claim(uint32_t seat) {
  ASSIGN_OR_RETURN(os::Security writers, os::Security::ForWritersOf(impl_->store, kRights));
  absl::StatusOr<bool> claimed = impl_->keeper.Claim(SeatName(impl_->store, seat), writers, 0);
  // Another user's object, or one of another kind, has the name: no writer can take the seat.
  if (absl::IsPermissionDenied(claimed.status()) || absl::IsFailedPrecondition(claimed.status())) {
    return false;
  }
  return claimed;
}

absl::Status Seats::Release(uint32_t seat) {
  impl_->keeper.Release(SeatName(impl_->store, seat));
  return absl::OkStatus();
}

bool Seats::IsHeld(uint32_t seat) const {
  const HANDLE mutex =
      OpenMutexA(kRights, /*bInheritHandle=*/FALSE, SeatName(impl_->store, seat).c_str());
  if (mutex == nullptr) return GetLastError() != ERROR_FILE_NOT_FOUND;
  absl::Cleanup close = [mutex] { CloseHandle(mutex); };
  switch (WaitForSingleObject(mutex, 0)) {
    case WAIT_OBJECT_0:
    case WAIT_ABANDONED:
      ReleaseMutex(mutex);
      // The threads of a process do not end all at once: the one that writes may outlive the one
      // that keeps its seat by some instructions.
      Sleep(1);
      return false;
    default:
      return true;
  }
}

const std::string& Seats::owner() const { return impl_->owner; }

// A seat has no name to remove without a holder.
absl::Status Seats::Remove() const { return absl::OkStatus(); }
absl::Status Seats::Remove(absl::string_view) { return absl::OkStatus(); }
absl::Status Seats::LetInWritersOf(uint32_t, absl::optional<uint32_t>) { return absl::OkStatus(); }

}  // namespace cubby::lock

#include <windows.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "lock/seats.h"
#include "os/errors.h"
#include "os/security_win.h"

namespace cubby::lock {
namespace {

constexpr DWORD kRights = SYNCHRONIZE | MUTEX_MODIFY_STATE;

// IsHeld() has to own a free seat for a moment to see that it is free. A daemon must not take such
// a look for another daemon, so it waits for the seat a little; a writer just takes another seat.
constexpr DWORD kDaemonPatienceMs = 100;

std::string SeatName(absl::string_view store, uint32_t seat) {
  if (seat == kDaemonSeat) return os::ObjectName(store, ".mutex");
  return os::ObjectName(store, absl::StrCat(".w", seat));
}

// Owns mutexes. A mutex belongs to a thread and is lost when that ends, whereas a seat belongs to a
// Seats handle that any thread may use: hence a thread that lives as long as the handle and does
// nothing but take and keep.
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

  // Takes the seat of that name, which `security` makes if it is not there, unless somebody has it
  // for all of `patience_ms`.
  absl::StatusOr<bool> Claim(const std::string& name, os::Security& security, DWORD patience_ms) {
    std::packaged_task<absl::StatusOr<bool>()> task(
        [&] { return ClaimHere(name, security, patience_ms); });
    std::future<absl::StatusOr<bool>> result = task.get_future();
    {
      std::lock_guard<std::mutex> guard(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result.get();
  }

 private:
  void Work() {
    for (;;) {
      std::packaged_task<absl::StatusOr<bool>()> task;
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
    if (taken_.count(name) != 0) return false;  // the system would let its owner take it again
    const HANDLE mutex = CreateMutexExA(security.attributes(), name.c_str(), 0, kRights);
    if (mutex == nullptr) return os::LastError(absl::StrCat("cannot open the mutex ", name));
    switch (WaitForSingleObject(mutex, patience_ms)) {
      case WAIT_OBJECT_0:
      case WAIT_ABANDONED:  // its last holder died
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

  std::map<std::string, HANDLE> taken_;  // by the thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<std::packaged_task<absl::StatusOr<bool>()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

class WindowsSeats final : public Seats {
 public:
  WindowsSeats(absl::string_view store, std::string owner)
      : store_(store), owner_(std::move(owner)) {}

  absl::StatusOr<bool> Claim(uint32_t seat) override {
    absl::StatusOr<os::Security> writers = os::Security::ForWritersOf(store_, kRights);
    if (!writers.ok()) return writers.status();
    absl::StatusOr<bool> claimed = keeper_.Claim(SeatName(store_, seat), *writers, 0);
    // A stranger's object has the name: nobody can sit there.
    if (absl::IsPermissionDenied(claimed.status()) ||
        absl::IsFailedPrecondition(claimed.status())) {
      return false;
    }
    return claimed;
  }

  absl::Status ClaimDaemonSeat(uint32_t mode) {
    absl::StatusOr<os::Security> writers = os::Security::FromMode(mode, 0, kRights);
    if (!writers.ok()) return writers.status();
    const absl::StatusOr<bool> claimed =
        keeper_.Claim(SeatName(store_, kDaemonSeat), *writers, kDaemonPatienceMs);
    if (!claimed.ok()) return claimed.status();
    if (!*claimed) {
      return absl::AlreadyExistsError(absl::StrCat("store '", store_, "' already has a daemon"));
    }
    return absl::OkStatus();
  }

  bool IsHeld(uint32_t seat) const override {
    const HANDLE mutex =
        OpenMutexA(kRights, /*bInheritHandle=*/FALSE, SeatName(store_, seat).c_str());
    if (mutex == nullptr) return GetLastError() != ERROR_FILE_NOT_FOUND;
    absl::Cleanup close = [mutex] { CloseHandle(mutex); };
    switch (WaitForSingleObject(mutex, 0)) {
      case WAIT_OBJECT_0:
      case WAIT_ABANDONED:
        ReleaseMutex(mutex);
        // The threads of a process do not die all at once: the one that writes may outlive the one
        // that keeps its seat by some instructions.
        Sleep(1);
        return false;
      default:
        return true;
    }
  }

  bool forked() const override { return false; }

  const std::string& owner() const override { return owner_; }

  absl::Status Remove() const override { return absl::OkStatus(); }
  absl::Status LetInWritersOf(uint32_t, absl::optional<uint32_t>) override {
    return absl::OkStatus();
  }

 private:
  const std::string store_;
  const std::string owner_;
  Keeper keeper_;
};

// Opens the mapping for a look at it; null if there is none.
absl::StatusOr<HANDLE> FindMapping(absl::string_view store) {
  const std::string name = os::ObjectName(store, "");
  const HANDLE mapping = OpenFileMappingA(READ_CONTROL, /*bInheritHandle=*/FALSE, name.c_str());
  if (mapping == nullptr && GetLastError() != ERROR_FILE_NOT_FOUND) {
    return os::LastError(absl::StrCat("cannot look at the mapping ", name));
  }
  return mapping;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Seats>> Seats::Open(absl::string_view store) {
  const absl::StatusOr<HANDLE> mapping = FindMapping(store);
  if (!mapping.ok()) return mapping.status();
  absl::StatusOr<std::string> owner =
      *mapping == nullptr ? os::CurrentUserSid() : os::OwnerSid(*mapping);
  if (*mapping != nullptr) CloseHandle(*mapping);
  if (!owner.ok()) return owner.status();
  return std::make_unique<WindowsSeats>(store, *std::move(owner));
}

absl::StatusOr<std::unique_ptr<Seats>> Seats::OpenForDaemon(absl::string_view store, uint32_t mode,
                                                            bool* created,
                                                            absl::optional<uint32_t>) {
  absl::StatusOr<std::string> user = os::CurrentUserSid();
  if (!user.ok()) return user.status();
  auto seats = std::make_unique<WindowsSeats>(store, *std::move(user));
  absl::Status claimed = seats->ClaimDaemonSeat(mode);
  if (!claimed.ok()) return claimed;
  // Seats go with their holders here. What may outlive a daemon is the mapping, kept by a client
  // that has it open.
  const absl::StatusOr<HANDLE> mapping = FindMapping(store);
  *created = mapping.ok() && *mapping == nullptr;
  if (mapping.ok() && *mapping != nullptr) CloseHandle(*mapping);
  return seats;
}

absl::Status Seats::Remove(absl::string_view) { return absl::OkStatus(); }

}  // namespace cubby::lock

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lock/seats.h"
#include "os/errors.h"
#include "os/file_id_posix.h"

namespace cubby::lock {
namespace {

std::string LockFileName(absl::string_view store) {
  return absl::StrCat("/cubby.", store, ".lock");
}

// Who may write the mapping may lock; who may only read it has no business here.
mode_t LockFileMode(uint32_t mode) {
  const uint32_t writers = mode & 0222;
  return writers | writers << 1;
}

struct flock ByteLock(uint32_t seat, short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = seat;
  lock.l_len = 1;
  return lock;
}

class PosixSeats;

// All open handles of the process, so that a fork's child can close their files: a copy of the
// descriptor would keep the parent's seats held after the parent's death.
class OpenHandles {
 public:
  static OpenHandles& Get() {
    static OpenHandles* handles = new OpenHandles;  // never destroyed: fork handlers outlive main
    return *handles;
  }
  // While a caller has this, nothing forks. A lock file's descriptor is opened and added, or
  // removed and closed, under it: a child forked in between would have a copy that it does not know
  // of.
  std::mutex& fork_gate() { return mutex_; }
  // REQUIRE: the caller has the fork gate.
  void Add(PosixSeats* seats) { handles_.insert(seats); }
  void Remove(PosixSeats* seats) { handles_.erase(seats); }

 private:
  OpenHandles() {
    pthread_atfork([] { Get().mutex_.lock(); }, [] { Get().mutex_.unlock(); },
                   [] {
                     Get().CloseAllInChild();
                     Get().mutex_.unlock();
                   });
  }
  void CloseAllInChild();

  std::mutex mutex_;
  std::set<PosixSeats*> handles_;
};

class PosixSeats final : public Seats {
 public:
  // REQUIRES: the caller has the fork gate, since before it opened `fd`.
  PosixSeats(int fd, std::string path, std::string owner)
      : fd_(fd), path_(std::move(path)), owner_(std::move(owner)) {
    OpenHandles::Get().Add(this);
  }
  ~PosixSeats() override {
    std::lock_guard<std::mutex> gate(OpenHandles::Get().fork_gate());
    OpenHandles::Get().Remove(this);
    if (!forked()) close(fd_);
  }

  absl::StatusOr<bool> Claim(uint32_t seat) override {
    // The descriptor is closed there, and its number may be another file's by now.
    if (forked())
      return absl::FailedPreconditionError(
          "the store was opened before fork: open it again in the child");
    struct flock lock = ByteLock(seat, F_WRLCK);
    std::lock_guard<std::mutex> guard(mutex_);
    // A second lock by the same description would succeed; whoever claims twice must be told no.
    // The kernel only reports others' locks, so own seats are remembered here.
    if (claimed_.count(seat) != 0) return false;
    if (fcntl(fd_, F_OFD_SETLK, &lock) == 0) {
      claimed_.insert(seat);
      return true;
    }
    if (errno == EAGAIN || errno == EACCES) return false;
    return os::LastError("cannot lock the store's lock file");
  }

  bool IsHeld(uint32_t seat) const override {
    // Asking as a reader: only a write lock, which a seat's holder has, stands in a reader's way.
    struct flock lock = ByteLock(seat, F_RDLCK);
    return forked() || fcntl(fd_, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
  }

  bool forked() const override { return forked_.load(std::memory_order_relaxed); }
  const std::string& owner() const override { return owner_; }

  absl::Status Remove() const override {
    if (forked()) return absl::OkStatus();  // the parent's affair
    return os::RemoveIfLeadsTo(AT_FDCWD, path_, os::IdOf(fd_));
  }
  absl::Status LetInWritersOf(uint32_t mode, absl::optional<uint32_t> group) override {
    return os::LetIn(fd_, path_, LockFileMode(mode), group);
  }

  // True if others who open the seats get these.
  bool StillNamed() const { return os::LeadsTo(AT_FDCWD, path_, os::IdOf(fd_)); }

  void CloseInChild() {
    close(fd_);
    forked_.store(true, std::memory_order_relaxed);
  }

 private:
  const int fd_;
  const std::string path_;
  const std::string owner_;
  std::atomic<bool> forked_{false};
  std::mutex mutex_;
  std::set<uint32_t> claimed_;
};

void OpenHandles::CloseAllInChild() {
  for (PosixSeats* seats : handles_) {
    if (!seats->forked()) seats->CloseInChild();
  }
}

// Takes over `fd`, whatever it returns. REQUIRES: the caller has the fork gate, since before it
// opened `fd`.
absl::StatusOr<std::unique_ptr<PosixSeats>> FromDescriptor(int fd, absl::string_view store,
                                                           struct stat* info) {
  if (fstat(fd, info) != 0) {
    absl::Status status = os::LastError("cannot look at the store's lock file");
    close(fd);
    return status;
  }
  if (!S_ISREG(info->st_mode) || info->st_nlink > 1) {
    close(fd);
    return absl::FailedPreconditionError(absl::StrCat(
        "/dev/shm", LockFileName(store), " is not a plain file of its own: remove it"));
  }
  return std::make_unique<PosixSeats>(fd, os::PathOf(LockFileName(store)),
                                      absl::StrCat(info->st_uid));
}

// Opens the lock file, or makes it. AlreadyExists if somebody else made it between the two.
absl::StatusOr<std::unique_ptr<PosixSeats>> OpenOrMake(absl::string_view store, uint32_t mode,
                                                       absl::optional<uint32_t> group,
                                                       struct stat* info, bool* created) {
  const std::string name = LockFileName(store);
  std::lock_guard<std::mutex> gate(OpenHandles::Get().fork_gate());
  int fd = shm_open(name.c_str(), O_RDWR, 0);
  *created = fd < 0 && errno == ENOENT;
  if (*created) fd = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) return os::LastError(absl::StrCat("cannot open the lock file /dev/shm", name));
  if (*created) {
    absl::Status let_in = os::LetIn(fd, os::PathOf(name), LockFileMode(mode), group);
    if (!let_in.ok()) {
      shm_unlink(name.c_str());
      close(fd);
      return let_in;
    }
  }
  return FromDescriptor(fd, store, info);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Seats>> Seats::Open(absl::string_view store) {
  std::lock_guard<std::mutex> gate(OpenHandles::Get().fork_gate());
  const int fd = shm_open(LockFileName(store).c_str(), O_RDWR, 0);
  if (fd < 0) {
    return os::LastError(absl::StrCat("cannot open the lock file /dev/shm", LockFileName(store)));
  }
  struct stat info;
  return FromDescriptor(fd, store, &info);
}

absl::StatusOr<std::unique_ptr<Seats>> Seats::OpenForDaemon(absl::string_view store, uint32_t mode,
                                                            bool* created,
                                                            absl::optional<uint32_t> group) {
  // Each further turn means that another daemon made or removed the file meanwhile, which it does
  // once in its life.
  for (int turn = 0; turn < 100; ++turn) {
    struct stat info;
    absl::StatusOr<std::unique_ptr<PosixSeats>> seats =
        OpenOrMake(store, mode, group, &info, created);
    if (absl::IsAlreadyExists(seats.status())) continue;
    if (!seats.ok()) return seats.status();
    if (info.st_uid != geteuid()) {
      return absl::PermissionDeniedError(
          absl::StrCat("the lock file /dev/shm", LockFileName(store), " belongs to uid ",
                       info.st_uid, ", not to you: have it removed, or choose another store name"));
    }
    absl::StatusOr<bool> claimed = (*seats)->Claim(kDaemonSeat);
    if (!claimed.ok()) return claimed.status();
    if (!*claimed) {
      return absl::AlreadyExistsError(absl::StrCat("store '", store, "' already has a daemon"));
    }
    if ((*seats)->StillNamed()) return *std::move(seats);
  }
  return absl::UnavailableError(
      absl::StrCat("the lock file of store '", store, "' keeps vanishing: try again"));
}

absl::Status Seats::Remove(absl::string_view store) {
  if (shm_unlink(LockFileName(store).c_str()) != 0 && errno != ENOENT) {
    return os::LastError(absl::StrCat("cannot remove the lock file /dev/shm", LockFileName(store)));
  }
  return absl::OkStatus();
}

}  // namespace cubby::lock

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "lock/seats.h"
#include "os/deadline.h"
#include "os/errors.h"
#include "os/file_id_posix.h"

namespace cubby::lock {
namespace {

std::string LockFileName(absl::string_view store) {
  return absl::StrCat("/cubby.", store, ".lock");
}

// Users who may write the mapping may lock, which takes reading and writing; others may do nothing.
mode_t LockFileMode(uint32_t mode) {
  const uint32_t writers = mode & 0222;
  return writers | writers << 1;
}

absl::Status NoSharedMemory() {
  return absl::FailedPreconditionError(
      "there is no directory /dev/shm, where shared memory lies: mount a tmpfs there");
}

absl::Status NotALockFile(absl::string_view store) {
  return absl::FailedPreconditionError(
      absl::StrCat("/dev/shm", LockFileName(store), " is not a plain file of its own: remove it"));
}

// Longer than a cleaner holds the daemon's seat on a loaded machine.
constexpr absl::Duration kCleanersPatience = absl::Seconds(10);

struct flock ByteLock(uint32_t seat, short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = seat;
  lock.l_len = 1;
  return lock;
}

// True if the descriptor still is that file's. Programs exist that close descriptors which they did
// not open, as all above 2, and the number may be another file's since.
bool IsDescriptorOf(int fd, const os::FileId& file) {
  struct stat info;
  return fstat(fd, &info) == 0 && info.st_dev == file.device && info.st_ino == file.inode;
}

// The lock files that the process has open, so that a fork's child can close them: a copy of a
// descriptor would keep the parent's seats held after the parent's end.
class OpenFiles {
 public:
  static OpenFiles& Get() {
    static OpenFiles* files = new OpenFiles;  // never destroyed: fork handlers outlive main
    return *files;
  }
  // While a caller holds this, no thread forks. A lock file is opened and added, or removed and
  // closed, under it: otherwise a child forked in between would not know of its copy.
  std::mutex& fork_gate() { return fork_gate_; }
  // REQUIRE: the caller holds the fork gate.
  void Add(int fd, const os::FileId& file) { fds_[fd] = file; }
  void Remove(int fd) { fds_.erase(fd); }

 private:
  OpenFiles() {
    pthread_atfork([] { Get().fork_gate_.lock(); }, [] { Get().fork_gate_.unlock(); },
                   [] {
                     Get().CloseAllInChild();
                     Get().fork_gate_.unlock();
                   });
  }
  void CloseAllInChild() {
    for (const auto& [fd, file] : fds_) {
      if (IsDescriptorOf(fd, file)) close(fd);
    }
    fds_.clear();
    fork_count.fetch_add(1, std::memory_order_relaxed);
  }

  std::mutex fork_gate_;
  std::map<int, os::FileId> fds_;
};

// Keeps the kernel from releasing the seats of a living process whose descriptor was closed: they
// belong to the open file, which lives until it is neither open nor mapped. Never accessed.
class HeldPage {
 public:
  // Maps it for `fd`. Not in a fork's child, which is not to hold its parent's seats.
  static absl::StatusOr<std::unique_ptr<HeldPage>> Make(int fd) {
    void* page = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) return os::LastError("cannot map the store's lock file");
    std::unique_ptr<HeldPage> held(new HeldPage(page));
    if (madvise(page, kBytes, MADV_DONTFORK) != 0) {
      return os::LastError("cannot map the store's lock file");
    }
    return held;
  }
  ~HeldPage() {
    if (forks_ == fork_count.load(std::memory_order_relaxed)) munmap(page_, kBytes);
  }
  HeldPage(const HeldPage&) = delete;
  HeldPage& operator=(const HeldPage&) = delete;

 private:
  static constexpr size_t kBytes = 4096;
  explicit HeldPage(void* page) : page_(page) {}
  const uint64_t forks_ = fork_count.load(std::memory_order_relaxed);
  void* const page_;
};

}  // namespace

struct Seats::Impl {
  // REQUIRES: the caller holds the fork gate, since before it opened `fd`.
  Impl(int fd, std::unique_ptr<HeldPage> page, std::string path, std::string owner)
      : fd(fd),
        page(std::move(page)),
        file(os::IdOf(fd)),
        path(std::move(path)),
        owner(std::move(owner)) {
    OpenFiles::Get().Add(fd, file);
  }
  ~Impl() {
    std::lock_guard<std::mutex> gate(OpenFiles::Get().fork_gate());
    if (Forked()) return;
    OpenFiles::Get().Remove(fd);
    if (IsDescriptorOf(fd, file)) close(fd);
  }

  // True in a fork's child: the file is closed, and another may have the descriptor's number.
  bool Forked() const { return forks != fork_count.load(std::memory_order_relaxed); }

  // True if other processes that open the seats get these.
  bool StillNamed() const { return os::LeadsTo(AT_FDCWD, path, file); }

  // Returns FailedPrecondition if the descriptor cannot be used.
  absl::Status CheckDescriptor() const {
    if (Forked()) {
      return absl::FailedPreconditionError(
          "the store was opened before fork: open it again in the child");
    }
    if (IsDescriptorOf(fd, file)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("this program has closed the descriptor of ",
                                                      path, ": open the store again after that"));
  }

  // Takes over `fd`, on error too, and sets *info. REQUIRES: as the constructor.
  static absl::StatusOr<std::unique_ptr<Impl>> FromDescriptor(int fd, absl::string_view store,
                                                              struct stat* info);
  // Opens the lock file.
  static absl::StatusOr<std::unique_ptr<Impl>> Open(absl::string_view store);
  // The same, but makes it if there is none. AlreadyExists if another process made it between the
  // two, NotFound if one removed it.
  static absl::StatusOr<std::unique_ptr<Impl>> OpenOrMake(absl::string_view store, uint32_t mode,
                                                          absl::optional<uint32_t> group,
                                                          struct stat* info, bool* created);

  const uint32_t forks = fork_count.load(std::memory_order_relaxed);
  const int fd;
  const std::unique_ptr<HeldPage> page;
  const os::FileId file;
  const std::string path;
  const std::string owner;
  std::mutex mutex;
  std::set<uint32_t> claimed;
};

absl::StatusOr<std::unique_ptr<Seats::Impl>> Seats::Impl::FromDescriptor(int fd,
                                                                         absl::string_view store,
                                                                         struct stat* info) {
  const auto held = [&]() -> absl::StatusOr<std::unique_ptr<HeldPage>> {
    if (fstat(fd, info) != 0) return os::LastError("cannot look at the store's lock file");
    if (info->st_nlink == 0) {
      return absl::NotFoundError("the store's lock file was removed just now");
    }
    if (!S_ISREG(info->st_mode) || info->st_nlink > 1) return NotALockFile(store);
    return HeldPage::Make(fd);
  };
  absl::StatusOr<std::unique_ptr<HeldPage>> page = held();
  if (!page.ok()) {
    close(fd);
    return page.status();
  }
  return std::make_unique<Impl>(fd, *std::move(page), os::PathOf(LockFileName(store)),
                                absl::StrCat(info->st_uid));
}

absl::StatusOr<std::unique_ptr<Seats::Impl>> Seats::Impl::Open(absl::string_view store) {
  const std::string name = LockFileName(store);
  std::lock_guard<std::mutex> gate(OpenFiles::Get().fork_gate());
  const int fd = shm_open(name.c_str(), O_RDWR, 0);
  if (fd < 0 && errno == ENXIO) return NotALockFile(store);  // a socket
  if (fd < 0) return os::LastError(absl::StrCat("cannot open the lock file /dev/shm", name));
  struct stat info;
  return FromDescriptor(fd, store, &info);
}

absl::StatusOr<std::unique_ptr<Seats::Impl>> Seats::Impl::OpenOrMake(absl::string_view store,
                                                                     uint32_t mode,
                                                                     absl::optional<uint32_t> group,
                                                                     struct stat* info,
                                                                     bool* created) {
  const std::string name = LockFileName(store);
  std::lock_guard<std::mutex> gate(OpenFiles::Get().fork_gate());
  int fd = shm_open(name.c_str(), O_RDWR, 0);
  *created = fd < 0 && errno == ENOENT;
  if (*created) fd = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0 && errno == ENXIO) return NotALockFile(store);  // a socket
  if (fd < 0) {
    const absl::Status failed =
        os::LastError(absl::StrCat("cannot open the lock file /dev/shm", name));
    // Not the file, which was to be made.
    return *created && absl::IsNotFound(failed) ? NoSharedMemory() : failed;
  }
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

Seats::Seats(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Seats::~Seats() = default;

absl::StatusOr<std::unique_ptr<Seats>> Seats::Open(absl::string_view store) {
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::Open(store));
  return std::unique_ptr<Seats>(new Seats(std::move(impl)));
}

bool Seats::Exist(absl::string_view store) {
  struct stat info;
  return lstat(os::PathOf(LockFileName(store)).c_str(), &info) == 0 || errno != ENOENT;
}

absl::StatusOr<std::unique_ptr<Seats>> Seats::OpenForDaemon(absl::string_view store, uint32_t mode,
                                                            bool* created,
                                                            absl::optional<uint32_t> group) {
  // Each further turn means that another daemon made or removed the file meanwhile, which a daemon
  // does once.
  const os::Deadline cleaned(kCleanersPatience);
  for (int turn = 0; turn < 100; ++turn) {
    struct stat info;
    absl::StatusOr<std::unique_ptr<Impl>> impl =
        Impl::OpenOrMake(store, mode, group, &info, created);
    if (absl::IsAlreadyExists(impl.status()) || absl::IsNotFound(impl.status())) continue;
    RETURN_IF_ERROR(impl.status());
    if (info.st_uid != geteuid()) {
      return absl::PermissionDeniedError(
          absl::StrCat("the lock file /dev/shm", LockFileName(store), " belongs to uid ",
                       info.st_uid, ", not to you: have it removed, or choose another store name"));
    }
    std::unique_ptr<Seats> seats(new Seats(*std::move(impl)));
    // Before and after the claim: the cleaner may have come or gone in between.
    const bool cleaner_was_there = seats->IsHeld(kCleanerSeat);
    ASSIGN_OR_RETURN(bool claimed, seats->Claim(kDaemonSeat));
    if (!claimed && (cleaner_was_there || seats->IsHeld(kCleanerSeat))) {
      if (cleaned.Passed()) {
        return absl::UnavailableError(absl::StrCat(
            "a `cubby clean` has store '", store, "' and does not go on: end it, and start again"));
      }
      absl::SleepFor(absl::Milliseconds(1));
      --turn;
      continue;
    }
    // Or come and gone.
    if (!claimed) {
      ASSIGN_OR_RETURN(claimed, seats->Claim(kDaemonSeat));
    }
    if (!claimed || seats->IsHeld(kHandOverSeat)) {
      return absl::AlreadyExistsError(absl::StrCat(
          "store '", store, "' already has a daemon: use that, or replace it by cubbyd --replace"));
    }
    if (seats->impl_->StillNamed()) return seats;
  }
  return absl::UnavailableError(
      absl::StrCat("the lock file of store '", store, "' keeps vanishing: try again"));
}

absl::StatusOr<bool> Seats::Claim(uint32_t seat) {
  RETURN_IF_ERROR(impl_->CheckDescriptor());
  struct flock lock = ByteLock(seat, F_WRLCK);
  std::lock_guard<std::mutex> guard(impl_->mutex);
  // A second lock by the same description would succeed, and the kernel reports only the locks of
  // other descriptions: so own seats are remembered here.
  if (impl_->claimed.count(seat) != 0) return false;
  if (fcntl(impl_->fd, F_OFD_SETLK, &lock) == 0) {
    impl_->claimed.insert(seat);
    return true;
  }
  if (errno == EAGAIN || errno == EACCES) return false;
  return os::LastError("cannot lock the store's lock file");
}

absl::Status Seats::Release(uint32_t seat) {
  if (impl_->Forked()) return absl::OkStatus();  // only the parent holds it
  RETURN_IF_ERROR(impl_->CheckDescriptor());
  struct flock lock = ByteLock(seat, F_UNLCK);
  std::lock_guard<std::mutex> guard(impl_->mutex);
  if (fcntl(impl_->fd, F_OFD_SETLK, &lock) != 0) {
    return os::LastError("cannot unlock the store's lock file");
  }
  impl_->claimed.erase(seat);
  return absl::OkStatus();
}

bool Seats::IsHeld(uint32_t seat) const {
  if (impl_->Forked()) return true;
  // Asks as for a read lock: only a holder's write lock stands in its way.
  struct flock lock = ByteLock(seat, F_RDLCK);
  const auto ask = [&lock](int fd) {
    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
  };
  if (IsDescriptorOf(impl_->fd, impl_->file)) return ask(impl_->fd);
  // Of another file that has the name, the seats say nothing.
  const int fd = open(impl_->path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return true;
  const bool held = !IsDescriptorOf(fd, impl_->file) || ask(fd);
  close(fd);
  return held;
}

const std::string& Seats::owner() const { return impl_->owner; }

absl::Status Seats::Remove() const {
  if (impl_->Forked()) return absl::OkStatus();  // only the parent removes them
  return os::RemoveIfLeadsTo(AT_FDCWD, impl_->path, impl_->file);
}

absl::Status Seats::CheckName() const {
  return os::CheckLeadsTo(AT_FDCWD, impl_->path, impl_->file, impl_->path);
}

absl::Status Seats::GiveTo(const Instance& instance) {
  RETURN_IF_ERROR(impl_->CheckDescriptor());
  const ssize_t written = pwrite(impl_->fd, instance, sizeof(instance), 0);
  // It is no longer than that unless another program wrote to it: see CheckBytes().
  if (written == sizeof(instance) && ftruncate(impl_->fd, sizeof(instance)) == 0) {
    return absl::OkStatus();
  }
  if (written >= 0 && written < ssize_t{sizeof(instance)}) errno = ENOSPC;
  return os::LastError(absl::StrCat("cannot write to ", impl_->path));
}

bool Seats::BelongTo(const Instance& instance) const {
  Instance theirs;
  return pread(impl_->fd, theirs, sizeof(theirs), 0) == sizeof(theirs) &&
         std::equal(std::begin(theirs), std::end(theirs), std::begin(instance));
}

bool Seats::BelongToNone() const {
  Instance theirs = {0, 0};
  return pread(impl_->fd, theirs, sizeof(theirs), 0) != sizeof(theirs) ||
         (theirs[0] == 0 && theirs[1] == 0);
}

void Seats::NoteTime(uint64_t unix_ns) const {
  struct timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = static_cast<time_t>(unix_ns / 1'000'000'000);
  times[1].tv_nsec = static_cast<long>(unix_ns % 1'000'000'000);
  futimens(impl_->fd, times);
}

absl::optional<uint64_t> Seats::NotedTime(absl::string_view store) {
  struct stat info;
  if (lstat(os::PathOf(LockFileName(store)).c_str(), &info) != 0) return absl::nullopt;
  return static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(info.st_mtim.tv_nsec);
}

absl::Status Seats::CheckBytes() const {
  struct stat info;
  if (fstat(impl_->fd, &info) != 0) return os::LastError("cannot look at the store's lock file");
  if (info.st_size == 0 || info.st_size == sizeof(Instance)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(impl_->path, " has ", info.st_size,
                   base::OneOrMany(static_cast<uint64_t>(info.st_size), " byte", " bytes"),
                   " and is no lock file: remove it, or choose another store name"));
}

absl::Status Seats::LetInWritersOf(uint32_t mode, absl::optional<uint32_t> group) {
  return os::LetIn(impl_->fd, impl_->path, LockFileMode(mode), group);
}

absl::Status Seats::Remove(absl::string_view store) {
  if (shm_unlink(LockFileName(store).c_str()) != 0 && errno != ENOENT) {
    return os::LastError(absl::StrCat("cannot remove the lock file /dev/shm", LockFileName(store)));
  }
  return absl::OkStatus();
}

}  // namespace cubby::lock

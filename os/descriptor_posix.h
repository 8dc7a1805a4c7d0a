// An owned POSIX file descriptor.
#ifndef CUBBY_OS_DESCRIPTOR_POSIX_H_
#define CUBBY_OS_DESCRIPTOR_POSIX_H_

#include <unistd.h>

#include <utility>

namespace cubby::os {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (valid()) close(fd_);
  }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace cubby::os

#endif  // CUBBY_OS_DESCRIPTOR_POSIX_H_

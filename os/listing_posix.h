// An open listing of a directory, closed at the end of its life.
#ifndef CUBBY_OS_LISTING_POSIX_H_
#define CUBBY_OS_LISTING_POSIX_H_

#include <dirent.h>

#include <memory>

namespace cubby::os {

struct CloseListing {
  void operator()(DIR* listing) const { closedir(listing); }
};
using Listing = std::unique_ptr<DIR, CloseListing>;

}  // namespace cubby::os

#endif  // CUBBY_OS_LISTING_POSIX_H_

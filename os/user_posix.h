// Users whom the user namespace of the process does not map.
#ifndef CUBBY_OS_USER_POSIX_H_
#define CUBBY_OS_USER_POSIX_H_

#include <sys/types.h>

namespace cubby::os {

// True if `uid`, as the system tells it to this process, stands for every user whom its user
// namespace does not map: it is the overflow user id, and there are such users. Two files of that
// id may belong to two users. (In a namespace that maps all ids it is a user as any other.)
bool IsUnmappedUser(uid_t uid);

}  // namespace cubby::os

#endif  // CUBBY_OS_USER_POSIX_H_

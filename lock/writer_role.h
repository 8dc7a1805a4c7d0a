// Ownership of a store's writer lock, for clang's thread safety analysis. Functions that change a
// table require it, and WriterLockHolder has it for its scope, so that a change without the lock
// does not compile with -Wthread-safety -Werror. It has no state and costs nothing.
#ifndef CUBBY_LOCK_WRITER_ROLE_H_
#define CUBBY_LOCK_WRITER_ROLE_H_

#include "absl/base/thread_annotations.h"

namespace cubby::lock {

class ABSL_LOCKABLE WriterRole {};
inline constexpr WriterRole kWriterRole;

// Has the role for its scope where the analysis cannot see the lock: it is taken in another
// function, or the table is private memory.
class ABSL_SCOPED_LOCKABLE HeldWriterRole {
 public:
  // Not defaulted: a variable of a trivial type counts as unused.
  // NOLINTBEGIN(modernize-use-equals-default)
  HeldWriterRole() ABSL_EXCLUSIVE_LOCK_FUNCTION(kWriterRole) {}
  ~HeldWriterRole() ABSL_UNLOCK_FUNCTION() {}
  // NOLINTEND(modernize-use-equals-default)
  HeldWriterRole(const HeldWriterRole&) = delete;
  HeldWriterRole& operator=(const HeldWriterRole&) = delete;
};

}  // namespace cubby::lock

// For functions that change a table: the caller holds its writer lock.
#define CUBBY_REQUIRES_WRITER_LOCK ABSL_EXCLUSIVE_LOCKS_REQUIRED(::cubby::lock::kWriterRole)

#endif  // CUBBY_LOCK_WRITER_ROLE_H_

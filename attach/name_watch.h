// How a writer notices that its store has lost its name, so that no write is acknowledged into
// memory that nobody can open any more.
//
// While the daemon lives, it looks at the names once a second and retires a store that has lost
// one; the writer sees its heartbeat change and has nothing to do. A writer that sees the heartbeat
// stand still may be faster than it, or the daemon may be gone: it looks itself, which takes a
// system call, at each of the first writes after a heartbeat and then ever more rarely, down to
// once in 256. Once the heartbeat is some seconds old, it looks at every write again, but not more
// often than once in 10 us.
//
// For the owner of the writer lock: one call at a time. A write that does not look pays two loads.
#ifndef CUBBY_ATTACH_NAME_WATCH_H_
#define CUBBY_ATTACH_NAME_WATCH_H_

#include <atomic>
#include <cstdint>

#include "absl/base/optimization.h"
#include "lock/writer_role.h"
#include "os/mapping.h"
#include "table/table.h"

namespace cubby::attach {

class NameWatch {
 public:
  // True if no name leads to the memory of the table any more, as far as it was time to look.
  bool SeesLoss(const table::Table& table, const os::Mapping& mapping) CUBBY_REQUIRES_WRITER_LOCK {
    const uint64_t beat = table.fixed().state.heartbeat_ns.load(std::memory_order_relaxed);
    if (ABSL_PREDICT_TRUE(beat == beat_ && writes_left_ != 0)) {
      --writes_left_;
      return false;
    }
    return Look(beat, mapping);
  }

 private:
  bool Look(uint64_t beat, const os::Mapping& mapping);

  uint64_t beat_ = 0;         // the heartbeat when it last looked
  uint32_t writes_left_ = 0;  // that do not look, if the heartbeat does not change
  uint32_t looks_ = 0;        // since the heartbeat changed
  uint64_t looked_ns_ = 0;
};

}  // namespace cubby::attach

#endif  // CUBBY_ATTACH_NAME_WATCH_H_

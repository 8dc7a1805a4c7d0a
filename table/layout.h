// The bytes of a store, as every process sees them. docs/layout.md is the specification; where the
// two differ, the code is at fault.
//
// clang-format off
//   offset 0      header        128 B   immutable once the magic is there
//          128    state line     64 B   serving / sealed / retired ...; read by readers, written almost never
//          256    lock line      64 B   the writer lock's word
//          320    counters       64 B   written by every put
//          384    extent queue   64 B   the free extents
//          448    intent        128 B   what the lock's owner is about to change; for the next owner if it dies
//          576    sweep line     64 B   when the next entry expires
//          4096   incarnations 4096 B   one word per writer's seat
//          8192   hints          16 B   for each bucket its tags, so dense that they stay in a CPU's caches when the slots do not
//                 heads          32 B   one for each bucket
//                 slots                 for each bucket `ways` of them, slot_bytes each; padded to a multiple of 64
//                 extents               extent_count of them, extent_bytes each; all four begin on a multiple of 64
//
//   head:     0        8                   24                   32
//             | word0  | tags[16], 8 bit   | overflow[8], 8 bit |
//             word0 = [ revision of the last commit, low 48 bits | live ways, one bit each : 16 ]
//
//   slot:     0           8         16       20        22      24
//             | sequence  | expiry  | value  | key     | flags | key, padded to 8 | value or extent link |
//             |           | (ns)    | bytes  | bytes   |       |
//             sequence = revision * 2, + 1 while the slot is being written
//
//   extent:   0           8       12      16
//             | sequence  | next  | spare | extent_bytes - 16 bytes of the value |
// clang-format on
//
// All integers are little-endian. Every word that changes is accessed as a lock-free atomic;
// nothing here is a pointer.
#ifndef CUBBY_TABLE_LAYOUT_H_
#define CUBBY_TABLE_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lock/lock_words.h"

namespace cubby::table {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout is little-endian");
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
static_assert(std::atomic<uint8_t>::is_always_lock_free && sizeof(std::atomic<uint8_t>) == 1);

inline constexpr uint64_t kMagic = 0x0001'7962'6275'63ff;  // ff 'c' 'u' 'b' 'b' 'y' 01 00
inline constexpr uint16_t kLayoutMajor = 4;                // another major cannot be read
inline constexpr uint16_t kLayoutMinor = 0;

inline constexpr uint32_t kMaxWays = 16;          // bits in word0
inline constexpr uint32_t kOverflowClasses = 16;  // counters in a head
inline constexpr uint32_t kOverflowFull = 15;     // that many or more
inline constexpr uint32_t kNoExtent = 0xffff'ffff;

struct Header {
  std::atomic<uint64_t> magic;  // stored last, with release: the rest is whole when it is seen
  uint16_t layout_major;
  uint16_t layout_minor;
  uint32_t header_bytes;  // where the hints begin
  uint64_t total_bytes;   // the least size of the mapping
  uint64_t bucket_count;
  uint32_t ways;
  uint32_t slot_bytes;
  uint32_t extent_bytes;
  uint32_t extent_count;
  uint64_t capacity;  // entries
  uint64_t max_value_bytes;
  uint64_t hash_seed;    // random, so that nobody can choose colliding keys beforehand
  uint64_t instance[2];  // random, so that two stores that had the same name can be told apart
  uint64_t generation;   // 0; one more with each resize
  uint64_t created_unix_ns;
  uint32_t full_policy;  // FullPolicy
  uint32_t reserved0;
  uint64_t reserved1;
  uint64_t checksum;  // of the 112 bytes between magic and here
};

enum class FullPolicy : uint32_t { kReject = 0 };

// Who makes each transition, always under the writer lock:
// clang-format off
//   kServing -> kSealed      the daemon, while it copies the store to another generation; writers wait
//   kSealed  -> kSuperseded  the daemon, when that generation is ready; its number is in the upper 56 bits
//   kServing -> kRetired     the daemon, when it removes the store
//   any      -> kPoisoned    whoever finds damage that writing would spread
// clang-format on
enum class State : uint8_t {
  kServing = 1,
  kSealed = 2,
  kSuperseded = 3,
  kPoisoned = 4,
  kRetired = 5
};

struct StateLine {
  std::atomic<uint64_t> state;  // [ next generation : 56 | State : 8 ]
  std::atomic<uint64_t>
      heartbeat_ns;  // BootNanos() of the daemon's last round; for people, proof of nothing
  std::atomic<uint64_t> daemon_pid;  // for people
  uint64_t reserved[5];
};

struct LockLine {
  lock::LockWords lock;
  uint64_t reserved[6];
};

// All guarded by the writer lock; read by anyone, as numbers that may be a moment old.
struct Counters {
  std::atomic<uint64_t> revision;  // the newest that was handed out; a killed put leaves a gap
  std::atomic<uint64_t> entries;   // live slots, expired ones that nobody has swept yet included
  std::atomic<uint64_t> expiring;  // live slots that have an expiry
  std::atomic<uint64_t> puts;      // totals since creation
  std::atomic<uint64_t> deletes;
  std::atomic<uint64_t> expired;  // entries swept because their time had come
  std::atomic<uint64_t> mends;    // operations of killed writers that were completed or taken back
  uint64_t reserved;
};

// The free extents: a queue linked by Extent::next, taken from its head, given back at its tail, so
// that a freed chain lies untouched for as long as possible under readers who are still copying it.
// Never empty: the last one is not given out.
struct ExtentQueue {
  std::atomic<uint32_t> head;
  std::atomic<uint32_t> tail;
  std::atomic<uint64_t> free_count;
  uint64_t reserved[6];
};

enum class Operation : uint64_t { kNone = 0, kPut = 1, kDelete = 2 };

// What the lock's owner is about to do, written down before it changes anything else, so that the
// next owner can finish the bookkeeping if it dies after the commit. Everything is a value to be
// set, so that doing it twice does no harm. Readers never look here: whether an entry is there is
// told by word0 alone. See table/recovery.h.
struct Intent {
  std::atomic<uint64_t> operation;    // Operation; set last and cleared last
  std::atomic<uint64_t> bucket;       // where the commit happens
  std::atomic<uint64_t> word0_after;  // head.word0 equals this if and only if the commit happened
  std::atomic<uint64_t> home;         // buckets [home, bucket) may have an overflow count changed
  std::atomic<uint64_t> overflow_class;
  std::atomic<uint64_t> entries_after;
  std::atomic<uint64_t> expiring_after;
  std::atomic<uint64_t> queue_before;  // [ tail : 32 | head : 32 ]
  std::atomic<uint64_t> queue_after;   // [ tail : 32 | head : 32 ]
  std::atomic<uint64_t>
      freed_first;  // linked behind the old tail; kNoExtent if the commit frees no extents
  std::atomic<uint64_t> free_count_after;
  uint64_t reserved[5];
};

// What a pass that removes expired entries needs to know, guarded by the writer lock. See
// table/sweep.h.
struct SweepLine {
  std::atomic<uint64_t> next_expiry;  // no live slot expires before this BootNanos(); ~0: none ever
  std::atomic<uint64_t> fresh_expiry;  // the same of those put since the newest pass began
  std::atomic<uint64_t> newest_pass;   // a number for each pass that began
  uint64_t reserved[5];
};

// The tags of a bucket once more. Readers ask the memory for the slots that these point at together
// with the head, which alone decides. Right for every live way.
struct HintRow {
  std::atomic<uint8_t> tags[kMaxWays];
};

struct BucketHead {
  std::atomic<uint64_t> word0;
  std::atomic<uint8_t> tags[kMaxWays];  // right for every live way
  // [ count of class 15 : 4 | ... | of class 0 : 4 ]: how many entries of the class have their home
  // at or before this bucket and live after it. A miss goes on to the next bucket only if its
  // class's count is not 0. May be too high after a kill, never too low. At kOverflowFull it stays.
  std::atomic<uint64_t> overflow;
};

struct SlotHead {
  std::atomic<uint64_t> sequence;
  std::atomic<uint64_t> expiry_ns;  // BootNanos() at which the entry is gone; 0: never
  std::atomic<uint64_t> lengths;  // [ flags : 16 | key bytes : 16 | value bytes : 32 ], one word so
                                  // that it is one load
};
inline constexpr uint64_t kSlotFlagExtents =
    1;  // the value lies in extents; its place holds [ last : 32 | first : 32 ]
inline constexpr uint32_t kSlotHeadBytes = 24;
inline constexpr uint32_t kExtentLinkBytes = 8;

struct ExtentHead {
  std::atomic<uint64_t> sequence;  // that of the slot whose value it holds
  std::atomic<uint32_t>
      next;  // in the free queue or in a chain; a chain ends by the value's length, not by a mark
  uint32_t reserved;
};
inline constexpr uint32_t kExtentHeadBytes = 16;

struct FixedPart {
  Header header;
  StateLine state;
  uint64_t pad0[8];  // the state line's neighbour: some CPUs fetch lines in pairs
  LockLine lock;
  Counters counters;
  ExtentQueue extents;
  Intent intent;
  SweepLine sweep;
  uint8_t pad1[4096 - 640];
  lock::IncarnationTable incarnations;
};
inline constexpr uint32_t kHeaderBytes = 8192;

static_assert(offsetof(Header, layout_major) == 8 && offsetof(Header, header_bytes) == 12);
static_assert(offsetof(Header, total_bytes) == 16 && offsetof(Header, bucket_count) == 24);
static_assert(offsetof(Header, ways) == 32 && offsetof(Header, slot_bytes) == 36);
static_assert(offsetof(Header, extent_bytes) == 40 && offsetof(Header, extent_count) == 44);
static_assert(offsetof(Header, capacity) == 48 && offsetof(Header, max_value_bytes) == 56);
static_assert(offsetof(Header, hash_seed) == 64 && offsetof(Header, instance) == 72);
static_assert(offsetof(Header, generation) == 88 && offsetof(Header, created_unix_ns) == 96);
static_assert(offsetof(Header, full_policy) == 104 && offsetof(Header, checksum) == 120);
static_assert(sizeof(Header) == 128);
static_assert(offsetof(FixedPart, state) == 128 && offsetof(FixedPart, lock) == 256);
static_assert(offsetof(FixedPart, counters) == 320 && offsetof(FixedPart, extents) == 384);
static_assert(offsetof(FixedPart, intent) == 448 && sizeof(Intent) == 128);
static_assert(offsetof(FixedPart, sweep) == 576 && sizeof(SweepLine) == 64);
static_assert(sizeof(Counters) == 64 && sizeof(HintRow) == 16);
static_assert(offsetof(FixedPart, incarnations) == 4096 && sizeof(FixedPart) == kHeaderBytes);
static_assert(offsetof(BucketHead, tags) == 8 && offsetof(BucketHead, overflow) == 24);
static_assert(sizeof(BucketHead) == 32 && sizeof(SlotHead) == kSlotHeadBytes);
static_assert(offsetof(SlotHead, expiry_ns) == 8 && offsetof(SlotHead, lengths) == 16);
static_assert(sizeof(ExtentHead) == kExtentHeadBytes && offsetof(ExtentHead, next) == 8);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_LAYOUT_H_

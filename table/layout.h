// The bytes of a store. docs/layout.md is the specification; where the two differ, the code is at
// fault.
//
// clang-format off
//   offset 0      header        128 B   immutable once the magic is set
//          128    state line     64 B   serving, sealed, retired ...; read by every get, written rarely
//          256    region table  384 B   immutable: features, clock, and where each region lies
//          640    lock line      64 B   the writer lock's word
//          704    counters       64 B   written by every put
//          768    extent line    64 B   where the search for free extents goes on, and how many there are
//          832    intent        192 B   the commit in progress, for the lock owner's successor
//          1024   expiry line    64 B   when the next entry expires
//          1088   recency line   64 B   eviction: its clock, and where it looks for entries with extents
//          1152   changes line   64 B   the change ring: its ends, and what watchers sleep on
//          1216   upstream line  64 B   reserved for the near-cache
//          1280   lease line     64 B   what processes that wait for a lease's end sleep on
//          1344   unused                zero
//
//   Regions, each on a multiple of 64:
//          incarnations    4 B   for each writer's seat; at 4096
//          hints          16 B   for each bucket: its tags again, so dense that they stay in a CPU's caches when slots do not; at 8192
//          heads          32 B   for each bucket
//          distances       8 B   for each bucket: how far from its home each way's entry lives
//          slots                 for each bucket `ways` of them, slot_bytes each; padded to a multiple of 64
//          extents               extent_count of them, extent_bytes each
//          extent map      1 bit for each extent, set while a value has it; then 1 bit for each word of these, set while all of its extents are in use
//   and, of a store that evicts:
//          marks           4 B   for each bucket: how often each way's entry was got, 0 to 3
//          ranks          16 B   for each bucket: queue and age of each way's entry
//          ghosts         16 B   for each bucket: fingerprints of keys evicted lately, and which ways have extents
//   and, since 5.3:
//          expiries        8 B   for each 32 buckets: when the first of their entries expires
//   and, since 5.4:
//          changes               a ring of records of the last commits, while they are recorded
//
//   head:     0        8                   24                   32
//             | word0  | tags[16], 8 bit   | overflow[16], 4 bit |
//             word0 = [ revision of the last commit, low 48 bits | live ways, one bit each : 16 ]
//
//   slot:     0           8         16       20        22      24
//             | sequence  | expiry  | value  | key     | flags | key, padded to 8 | value or extent link |
//             |           | (ns)    | bytes  | bytes   |       | long key: its hash, 8 B | extent link   |
//             sequence = [ moved : 1 | revision : 62 | being written : 1 ]
//
//   extent:   0           8       12      16
//             | sequence  | next  | spare | extent_bytes - 16 bytes of the value, or of long key, padded to 8, and value |
//
//   change:   0           8       10     11        16
//             | revision  | key   | kind | zero    | key, padded to 8 |
//             |           | bytes |      |         |                  |
// clang-format on
//
// All integers are little-endian. Every word that changes is accessed as a lock-free atomic;
// nothing here is a pointer.
#ifndef CUBBY_TABLE_LAYOUT_H_
#define CUBBY_TABLE_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/stats.h"
#include "lock/lock_words.h"

namespace cubby::table {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout is little-endian");
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
static_assert(std::atomic<uint8_t>::is_always_lock_free && sizeof(std::atomic<uint8_t>) == 1);

inline constexpr uint64_t kMagic = 0x0001'7962'6275'63ff;  // ff 'c' 'u' 'b' 'b' 'y' 01 00
inline constexpr uint16_t kLayoutMajor = 5;                // another major cannot be read
inline constexpr uint16_t kLayoutMinor = 4;
inline constexpr uint32_t kByteOrderMark = 0x0a0b'0c0d;

inline constexpr uint32_t kMaxWays = 16;          // bits in word0
inline constexpr uint32_t kOverflowClasses = 16;  // counters in a head
inline constexpr uint32_t kOverflowFull = 15;     // 15 or more
inline constexpr uint32_t kNoExtent = 0xffff'ffff;

struct Header {
  std::atomic<uint64_t> magic;  // stored last, with release: publishes all that is immutable
  uint16_t layout_major;
  uint16_t layout_minor;  // a larger minor only uses what was unused
  uint32_t header_bytes;  // of the fixed part, kHeaderBytes
  uint64_t total_bytes;   // the least size of the mapping
  uint64_t bucket_count;
  uint32_t ways;
  uint32_t slot_bytes;
  uint32_t extent_bytes;
  uint32_t extent_count;
  uint64_t capacity;  // entries
  uint64_t max_value_bytes;
  uint64_t hash_seed;    // random, so that colliding keys cannot be chosen beforehand
  uint64_t instance[2];  // random: tells apart two stores that had the same name
  uint64_t generation;   // 0; one more with each resize
  uint64_t created_unix_ns;
  uint32_t full_policy;  // FullPolicy
  uint32_t byte_order;   // kByteOrderMark; reads as another number where integers are big-endian
  uint64_t region_checksum;  // of the region table
  uint64_t checksum;         // of the 112 bytes between magic and here
};

enum class FullPolicy : uint32_t {
  kReject = 0,  // a put of a new key fails
  kEvict = 1,   // it replaces the entry of another key
};

// What a program must know to use a store. A bit that it does not know in `required` makes it
// refuse the store; in `required_to_write`, only to refuse to write it. kFeatureNames has a name
// for each bit, for the message. Bit 3 has its meaning reserved.
inline constexpr const char* kFeatureNames[] = {
    "eviction",       // writers maintain recency marks, ranks and ghosts
    "leases",         // slots may have kSlotFlagLease
    "change ring",    // writers append each commit to it, while commits are recorded
    "near-cache",     // slots may have kSlotFlagAbsent; the upstream line bounds an entry's age
    "moved entries",  // a delete may move an entry to its home, or nearer
    "extent map",     // writers maintain it, and runs
    "long keys",      // slots may have kSlotFlagLongKey
    "expiries",       // writers lower the earliest expiry of each group of buckets
};
// Those that every store of this version has. A store without one is of an older version: programs
// of this version neither read nor write it.
inline constexpr uint64_t kRequiredFeatures = uint64_t{1} << 4 | uint64_t{1} << 6;
inline constexpr uint64_t kRequiredToWriteFeatures = uint64_t{1} << 5;
// That of stores that evict, required to write.
inline constexpr uint64_t kEvictionFeature = uint64_t{1} << 0;
// That of stores of layout 5.3 and later, required.
inline constexpr uint64_t kLeaseFeature = uint64_t{1} << 1;
// The same, required to write.
inline constexpr uint64_t kExpiriesFeature = uint64_t{1} << 7;
// That of stores of layout 5.4 and later that have a change ring, required to write.
inline constexpr uint64_t kChangesFeature = uint64_t{1} << 2;
inline constexpr uint64_t kKnownFeatures = kRequiredFeatures | kRequiredToWriteFeatures |
                                           kEvictionFeature | kLeaseFeature | kExpiriesFeature |
                                           kChangesFeature;

// A part of the mapping behind the fixed part's lines. Every region begins on a multiple of 64, and
// no two overlap. A program ignores the kinds that it does not know.
enum class RegionKind : uint32_t {
  kNone = 0,  // an unused entry of the table
  kIncarnations = 1,
  kHints = 2,
  kHeads = 3,
  kSlots = 4,
  kExtents = 5,
  // Only of stores that evict.
  kMarks = 6,
  kRanks = 7,
  kGhosts = 8,
  kChanges = 9,  // not of stores made before layout 5.4, or without a change ring
  kDistances = 10,
  kExtentMap = 11,
  kExpiries = 12,  // not of stores made before layout 5.3
};
struct Region {
  RegionKind kind;
  uint32_t reserved;
  uint64_t offset;
  uint64_t bytes;
};
inline constexpr uint32_t kMaxRegions = 14;

struct RegionTable {
  uint64_t required;  // features, as above
  uint64_t required_to_write;
  // os::BootOffsetNanos() of the daemon that made the store. Expiries count on its clock, which a
  // process in another time namespace does not read.
  int64_t clock_offset_ns;
  uint64_t reserved0;
  uint32_t region_count;
  uint32_t reserved1;
  uint64_t reserved2;
  Region regions[kMaxRegions];
};

// Each transition is made under the writer lock, but those from any state:
// clang-format off
//   kServing -> kSealed      by the daemon, while it copies the store to another generation; writers wait
//   kSealed  -> kSuperseded  by the daemon, when that generation is ready; its number is in the upper 56 bits
//   kServing -> kRetired     by the daemon, when it removes the store
//   any      -> kPoisoned    by a process that finds damage which writing would spread
//   any      -> kRetired     by the daemon, before it removes the names of a store that it cannot lock, and when it finds a name removed
//   kServing -> kRetired     by a writer that finds that no name leads to the store any more
// clang-format on
// The state line is at the same offset in every major version, so that a store of any version can
// be retired.
enum class State : uint8_t {
  kServing = 1,
  kSealed = 2,
  kSuperseded = 3,
  kPoisoned = 4,
  kRetired = 5
};

// What becomes of the store when its daemon ends. A store that is left without a daemon was left on
// purpose, or by a daemon that was killed: this tells which.
enum class AtEnd : uint64_t {
  kUnknown = 0,  // it was made without a daemon, or its daemon does not know this word
  kRemoved = 1,
  kKept = 2,
};

struct StateLine {
  std::atomic<uint64_t> state;  // [ next generation : 56 | State : 8 ]
  // Neither proves that a daemon runs. Writers look at the store's names more often if the
  // heartbeat stands still (attach/name_watch.h).
  std::atomic<uint64_t>
      heartbeat_ns;                  // BootNanos() of the daemon's last round; 0: it has no daemon
  std::atomic<uint64_t> daemon_pid;  // for display
  std::atomic<uint64_t> at_end;      // AtEnd
  uint64_t reserved[4];
};

struct LockLine {
  lock::LockWords lock;
  uint64_t reserved[6];
};

// Written by the owner of the writer lock, read by every process. The words after the revision are
// those that base/stats.h lists, in its order.
#define CUBBY_COUNTER_WORD(name, kind, unit, help) std::atomic<uint64_t> name;
#define CUBBY_NO_WORD(name, kind, unit, help)
struct alignas(64) Counters {
  std::atomic<uint64_t> revision;  // the newest that was handed out; a killed put leaves a gap
  CUBBY_STORE_STATS(CUBBY_COUNTER_WORD, CUBBY_NO_WORD)
};
#undef CUBBY_COUNTER_WORD
#undef CUBBY_NO_WORD

// What writers know of the free extents beside the extent map. The hand goes round all extents, so
// that a freed chain stays untouched for long under readers that are still copying it.
struct ExtentLine {
  std::atomic<uint32_t> hand;  // the extent at which the next search begins
  uint32_t reserved0;
  std::atomic<uint64_t> free_count;
  uint64_t reserved[6];
};

enum class Operation : uint64_t {
  kNone = 0,
  kPut = 1,
  kDelete = 2,
  kEvict = 3,  // a put that takes the place of another key's entry in the same bucket
  kMove = 4,   // an entry goes to a bucket nearer to its home
};

// The commit in progress, written before anything else changes, so that the owner's successor can
// finish the bookkeeping of an owner that was killed after the commit. Every field is a value to be
// set, so setting it twice is harmless. Readers never look here: word0 alone decides which entries
// are live. See table/commit.h.
struct Intent {
  std::atomic<uint64_t> operation;    // Operation; set last and cleared last
  std::atomic<uint64_t> bucket;       // of the commit
  std::atomic<uint64_t> word0_after;  // head.word0 equals this if and only if the commit happened
  std::atomic<uint64_t> home;         // the commit may change overflow counts of [home, bucket)
  std::atomic<uint64_t> overflow_class;
  std::atomic<uint64_t> entries_after;
  std::atomic<uint64_t> expiring_after;
  std::atomic<uint64_t> taken;          // the chain of the new value: [ last : 32 | first : 32 ]
  std::atomic<uint64_t> freed;          // the chain of the old value, likewise
  std::atomic<uint64_t> chain_lengths;  // in extents: [ freed : 32 | taken : 32 ]
  std::atomic<uint64_t> extents_after;  // [ free count : 32 | hand : 32 ]
  uint64_t reserved0[5];
  // The second commit, of an operation that has two, in the bucket of the entry that goes: the
  // counterparts of the fields above. kMove: the entry goes from `gone_bucket` to `bucket`, and the
  // commit lowers overflow counts of [gone_home, gone_bucket) = [bucket, gone_bucket). kEvict has
  // one commit, in `bucket` = `gone_bucket`, which also lowers overflow counts of [gone_home,
  // gone_bucket).
  std::atomic<uint64_t> gone_bucket;
  std::atomic<uint64_t> gone_word0_after;
  std::atomic<uint64_t> gone_home;
  std::atomic<uint64_t> gone_overflow_class;
  uint64_t reserved2[2];
  // ChangesLine::head after the commit; 0: it appends no record. 0 while there is no operation.
  std::atomic<uint64_t> changes_head_after;
  uint64_t reserved1;
};

// What removing expired entries needs to know; guarded by the writer lock. See table/expiry.h.
struct ExpiryLine {
  std::atomic<uint64_t> next_expiry;  // no live slot expires before this BootNanos(); ~0: none ever
  std::atomic<uint64_t> fresh_expiry;  // the same of entries put since the newest pass began
  std::atomic<uint64_t> newest_pass;   // a number for each pass that began
  uint64_t reserved[5];
};

// Written by the owner of the writer lock, in a store that evicts. Like marks, ranks and
// fingerprints it is advice: every value is valid, and a kill may leave any. See table/eviction.h.
struct RecencyLine {
  std::atomic<uint64_t> inserts;      // entries put of keys that had none: eviction's clock
  std::atomic<uint64_t> extent_hand;  // the bucket at which it looks next for entries with extents
  uint64_t reserved[6];
};

// The ends of the change ring (table/changes.h). A position is a number of bytes ever appended: the
// byte at position p lies at p modulo the region's size. All but the last two words are written by
// the owner of the writer lock.
struct ChangesLine {
  std::atomic<uint64_t> head;  // where the next record begins
  std::atomic<uint64_t> tail;  // where the oldest whole record begins
  // The newest revision of which no record tells any more. Every commit after it has one.
  std::atomic<uint64_t> lost;
  std::atomic<uint64_t> recording;  // ChangeRecording
  // What watchers sleep on: [ count of commits : 63 | a process may sleep : 1 ].
  std::atomic<uint64_t> wake;
  // Advice: the BootNanos() until which watchers want commits to be recorded.
  std::atomic<uint64_t> wanted_until_ns;
  uint64_t reserved[2];
};

// Whether commits are recorded. Every other value counts as kOn.
enum class ChangeRecording : uint64_t {
  kOff = 0,
  kOn = 1,
  kForReaders = 2,  // and each wakes all watchers, also those that cannot write
};

// What happened to a key, as watchers are told.
enum class ChangeKind : uint8_t {
  kPut = 1,
  kDelete = 2,
  kExpire = 3,  // its entry had expired, and is removed
  kEvict = 4,   // its entry made room for another
  kFlush = 5,   // it was deleted with all others
  kHidden = 6,  // no get sees a difference: a lease was made, or ended without a value
};

// A record of the change ring, on a multiple of 8; it goes on at the ring's beginning if it reaches
// the end. Behind it lies the key, padded with zeros to a multiple of 8.
struct ChangeHead {
  uint64_t revision;
  uint64_t rest;  // [ zero : 40 | ChangeKind : 8 | key bytes : 16 ]
};
inline constexpr uint64_t kChangeHeadBytes = sizeof(ChangeHead);

// Reserved for the near-cache: entries older than the floor are not answers, and as_of bounds the
// age of the others.
struct UpstreamLine {
  uint64_t floor;
  uint64_t as_of;
  uint64_t prev_floor;
  uint64_t prev_as_of;
  uint64_t max_staleness_ns;
  uint64_t epoch;
  uint64_t reserved[2];
};

// A process that waits for the end of a key's lease sleeps on one of these words, chosen by the
// key's hash. [ count of ends : 63 | a process may sleep : 1 ], read and written without the lock:
// advice, for each sleep has a bound.
struct LeaseLine {
  std::atomic<uint64_t> ends[8];
};

// The tags of a bucket again. Readers prefetch the slots that these point at together with the
// head, which alone decides. Right for every live way.
struct HintRow {
  std::atomic<uint8_t> tags[kMaxWays];
};

struct BucketHead {
  std::atomic<uint64_t> word0;
  std::atomic<uint8_t> tags[kMaxWays];  // right for every live way
  // [ count of class 15 : 4 | ... | of class 0 : 4 ]: how many entries of the class have their home
  // at or before this bucket and live after it. A miss looks in the next bucket only if its class's
  // count is not 0. May be too high after a kill, never too low. At kOverflowFull it stays.
  std::atomic<uint64_t> overflow;
};

// [ way 15 : 4 | ... | way 0 : 4 ]: how many buckets behind its home the way's entry lives; 15
// stands for 15 or more. Right for every live way.
struct DistanceRow {
  std::atomic<uint64_t> distances;
};
inline constexpr uint32_t kMostDistance = 15;

// [ way 15 : 2 | ... | way 0 : 2 ]: how often the way's entry was got since it was put, or since
// eviction passed it over; 3 stands for 3 or more. The one word that a get stores to. Stores of
// several processes at once may lose each other's.
struct MarkRow {
  std::atomic<uint32_t> marks;
};
inline constexpr uint32_t kMostMark = 3;

// For each way, [ main : 1 | epoch : 7 ]: the queue that its entry is in, and when it came there.
struct RankRow {
  std::atomic<uint8_t> ranks[kMaxWays];
};

struct GhostRow {
  // Of the keys with this home that were evicted last from the small queue, the newest first; 0:
  // none.
  std::atomic<uint16_t> fingerprints[7];
  std::atomic<uint16_t> extent_ways;  // a bit for each way; right for every live way
};
inline constexpr uint32_t kGhosts = 7;

// Of a group of kBucketsPerExpiry buckets, from a multiple of that on: no live slot of theirs
// expires before this BootNanos(); 0: none ever does. See table/expiry.h.
struct GroupExpiry {
  std::atomic<uint64_t> next_expiry;
};
inline constexpr uint64_t kBucketsPerExpiry = 32;

struct SlotHead {
  std::atomic<uint64_t> sequence;   // [ kMovedBit : 1 | revision : 62 | being written : 1 ]
  std::atomic<uint64_t> expiry_ns;  // the BootNanos() from which on the entry is gone; 0: never
  std::atomic<uint64_t> lengths;    // [ flags : 16 | key bytes : 16 | value bytes : 32 ]: one load
};
// The entry was put into another bucket and has moved here. `sequence >> 1` is then above every
// revision that a word0 can have, so that readers take the entry only if word0 has not changed: a
// move writes an old revision into a dead way, and that revision must not pass for a committed one.
inline constexpr uint64_t kMovedBit = uint64_t{1} << 63;
// The value lies in extents; its place holds [ last : 32 | first : 32 ].
inline constexpr uint32_t kSlotFlagExtents = 1;
// The key lies in the extents too, before the value; its place holds its hash.
inline constexpr uint32_t kSlotFlagLongKey = 8;
// A process computes the value: a get finds none. The value is a LeaseRecord, and behind it the
// value of before, if the record has its expiry.
inline constexpr uint32_t kSlotFlagLease = 2;
// Reserved. A live slot with a flag that a program does not know is damage to it, never a value.
inline constexpr uint32_t kSlotFlagAbsent = 4;  // upstream has no such key
// The upper 8 bits: how long after its expiry the entry is kept, for those who take a stale value
// (table/expiry.h). Of a lease: how long the value of before would have been.
inline constexpr uint32_t kStaleShift = 8;
inline constexpr uint32_t kStaleFlags = 0xff << kStaleShift;
inline constexpr uint32_t kSlotHeadBytes = 24;
inline constexpr uint32_t kLongKeyHashBytes = 8;
inline constexpr uint32_t kExtentLinkBytes = 8;
inline constexpr uint32_t kMaxKeyBytes = 0xffff;  // fits the lengths

struct LeaseRecord {
  // The process that computes the value: what the lock's word is while it owns that, without the
  // waiters bit (lock/writer_lock.h).
  uint64_t owner;
  uint64_t bound_ns;       // the BootNanos() from which on another process may take the lease over
  uint64_t old_expiry_ns;  // that of the value behind the record; 0: there is none
};
inline constexpr uint32_t kLeaseRecordBytes = sizeof(LeaseRecord);

struct ExtentHead {
  std::atomic<uint64_t> sequence;  // that of the slot whose bytes it holds, without kMovedBit
  std::atomic<uint32_t> next;      // in a chain, which ends by the lengths
  // How many extents of the chain follow this one in the pool without a gap. For writers.
  std::atomic<uint32_t> run;
};
inline constexpr uint32_t kExtentHeadBytes = 16;

struct FixedPart {
  Header header;
  StateLine state;
  uint64_t pad0[8];  // the state line's neighbour: some CPUs fetch lines in pairs
  RegionTable regions;
  LockLine lock;
  Counters counters;
  ExtentLine extents;
  Intent intent;
  ExpiryLine expiry;
  RecencyLine recency;
  ChangesLine changes;
  UpstreamLine upstream;
  LeaseLine leases;
  uint8_t pad1[4096 - 1344];
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
static_assert(offsetof(Header, full_policy) == 104 && offsetof(Header, byte_order) == 108);
static_assert(offsetof(Header, region_checksum) == 112 && offsetof(Header, checksum) == 120);
static_assert(sizeof(Header) == 128 && sizeof(StateLine) == 64);
static_assert(offsetof(RegionTable, clock_offset_ns) == 16);
static_assert(offsetof(RegionTable, region_count) == 32 && offsetof(RegionTable, regions) == 48);
static_assert(sizeof(Region) == 24 && offsetof(Region, offset) == 8);
static_assert(offsetof(FixedPart, state) == 128 && offsetof(FixedPart, regions) == 256);
static_assert(sizeof(RegionTable) == 384 && offsetof(FixedPart, lock) == 640);
static_assert(offsetof(FixedPart, counters) == 704 && offsetof(FixedPart, extents) == 768);
static_assert(offsetof(FixedPart, intent) == 832 && sizeof(Intent) == 192);
static_assert(offsetof(Intent, taken) == 56 && offsetof(Intent, gone_bucket) == 128);
static_assert(offsetof(Intent, changes_head_after) == 176);
static_assert(offsetof(ExtentLine, free_count) == 8 && sizeof(ExtentLine) == 64);
static_assert(offsetof(FixedPart, expiry) == 1024 && sizeof(ExpiryLine) == 64);
static_assert(offsetof(FixedPart, recency) == 1088 && sizeof(RecencyLine) == 64);
static_assert(offsetof(FixedPart, changes) == 1152 && sizeof(ChangesLine) == 64);
static_assert(offsetof(FixedPart, upstream) == 1216 && sizeof(UpstreamLine) == 64);
static_assert(offsetof(FixedPart, leases) == 1280 && sizeof(LeaseLine) == 64);
static_assert(sizeof(Counters) == 64 && sizeof(HintRow) == 16 && sizeof(DistanceRow) == 8);
static_assert(offsetof(Counters, entries) == 8 && offsetof(Counters, expiring) == 16);
static_assert(offsetof(Counters, puts) == 24 && offsetof(Counters, deletes) == 32);
static_assert(offsetof(Counters, expired) == 40 && offsetof(Counters, repairs) == 48);
static_assert(offsetof(Counters, evictions) == 56 && offsetof(RecencyLine, extent_hand) == 8);
static_assert(sizeof(MarkRow) == 4 && sizeof(RankRow) == 16 && sizeof(GhostRow) == 16);
static_assert(offsetof(FixedPart, incarnations) == 4096 && sizeof(FixedPart) == kHeaderBytes);
static_assert(offsetof(BucketHead, tags) == 8 && offsetof(BucketHead, overflow) == 24);
static_assert(sizeof(BucketHead) == 32 && sizeof(SlotHead) == kSlotHeadBytes);
static_assert(offsetof(SlotHead, expiry_ns) == 8 && offsetof(SlotHead, lengths) == 16);
static_assert(sizeof(LeaseRecord) == 24 && offsetof(LeaseRecord, old_expiry_ns) == 16);
static_assert(sizeof(ExtentHead) == kExtentHeadBytes && offsetof(ExtentHead, next) == 8);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_LAYOUT_H_

// The numbers that a store and its daemon count. Each is one line of the lists below. From the
// lists follow the structs here, the words of the counter line in shared memory (table/layout.h),
// the daemon's answer (proto/control.proto), `cubby stats` as text, JSON and OpenMetrics, and
// docs/reference.md.
#ifndef CUBBY_BASE_STATS_H_
#define CUBBY_BASE_STATS_H_

#include <cstdint>
#include <string>

namespace cubby {

enum class NumberKind {
  kUnknown,  // a kind that this version does not know
  kCounter,  // never decreases
  kGauge,
};

// What a store counts: (name, kind, unit, help).
// WORD:  a word of the counter line. The words lie there in the order of their lines here, so a new
//        one comes after all others.
// OTHER: table::ReadStats() computes it.
// clang-format off
#define CUBBY_STORE_STATS(WORD, OTHER)                                                             \
  WORD(entries, kGauge, "entries", "Entries, including expired ones that are not swept yet")       \
  WORD(expiring, kGauge, "entries", "Entries that have a time to live")                            \
  OTHER(revision, kGauge, "", "Newest revision that a put or delete has taken")                    \
  WORD(puts, kCounter, "", "Entries put since the store was created")                              \
  WORD(deletes, kCounter, "", "Entries deleted since the store was created")                       \
  WORD(expired, kCounter, "", "Expired entries swept since the store was created")                 \
  OTHER(lock_takeovers, kCounter, "", "Times a writer took the lock over from a killed one")       \
  WORD(repairs, kCounter, "", "Commits of killed writers that were completed or taken back")       \
  WORD(evictions, kCounter, "", "Entries removed to make room since the store was created")        \
  OTHER(extents_in_use, kGauge, "extents", "Extents that hold parts of long entries")

// What a daemon counts since it started.
#define CUBBY_DAEMON_STATS(NUMBER)                                                                 \
  NUMBER(requests, kCounter, "requests", "Requests answered on the control channel")               \
  NUMBER(rejected_frames, kCounter, "frames", "Invalid frames and messages on the control channel")
// clang-format on

#define CUBBY_STATS_MEMBER(name, kind, unit, help) uint64_t name = 0;

// Each number is exact; as they are read without a lock, two of them may be an operation apart.
struct StoreStats {
  CUBBY_STORE_STATS(CUBBY_STATS_MEMBER, CUBBY_STATS_MEMBER)
};
struct DaemonCounts {
  CUBBY_DAEMON_STATS(CUBBY_STATS_MEMBER)
};

#undef CUBBY_STATS_MEMBER

// A member of Stats and its description.
template <typename Stats>
struct StatsField {
  const char* name;
  NumberKind kind;
  const char* unit;  // empty: none
  const char* help;
  uint64_t Stats::*value;
};

#define CUBBY_STORE_STATS_FIELD(name, kind, unit, help) \
  {#name, NumberKind::kind, unit, help, &StoreStats::name},
#define CUBBY_DAEMON_STATS_FIELD(name, kind, unit, help) \
  {#name, NumberKind::kind, unit, help, &DaemonCounts::name},

inline constexpr StatsField<StoreStats> kStoreStatsFields[] = {
    CUBBY_STORE_STATS(CUBBY_STORE_STATS_FIELD, CUBBY_STORE_STATS_FIELD)};
inline constexpr StatsField<DaemonCounts> kDaemonStatsFields[] = {
    CUBBY_DAEMON_STATS(CUBBY_DAEMON_STATS_FIELD)};

#undef CUBBY_STORE_STATS_FIELD
#undef CUBBY_DAEMON_STATS_FIELD

// A number with its description, as a daemon sends it: of a version that may be another.
struct Number {
  std::string name;  // a-z, 0-9 and '_'
  NumberKind kind = NumberKind::kUnknown;
  std::string unit;
  std::string help;
  uint64_t value = 0;
};

}  // namespace cubby

#endif  // CUBBY_BASE_STATS_H_

// The work that is measured by turns, in one process.
#ifndef CUBBY_BENCH_PEERS_WORKS_H_
#define CUBBY_BENCH_PEERS_WORKS_H_

#include <string>
#include <vector>

#include "bench/peers/stage.h"
#include "bench/round_robin.h"

namespace cubby::bench {

// Their names. The first needs the values that the stage was made with; those that put come last.
inline constexpr const char* kWorks[] = {
    "get_chain",      // gets that hit, uniform, each key known only from the value before
    "get_hit",        // gets that hit, uniform, keys known beforehand
    "get_zipf",       // the same, some keys more often than others: Zipf, exponent 0.99
    "get_miss",       // gets of keys that are not there
    "put",            // puts over entries that are there
    "delete_insert",  // a delete and a put of the same key, as one operation
    "mix_95_5",       // gets, and 5 in 100 puts over entries
    "mix_50_50",      // and 50 in 100
};

// The names of those who do it, cubby first: peers, "PEER_32" if they do 32 operations at once, and
// the floors, which read or copy from random lines of as many bytes as cubby's store has.
std::vector<std::string> ContestantsOf(const std::string& work, const std::vector<PeerKind>& kinds);

// The same with what they do. They use `stage`, which must outlive them.
std::vector<Contestant> MakeContestants(const std::string& work, Stage& stage);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_WORKS_H_

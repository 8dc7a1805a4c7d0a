// The peers, each in a file of its own. Those whose libraries or programs are not on the machine
// are left out of the build.
#ifndef CUBBY_BENCH_PEERS_PEERS_H_
#define CUBBY_BENCH_PEERS_PEERS_H_

#include <string>
#include <vector>

#include "bench/peers/peer.h"

namespace cubby::bench {

PeerKind CubbyKind();
PeerKind LmdbKind();
PeerKind TdbKind();
PeerKind BoostKind();
PeerKind MemcachedKind();
PeerKind RedisKind();
PeerKind MapKind();

// Where the cell's Redis server listens.
std::string RedisSocketOf(const Cell& cell);

// Those that are in this build; cubby is the first.
std::vector<PeerKind> AllPeers();
// Those that are not: the peer's name, and the packages that bring it.
std::vector<std::string> AbsentPeers();

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_PEERS_H_

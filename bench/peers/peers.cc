#include "bench/peers/peers.h"

namespace cubby::bench {

std::vector<PeerKind> AllPeers() {
  std::vector<PeerKind> kinds = {CubbyKind()};
#if CUBBY_WITH_LMDB
  kinds.push_back(LmdbKind());
#endif
#if CUBBY_WITH_TDB
  kinds.push_back(TdbKind());
#endif
#if CUBBY_WITH_BOOST
  kinds.push_back(BoostKind());
#endif
#if CUBBY_WITH_MEMCACHED
  kinds.push_back(MemcachedKind());
#endif
#if CUBBY_WITH_REDIS
  kinds.push_back(RedisKind());
#endif
  // The last to be filled: TDB forks a child when it is opened, and after that the first store to
  // each page of this process takes a page fault.
  kinds.push_back(MapKind());
  return kinds;
}

std::vector<std::string> AbsentPeers() {
  std::vector<std::string> absent;
#if !CUBBY_WITH_LMDB
  absent.emplace_back("lmdb (liblmdb-dev)");
#endif
#if !CUBBY_WITH_TDB
  absent.emplace_back("tdb (libtdb-dev)");
#endif
#if !CUBBY_WITH_BOOST
  absent.emplace_back("boost (libboost-dev)");
#endif
#if !CUBBY_WITH_MEMCACHED
  absent.emplace_back("memcached (memcached libmemcached-dev)");
#endif
#if !CUBBY_WITH_REDIS
  absent.emplace_back("redis (redis-server libhiredis-dev)");
#endif
  return absent;
}

}  // namespace cubby::bench

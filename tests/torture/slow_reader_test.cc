// A reader that is held up at any single instruction of a get, or of reading a bucket as iteration
// does, while writers do what hurts most (Linux on x86-64): they fill its way, or its extents,
// anew, or die on the way there. What it returns must have been the key's at some moment of the
// call, and whole.
//
// All of it happens in one thread: the processor's trap flag gives a signal after each instruction
// of the get, and the handler of the chosen one is the writer. The writer dies by being stepped in
// the same way and left by a jump.
//
// To have another scene played, add a line to the table at the end.
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/scan.h"
#include "tests/support/torture.h"
#include "tests/table/table_buffer.h"

// Where the program's own instructions begin and end: the linker's.
// NOLINTNEXTLINE(readability-identifier-naming,bugprone-reserved-identifier)
extern const char __executable_start, etext;

namespace cubby::table {
namespace {

constexpr char kKey[] = "k";
constexpr char kLongKey[] = "a key of more than one extent, which has 48 bytes of it";
constexpr char kAbsent[] = "<not found>";

// A piece of work that is stopped after so many instructions: once, or before every later one too.
struct Walk {
  uint64_t stop_after;
  std::function<void()> at_stop;
  bool at_every_later_one = false;
  uint64_t steps = 0;
  bool stopped = false;
};
Walk* walking = nullptr;

void OnTrap(int, siginfo_t*, void* context) {
  constexpr greg_t kTrapFlag = 0x100;
  Walk* const walk = walking;
  // Not inside the C library: what is to happen at the stop may allocate, too.
  const greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto at = static_cast<uintptr_t>(registers[REG_RIP]);
  const bool in_program = at >= reinterpret_cast<uintptr_t>(&__executable_start) &&
                          at < reinterpret_cast<uintptr_t>(&etext);
  if (++walk->steps < walk->stop_after || !in_program) return;
  if (!walk->at_every_later_one) {
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  }
  walk->stopped = true;
  walk->at_stop();
  walking = walk;
}

// Below the 128 bytes under the stack pointer that are the compiler's.
inline void StartTraps() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
}
inline void StopTraps() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
}

struct Scene {
  const char* name;
  uint32_t ways;
  int puts;      // of the key, each with a value of its own
  size_t bytes;  // of a value
  // What happens before each put: another key of the bucket comes or goes, or is put each time; the
  // key itself is deleted; or, in place of all but the last put, another key makes room in the
  // home bucket, so that the key moves there.
  enum {
    kNothing,
    kNeighbourComesAndGoes,
    kNeighbourIsPut,
    kKeyIsDeleted,
    kKeyMovesHome
  } before_each = kNothing;
  const char* key = kKey;
  // The get is held up at one of so many instructions, from a random one on; in the whole test at
  // each one.
  uint64_t stride = 1;
};

void PrintTo(const Scene& scene, std::ostream* out) { *out << scene.name; }

// Handles the signals of the trap flag for as long as it lives.
class TrapHandler {
 public:
  TrapHandler() {
    struct sigaction action = {};
    action.sa_sigaction = OnTrap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGTRAP, &action, &before_);
  }
  ~TrapHandler() { sigaction(SIGTRAP, &before_, nullptr); }
  TrapHandler(const TrapHandler&) = delete;
  TrapHandler& operator=(const TrapHandler&) = delete;

 private:
  struct sigaction before_;
};

__attribute__((noinline)) void PutInSteps(const TableBuffer& buffer, const std::string& key,
                                          const std::string& value) {
  PutRequest request;
  request.key = key;
  request.update.value = value;
  request.hash = buffer.Hash(key);
  Writer writer(buffer.table());
  const lock::HeldWriterRole role;
  StartTraps();
  const bool ok = writer.Put(request).ok();
  StopTraps();
  EXPECT_TRUE(ok);
}
__attribute__((noinline)) void DeleteInSteps(const TableBuffer& buffer, const std::string& key) {
  const uint64_t hash = buffer.Hash(key);
  Writer writer(buffer.table());
  const lock::HeldWriterRole role;
  StartTraps();
  const bool ok = writer.Delete(key, hash).ok();
  StopTraps();
  EXPECT_TRUE(ok);
}

class SlowReaderTest : public ::testing::TestWithParam<Scene> {
 protected:
  static GeometryOptions Options() {
    GeometryOptions options = TinyOptions();
    options.capacity = 2;
    options.ways = GetParam().ways;
    options.max_value_bytes = 150;
    options.extent_pool_bytes = options.extent_bytes * (GetParam().key == kKey ? 9 : 11);
    return options;
  }

  static std::string Value(int i) {
    return std::string(GetParam().bytes, static_cast<char>('a' + i));
  }

  // Another key of the same bucket.
  static std::string Neighbour(const TableBuffer& buffer) {
    const auto home = [&buffer](const std::string& key) { return buffer.HomeOf(key); };
    int i = 0;
    while (home(absl::StrCat(i)) != home(GetParam().key)) ++i;
    return absl::StrCat(i);
  }

  // The writers' part; what was the key's meanwhile goes to *seen. The last put dies after
  // `dies_after` of its instructions, if it has so many.
  static void Interfere(TableBuffer& buffer, uint64_t dies_after, std::set<std::string>* seen) {
    if (GetParam().before_each == Scene::kKeyMovesHome) {
      return MoveHome(buffer, dies_after, seen);
    }
    for (int i = 1; i <= GetParam().puts; ++i) {
      if (GetParam().before_each == Scene::kKeyIsDeleted) {
        EXPECT_TRUE(buffer.Delete(GetParam().key).ok());
        seen->insert(kAbsent);
      } else if (GetParam().before_each != Scene::kNothing) {
        const std::string other = Neighbour(buffer);
        const bool goes = GetParam().before_each == Scene::kNeighbourComesAndGoes && i % 2 == 0;
        EXPECT_TRUE((goes ? buffer.Delete(other) : buffer.Put(other, Value(20)).status()).ok());
      }
      if (i == GetParam().puts && dies_after != 0) {
        Die([&] { PutInSteps(buffer, GetParam().key, Value(i)); }, dies_after);
      } else {
        EXPECT_TRUE(buffer.Put(GetParam().key, Value(i)).ok());
      }
      seen->insert(buffer.Get(GetParam().key));
    }
  }

  // The first delete dies after so many instructions; then others come to the home bucket and go.
  static void MoveHome(TableBuffer& buffer, uint64_t dies_after, std::set<std::string>* seen) {
    const std::string other = Neighbour(buffer);
    if (dies_after != 0) {
      Die([&] { DeleteInSteps(buffer, other); }, dies_after);
    } else {
      EXPECT_TRUE(buffer.Delete(other).ok());
    }
    for (int i = 1; i < GetParam().puts; ++i) {
      EXPECT_TRUE(buffer.Put(other, "n").ok());
      EXPECT_TRUE(buffer.Delete(other).ok());
    }
    if (GetParam().puts > 1) {
      EXPECT_TRUE(buffer.Put(GetParam().key, Value(1)).ok());
    }
    seen->insert(buffer.Get(GetParam().key));
  }

  // Has `work`, which starts the traps, die after so many instructions. Returns how many there
  // were.
  template <typename Work>
  static uint64_t Die(const Work& work, uint64_t dies_after) {
    static sigjmp_buf death;
    Walk walk = {dies_after, [] { siglongjmp(death, 1); }};
    walking = &walk;
    if (sigsetjmp(death, 1) == 0) work();
    return walk.steps;
  }

  // Puts the key, behind its home bucket if it is to move there.
  static void Prepare(TableBuffer& buffer) {
    if (GetParam().before_each == Scene::kKeyMovesHome) {
      EXPECT_TRUE(buffer.Put(Neighbour(buffer), "n").ok());
    }
    EXPECT_TRUE(buffer.Put(GetParam().key, Value(0)).ok());
  }

  // How many instructions the part of the writers has that may die.
  static uint64_t CountInstructions() {
    TableBuffer buffer(Options());
    Prepare(buffer);
    if (GetParam().before_each != Scene::kKeyMovesHome) {
      return Die([&] { PutInSteps(buffer, GetParam().key, Value(1)); }, ~uint64_t{0});
    }
    const std::string other = Neighbour(buffer);
    const uint64_t steps = Die([&] { DeleteInSteps(buffer, other); }, ~uint64_t{0});
    uint64_t bucket;
    EXPECT_NE(buffer.SlotOf(GetParam().key, &bucket), nullptr);
    EXPECT_EQ(bucket, buffer.HomeOf(GetParam().key));
    return steps;
  }

  struct Result {
    bool interfered;
    std::string value;
    std::set<std::string> allowed;
  };
  // With one look first, as all gets; with rounds only; as iteration reads a bucket.
  enum class Path { kUsual, kRounds, kScan };
  static Result GetSlowly(Path path, uint64_t after, uint64_t dies_after) {
    TableBuffer buffer(Options());
    Prepare(buffer);
    Result result = {false, "", {Value(0)}};
    const Reader reader(buffer.table());
    const absl::string_view key = GetParam().key;
    static char copy[1024];
    Found found;
    std::vector<ScannedEntry> scanned;
    const uint64_t home = buffer.HomeOf(GetParam().key);
    Walk walk = {after, [&] { Interfere(buffer, dies_after, &result.allowed); }};
    walking = &walk;
    const BufferSink sink(copy, sizeof(copy));
    Outcome outcome;
    StartTraps();
    switch (path) {
      case Path::kUsual:
        outcome = reader.Get(key, sink, &found);
        break;
      case Path::kRounds:
        outcome = reader.GetInRounds(key, sink, &found);
        break;
      case Path::kScan:
        outcome = ScanHome(buffer.table(), home, &scanned);
        break;
    }
    StopTraps();
    if (path == Path::kScan && outcome == Outcome::kFound) {
      outcome = Outcome::kNotFound;
      for (const ScannedEntry& entry : scanned) {
        if (entry.key != GetParam().key) continue;
        EXPECT_NE(outcome, Outcome::kFound) << "an entry was seen twice";
        outcome = Outcome::kFound;
        found.value_bytes = static_cast<uint32_t>(entry.value.copy(copy, sizeof(copy)));
      }
    }
    result.interfered = walk.stopped;
    result.value = outcome == Outcome::kFound ? std::string(copy, found.value_bytes)
                   : outcome == Outcome::kNotFound
                       ? kAbsent
                       : absl::StrCat("outcome ", static_cast<int>(outcome));
    return result;
  }

 private:
  const TrapHandler traps_;
};

TEST_P(SlowReaderTest, GetsWhatWasThereDuringTheCall) {
  const uint64_t seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  // No death at each of the get's instructions, and so many at some of them: at all of them they
  // take hours.
  const bool long_writers = GetParam().before_each == Scene::kKeyMovesHome;
  const uint64_t stride = long_writers ? 24 : 8;
  const uint64_t every = test::Amount(GetParam().stride, 1);
  constexpr uint64_t kDeaths = 4;
  const uint64_t instructions = CountInstructions();
  uint64_t plays = 0, all_steps = 0;
  for (const Path path : {Path::kUsual, Path::kRounds, Path::kScan}) {
    uint64_t steps = 1 + random() % every;
    for (bool interfered = true; interfered; steps += every) {
      const uint64_t dying = random() % stride == 0 ? kDeaths : 0;
      for (uint64_t n = 0; n <= dying; ++n, ++plays) {
        const uint64_t dies_after = n == 0 ? 0 : 1 + random() % instructions;
        const Result result = GetSlowly(path, steps, dies_after);
        ASSERT_TRUE(result.allowed.count(result.value) != 0)
            << "got " << result.value << " when held up after " << steps
            << " instructions, a writer killed after " << dies_after;
        interfered = result.interfered;
        if (!interfered) break;
      }
    }
    EXPECT_GT(steps, 50u);
    all_steps += steps;
  }
  test::Report(absl::StrCat("slow reader, ", GetParam().name),
               {{"instructions", absl::StrCat(all_steps)}, {"plays", absl::StrCat(plays)}});
}

// What a reader that has seen a sequence relies on while it copies. Looked at before every
// instruction of a put, because a reader or a death there decides.
TEST(FillTest, UnderAnUnchangedEvenSequenceTheBytesAreUnchanged) {
  GeometryOptions options = TinyOptions();
  options.capacity = 2;
  options.ways = 2;
  options.max_value_bytes = 150;
  options.extent_pool_bytes = options.extent_bytes * 11;
  TableBuffer buffer(options);
  const TrapHandler traps;
  const Geometry& geometry = buffer.geometry();
  struct Piece {
    uint64_t offset;
    uint64_t bytes;
  };
  std::vector<Piece> pieces;
  const auto offset_of = [&buffer](const auto& head) {
    return static_cast<uint64_t>(reinterpret_cast<const char*>(&head) - buffer.memory());
  };
  for (uint64_t bucket = 0; bucket < geometry.bucket_count; ++bucket) {
    for (uint32_t way = 0; way < geometry.ways; ++way) {
      pieces.push_back({offset_of(buffer.table().slot(bucket, way)), geometry.slot_bytes});
    }
  }
  for (uint32_t extent = 0; extent < geometry.extent_count; ++extent) {
    pieces.push_back({offset_of(buffer.table().extent(extent)), geometry.extent_bytes});
  }

  struct Case {
    const char* key;
    size_t bytes;
  };
  // In the slot; the value in extents; the key too.
  for (const Case& filled : {Case{kKey, 8}, Case{kKey, 150}, Case{kLongKey, 90}}) {
    const char* const key = filled.key;
    const size_t bytes = filled.bytes;
    // Each way and each extent is filled once before, and then again with other bytes.
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(buffer.Put(key, std::string(bytes, static_cast<char>('a' + i))).ok());
    }
    const std::string before(buffer.memory(), geometry.total_bytes);
    uint64_t wrong = 0;
    Walk walk = {1, [&] {
                   for (const Piece& piece : pieces) {
                     const char* const now = buffer.memory() + piece.offset;
                     const char* const then = before.data() + piece.offset;
                     const bool odd = (*now & 1) != 0;  // the sequence's lowest byte
                     if (odd || std::memcmp(now, then, sizeof(uint64_t)) != 0) continue;
                     // The extent's links are behind the sequence.
                     const uint64_t skip = bytes != 8 ? kExtentHeadBytes : sizeof(uint64_t);
                     wrong += std::memcmp(now + skip, then + skip, piece.bytes - skip) != 0;
                   }
                 }};
    walk.at_every_later_one = true;
    walking = &walk;
    PutInSteps(buffer, key, std::string(bytes, 'z'));
    EXPECT_GT(walk.steps, 100u);
    EXPECT_EQ(wrong, 0u) << bytes;
    EXPECT_EQ(buffer.Get(key), std::string(bytes, 'z'));
    ASSERT_TRUE(buffer.Delete(key).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Scenes, SlowReaderTest,
    ::testing::Values(Scene{"Overwritten", 2, 1, 24}, Scene{"WayFilledAnew", 2, 2, 24},
                      Scene{"WayFilledTwice", 2, 4, 24},
                      Scene{"WayTakenByAnother", 3, 3, 24, Scene::kNeighbourComesAndGoes},
                      // So that no way that was live has the key's tag any more.
                      Scene{"TagTakenByAnother", 3, 2, 24, Scene::kNeighbourIsPut},
                      Scene{"DeletedAndPutAgain", 2, 2, 24, Scene::kKeyIsDeleted},
                      Scene{"MovedHome", 2, 1, 24, Scene::kKeyMovesHome},
                      Scene{"MovedHomeAndWayFilledAnew", 2, 2, 24, Scene::kKeyMovesHome, kKey, 3},
                      Scene{"MovedHomeThreeTimes", 2, 4, 24, Scene::kKeyMovesHome, kKey, 3},
                      Scene{"MovedHomeWithExtents", 2, 3, 150, Scene::kKeyMovesHome, kKey, 3},
                      Scene{"ExtentsFilledAnew", 16, 3, 150},
                      Scene{"ExtentsAndWay", 2, 2, 150, Scene::kNothing, kKey, 3},
                      Scene{"LongKeyAndWay", 2, 2, 90, Scene::kNothing, kLongKey, 3},
                      Scene{"LongKeyDeletedAndPutAgain", 2, 2, 0, Scene::kKeyIsDeleted, kLongKey,
                            3},
                      Scene{"LongKeyMovedHome", 2, 3, 90, Scene::kKeyMovesHome, kLongKey, 3}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cubby::table

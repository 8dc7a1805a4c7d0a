#include "table/repair.h"

#include <atomic>

#include "absl/types/optional.h"
#include "table/commit.h"
#include "table/extents.h"
#include "table/overflow.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Intended {
  Path path;
  uint64_t word0_after;
  bool moves;
  bool evicts;
  Path gone;
  uint64_t gone_word0_after;
  Books books;
  uint64_t changes_head;
};

// True if an entry may have such a chain, as far as that can be told without following it.
bool ChainIsPossible(const Geometry& geometry, const Chain& chain) {
  return chain.length == 0 ||
         (chain.length <= ChainLength(geometry, RoundUp8(geometry.max_key_bytes) +
                                                    kLeaseRecordBytes + geometry.max_value_bytes) &&
          chain.first < geometry.extent_count && chain.last < geometry.extent_count);
}

// The intent as the killed owner left it. Nothing if an index in it is out of range, as only damage
// makes it.
absl::optional<Intended> ReadIntent(const Table& table) {
  const Intent& intent = table.fixed().intent;
  const Geometry& geometry = table.geometry();
  Intended intended = {};
  Path& path = intended.path;
  path.bucket = intent.bucket.load(kRelaxed);
  path.home = intent.home.load(kRelaxed);
  path.overflow_class = static_cast<uint32_t>(intent.overflow_class.load(kRelaxed));
  intended.word0_after = intent.word0_after.load(kRelaxed);
  const auto operation = static_cast<Operation>(intent.operation.load(kRelaxed));
  intended.moves = operation == Operation::kMove;
  intended.evicts = operation == Operation::kEvict;
  Path& gone = intended.gone;
  if (intended.moves || intended.evicts) {
    gone.bucket = intent.gone_bucket.load(kRelaxed);
    gone.home = intent.gone_home.load(kRelaxed);
    gone.overflow_class = static_cast<uint32_t>(intent.gone_overflow_class.load(kRelaxed));
    intended.gone_word0_after = intent.gone_word0_after.load(kRelaxed);
  }
  Books& books = intended.books;
  books.entries_after = intent.entries_after.load(kRelaxed);
  books.expiring_after = intent.expiring_after.load(kRelaxed);
  books.taken = intent.taken.load(kRelaxed);
  books.freed = intent.freed.load(kRelaxed);
  books.chain_lengths = intent.chain_lengths.load(kRelaxed);
  books.extents_after = intent.extents_after.load(kRelaxed);
  // 0: the commit has no record, or the owner was killed before it was written; as is done with an
  // impossible one.
  const uint64_t changes_head = intent.changes_head_after.load(kRelaxed);
  const bool shown =
      changes_head % 8 == 0 &&
      changes_head - table.fixed().changes.head.load(kRelaxed) <= geometry.changes_bytes;
  intended.changes_head = shown ? changes_head : 0;
  const auto path_ok = [&geometry](const Path& checked) {
    return checked.bucket < geometry.bucket_count && checked.home < geometry.bucket_count &&
           checked.overflow_class < kOverflowClasses;
  };
  const bool possible = path_ok(path) && path_ok(gone) &&
                        ChainIsPossible(geometry, TakenChain(books)) &&
                        ChainIsPossible(geometry, FreedChain(books));
  return possible ? absl::make_optional(intended) : absl::nullopt;
}

}  // namespace

void Repair(const WritableTable& table) {
  if (const absl::optional<Intended> intended = ReadIntent(table)) {
    const Path& path = intended->path;
    const bool committed =
        table.head(path.bucket).word0.load(std::memory_order_acquire) == intended->word0_after;
    if (committed && intended->moves) {
      // Release: as the killed owner's.
      table.mutable_head(intended->gone.bucket)
          .word0.store(intended->gone_word0_after, std::memory_order_release);
    }
    if (committed) SetBooks(table, intended->books);
    if (committed && intended->changes_head != 0) ShowChanges(table, intended->changes_head);
    // Whatever the killed owner did, no count is too low.
    if (!intended->moves) RecountOverflow(table, path);
    if (intended->moves || intended->evicts) RecountOverflow(table, intended->gone);
  }
  table.mutable_fixed().intent.changes_head_after.store(0, kRelaxed);
  table.mutable_fixed().counters.repairs.fetch_add(1, kRelaxed);
  ClearIntent(table);
}

}  // namespace cubby::table

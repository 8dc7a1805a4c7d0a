#include "table/commit.h"

#include <atomic>

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Each of the numbered steps is ordered after the one before: a successor on another core must not
// see a later step without the earlier ones. (Within a step the order is free: every value can be
// set again.)
constexpr auto kRelease = std::memory_order_release;

}  // namespace

void WriteIntent(const WritableTable& table, Operation operation, const Plan& plan,
                 uint64_t revision, const Gone* gone) {
  Intent& intent = table.mutable_fixed().intent;
  // Nothing of this intent may be seen before the last one was cleared.
  std::atomic_thread_fence(std::memory_order_release);
  intent.bucket.store(plan.path.bucket, kRelaxed);
  intent.word0_after.store(Word0After(plan, revision), kRelaxed);
  intent.home.store(plan.path.home, kRelaxed);
  intent.overflow_class.store(plan.path.overflow_class, kRelaxed);
  intent.entries_after.store(plan.books.entries_after, kRelaxed);
  intent.expiring_after.store(plan.books.expiring_after, kRelaxed);
  intent.taken.store(plan.books.taken, kRelaxed);
  intent.freed.store(plan.books.freed, kRelaxed);
  intent.chain_lengths.store(plan.books.chain_lengths, kRelaxed);
  intent.extents_after.store(plan.books.extents_after, kRelaxed);
  if (gone != nullptr) {
    intent.gone_bucket.store(gone->path.bucket, kRelaxed);
    intent.gone_word0_after.store(Word0After(*gone, revision), kRelaxed);
    intent.gone_home.store(gone->path.home, kRelaxed);
    intent.gone_overflow_class.store(gone->path.overflow_class, kRelaxed);
  }
  intent.operation.store(static_cast<uint64_t>(operation), kRelease);
  // What follows may be a relaxed store; it must not be seen before the intent.
  std::atomic_thread_fence(std::memory_order_release);
}

void SetBooks(const WritableTable& table, const Books& books) {
  Counters& counters = table.mutable_fixed().counters;
  counters.entries.store(books.entries_after, kRelease);
  counters.expiring.store(books.expiring_after, kRelease);
  if (books.chain_lengths == 0) return;
  // The chains have no extent in common: the new value's were free while the old one's were not.
  MarkChain(table, TakenChain(books), /*in_use=*/true);
  MarkChain(table, FreedChain(books), /*in_use=*/false);
  ExtentLine& line = table.mutable_fixed().extents;
  line.hand.store(static_cast<uint32_t>(books.extents_after), kRelease);
  line.free_count.store(books.extents_after >> 32, kRelease);
}

}  // namespace cubby::table

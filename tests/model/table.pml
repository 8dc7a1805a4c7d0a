/*
 * The words of a table, and what a writer, its successors and a reader do to them, one load or store at a time:
 * table/writer.cc, table/repair.cc, table/extents.cc and table/reader.h as docs/protocol.md describes them. tools/model
 * runs Spin on the model in several shapes, and on each mutant (-DMUTANT_...) to show that the properties detect it.
 *
 * This file has the sizes, the shared words and the properties; table_reader.pml has a get, table_writer.pml the
 * operations of the lock's owner, table_repair.pml the repair of a successor and the check of its result.
 *
 * Modelled
 * - word0 [revision | live ways]; each slot's sequence [moved | revision | writing], key and two words of value (so that a
 *   torn value is detectable); tags; overflow counts of one class; the intent; the counters. With EXTENTS also links,
 *   extents and the map of the extents in use.
 * - Writers: lock.pml shows that the lock has one owner at a time, and that each owner sees all stores of the previous one.
 *   The model therefore has one writer process, a sequence of owners. Each owner puts or deletes any key, or moves any entry
 *   that has room in an earlier bucket, or is killed before any of its stores; the next one repairs, and may be killed too.
 *   Words that only owners read (intent, counters, map) are private to the process.
 * - Readers only read, so they do not affect each other: one reader, with one get of any key, begun at any moment, stands
 *   for all. (READERS=2 allows two.) A get that takes effect within its call, in the order of the commits, is linearizable.
 * - Order of memory. Stores become visible in any order that the code's releases and fences allow: the stores of a put or a
 *   move between intent and commit are a set to pick from, each with the stores that precede it. The loads that a reader
 *   makes of one way are such a set too, with acquires and fences. A kill leaves any subset that these orders allow, as a
 *   compiler that reorders relaxed stores can.
 * - With ANY_DEAD_WAY a put takes any dead way, not only the one that the code takes. A move always does. With PREFILLED all
 *   keys are present at the start, one bucket after the other, and each revision is above those of the buckets behind it.
 *   With IN_ORDER loads and stores occur in the order of the program, which leaves room for more operations.
 *
 * Not modelled
 * - Loads of different ways, and of different buckets, out of order; stores that some CPUs see before others do.
 * - The bound on a reader's rounds (the model's reader repeats until it is not disturbed), revisions that wrap, hostile
 *   bytes, expiry, hints (they affect no result), a recount that exceeds its budget.
 * - Homes other than bucket 0. An entry whose home is in front of the bucket that it is moved to also occurs here: one that
 *   is moved from bucket 2 to bucket 1.
 * - The order of the word and the link that a put stores in one extent: a reader confirms both by the same two loads of
 *   the extent's sequence.
 *
 * Four of the code's rules are not needed for any property; their mutants violate nothing:
 * - MUTANT_EVEN_NOT_RELEASED and MUTANT_SEQUENCE_NOT_ACQUIRED: that a slot's even sequence is released, and that a reader's
 *   load of it is an acquire. The commit's release and word0's acquire publish the bytes already, and a reader rejects what
 *   was filled later by its revision, or by its moved bit.
 * - MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT_2: that a move lowers the overflow counts after commit 2. From commit 1 on the key
 *   is in the first of those buckets, and a reader that passed that bucket earlier finds its word0 changed.
 * - MUTANT_MOVE_KEEPS_REVISION_OF_VICTIM: that commit 2 has a revision of its own. It only takes a bit from a word0, and
 *   the bit comes back with a new revision. With a new revision each commit makes its word0 a larger number, so that the sum
 *   of several word0 never takes the same value twice; without one, that also depends on the growth by commit 1.
 *
 * A value is the number of the operation that put it, so values differ; 0 stands for "absent". Spin reports a violation by
 * the name of one of the properties below.
 */

#ifndef BUCKETS
#define BUCKETS 1 /* every key's home is bucket 0 */
#endif
#ifndef WAYS
#define WAYS 3
#endif
#ifndef KEYS
#define KEYS 2
#endif
#ifndef OPERATIONS /* puts and deletes; moves are limited by what there is to move */
#define OPERATIONS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef READERS
#define READERS 1
#endif
#ifdef SAME_TAG
#define TAG_OF(key) 1
#else
#define TAG_OF(key) (key)
#endif
/* Whether a load or store of the set `pending` can be the next one: it is pending, and none that precedes it is. The bits are
 * numbered in the order of the program. */
#ifdef IN_ORDER
#define Next(step, before) ((pending & (step)) && !(pending & ((before) | ((step) - 1))))
#else
#define Next(step, before) ((pending & (step)) && !(pending & (before)))
#endif
#define CAPACITY (BUCKETS * (WAYS - 1))
#define SLOT(bucket, way) ((bucket) * WAYS + (way))

/* Shared words that readers load. */
byte word0[BUCKETS]; /* [revision : 5 | live : 3] */
byte overflow[BUCKETS];
byte tag[BUCKETS * WAYS];
byte sequence[BUCKETS * WAYS]; /* [moved : 1 | revision : 6 | writing : 1] */
byte slot_key[BUCKETS * WAYS];
byte value0[BUCKETS * WAYS]; /* with EXTENTS: the link to the first extent */
byte value1[BUCKETS * WAYS];
#define MakeWord0(revision, live) ((revision) << 3 | (live))
#define Live(word, way) ((word) >> (way) & 1)
#define LiveSlot(slot) Live(word0[(slot) / WAYS], (slot) % WAYS)
#define Revision(word) ((word) >> 3)
#define MOVED 128
#define WithoutMoved(sequence) ((sequence) & ~MOVED)

#ifdef EXTENTS /* a value is a chain of two, a word in each */
#define POOL (KEYS * 2 + 3) /* all entries, the successor of one, and one to choose from */
byte extent_sequence[POOL]; /* never has the moved bit */
byte extent_word[POOL];
byte extent_next[POOL];
#define NONE 255
#endif

/* The operations that an intent names. */
#define NOTHING 0
#define PUT 1
#define DELETE 2
#define MOVE 3

/* Ghosts: the state of a perfect store. */
byte current[KEYS + 1];       /* by key: the value that was committed last */
short committed = 1;          /* a bit for each value that ever was current */
byte reading[READERS];        /* by reader: the key of its get; 0: no get */
short seen[READERS];          /* by reader: a bit for each value that was current since its get began */

/* The properties. Not part of any state: each is set where it is asserted. */
hidden byte NoTornValue;
hidden byte NoUncommittedValue;
hidden byte HitWasCurrentDuringTheCall;
hidden byte MissWasAbsentDuringTheCall;
hidden byte NothingLooksDamaged;
hidden byte NothingAcknowledgedIsLost;
hidden byte CountersAreRight;
hidden byte ExtentMapIsRight;
#define Assert(property, condition) property = (condition); assert(property)

#include "table_reader.pml"
#include "table_repair.pml"
#include "table_writer.pml"

/* The owners of the lock: table/writer.cc and table/commit.h. Part of table.pml. */

#define NO_WAY 255

/* The stores between the intent and the end of the commits. */
#define RAISE 1
#define ODD 2
#define KEY_STORE 4
#define VALUE0_STORE 8
#define VALUE1_STORE 16
#define EVEN 32
#define TAG_STORE 64
#define COMMIT 128
#define COMMIT_2 256 /* of a move */

/* The moment from which on every reader that loads word0 sees the change. */
inline Commit(bucket, word, key, value) {
  word0[bucket] = word;
  current[key] = value;
  committed = committed | 1 << value;
  i = 0;
  do
  :: i < READERS ->
    if
    :: reading[i] == key -> seen[i] = seen[i] | 1 << value
    :: else
    fi;
    i++
  :: else -> break
  od;
  i = 0
}

/* What a put or a move writes into a dead way. A move copies a live slot, whose bytes do not change. */
#define Filled SLOT(bucket, way)
#ifdef EXTENTS
#define NewLink first
#else
#define NewLink operations
#endif
#if BUCKETS > 1
#ifdef MUTANT_MOVED_BIT_NOT_SET
#define MovedSequence sequence[victim]
#else
#define MovedSequence (sequence[victim] | MOVED)
#endif
#define FilledSequence (operation == MOVE -> MovedSequence : new * 2)
#define FilledValue0 (operation == MOVE -> value0[victim] : NewLink)
#define FilledValue1 (operation == MOVE -> value1[victim] : operations)
#else
#define FilledSequence (new * 2)
#define FilledValue0 NewLink
#define FilledValue1 operations
#endif

inline WriteIntentFields() {
  intent_bucket = bucket;
  intent_word0_after = word0_after;
  intent_entries_after = entries_after;
#if BUCKETS > 1
  intent_path_from = path_from;
  intent_path_to = path_to;
  intent_victim_word0_after = victim_word0_after;
#endif
#ifdef EXTENTS
  intent_taken_first = first;
  intent_freed_first = freed_first;
  intent_free_after = free_after;
#endif
}

inline LowerOverflow() {
  i = path_from;
  do
  :: i < path_to -> MayDie; atomic { overflow[i]--; i++ }
  :: else -> break
  od;
  i = 0
}

#ifdef EXTENTS
/* `next` and the word lie between an odd and an even sequence. The first odd one is released after what came before it. */
inline FillChain() {
  extent = first;
  n = 0;
  do
  :: n < 2 ->
#ifndef MUTANT_EXTENT_NO_ODD_MARK
    MayDie;
    extent_sequence[extent] = new * 2 + 1;
#endif
    if
    :: n == 0 -> MayDie; extent_next[extent] = last
    :: else /* the last one's is not used: any value may stay */
    fi;
    MayDie;
    extent_word[extent] = operations;
    MayDie;
    extent_sequence[extent] = new * 2;
    extent = last;
    n++
  :: else -> break
  od;
  extent = 0;
  n = 0
}

/* The extents of a put: the first free ones from the hand on, or from any with ANY_EXTENT. */
inline TakeExtents() {
#ifdef ANY_EXTENT
  select(first : 0 .. POOL - 1);
#else
  first = hand;
#endif
  do
  :: map >> first & 1 -> first = (first + 1) % POOL
  :: else -> break
  od;
  last = (first + 1) % POOL;
  do
  :: map >> last & 1 -> last = (last + 1) % POOL
  :: else -> break
  od;
#ifndef ANY_EXTENT
  hand = (last + 1) % POOL
#endif
}
#endif

/* Chooses a put or a delete and its place, by words that only owners change. In an atomic. */
inline ChoosePutOrDelete() {
  operations++;
  select(key : 1 .. KEYS);
  if
  :: operation = PUT
  :: current[key] != 0 -> operation = DELETE
  fi;
  old = NO_WAY;
  bucket = 0;
  i = 0;
  do
  :: i < BUCKETS * WAYS ->
    if
    :: LiveSlot(i) && slot_key[i] == key -> bucket = i / WAYS; old = i % WAYS
    :: else
    fi;
    i++
  :: else -> break
  od;
  i = 0;
  if
  :: operation == PUT && old == NO_WAY ->
    if
    :: entries >= CAPACITY -> goto forget /* full */
    :: else
    fi;
    do /* one way stays dead */
    :: CountLive(bucket);
      if
      :: n + 1 < WAYS -> break
      :: else -> bucket++
      fi
    od
  :: else
  fi;
  n = 0;
  live = word0[bucket] & 7;
  if
  :: operation == PUT ->
#ifdef MUTANT_OVERWRITTEN_IN_PLACE
    if
    :: old != NO_WAY -> way = old
    :: else ->
      way = 0;
      do
      :: Live(live, way) -> way++
      :: else -> break
      od
    fi;
    live = live | 1 << way;
#else
#ifdef ANY_DEAD_WAY
    select(way : 0 .. WAYS - 1);
#else
    way = ((old == NO_WAY -> 0 : old) + 1) % WAYS; /* as the code does: the next */
#endif
    do
    :: Live(live, way) -> way = (way + 1) % WAYS
    :: else -> break
    od;
    live = live | 1 << way;
    if
    :: old != NO_WAY -> live = live & ~(1 << old)
    :: else
    fi;
#endif
    entries_after = entries + (old == NO_WAY)
  :: else ->
    live = live & ~(1 << old);
    way = old;
    entries_after = entries - 1
  fi;
#if BUCKETS > 1
  if
  :: operation == DELETE || old == NO_WAY -> path_to = bucket
  :: else /* an overwrite changes no overflow count */
  fi;
#endif
#ifdef EXTENTS
  if
  :: operation == PUT -> TakeExtents(); free_after = free_after - 2
  :: else
  fi;
  if
  :: old != NO_WAY -> freed_first = value0[SLOT(bucket, old)]; free_after = free_after + 2
  :: else
  fi;
#endif
  skip
}

#if BUCKETS > 1
/* Chooses a bucket that has room and an entry behind it, whose home is therefore at or before that bucket. In an atomic. */
inline ChooseMove() {
  operation = MOVE;
  select(bucket : 0 .. BUCKETS - 2);
  select(victim : (bucket + 1) * WAYS .. BUCKETS * WAYS - 1);
  CountLive(bucket);
  select(way : 0 .. WAYS - 1);
  if
  :: n + 1 >= WAYS || !LiveSlot(victim) || Live(word0[bucket], way) -> goto forget
  :: else
  fi;
  n = 0;
  old = NO_WAY;
  key = slot_key[victim];
  live = word0[bucket] & 7 | 1 << way;
  entries_after = entries;
  path_from = bucket;
  path_to = victim / WAYS
}
#endif

active proctype Writer() {
  byte operations, deaths;
  /* Words that only owners read. */
  byte revision, entries;
  byte intent_operation, intent_bucket, intent_word0_after, intent_entries_after;
#if BUCKETS > 1
  byte intent_path_from, intent_path_to; /* of a move: from its bucket to the victim's */
  byte intent_victim_word0_after;
#endif
  /* The owner's own. */
  byte operation, key, bucket, way, old, live, word0_after, entries_after, new, i, n;
  short pending;
#if BUCKETS > 1
  byte path_from, path_to, victim, victim_word0_after;
#endif
#ifdef EXTENTS
  short map; /* a bit for each extent: set if it is in use */
  byte free_count, hand;
  byte intent_taken_first, intent_freed_first, intent_free_after;
  byte first, last, freed_first, free_after, extent;
#endif

  d_step {
#ifdef EXTENTS
    free_count = POOL;
#endif
#ifdef PREFILLED
    do
    :: i < KEYS ->
      operations++;
      bucket = i / (WAYS - 1);
      way = 1 + i % (WAYS - 1);
      revision = KEYS - i;
      word0[bucket] = MakeWord0((revision > Revision(word0[bucket]) -> revision : Revision(word0[bucket])),
                                word0[bucket] & 7 | 1 << way);
      slot_key[Filled] = i + 1;
      tag[Filled] = TAG_OF(i + 1);
      sequence[Filled] = revision * 2;
#ifdef EXTENTS
      extent_sequence[2 * i] = revision * 2;
      extent_sequence[2 * i + 1] = revision * 2;
      extent_word[2 * i] = operations;
      extent_word[2 * i + 1] = operations;
      extent_next[2 * i] = 2 * i + 1;
      map = map | 3 << 2 * i;
      free_count = free_count - 2;
      value0[Filled] = 2 * i;
#else
      value0[Filled] = operations;
      value1[Filled] = operations;
#endif
      current[i + 1] = operations;
      committed = committed | 1 << operations;
      entries++;
      i++
    :: else -> break
    od;
    revision = KEYS;
#if BUCKETS > 1
    i = 0;
    do
    :: i < BUCKETS -> CountBehind(i); overflow[i] = n; i++
    :: else -> break
    od;
#endif
    bucket = 0; way = 0; n = 0; i = 0;
#endif
    skip
  }
  atomic {
    do
    :: i < READERS -> run Reader(i); i++
    :: else -> break
    od;
    i = 0
  }
#ifdef PREFILLED
#define LAST_OPERATION (KEYS + OPERATIONS)
#else
#define LAST_OPERATION OPERATIONS
#endif

next_owner:
  skip;
#ifndef MUTANT_NO_REPAIR
  Repair();
#endif
  d_step { Check(); assert(revision < 30) }

  atomic {
#ifdef EXTENTS
    first = NONE;
    freed_first = NONE;
    free_after = free_count;
#endif
    if
    :: operations == LAST_OPERATION -> goto done
    :: operations < LAST_OPERATION -> ChoosePutOrDelete()
#if BUCKETS > 1
    :: overflow[0] != 0 -> ChooseMove()
#endif
    fi
  }

  /* 1 */
  MayDie;
  atomic {
    new = revision + 1;
#ifndef MUTANT_REVISION_NOT_TAKEN
    revision = new;
#endif
    word0_after = MakeWord0(new, live);
#if BUCKETS > 1
    if
    :: operation == MOVE ->
      revision++; /* a kill between the two skips one: nothing else follows */
      victim_word0_after = MakeWord0(revision, word0[victim / WAYS] & 7 & ~(1 << victim % WAYS));
#ifdef MUTANT_MOVE_KEEPS_REVISIONS
      word0_after = MakeWord0(Revision(word0[bucket]), live);
      victim_word0_after = MakeWord0(Revision(word0[victim / WAYS]), victim_word0_after & 7);
#endif
#ifdef MUTANT_MOVE_KEEPS_REVISION_OF_VICTIM
      victim_word0_after = MakeWord0(Revision(word0[victim / WAYS]), victim_word0_after & 7);
#endif
    :: else
    fi
#endif
  }

  /* 2: the order of its fields is free, and only a successor reads them; so only "all" or "not all" matters. */
#ifndef MUTANT_INTENT_AFTER_COMMIT
  MayDie;
#ifdef MUTANT_INTENT_OPERATION_FIRST
  intent_operation = operation;
  MayDie;
  intent_entries_after = entries_after; /* any of them may be first then */
  MayDie;
#endif
  d_step { WriteIntentFields() }
#ifndef MUTANT_INTENT_OPERATION_FIRST
  MayDie;
  intent_operation = operation;
#endif
#endif
#ifdef MUTANT_BOOKKEEPING_BEFORE_COMMIT
  entries = entries_after;
#endif
#ifdef MUTANT_EXTENTS_MARKED_BEFORE_COMMIT
  MarkChain(freed_first, false);
  free_count = free_after;
#endif
#ifdef MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT
  if
  :: operation == DELETE -> LowerOverflow()
  :: else
  fi;
#endif
#ifdef MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT_1
  if
  :: operation == MOVE -> LowerOverflow()
  :: else
  fi;
#endif

  if
  :: operation == DELETE ->
    MayDie;
    d_step { Commit(bucket, word0_after, key, 0) }
  :: else ->
    /* 3 to 5: the stores that readers see. Each waits for those that its release, or a fence before it, puts before it. */
    pending = ODD | KEY_STORE | VALUE0_STORE | VALUE1_STORE | EVEN | TAG_STORE | COMMIT;
#ifdef MUTANT_NO_ODD_MARK
    pending = pending & ~ODD;
#endif
#ifdef EXTENTS
    pending = pending & ~VALUE1_STORE;
#define FILL (KEY_STORE | VALUE0_STORE)
#else
#define FILL (KEY_STORE | VALUE0_STORE | VALUE1_STORE)
#endif
#if BUCKETS > 1
    if
    :: operation == MOVE -> pending = pending | COMMIT_2
    :: operation == PUT && path_to != 0 -> pending = pending | RAISE
    :: else
    fi;
#ifdef MUTANT_MOVE_WITHOUT_ODD_MARK
    if
    :: operation == MOVE -> pending = pending & ~ODD
    :: else
    fi;
#endif
#endif
#ifdef MUTANT_OVERFLOW_RAISED_AFTER_COMMIT
#define BeforeOdd 0
#define BeforeRaise COMMIT
#else
#define BeforeOdd RAISE
#define BeforeRaise 0
#endif
#ifdef MUTANT_COMMIT_BEFORE_FILL
#define BeforeFill (COMMIT | ODD)
#define BeforeOddMark (BeforeOdd | COMMIT)
#else
#define BeforeOddMark BeforeOdd
#ifdef MUTANT_NO_FENCE_AFTER_ODD
#define BeforeFill BeforeOdd
#else
#define BeforeFill (ODD | BeforeOdd)
#endif
#endif
#ifdef MUTANT_EVEN_NOT_RELEASED
#define BeforeEven ODD
#else
#define BeforeEven (ODD | FILL | BeforeFill)
#endif
#ifdef MUTANT_COMMIT_2_BEFORE_COMMIT_1
#define BeforeCommit2 (BeforeFill | FILL | EVEN | TAG_STORE)
#define MoveBeforeCommit COMMIT_2
#else
#define BeforeCommit2 COMMIT
#define MoveBeforeCommit 0
#endif
#ifdef MUTANT_COMMIT_BEFORE_FILL
#define BeforeCommit 0
#else
#ifdef MUTANT_COMMIT_NOT_RELEASED
#define BeforeCommit (ODD | BeforeOdd)
#else
#define BeforeCommit (BeforeFill | FILL | EVEN | TAG_STORE | MoveBeforeCommit)
#endif
#endif
    do
    :: deaths < DEATHS -> goto died
#if BUCKETS > 1
    :: atomic { Next(RAISE, BeforeRaise) ->
         overflow[i]++;
         i++;
         if
         :: i == path_to -> pending = pending & ~RAISE; i = 0
         :: else
         fi }
#endif
    :: atomic { Next(ODD, BeforeOddMark) -> sequence[Filled] = FilledSequence | 1; pending = pending & ~ODD }
    :: atomic { Next(KEY_STORE, BeforeFill) -> slot_key[Filled] = key; pending = pending & ~KEY_STORE }
    :: atomic { Next(VALUE0_STORE, BeforeFill) -> value0[Filled] = FilledValue0; pending = pending & ~VALUE0_STORE }
#ifdef EXTENTS
    :: operation == PUT && Next(EVEN, BeforeEven) ->
      FillChain();
      MayDie;
      atomic { sequence[Filled] = FilledSequence; pending = pending & ~EVEN }
    :: atomic { operation == MOVE && Next(EVEN, BeforeEven) ->
         sequence[Filled] = FilledSequence; pending = pending & ~EVEN }
#else
    :: atomic { Next(VALUE1_STORE, BeforeFill) -> value1[Filled] = FilledValue1; pending = pending & ~VALUE1_STORE }
    :: atomic { Next(EVEN, BeforeEven) -> sequence[Filled] = FilledSequence; pending = pending & ~EVEN }
#endif
    :: atomic { Next(TAG_STORE, BeforeFill) -> tag[Filled] = TAG_OF(key); pending = pending & ~TAG_STORE }
    :: d_step { operation == PUT && Next(COMMIT, BeforeCommit) ->
         Commit(bucket, word0_after, key, operations); pending = pending & ~COMMIT }
#if BUCKETS > 1
    :: atomic { operation == MOVE && Next(COMMIT, BeforeCommit) ->
         word0[bucket] = word0_after; pending = pending & ~COMMIT }
    :: atomic { Next(COMMIT_2, BeforeCommit2) ->
#ifdef MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT_2
         skip; LowerOverflow();
#endif
#ifdef MUTANT_MOVE_INTENT_CLEARED_BEFORE_COMMIT_2
         intent_operation = NOTHING;
         MayDie;
#endif
         word0[victim / WAYS] = victim_word0_after; pending = pending & ~COMMIT_2 }
#endif
    :: pending == 0 -> break
    od
  fi;
#ifdef MUTANT_INTENT_AFTER_COMMIT
  MayDie;
  d_step { WriteIntentFields(); intent_operation = operation }
#endif

  /* 6 to 8 */
#ifdef MUTANT_INTENT_CLEARED_BEFORE_BOOKKEEPING
  MayDie;
  intent_operation = NOTHING;
#endif
  MayDie;
  entries = entries_after;
#ifdef MUTANT_REVISION_NOT_TAKEN
  revision = new;
#endif
#if defined(EXTENTS) && !defined(MUTANT_EXTENTS_MARKED_BEFORE_COMMIT)
  MarkChain(first, true);
  MarkChain(freed_first, false);
  MayDie;
  free_count = free_after;
#endif
#if BUCKETS > 1
#ifdef MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT
#define Lowers (operation == MOVE)
#else
#if defined(MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT_1) || defined(MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT_2)
#define Lowers (operation == DELETE)
#else
#define Lowers (operation != PUT)
#endif
#endif
  if
  :: Lowers -> LowerOverflow()
  :: else
  fi;
#endif
  MayDie;
  intent_operation = NOTHING;
  goto forget;

died:
  deaths++;
forget:
  skip;
  d_step { /* what the next owner does not know */
    operation = NOTHING; key = 0; bucket = 0; way = 0; old = 0; live = 0; word0_after = 0; entries_after = 0; new = 0; i = 0;
    n = 0; pending = 0;
#if BUCKETS > 1
    path_from = 0; path_to = 0; victim = 0; victim_word0_after = 0;
#endif
#ifdef EXTENTS
    first = 0; last = 0; freed_first = 0; free_after = 0; extent = 0;
#endif
#ifndef MUTANT_INTENT_OPERATION_FIRST
    if
    :: intent_operation == NOTHING -> /* the other fields mean nothing */
      intent_bucket = 0; intent_word0_after = 0; intent_entries_after = 0;
#if BUCKETS > 1
      intent_path_from = 0; intent_path_to = 0; intent_victim_word0_after = 0;
#endif
#ifdef EXTENTS
      intent_taken_first = 0; intent_freed_first = 0; intent_free_after = 0;
#endif
    :: else
    fi
#endif
  }
  goto next_owner;
done:
  skip
}

/* What a successor does, and the check of what it leaves: table/repair.cc and table/checker.cc. Part of table.pml. */

#ifdef EXTENTS
#define ValueIn(slot) extent_word[value0[slot]]
#else
#define ValueIn(slot) value0[slot]
#endif

/* Before each store of an owner. */
#define MayDie                   \
  if                             \
  :: skip                        \
  :: deaths < DEATHS -> goto died \
  fi

/* Sets `n` to the number of live ways of a bucket, and `way` to WAYS. */
inline CountLive(of_bucket) {
  n = 0;
  way = 0;
  do
  :: way < WAYS -> n = n + Live(word0[of_bucket], way); way++
  :: else -> break
  od
}

/* Sets `n` to the number of entries that live behind `from_bucket`. */
inline CountBehind(from_bucket) {
  n = 0;
  way = (from_bucket + 1) * WAYS;
  do
  :: way < BUCKETS * WAYS -> n = n + LiveSlot(way); way++
  :: else -> break
  od;
  way = 0
}

#ifdef EXTENTS
/* Sets the bits of a chain in the map, each with a store of its own. */
inline MarkChain(first_extent, in_use) {
  extent = first_extent;
  n = 0;
  do
  :: n < 2 && extent != NONE ->
    MayDie;
    atomic {
      map = (in_use -> map | 1 << extent : map & ~(1 << extent));
      extent = extent_next[extent];
      n++
    }
  :: else -> break
  od;
  atomic { extent = 0; n = 0 }
}
#endif

inline Repair() {
  if
  :: intent_operation != NOTHING ->
#ifdef MUTANT_REPAIR_WITHOUT_A_LOOK
    if
    :: true ->
#else
    if
    :: word0[intent_bucket] == intent_word0_after ->
#endif
#if BUCKETS > 1 && !defined(MUTANT_COMMIT_2_NOT_REPEATED)
      if
      :: intent_operation == MOVE -> MayDie; word0[intent_path_to] = intent_victim_word0_after
      :: else
      fi;
#endif
      MayDie;
      entries = intent_entries_after;
#ifdef EXTENTS
#ifndef MUTANT_TAKEN_EXTENTS_NOT_MARKED_BY_SUCCESSOR
      MarkChain(intent_taken_first, true);
#endif
#ifndef MUTANT_FREED_EXTENTS_NOT_MARKED_BY_SUCCESSOR
      MarkChain(intent_freed_first, false);
#endif
      MayDie;
      free_count = intent_free_after
#endif
    :: else
#ifdef MUTANT_EXTENTS_REPAIRED_WITHOUT_A_LOOK
      MarkChain(intent_taken_first, true);
      MarkChain(intent_freed_first, false);
      free_count = intent_free_after
#endif
    fi;
#if BUCKETS > 1 && !defined(MUTANT_NO_RECOUNT)
    bucket = intent_path_from;
    do
    :: bucket < intent_path_to ->
      MayDie;
      atomic {
        CountBehind(bucket);
        overflow[bucket] = n;
        n = 0;
        bucket++
      }
    :: else -> break
    od;
    bucket = 0;
#endif
    MayDie;
    intent_operation = NOTHING
  :: else
  fi
}

/* Between two operations: counters, counts, map and the entry of each key are right. In a d_step. */
inline Check() {
  n = 0;
  i = 0;
  do
  :: i < BUCKETS * WAYS -> n = n + LiveSlot(i); i++
  :: else -> break
  od;
  Assert(CountersAreRight, entries == n);
#if BUCKETS > 1
  i = 0;
  do
  :: i < BUCKETS ->
    CountBehind(i);
    Assert(CountersAreRight, overflow[i] == n);
    i++
  :: else -> break
  od;
#endif
#ifdef EXTENTS
  /* The chains of the live entries share no extent, and they are what the map has. */
  i = 0;
  do
  :: i < POOL ->
    n = 0;
    way = 0;
    do
    :: way < BUCKETS * WAYS ->
      if
      :: LiveSlot(way) -> n = n + (value0[way] == i) + (extent_next[value0[way]] == i)
      :: else
      fi;
      way++
    :: else -> break
    od;
    Assert(ExtentMapIsRight, n == (map >> i & 1));
    i++
  :: else -> break
  od;
  Assert(ExtentMapIsRight, free_count + entries * 2 == POOL);
#endif
  key = 1;
  do
  :: key <= KEYS ->
    n = 0;
    i = 0;
    do
    :: i < BUCKETS * WAYS ->
      if
      :: LiveSlot(i) && slot_key[i] == key ->
        n++;
        Assert(NothingAcknowledgedIsLost, ValueIn(i) == current[key] && tag[i] == TAG_OF(key) && !(sequence[i] & 1));
      :: else
      fi;
      i++
    :: else -> break
    od;
    Assert(NothingAcknowledgedIsLost, n == (current[key] != 0));
    key++
  :: else -> break
  od;
  i = 0;
  n = 0;
  way = 0;
  key = 0
}

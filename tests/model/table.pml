/*
 * What a writer, its successors and a reader do to the words of a table, one load or store at a time: table/writer.cc,
 * table/repair.cc, table/extents.cc and table/reader.cc as docs/protocol.md describes them. tools/model runs Spin on it in
 * several shapes, and on each mutant (-DMUTANT_...) to see that the properties notice.
 *
 * Modelled
 * - word0 [revision | live ways], each slot's sequence, key and two words of value (so that a torn one can be told), tags,
 *   overflow counts of one class, the intent, the counters; with EXTENTS also links, extents and their free queue.
 * - Writers: lock.pml shows that one at a time is inside, and that the next sees all the last one stored. So they are
 *   one process here, a sequence of owners. Each puts or deletes any key, or dies before any of its stores;
 *   the next mends, and may die of that as well. What only owners look at (intent, counters, queue) is private to it.
 * - Readers only read, so they do not notice each other: one, with one get of any key, begun at any moment, stands for all.
 *   (READERS=2 is there to be tried.) A get that was linearized inside its call, to the order of the commits, needs no
 *   more to be linearizable.
 * - Order of memory. Stores become visible in any order that the code's releases and fences allow: a put's stores between
 *   intent and commit are a set to pick from, each with the stores it must come after. A reader's loads of one way
 *   likewise, with acquires and fences. A death among them leaves any set that was allowed: that is what a compiler that
 *   moved relaxed stores would leave behind.
 * - With ANY_DEAD_WAY a put takes any dead way, not only the one that the code does.
 *
 * Not modelled
 * - Loads of different ways, and of different buckets, out of order; stores that some CPUs see before others do.
 * - The bound on a reader's rounds (here it goes on until it is not disturbed), revisions that wrap, hostile bytes, expiry,
 *   hints (they decide nothing), a recount that exceeds its budget.
 *
 * Two of the code's orders are not needed for any property: that a slot's even sequence is released, and that a reader's load
 * of it is an acquire (MUTANT_EVEN_NOT_RELEASED and MUTANT_SEQUENCE_NOT_ACQUIRED violate nothing). The commit's release and
 * word0's acquire publish the bytes already, and what was filled later is turned away by its revision.
 *
 * A value is the number of the operation that puts it, so each put's is its own; 0 stands for "absent". What Spin reports as violated is one of the
 * properties below, by name.
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
#ifndef OPERATIONS
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
#define CAPACITY (BUCKETS * (WAYS - 1))
#define SLOT(bucket, way) ((bucket) * WAYS + (way))

/* Shared words that readers look at. */
byte word0[BUCKETS]; /* [ revision : 5 | live : 3 ] */
byte overflow[BUCKETS];
byte tag[BUCKETS * WAYS];
byte sequence[BUCKETS * WAYS]; /* revision * 2, odd while being written */
byte slot_key[BUCKETS * WAYS];
byte value0[BUCKETS * WAYS]; /* with EXTENTS: the link to the first extent */
byte value1[BUCKETS * WAYS];
#define MakeWord0(revision, live) ((revision) << 3 | (live))
#define Live(word, way) ((word) >> (way) & 1)
#define Revision(word) ((word) >> 3)

#ifdef EXTENTS /* a value is a chain of two, a word in each */
#define POOL (KEYS * 2 + 3) /* all entries, one's successor, the queue's last */
byte extent_sequence[POOL];
byte extent_word[POOL];
byte extent_next[POOL];
#define NONE 255
#endif

/* Ghosts: what a perfect store would know. */
byte current[KEYS + 1];       /* by key: the value that was committed last */
short committed = 1;          /* a bit for each value that ever was */
byte reading[READERS];        /* by reader: the key of its get; 0: none is going on */
short seen[READERS];          /* by reader: a bit for each value that was current since its get began */

/* The properties. Not part of any state: each is set where it is asserted. */
hidden byte NoTornValue;
hidden byte NoUncommittedValue;
hidden byte HitWasCurrentDuringTheCall;
hidden byte MissWasAbsentDuringTheCall;
hidden byte NothingLooksDamaged;
hidden byte NothingAcknowledgedIsLost;
hidden byte CountersAreRight;
#define Assert(property, condition) property = (condition); assert(property)

/* After each load of a way: where that leads. A way of another tag or key is left as soon as that is known. */
#define Known(what) (!(pending & (what)))
#define Decide                                                                \
  if                                                                          \
  :: Known(TAG) && loaded_tag != TAG_OF(key) -> way++; goto next_way          \
  :: Known(TAG | SEQUENCE) && loaded_tag == TAG_OF(key) && (s & 1) -> goto looks_damaged \
  :: Known(TAG | SEQUENCE | KEY) && loaded_tag == TAG_OF(key) && !(s & 1) && k != key -> way++; goto next_way \
  :: Known(ALL_LOADS) && loaded_tag == TAG_OF(key) && !(s & 1) && k == key -> goto looks_whole \
  :: else                                                                     \
  fi
#define ForgetLoads atomic { loaded_tag = 0; s = 0; k = 0; a = 0; b = 0; again = 0; o = 0; pending = 0 }

proctype Reader(byte id) {
  byte key, bucket, way, v, loaded_tag, s, k, a, b, again, o;
  byte pending; /* loads of one way that are still to be done */
#ifdef EXTENTS
  byte extent, hop;
#endif
#ifdef MUTANT_WORD0_NOT_ACQUIRED
  byte early;
#endif
#define TAG 1
#define SEQUENCE 2
#define KEY 4
#define VALUE0 8
#define VALUE1 16
#define RECHECK 32
#ifdef EXTENTS
#define ALL_LOADS (TAG | SEQUENCE | KEY | VALUE0)
#else
#define ALL_LOADS (TAG | SEQUENCE | KEY | VALUE0 | VALUE1 | RECHECK)
#endif

  atomic { /* the call begins; it may be any key, for the writers treat all alike */
    key = 1;
    reading[id] = key;
    seen[id] = 1 << current[key];
  }
next_round:
  ForgetLoads;
#ifdef MUTANT_WORD0_NOT_ACQUIRED
  /* What comes next in the program is loaded first. */
  early = tag[SLOT(bucket, 0)];
#endif
  v = word0[bucket];
  way = 0;
next_way:
  atomic {
    ForgetLoads;
    do
    :: way < WAYS && !Live(v, way) -> way++
    :: else -> break
    od
  };
  if
  :: way == WAYS -> goto no_hit
  :: else
  fi;
  pending = TAG | SEQUENCE | KEY | VALUE0 | VALUE1 | RECHECK;
#ifdef EXTENTS
  pending = pending & ~VALUE1; /* lies elsewhere */
#endif
#ifdef MUTANT_NO_SEQUENCE_RECHECK
  pending = pending & ~RECHECK;
#endif
#ifdef MUTANT_WORD0_NOT_ACQUIRED
  if
  :: way == 0 -> loaded_tag = early; pending = pending & ~TAG
  :: else
  fi;
#endif
  do
  :: atomic { (pending & TAG) -> loaded_tag = tag[SLOT(bucket, way)]; pending = pending & ~TAG; Decide }
  :: atomic { (pending & SEQUENCE) -> s = sequence[SLOT(bucket, way)]; pending = pending & ~SEQUENCE; Decide }
#ifdef MUTANT_SEQUENCE_NOT_ACQUIRED
#define Loadable(what) (pending & what)
#else
#define Loadable(what) ((pending & what) && !(pending & SEQUENCE)) /* acquire */
#endif
  :: atomic { Loadable(KEY) -> k = slot_key[SLOT(bucket, way)]; pending = pending & ~KEY; Decide }
  :: atomic { Loadable(VALUE0) -> a = value0[SLOT(bucket, way)]; pending = pending & ~VALUE0; Decide }
  :: atomic { Loadable(VALUE1) -> b = value1[SLOT(bucket, way)]; pending = pending & ~VALUE1; Decide }
#ifndef EXTENTS /* there, the fence comes after the chain */
#ifdef MUTANT_NO_FENCE_BEFORE_RECHECK
  :: atomic { Loadable(RECHECK) -> again = sequence[SLOT(bucket, way)]; pending = pending & ~RECHECK; Decide }
#else
  :: atomic { pending == RECHECK -> again = sequence[SLOT(bucket, way)]; pending = 0; Decide }
#endif
#endif
  od;
looks_whole:
#ifdef EXTENTS
  atomic { extent = a; hop = 0 };
  do
  :: hop < 2 ->
    if
    :: extent_sequence[extent] != s -> goto looks_damaged
    :: else
    fi;
    b = extent_word[extent]; /* the first word on the first hop, the second on the second */
    o = extent_next[extent];
#ifndef MUTANT_EXTENT_NO_RECHECK
    if
    :: extent_sequence[extent] != s -> goto looks_damaged
    :: else
    fi;
#endif
    if
    :: hop == 0 -> a = b
    :: else
    fi;
    hop++;
    extent = o;
  :: else -> break
  od;
#ifndef MUTANT_NO_SEQUENCE_RECHECK
  atomic { again = sequence[SLOT(bucket, way)]; pending = 0 };
#endif
#endif
#ifndef MUTANT_UNCOMMITTED_IS_BELIEVED
  if
  :: s / 2 > Revision(v) && word0[bucket] != v -> goto next_round
  :: else
  fi;
#endif
#ifndef MUTANT_NO_SEQUENCE_RECHECK
  if
  :: again != s -> goto next_round
  :: else
  fi;
#endif
  d_step { /* found */
    Assert(NoTornValue, a == b);
    Assert(NoUncommittedValue, committed >> a & 1);
    Assert(HitWasCurrentDuringTheCall, seen[id] >> a & 1);
  }
  goto returned;

looks_damaged:
  if
  :: d_step { word0[bucket] == v -> Assert(NothingLooksDamaged, false) }
  :: word0[bucket] != v -> goto next_round
  fi;

no_hit:
  ForgetLoads;
  o = overflow[bucket];
#ifndef MUTANT_MISS_WITHOUT_RECHECK
  if
  :: word0[bucket] != v -> goto next_round
  :: else
  fi;
#endif
  if
  :: o != 0 && bucket + 1 < BUCKETS -> bucket++; goto next_round
  :: else
  fi;
  d_step { Assert(MissWasAbsentDuringTheCall, seen[id] & 1) }

returned:
  skip;
  d_step { reading[id] = 0; seen[id] = 0; key = 0; bucket = 0; way = 0; v = 0; loaded_tag = 0; s = 0; k = 0; a = 0; b = 0;
           again = 0; o = 0; pending = 0 }
}

/* The moment from which on every reader that loads word0 is to see the change. */
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

active proctype Writer() {
  byte operations, deaths;
  /* Words only owners look at. */
  byte revision, entries;
  byte intent_operation; /* 0: none */
  byte intent_bucket, intent_word0_after, intent_entries_after;
  bool intent_leaves_home;
  /* The owner's own. */
  bool is_put;
  byte key, bucket, way, old, live, word0_after, entries_after, new, i, n, found_at;
  byte pending;
#ifdef EXTENTS
  byte head, tail, free_count;
  byte intent_tail_before, intent_head_after, intent_tail_after, intent_freed_first, intent_free_after;
  byte first, last, freed_first, freed_last, head_after, tail_after, free_after;
#endif
#define NO_WAY 255
#define RAISE 1
#define ODD 2
#define KEY_STORE 4
#define VALUE0_STORE 8
#define VALUE1_STORE 16
#define EVEN 32
#define TAG_STORE 64
#define COMMIT 128
#define PUT 1
#define DELETE 2

  atomic {
#ifdef EXTENTS
    head = 0;
    tail = POOL - 1;
    free_count = POOL;
    i = 0;
    do
    :: i < POOL -> extent_next[i] = (i + 1 < POOL -> i + 1 : NONE); i++
    :: else -> break
    od;
    i = 0;
#endif
    i = 0;
    do
    :: i < READERS -> run Reader(i); i++
    :: else -> break
    od;
    i = 0
  }

next_owner:
  skip;
  /* MendIfNeeded */
#ifndef MUTANT_NO_MEND
  if
  :: intent_operation != 0 ->
#ifdef MUTANT_MEND_WITHOUT_A_LOOK
    if
    :: true ->
#else
    if
    :: word0[intent_bucket] == intent_word0_after ->
#endif
      MayDie;
      entries = intent_entries_after;
#ifdef EXTENTS
      MayDie;
      if
      :: intent_freed_first != NONE -> extent_next[intent_tail_before] = intent_freed_first
      :: else
      fi;
      MayDie;
      head = intent_head_after;
      MayDie;
      tail = intent_tail_after;
      MayDie;
      free_count = intent_free_after
#endif
    :: else
    fi;
#if BUCKETS > 1
#ifndef MUTANT_NO_RECOUNT
    if
    :: intent_leaves_home ->
      MayDie;
      atomic {
        n = 0;
        way = 0;
        do
        :: way < WAYS -> n = n + Live(word0[1], way); way++
        :: else -> break
        od;
        overflow[0] = n;
        n = 0;
        way = 0
      }
    :: else
    fi;
#endif
#endif
    MayDie;
    intent_operation = 0
  :: else
  fi;
#endif

  /* All is as it should be: counters, counts, and each key's entry. */
  d_step {
    n = 0;
    i = 0;
    do
    :: i < BUCKETS * WAYS -> n = n + Live(word0[i / WAYS], i % WAYS); i++
    :: else -> break
    od;
    Assert(CountersAreRight, entries == n);
#if BUCKETS > 1
    n = 0;
    way = 0;
    do
    :: way < WAYS -> n = n + Live(word0[1], way); way++
    :: else -> break
    od;
    Assert(CountersAreRight, overflow[0] == n);
#endif
#ifdef EXTENTS
    /* The queue holds what the counter says, and nothing of a live entry; the first word of a chain lies in its first. */
    n = 0;
    i = head;
    do
    :: i != NONE && n < POOL + 1 ->
      n++;
      way = 0;
      do
      :: way < BUCKETS * WAYS ->
        Assert(CountersAreRight, !(Live(word0[way / WAYS], way % WAYS) &&
                                   (value0[way] == i || extent_next[value0[way]] == i)));
        way++
      :: else -> break
      od;
      if
      :: i == tail -> break
      :: else -> i = extent_next[i]
      fi
    :: else -> break
    od;
    Assert(CountersAreRight, n == free_count && i == tail);
    Assert(CountersAreRight, free_count + entries * 2 == POOL);
#endif
    key = 1;
    do
    :: key <= KEYS ->
      n = 0;
      i = 0;
      do
      :: i < BUCKETS * WAYS ->
        if
        :: Live(word0[i / WAYS], i % WAYS) && slot_key[i] == key ->
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
    key = 0;
  }

  if
  :: operations == OPERATIONS -> goto done
  :: else
  fi;

  /* What it will do: private until the first store, and of words that only owners change. */
  atomic {
    operations++;
    select(key : 1 .. KEYS);
    if
    :: is_put = true
    :: current[key] != 0 -> is_put = false
    :: current[key] != 0 && KEYS > 1 -> is_put = true
    fi;
    old = NO_WAY;
    bucket = 0;
    i = 0;
    do
    :: i < BUCKETS * WAYS ->
      if
      :: Live(word0[i / WAYS], i % WAYS) && slot_key[i] == key -> bucket = i / WAYS; old = i % WAYS
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0;
    if
    :: is_put && old == NO_WAY ->
      if
      :: entries >= CAPACITY -> key = 0; old = 0; goto next_owner /* full */
      :: else
      fi;
      do /* one way stays dead */
      :: n = 0;
        way = 0;
        do
        :: way < WAYS -> n = n + Live(word0[bucket], way); way++
        :: else -> break
        od;
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
    :: is_put ->
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
#ifdef EXTENTS
    head_after = head;
    tail_after = tail;
    free_after = free_count;
    freed_first = NONE;
    freed_last = NONE;
    first = NONE;
    last = NONE;
    if
    :: is_put ->
      first = head;
      last = extent_next[first];
      head_after = extent_next[last];
      free_after = free_after - 2
    :: else
    fi;
    if
    :: old != NO_WAY ->
      freed_first = value0[SLOT(bucket, old)];
      freed_last = extent_next[freed_first];
      tail_after = freed_last;
      free_after = free_after + 2
    :: else
    fi;
#endif
  }

  /* 1 */
  MayDie;
  atomic {
    new = revision + 1;
#ifndef MUTANT_REVISION_NOT_TAKEN
    revision = new;
#endif
    word0_after = MakeWord0(new, live)
  }

  /* 2: the order of what the intent says is free, and only a successor reads it; so only "all" or "not all" matters. */
#ifndef MUTANT_INTENT_AFTER_COMMIT
  MayDie;
#ifdef MUTANT_INTENT_OPERATION_FIRST
  intent_operation = (is_put -> PUT : DELETE);
  MayDie;
  intent_entries_after = entries_after; /* any of them may be first then */
  MayDie;
#endif
  d_step {
    intent_bucket = bucket;
    intent_word0_after = word0_after;
    intent_entries_after = entries_after;
    intent_leaves_home = (bucket != 0 && !(is_put && old != NO_WAY));
#ifdef EXTENTS
    intent_tail_before = tail;
    intent_head_after = head_after;
    intent_tail_after = tail_after;
    intent_freed_first = freed_first;
    intent_free_after = free_after;
#endif
  }
#ifndef MUTANT_INTENT_OPERATION_FIRST
  MayDie;
  intent_operation = (is_put -> PUT : DELETE);
#endif
#endif
#ifdef MUTANT_BOOKKEEPING_BEFORE_COMMIT
  entries = entries_after;
#endif
#ifdef MUTANT_EXTENTS_FREED_BEFORE_COMMIT
  if
  :: freed_first != NONE -> extent_next[tail] = freed_first
  :: else
  fi;
  head = head_after;
  tail = tail_after;
  free_count = free_after;
#endif

  if
  :: is_put ->
    /* 3 to 5: the stores that readers see. Each waits for what its release, or a fence before it, puts before it. */
    pending = ODD | KEY_STORE | VALUE0_STORE | VALUE1_STORE | EVEN | TAG_STORE | COMMIT;
#ifdef MUTANT_NO_ODD_MARK
    pending = pending & ~ODD;
#endif
    if
    :: bucket != 0 && old == NO_WAY -> pending = pending | RAISE
    :: else
    fi;
#ifdef EXTENTS
    pending = pending & ~VALUE1_STORE;
#define FILL (KEY_STORE | VALUE0_STORE)
#else
#define FILL (KEY_STORE | VALUE0_STORE | VALUE1_STORE)
#endif
    do
    :: deaths < DEATHS -> goto died
#ifdef MUTANT_OVERFLOW_RAISED_AFTER_COMMIT
#define BeforeOdd 0
    :: atomic { (pending & RAISE) && !(pending & COMMIT) -> overflow[0]++; pending = pending & ~RAISE }
#else
#define BeforeOdd RAISE
    :: atomic { (pending & RAISE) -> overflow[0]++; pending = pending & ~RAISE }
#endif
#ifdef MUTANT_COMMIT_BEFORE_FILL
#define BeforeFill (COMMIT | ODD)
    :: atomic { (pending & ODD) && !(pending & (BeforeOdd | COMMIT)) ->
#else
#ifdef MUTANT_NO_FENCE_AFTER_ODD
#define BeforeFill BeforeOdd
#else
#define BeforeFill (ODD | BeforeOdd)
#endif
    :: atomic { (pending & ODD) && !(pending & BeforeOdd) ->
#endif
         sequence[SLOT(bucket, way)] = new * 2 + 1; pending = pending & ~ODD }
    :: atomic { (pending & KEY_STORE) && !(pending & BeforeFill) ->
         slot_key[SLOT(bucket, way)] = key; pending = pending & ~KEY_STORE }
#ifdef EXTENTS
    :: atomic { (pending & VALUE0_STORE) && !(pending & BeforeFill) ->
         value0[SLOT(bucket, way)] = first; pending = pending & ~VALUE0_STORE }
    :: !(pending & (ODD | FILL | BeforeOdd)) && (pending & EVEN) ->
      /* FillChain: what came before is ordered before the first extent by its release. */
      i = first;
      n = 0;
      do
      :: n < 2 ->
#ifndef MUTANT_EXTENT_NO_ODD_MARK
        MayDie;
        extent_sequence[i] = new * 2 + 1;
#endif
        MayDie;
        extent_word[i] = operations;
        MayDie;
        extent_sequence[i] = new * 2;
        i = extent_next[i];
        n++
      :: else -> break
      od;
      i = 0;
      n = 0;
      MayDie;
      atomic { sequence[SLOT(bucket, way)] = new * 2; pending = pending & ~EVEN }
#else
    :: atomic { (pending & VALUE0_STORE) && !(pending & BeforeFill) ->
         value0[SLOT(bucket, way)] = operations; pending = pending & ~VALUE0_STORE }
    :: atomic { (pending & VALUE1_STORE) && !(pending & BeforeFill) ->
         value1[SLOT(bucket, way)] = operations; pending = pending & ~VALUE1_STORE }
#ifdef MUTANT_EVEN_NOT_RELEASED
    :: atomic { (pending & EVEN) && !(pending & ODD) ->
#else
    :: atomic { (pending & EVEN) && !(pending & (ODD | FILL | BeforeFill)) ->
#endif
         sequence[SLOT(bucket, way)] = new * 2; pending = pending & ~EVEN }
#endif
    :: atomic { (pending & TAG_STORE) && !(pending & BeforeFill) ->
         tag[SLOT(bucket, way)] = TAG_OF(key); pending = pending & ~TAG_STORE }
#ifdef MUTANT_COMMIT_BEFORE_FILL
    :: d_step { (pending & COMMIT) ->
#else
#ifdef MUTANT_COMMIT_NOT_RELEASED
    :: d_step { (pending & COMMIT) && !(pending & (ODD | BeforeOdd)) ->
#else
    :: d_step { (pending & COMMIT) && !(pending & (BeforeFill | FILL | EVEN | TAG_STORE)) ->
#endif
#endif
         Commit(bucket, word0_after, key, operations); pending = pending & ~COMMIT }
    :: pending == 0 -> break
    od
  :: else ->
#ifdef MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT
    if
    :: bucket != 0 -> overflow[0]--
    :: else
    fi;
#endif
    MayDie;
    d_step { Commit(bucket, word0_after, key, 0) }
  fi;
#ifdef MUTANT_INTENT_AFTER_COMMIT
  MayDie;
  d_step {
    intent_bucket = bucket;
    intent_word0_after = word0_after;
    intent_entries_after = entries_after;
    intent_leaves_home = (bucket != 0 && !(is_put && old != NO_WAY));
    intent_operation = (is_put -> PUT : DELETE);
  }
#endif

  /* 6 to 8 */
#ifdef MUTANT_INTENT_CLEARED_BEFORE_BOOKKEEPING
  MayDie;
  intent_operation = 0;
#endif
  MayDie;
  entries = entries_after;
#ifdef MUTANT_REVISION_NOT_TAKEN
  revision = new;
#endif
#if defined(EXTENTS) && !defined(MUTANT_EXTENTS_FREED_BEFORE_COMMIT)
  MayDie;
  if
  :: freed_first != NONE -> extent_next[tail] = freed_first
  :: else
  fi;
  MayDie;
  head = head_after;
  MayDie;
  tail = tail_after;
  MayDie;
  free_count = free_after;
#endif
#ifndef MUTANT_OVERFLOW_LOWERED_BEFORE_COMMIT
  if
  :: !is_put && bucket != 0 -> MayDie; overflow[0]--
  :: else
  fi;
#endif
  MayDie;
  intent_operation = 0;
  goto forget;

died:
  deaths++;
forget:
  skip;
  d_step { /* what the next owner does not know */
    is_put = false; key = 0; bucket = 0; way = 0; old = 0; live = 0; word0_after = 0; entries_after = 0; new = 0; i = 0; n = 0;
    pending = 0;
#ifndef MUTANT_INTENT_OPERATION_FIRST
    if
    :: intent_operation == 0 -> /* what it says means nothing */
      intent_bucket = 0; intent_word0_after = 0; intent_entries_after = 0; intent_leaves_home = false;
#ifdef EXTENTS
      intent_tail_before = 0; intent_head_after = 0; intent_tail_after = 0; intent_freed_first = 0; intent_free_after = 0;
#endif
    :: else
    fi;
#endif
#ifdef EXTENTS
    first = 0; last = 0; freed_first = 0; freed_last = 0; head_after = 0; tail_after = 0; free_after = 0;
#endif
  }
  goto next_owner;
done:
  skip
}

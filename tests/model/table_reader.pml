/* One get: table/reader.h. Part of table.pml. */

/* After each load of a way: what follows from it. The reader leaves a way of another tag or key as soon as it knows that. */
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

/* A miss beyond the home bucket counts only if the buckets before this one are as they were when they were passed. */
inline CheckPassedBuckets() {
  do
  :: atomic { a < bucket -> sum = sum + word0[a]; a++ }
  :: else -> break
  od;
  if
  :: sum != passed -> atomic { passed = 0; sum = 0; a = 0; bucket = 0 }; goto next_round
  :: else
  fi;
  atomic { sum = 0; a = 0 }
}

#ifdef MUTANT_MOVED_BIT_COMPARED_WITH_EXTENTS
#define SequenceOfExtents(s) (s)
#else
#define SequenceOfExtents(s) WithoutMoved(s)
#endif

proctype Reader(byte id) {
  byte key, bucket, way, v, loaded_tag, s, k, a, b, again, o;
  byte pending; /* loads of one way that are still to be done */
#if BUCKETS > 1
  short passed; /* the sum of the word0 of the buckets before this one, as they were when they were passed */
  short sum;    /* the same, as they are */
#endif
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

  atomic { /* the call begins */
#ifdef PREFILLED
    select(key : 1 .. KEYS);
#else
    key = 1; /* all keys are alike to the writers */
#endif
    reading[id] = key;
    seen[id] = 1 << current[key];
  }
next_round:
  ForgetLoads;
#ifdef MUTANT_WORD0_NOT_ACQUIRED
  /* A load that is later in the program is done first. */
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
  pending = pending & ~VALUE1; /* is in an extent */
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
  :: atomic { Next(TAG, 0) -> loaded_tag = tag[SLOT(bucket, way)]; pending = pending & ~TAG; Decide }
  :: atomic { Next(SEQUENCE, 0) -> s = sequence[SLOT(bucket, way)]; pending = pending & ~SEQUENCE; Decide }
#ifdef MUTANT_SEQUENCE_NOT_ACQUIRED
#define Loadable(what) Next(what, 0)
#else
#define Loadable(what) Next(what, SEQUENCE) /* acquire */
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
    :: extent_sequence[extent] != SequenceOfExtents(s) -> goto looks_damaged
    :: else
    fi;
    b = extent_word[extent]; /* the first word on the first hop, the second on the second */
    o = extent_next[extent];
#ifndef MUTANT_EXTENT_NO_RECHECK
    if
    :: extent_sequence[extent] != SequenceOfExtents(s) -> goto looks_damaged
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
#ifdef MUTANT_MOVED_IS_BELIEVED
#define SurelyCommitted (WithoutMoved(s) / 2 <= Revision(v))
#else
#define SurelyCommitted (s / 2 <= Revision(v)) /* never with the moved bit */
#endif
  if
  :: !SurelyCommitted && word0[bucket] != v -> goto next_round
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
  o = (overflow[bucket] != 0);
#ifndef MUTANT_MISS_WITHOUT_RECHECK
  if
  :: word0[bucket] != v -> goto next_round
  :: else
  fi;
#endif
#if BUCKETS > 1
#if !defined(MUTANT_PASSED_BUCKETS_NOT_CHECKED) && !defined(MUTANT_PASSED_BUCKETS_CHECKED_ON_ARRIVAL)
  if
  :: bucket > 0 && (o == 0 || bucket + 1 == BUCKETS) -> CheckPassedBuckets()
  :: else
  fi;
#endif
  if
  :: o != 0 && bucket + 1 < BUCKETS ->
    atomic { passed = passed + v; bucket++; o = 0 };
#ifdef MUTANT_PASSED_BUCKETS_CHECKED_ON_ARRIVAL
    CheckPassedBuckets();
#endif
    goto next_round
  :: else
  fi;
#endif
  d_step { Assert(MissWasAbsentDuringTheCall, seen[id] & 1) }

returned:
  skip;
  d_step { reading[id] = 0; seen[id] = 0; key = 0; bucket = 0; way = 0; v = 0; loaded_tag = 0; s = 0; k = 0; a = 0; b = 0;
           again = 0; o = 0; pending = 0;
#if BUCKETS > 1
           passed = 0;
#endif
           skip }
}

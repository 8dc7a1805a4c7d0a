/*
 * The change ring, and the sleep of its watchers, one load or store at a time: table/changes.cc, table/commit.h,
 * table/repair.cc, attach/watchers.cc and client/watch.cc as docs/protocol.md describes them. tools/model runs Spin on the
 * model in several shapes, and on each mutant (-DMUTANT_...) to show that the properties detect it.
 *
 * Modelled
 * - Head, tail, lost, recording and the words of a ring of WORDS words. A record takes two words, which both hold its
 *   revision, so that a torn record is detectable. The bits of `committed` stand for the word0 of the buckets: a commit and
 *   its visibility are one step.
 * - Writers: as in table.pml, one process is a sequence of owners of the lock. An owner commits with a record (a put), with
 *   two (an eviction, with PAIRS), or without one (a move, with MOVES), starts or stops the recording (with STARTS), or is
 *   killed before any of its stores; the next one repairs, and may be killed too. The intent is private to the process.
 * - Order of memory. The stores from making room to clearing the intent's word are a set to pick from, each with the stores
 *   that precede it; a kill leaves any subset that this order allows. The loads of one look of a follower are such a set too.
 * - A follower, begun at any moment, at the head or after any revision that has been committed. Followers only read, so one
 *   stands for all. After a gap, the revisions up to the one that Resume() returns count as reported.
 * - With SLEEPS, the word that a watcher sleeps on: it sets the bit, and sleeps if the word is what it expects (a futex). A
 *   process of its own raises the count and wakes it: that comes after the lock's release, when later owners may be at work.
 *   It may be killed as well. The limit of a sleep, 1 s, passes only after a kill and while nothing is recorded, so that no
 *   other sleep can depend on it. A sleep that does not end although a record is shown is a deadlock, which Spin reports as
 *   an invalid end state. The bit is cleared only with a new count, so a second sleeper does not affect the first.
 *
 * Not modelled
 * - Records of several lengths, hostile bytes, positions and revisions that wrap. (After a start of the recording, a record
 *   may begin at the ring's last word and go on at its first.)
 * - Watchers that have the store open read-only: they set no bit, and are woken by each commit or not at all.
 * - A follower that, after a recording has ended, is told what was recorded before: here it looks once another one has begun.
 * - A watcher that starts the recording, or repairs, itself: another owner does. Without SLEEPS a follower that finds no
 *   change looks again at once.
 *
 * Spin reports a violation by the name of one of the properties below.
 */

#ifndef WORDS
#define WORDS 4
#endif
#ifndef OPERATIONS
#define OPERATIONS 4
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
/* As in table.pml: whether a load or store of the set `pending` can be the next one. */
#define Next(step, before) ((pending & (step)) && !(pending & (before)))
#define RingWord(position) ring[(position) % WORDS]
#define RECORD 2 /* words */

/* Words that followers load. */
#ifdef STARTS
byte head, tail;
bool recording;
#else
byte head = 1, tail = 1;
#define recording true
#endif
byte lost;
byte ring[WORDS];
byte revision; /* handed out last */
#ifdef SLEEPS
byte wake; /* [count : 7 | a process may sleep : 1] */
bool asleep;
byte due; /* counts that owners still have to make */
bool limited; /* the limit of a sleep may pass */
#endif
byte deaths = DEATHS; /* left */

/* The operations that an intent names. */
#define NOTHING 0
#define PUT 1
#define PAIR 2
#define MOVE 3
#define START 4
#define STOP 5

/* Ghosts. A bit for each revision. */
short committed;
short shown; /* committed before the head was shown last */
short known; /* to the follower's user: told, reported as missed, or before its begin */
byte newest; /* committed last */
bool done;   /* no owner comes any more */
#define Bit(revision) (1 << (revision))
#define UpTo(revision) ((2 << (revision)) - 1)

/* The properties. Not part of any state: each is set where it is asserted. */
hidden byte NoTornRecord;
hidden byte NothingToldBeforeItsCommit;
hidden byte NothingToldTwice;
hidden byte NoSilentGap; /* what was committed before a told change, or before the end, is known */
hidden byte OverrunTellsOfThePastOnly; /* no commit comes later with a revision that Resume() has returned */
hidden byte NothingLooksDamaged; /* Resume() has its case for damage */
#define Assert(property, condition) property = (condition); assert(property)

#ifdef SLEEPS
#define LimitPasses limited = true
#define CountIsDue due++
#else
#define LimitPasses skip
#define CountIsDue skip
#endif
#define Die deaths--; LimitPasses
/* Before each store of an owner. */
#define MayDie                                \
  if                                          \
  :: skip                                     \
  :: atomic { deaths > 0 -> Die; goto died }  \
  fi

inline ShowHead(position) {
  head = position;
  shown = committed
}

inline Commit() {
  if
  :: operation == MOVE
  :: else ->
    Assert(OverrunTellsOfThePastOnly, !(known & Bit(new)));
    committed = committed | Bit(new);
    if
    :: operation == PAIR ->
      Assert(OverrunTellsOfThePastOnly, !(known & Bit(new - 1)));
      committed = committed | Bit(new - 1)
    :: else
    fi;
    newest = new
  fi;
  word0 = new
}

inline Repair() {
  if
  :: intent_operation != NOTHING ->
#ifndef MUTANT_HEAD_NOT_SHOWN_BY_SUCCESSOR
    if
#ifdef MUTANT_HEAD_SHOWN_WITHOUT_A_LOOK
    :: intent_head != 0 ->
#else
    :: word0 == intent_word0_after && intent_head != 0 ->
#endif
      MayDie;
      atomic { ShowHead(intent_head) }
    :: else
    fi;
#endif
#ifndef MUTANT_INTENT_HEAD_NOT_CLEARED_BY_SUCCESSOR
    MayDie;
    intent_head = 0;
#endif
    MayDie;
    atomic { intent_operation = NOTHING; intent_word0_after = 0; CountIsDue }
  :: else
  fi
}

/* The stores of a commit, in the order of the program. */
#define LOST 1
#define TAIL 2
#define WORD0 4
#define WORD1 8
#define WORD2 16 /* of a pair */
#define WORD3 32
#define INTENT_HEAD 64
#define COMMIT 128
#define HEAD 256
#define INTENT_HEAD_CLEARED 512
#define RECORD_WORDS (WORD0 | WORD1 | WORD2 | WORD3)

#ifdef MUTANT_LOST_AFTER_TAIL
#define BeforeLost TAIL
#define BeforeTail 0
#elif defined(MUTANT_TAIL_AFTER_RECORD)
#define BeforeLost 0
#define BeforeTail (LOST | RECORD_WORDS)
#else
#define BeforeLost 0
#define BeforeTail LOST
#endif
#ifdef MUTANT_TAIL_AFTER_RECORD
#define BeforeWords LOST
#elif defined(MUTANT_NO_FENCE_BEFORE_RECORD)
#define BeforeWords 0
#else
#define BeforeWords (LOST | TAIL)
#endif
#ifdef MUTANT_INTENT_HEAD_AFTER_COMMIT
#define BeforeIntentHead COMMIT
#define BeforeCommit (LOST | TAIL | RECORD_WORDS)
#elif defined(MUTANT_RECORD_NOT_RELEASED_BY_COMMIT)
#define BeforeIntentHead (LOST | TAIL)
#define BeforeCommit (LOST | TAIL)
#elif defined(MUTANT_HEAD_BEFORE_COMMIT)
#define BeforeIntentHead (LOST | TAIL)
#define BeforeCommit (LOST | TAIL | RECORD_WORDS | INTENT_HEAD | HEAD)
#else
#define BeforeIntentHead (LOST | TAIL)
#define BeforeCommit (LOST | TAIL | RECORD_WORDS | INTENT_HEAD)
#endif
#ifdef MUTANT_HEAD_BEFORE_COMMIT
#define BeforeHead (LOST | TAIL | RECORD_WORDS | INTENT_HEAD)
#else
#define BeforeHead (BeforeCommit | INTENT_HEAD | RECORD_WORDS | COMMIT)
#endif
#ifdef MUTANT_INTENT_HEAD_CLEARED_BEFORE_HEAD
#define BeforeHeadStore (BeforeHead | INTENT_HEAD_CLEARED)
#define BeforeIntentHeadCleared (INTENT_HEAD | COMMIT)
#else
#define BeforeHeadStore BeforeHead
#define BeforeIntentHeadCleared (INTENT_HEAD | COMMIT | HEAD)
#endif

active proctype Writer() {
  byte operations;
  /* Words that only owners read. */
  byte word0, intent_operation, intent_word0_after, intent_head;
  /* The owner's own. */
  byte operation, new, begin, end, new_tail, new_lost;
  short pending;

next_owner:
  skip;
  Repair();
  atomic {
    if
    :: operations == OPERATIONS -> goto out
    :: operations < OPERATIONS -> operations++; operation = PUT
#ifdef PAIRS
    :: operations < OPERATIONS -> operations++; operation = PAIR
#endif
#ifdef MOVES
    :: operations < OPERATIONS -> operations++; operation = MOVE
#endif
#ifdef STARTS
    :: operations < OPERATIONS && !recording -> operations++; operation = START
    :: operations < OPERATIONS && recording -> operations++; operation = STOP
#endif
    fi
  }
#ifdef STARTS
  if
  :: operation == STOP -> MayDie; recording = false; goto release
  :: operation == START ->
#ifdef MUTANT_STARTS_AT_HEAD
    begin = head;
#elif defined(MUTANT_START_IGNORES_TAIL)
    begin = head + 1;
#else /* the tail is above the head if an owner was killed here */
    begin = (tail > head -> tail : head) + 1;
#endif
#ifndef MUTANT_START_SETS_NO_LOST
    MayDie;
    lost = revision;
#endif
#ifdef MUTANT_START_MOVES_HEAD_FIRST
    MayDie;
    atomic { ShowHead(begin) }
#endif
    MayDie;
    tail = begin;
#ifndef MUTANT_START_MOVES_HEAD_FIRST
    MayDie;
    atomic { ShowHead(begin) }
#endif
    MayDie;
    recording = true;
    goto release
  :: else
  fi;
#endif

  MayDie;
  atomic { /* 1 */
    new = revision + (operation == PUT -> 1 : 2);
    revision = new; /* of a move the second has no meaning here */
    assert(revision < 15)
  }
#ifdef MUTANT_COUNTED_BEFORE_HEAD
  CountIsDue;
#endif
  MayDie;
  d_step { /* 2 */
    intent_word0_after = new;
    intent_operation = operation;
    pending = COMMIT;
    /* 4: makes room */
    if
    :: operation != MOVE && recording ->
      begin = head;
      end = begin + (operation == PAIR -> 2 : 1) * RECORD;
      new_tail = tail;
      new_lost = lost;
      do
      :: end - new_tail > WORDS ->
        assert(new_tail < begin);
        new_lost = RingWord(new_tail);
        new_tail = new_tail + RECORD;
        pending = pending | LOST | TAIL
      :: else -> break
      od;
      pending = pending | WORD0 | WORD1 | INTENT_HEAD | HEAD | INTENT_HEAD_CLEARED;
      if
      :: operation == PAIR -> pending = pending | WORD2 | WORD3
      :: else
      fi
    :: else
    fi
  }
#define First (operation == PAIR -> new - 1 : new)
  do
  :: atomic { deaths > 0 -> Die; goto died }
  :: atomic { Next(LOST, BeforeLost) -> lost = new_lost; pending = pending & ~LOST }
  :: atomic { Next(TAIL, BeforeTail) -> tail = new_tail; pending = pending & ~TAIL }
  :: atomic { Next(WORD0, BeforeWords) -> RingWord(begin) = First; pending = pending & ~WORD0 }
  :: atomic { Next(WORD1, BeforeWords) -> RingWord(begin + 1) = First; pending = pending & ~WORD1 }
#ifdef PAIRS
  :: atomic { Next(WORD2, BeforeWords) -> RingWord(begin + 2) = new; pending = pending & ~WORD2 }
  :: atomic { Next(WORD3, BeforeWords) -> RingWord(begin + 3) = new; pending = pending & ~WORD3 }
#endif
  :: atomic { Next(INTENT_HEAD, BeforeIntentHead) -> intent_head = end; pending = pending & ~INTENT_HEAD }
  :: atomic { Next(COMMIT, BeforeCommit) -> Commit(); pending = pending & ~COMMIT } /* 5 */
  :: atomic { Next(HEAD, BeforeHeadStore) -> ShowHead(end); pending = pending & ~HEAD } /* 6 */
  :: atomic { Next(INTENT_HEAD_CLEARED, BeforeIntentHeadCleared) ->
       intent_head = 0; pending = pending & ~INTENT_HEAD_CLEARED }
  :: pending == 0 -> break
  od;
  MayDie;
  d_step { intent_operation = NOTHING; intent_word0_after = 0 } /* 8 */
release:
  atomic {
#ifndef MUTANT_COUNTED_BEFORE_HEAD
    CountIsDue;
#endif
    skip
  }
died:
  skip;
  d_step { /* what the next owner does not know */
    operation = NOTHING; new = 0; begin = 0; end = 0; new_tail = 0; new_lost = 0; pending = 0
  }
  goto next_owner;
out:
  done = true
}

#ifdef SLEEPS
/* What owners do after they have released the lock. */
active proctype Waker() {
  bool sleeps;

end_count:
  do
  :: atomic { due > 0 && !recording -> due-- }
  :: atomic { due > 0 && recording ->
       due--;
       sleeps = wake & 1;
       wake = (wake | 1) + 1
     }
    if
    :: atomic { sleeps -> asleep = false; sleeps = false }
    :: atomic { sleeps && deaths > 0 -> Die; sleeps = false }
    :: !sleeps
    fi
  :: atomic { due > 0 && deaths > 0 -> Die; due-- }
  od
}
#endif

/* The loads of a look, in the order of the program. */
#define LOAD_RECORDING 1
#define LOAD_HEAD 2
#define LOAD_WORD0 4
#define LOAD_WORD1 8
#define LOAD_TAIL 16
#define ALL_LOADS 31

#ifdef MUTANT_HEAD_NOT_ACQUIRED
#define BeforeLoadWords 0
#elif defined(MUTANT_TAIL_CHECKED_BEFORE_COPY)
#define BeforeLoadWords (LOAD_HEAD | LOAD_TAIL)
#else
#define BeforeLoadWords LOAD_HEAD
#endif
#if defined(MUTANT_NO_FENCE_BEFORE_TAIL) || defined(MUTANT_TAIL_CHECKED_BEFORE_COPY)
#define BeforeLoadTail LOAD_HEAD
#else
#define BeforeLoadTail (ALL_LOADS & ~LOAD_TAIL)
#endif

/* What follows from the loads so far. */
#define Known(what) (!(pending & (what)))
#define Decide                                                                                    \
  if                                                                                              \
  :: Known(LOAD_RECORDING) && !on -> goto off                                                     \
  :: Known(LOAD_RECORDING | LOAD_HEAD) && on && h == position -> goto none                        \
  :: pending == 0 && on && h != position -> goto copied                                           \
  :: else                                                                                         \
  fi
#define ForgetLoads on = false; h = 0; w0 = 0; w1 = 0; t = 0; pending = 0

active proctype Follower() {
  byte position, last; /* last: the revision that it knows last */
  byte h, w0, w1, t;   /* what it loaded */
  byte pending;
  bool on;
  bool final; /* no owner came any more when the look began */
#ifdef SLEEPS
  byte count;
#endif

  if
  :: atomic { position = head; known = shown } /* the changes to come */
  :: atomic { select(last : 0 .. newest); known = UpTo(last) } /* those after this revision */
#ifdef MUTANT_LOST_LOADED_BEFORE_TAIL
    h = lost;
    position = tail;
#else
    position = tail;
    h = lost;
#endif
    atomic {
      if
      :: h > last -> position = 0
      :: else
      fi;
      h = 0
    }
  fi;

look:
  atomic {
    final = done;
#ifdef SLEEPS
#ifndef MUTANT_COUNT_LOADED_AFTER_LOOK
    count = wake | 1;
#endif
#endif
    pending = ALL_LOADS;
#ifndef STARTS
    on = true;
    pending = pending & ~LOAD_RECORDING
#endif
  }
  do
#ifdef STARTS
#ifndef MUTANT_RECORDING_NOT_ACQUIRED
#define BeforeLoadHead LOAD_RECORDING /* else the head may be below a tail that was loaded before */
#else
#define BeforeLoadHead 0
#endif
  :: atomic { Next(LOAD_RECORDING, 0) -> on = recording; pending = pending & ~LOAD_RECORDING; Decide }
#else
#define BeforeLoadHead 0
#endif
  :: atomic { Next(LOAD_HEAD, BeforeLoadHead) -> h = head; pending = pending & ~LOAD_HEAD; Decide }
  :: atomic { Next(LOAD_WORD0, BeforeLoadWords) -> w0 = RingWord(position); pending = pending & ~LOAD_WORD0; Decide }
  :: atomic { Next(LOAD_WORD1, BeforeLoadWords) -> w1 = RingWord(position + 1); pending = pending & ~LOAD_WORD1; Decide }
  :: atomic { Next(LOAD_TAIL, BeforeLoadTail) -> t = tail; pending = pending & ~LOAD_TAIL; Decide }
  od;

copied:
  skip;
  d_step {
    if
    :: position < t || h < position || w1 == 0 -> t = 255 /* a gap */
    :: else ->
      position = position + RECORD;
      Assert(NoTornRecord, w0 == w1);
#ifndef MUTANT_OLD_RECORDS_TOLD
      if
      :: w0 > last ->
#endif
        Assert(NothingToldBeforeItsCommit, (committed & Bit(w0)) != 0);
        Assert(NothingToldTwice, !(known & Bit(w0)));
        Assert(NoSilentGap, !(committed & UpTo(w0 - 1) & ~known));
        known = known | Bit(w0);
        last = w0
#ifndef MUTANT_OLD_RECORDS_TOLD
      :: else
      fi
#endif
      ;
      t = 0
    fi
  }
  if
  :: atomic { t == 0 -> ForgetLoads; goto look }
  :: atomic { t != 0 -> ForgetLoads }
  fi;

  /* Resume() */
#ifdef MUTANT_LOST_LOADED_BEFORE_TAIL
  h = lost;
#endif
  t = tail;
  if
  :: position < t ->
#ifndef MUTANT_LOST_LOADED_BEFORE_TAIL
    h = lost;
#endif
    atomic {
      position = t;
      last = (h > last -> h : last)
    }
  :: else ->
#ifdef MUTANT_RECORDING_NOT_ACQUIRED /* what the case for damage leads to */
    position = head;
    last = revision
#else
    Assert(NothingLooksDamaged, false)
#endif
  fi;
  atomic { known = known | UpTo(last); ForgetLoads; goto look }

off:
  atomic { ForgetLoads }
  if
  :: final -> goto out
  :: !final && (recording || done) -> goto look
  fi;

none:
  atomic {
    ForgetLoads;
    if
    :: final -> Assert(NoSilentGap, !(committed & ~known)); goto out
    :: else
    fi
  }
#ifdef SLEEPS
#ifdef MUTANT_COUNT_LOADED_AFTER_LOOK
  count = wake | 1;
#endif
#ifndef MUTANT_MAY_SLEEP_NOT_SET
  atomic {
    wake = wake | 1;
    if
    :: wake != count -> goto look
    :: else
    fi
  }
#else
  count = count & ~1;
#endif
  atomic { /* the futex */
#ifndef MUTANT_SLEEPS_WITHOUT_COMPARING
    if
    :: wake != count -> goto look
    :: else
    fi;
#endif
    asleep = true
  }
  if
  :: !asleep
  :: atomic { limited -> limited = false }
  :: !recording
  :: done && head == position
  fi;
  asleep = false;
#endif
  goto look;

out:
  skip
}

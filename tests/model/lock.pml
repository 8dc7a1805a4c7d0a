/*
 * The writer lock, one load, store or exchange at a time: lock/writer_lock.cc as docs/protocol.md describes it. tools/model runs
 * Spin on it, and on each mutant (-DMUTANT_...) to see that the properties notice.
 *
 * Modelled
 * - The word [incarnation | waiters | seat]; seats that the kernel releases some time after their owner has ended; their
 *   incarnations. Processes claim any free seat, take and release the lock a few times, release the seat, and may be killed
 *   before any step; another process takes the place of a killed one.
 * - Two guarded words, which the owner changes one after the other, so that a successor finds what a killed owner left. Its
 *   stores become visible in any order up to the release, and those of a killed process before the kernel releases its seat.
 *
 * Not modelled
 * - Time: a waiter may test whether the owner runs whenever the word is not free, however short it has been so, and its timeout
 *   never comes. Wake-ups: a sleeping waiter may continue whenever that would change anything, as the limit of 2 ms ensures.
 *   A waiter for which nothing will ever change is a deadlock, which Spin reports as an invalid end state.
 * - Threads that share a handle, fork, garbage in the word, incarnations that wrap.
 */

#ifndef SEATS
#define SEATS 3
#endif
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef TURNS /* how often all together take the lock */
#define TURNS 3
#endif

#define WAITERS 8
#ifdef MUTANT_NO_INCARNATION
#define WordOf(seat, incarnation) ((seat) + 1)
#else
#define WordOf(seat, incarnation) ((incarnation) << 4 | ((seat) + 1))
#endif
#define SeatOf(word) (((word) & 7) - 1)
#define IncarnationOf(word) ((word) >> 4)

byte word;
byte incarnation[SEATS];
bool held[SEATS]; /* as the kernel has it */
bool guarded0, guarded1;

/* Ghosts. */
byte inside;       /* the running process that owns the lock, plus 1; 0: none */
bool tidy = true;  /* the last owner released */
byte turns = TURNS, deaths = DEATHS; /* left */

/* The properties. Not part of any state: each is set where it is asserted. */
hidden byte NeverTwoOwners;
hidden byte NeverRobbedTheLiving;
hidden byte OwnerSeesAllTheLastOneDid;
#define Assert(property, condition) property = (condition); assert(property)

inline Enter() {
  Assert(NeverTwoOwners, inside == 0);
  Assert(OwnerSeesAllTheLastOneDid, !tidy || guarded0 == guarded1);
  inside = _pid + 1;
  tidy = false;
  turns--
}

/* Before each step. */
#define MayDie                                      \
  if                                                \
  :: skip                                           \
  :: atomic { deaths > 0 -> deaths--; goto killed } \
  fi

#ifdef MUTANT_NO_INCARNATION
#define IsOlder(word) false
#else
#define IsOlder(word) (incarnation[SeatOf(word)] != IncarnationOf(word))
#endif
#if defined(MUTANT_STEALS_FROM_THE_LIVING)
#define SeemsDead(word) true
#elif defined(MUTANT_SEAT_NOT_ASKED)
#define SeemsDead(word) IsOlder(word)
#else
#define SeemsDead(word) (IsOlder(word) || !held[SeatOf(word)])
#endif

active [PROCESSES] proctype Process() {
  byte seat, self, seen;
  bool value;
  byte pending; /* stores of the owner that are not visible yet */
#define GUARDED0 1
#define GUARDED1 2

sit_down:
#ifdef MUTANT_INCARNATION_RAISED_BEFORE_CLAIM
  if /* of a seat that turns out to be taken */
  :: held[0] -> incarnation[0]++
  :: skip
  fi;
#endif
  atomic {
    if
    :: turns == 0 -> goto done
    :: turns > 0 && !held[0] -> seat = 0
#if SEATS > 1
    :: turns > 0 && !held[1] -> seat = 1
#endif
#if SEATS > 2
    :: turns > 0 && !held[2] -> seat = 2
#endif
    fi;
    held[seat] = true
  }
  MayDie;
  atomic {
#ifndef MUTANT_INCARNATION_RAISED_BEFORE_CLAIM
    incarnation[seat]++;
#endif
    self = WordOf(seat, incarnation[seat])
  }

try:
  MayDie;
  atomic {
    if
    :: turns == 0 -> goto get_up
    :: turns > 0 && word == 0 -> word = self; Enter(); goto owns
    :: else
    fi
  }
look:
  MayDie;
  atomic {
    if /* once it has waited it keeps the waiters bit, for others may be asleep */
    :: turns == 0 -> goto get_up
    :: turns > 0 && word == 0 -> word = self | WAITERS; Enter(); goto owns
    :: else -> seen = word
    fi
  }
  MayDie;
  atomic { /* the waiters bit, by compare-and-swap */
    if
    :: word != seen -> seen = 0; goto look
    :: else -> word = word | WAITERS; seen = word
    fi
  }
  word != seen || turns == 0 || SeemsDead(seen); /* asleep until there is something to find */
  /* Does its owner live? Two looks, one after the other. */
#ifndef MUTANT_STEALS_FROM_THE_LIVING
  MayDie;
  if
  :: IsOlder(seen) -> goto take_over
  :: else
  fi;
#ifdef MUTANT_SEAT_NOT_ASKED
  seen = 0;
  goto look;
#else
  MayDie;
  if
  :: held[SeatOf(seen)] -> seen = 0; goto look
  :: else
  fi;
#endif
#endif
take_over:
  MayDie;
  atomic {
#ifndef MUTANT_TAKES_OVER_WITHOUT_COMPARING
    if
    :: word != seen -> seen = 0; goto look
    :: else
    fi;
#endif
    if
    :: turns == 0 -> goto get_up
    :: else
    fi;
    Assert(NeverRobbedTheLiving, inside == 0);
    word = self | WAITERS;
    Enter();
    goto owns
  }

owns:
  atomic {
    seen = 0;
    value = !guarded0;
    pending = GUARDED0 | GUARDED1
  }
  do
  :: atomic { deaths > 0 -> deaths--; goto killed }
  :: atomic { (pending & GUARDED0) -> guarded0 = value; pending = pending & ~GUARDED0 }
  :: atomic { (pending & GUARDED1) -> guarded1 = value; pending = pending & ~GUARDED1 }
#ifdef MUTANT_RELEASE_NOT_RELEASED
  :: atomic { inside == _pid + 1 -> word = 0; inside = 0; tidy = true }
  :: pending == 0 && inside != _pid + 1 -> break
#else
  :: atomic { pending == 0 -> word = 0; inside = 0; tidy = true; break }
#endif
  od;
  value = 0;
  if
  :: goto try
  :: goto get_up
  fi;

killed: /* from here on it does nothing; what it held, the kernel lets go of when it gets to it */
  atomic {
    if
    :: inside == _pid + 1 -> inside = 0
    :: else
    fi
  }
get_up:
  atomic {
    held[seat] = false;
    seat = 0; self = 0; seen = 0; value = 0; pending = 0;
    goto sit_down
  }
done:
  skip
}

"""Has Spin look at every state of the models in tests/model: see tools/model."""

import concurrent.futures
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple, Sequence

from spin import Search, search

ROOT = Path(__file__).resolve().parents[2]


class Case(NamedTuple):
    name: str
    model: str  # in tests/model
    flags: str  # its size


# What is to hold.
USUAL = (
    Case("overwrites", "table", "-DBUCKETS=1 -DWAYS=2 -DKEYS=1 -DOPERATIONS=4 -DDEATHS=2"),
    Case("two-keys", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=3 -DDEATHS=1"),
    Case("same-tag", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=3 -DDEATHS=1 -DSAME_TAG"),
    Case("overflow", "table", "-DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=3 -DDEATHS=1"),
    Case("moves", "table", "-DPREFILLED -DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=1 -DDEATHS=1"),
    Case("three-buckets", "table", "-DPREFILLED -DBUCKETS=3 -DWAYS=2 -DKEYS=3 -DOPERATIONS=1 -DDEATHS=0"),
    Case("extents", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=1 -DOPERATIONS=3 -DDEATHS=1 -DEXTENTS"),
    Case("moved-extents", "table",
         "-DPREFILLED -DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=1 -DDEATHS=1 -DEXTENTS -DIN_ORDER"),
    Case("lock", "lock", "-DPROCESSES=3 -DSEATS=2 -DTURNS=3 -DDEATHS=1"),
    Case("spare-seat", "lock", "-DPROCESSES=2 -DSEATS=3 -DTURNS=3 -DDEATHS=1"),
    Case("ring", "changes", "-DWORDS=4 -DOPERATIONS=4 -DDEATHS=1"),
    Case("ring-moves", "changes", "-DWORDS=4 -DOPERATIONS=3 -DDEATHS=2 -DMOVES"),
    Case("ring-pairs", "changes", "-DWORDS=6 -DOPERATIONS=3 -DDEATHS=1 -DPAIRS"),
    Case("ring-starts", "changes", "-DWORDS=4 -DOPERATIONS=4 -DDEATHS=1 -DSTARTS"),
    Case("ring-sleeps", "changes", "-DWORDS=4 -DOPERATIONS=3 -DDEATHS=1 -DSLEEPS -DSTARTS"),
)
WHOLE = (
    Case("overwrites", "table", "-DBUCKETS=1 -DWAYS=2 -DKEYS=1 -DOPERATIONS=5 -DDEATHS=3"),
    Case("two-keys", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=4 -DDEATHS=1"),
    Case("any-way", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=3 -DDEATHS=1 -DANY_DEAD_WAY"),
    Case("same-tag", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=4 -DDEATHS=1 -DSAME_TAG"),
    Case("overflow", "table", "-DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=4 -DDEATHS=1 -DIN_ORDER"),
    Case("moves", "table", "-DPREFILLED -DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=2 -DDEATHS=1"),
    Case("moves-in-order", "table", "-DPREFILLED -DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=2 -DDEATHS=2 -DIN_ORDER"),
    Case("three-buckets", "table", "-DPREFILLED -DBUCKETS=3 -DWAYS=2 -DKEYS=3 -DOPERATIONS=1 -DDEATHS=1 -DIN_ORDER"),
    Case("extents", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=1 -DOPERATIONS=4 -DDEATHS=2 -DEXTENTS"),
    Case("any-extent", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=1 -DOPERATIONS=3 -DDEATHS=1 -DEXTENTS -DANY_EXTENT"),
    Case("moved-extents", "table", "-DPREFILLED -DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=1 -DDEATHS=1 -DEXTENTS"),
    Case("two-readers", "table", "-DBUCKETS=1 -DWAYS=2 -DKEYS=1 -DOPERATIONS=3 -DDEATHS=1 -DREADERS=2"),
    Case("lock", "lock", "-DPROCESSES=3 -DSEATS=2 -DTURNS=4 -DDEATHS=3"),
    Case("ring", "changes", "-DWORDS=4 -DOPERATIONS=6 -DDEATHS=2"),
    Case("ring-moves", "changes", "-DWORDS=4 -DOPERATIONS=4 -DDEATHS=2 -DMOVES"),
    Case("ring-pairs", "changes", "-DWORDS=6 -DOPERATIONS=4 -DDEATHS=1 -DPAIRS"),
    Case("ring-starts", "changes", "-DWORDS=4 -DOPERATIONS=5 -DDEATHS=2 -DSTARTS"),
    Case("ring-all", "changes", "-DWORDS=4 -DOPERATIONS=4 -DDEATHS=1 -DPAIRS -DMOVES -DSTARTS"),
    Case("ring-sleeps", "changes", "-DWORDS=4 -DOPERATIONS=3 -DDEATHS=2 -DSLEEPS -DSTARTS"),
    Case("ring-long-sleeps", "changes", "-DWORDS=4 -DOPERATIONS=4 -DDEATHS=1 -DSLEEPS"),
)

# What is to be broken: mutants, and the size, by name, that is enough to see it: a usual one, or else one of the whole.
MUTANTS = {
    "NO_SEQUENCE_RECHECK": "overwrites",
    "NO_ODD_MARK": "overwrites",
    "NO_FENCE_AFTER_ODD": "overwrites",
    "NO_FENCE_BEFORE_RECHECK": "overwrites",
    "UNCOMMITTED_IS_BELIEVED": "overwrites",
    "OVERWRITTEN_IN_PLACE": "overwrites",
    "COMMIT_BEFORE_FILL": "overwrites",
    "COMMIT_NOT_RELEASED": "overwrites",
    "WORD0_NOT_ACQUIRED": "overwrites",
    "REVISION_NOT_TAKEN": "overwrites",
    "INTENT_AFTER_COMMIT": "overwrites",
    "INTENT_OPERATION_FIRST": "overwrites",
    "INTENT_CLEARED_BEFORE_BOOKKEEPING": "overwrites",
    "BOOKKEEPING_BEFORE_COMMIT": "overwrites",
    "NO_REPAIR": "overwrites",
    "REPAIR_WITHOUT_A_LOOK": "overwrites",
    "MISS_WITHOUT_RECHECK": "two-keys",
    "OVERFLOW_RAISED_AFTER_COMMIT": "overflow",
    "OVERFLOW_LOWERED_BEFORE_COMMIT": "overflow",
    "NO_RECOUNT": "overflow",
    "PASSED_BUCKETS_NOT_CHECKED": "moves",
    "PASSED_BUCKETS_CHECKED_ON_ARRIVAL": "moves",
    "MOVED_BIT_NOT_SET": "moves-in-order",
    "MOVED_IS_BELIEVED": "moves-in-order",
    "MOVE_WITHOUT_ODD_MARK": "moves",
    "MOVE_KEEPS_REVISIONS": "three-buckets",
    "COMMIT_2_BEFORE_COMMIT_1": "moves",
    "COMMIT_2_NOT_REPEATED": "moves",
    "MOVE_INTENT_CLEARED_BEFORE_COMMIT_2": "moves",
    "OVERFLOW_LOWERED_BEFORE_COMMIT_1": "moves",
    "EXTENT_NO_ODD_MARK": "extents",
    "EXTENT_NO_RECHECK": "extents",
    "EXTENTS_MARKED_BEFORE_COMMIT": "extents",
    "EXTENTS_REPAIRED_WITHOUT_A_LOOK": "extents",
    "TAKEN_EXTENTS_NOT_MARKED_BY_SUCCESSOR": "extents",
    "FREED_EXTENTS_NOT_MARKED_BY_SUCCESSOR": "extents",
    "MOVED_BIT_COMPARED_WITH_EXTENTS": "moved-extents",
    "STEALS_FROM_THE_LIVING": "lock",
    "NO_INCARNATION": "lock",
    "INCARNATION_RAISED_BEFORE_CLAIM": "lock",
    "SEAT_NOT_ASKED": "spare-seat",
    "TAKES_OVER_WITHOUT_COMPARING": "lock",
    "RELEASE_NOT_RELEASED": "lock",
    "LOST_AFTER_TAIL": "ring",
    "TAIL_AFTER_RECORD": "ring",
    "NO_FENCE_BEFORE_RECORD": "ring",
    "RECORD_NOT_RELEASED_BY_COMMIT": "ring",
    "INTENT_HEAD_AFTER_COMMIT": "ring",
    "HEAD_BEFORE_COMMIT": "ring",
    "INTENT_HEAD_CLEARED_BEFORE_HEAD": "ring",
    "HEAD_NOT_ACQUIRED": "ring",
    "TAIL_CHECKED_BEFORE_COPY": "ring",
    "NO_FENCE_BEFORE_TAIL": "ring",
    "OLD_RECORDS_TOLD": "ring",
    "LOST_LOADED_BEFORE_TAIL": "ring",
    "HEAD_NOT_SHOWN_BY_SUCCESSOR": "ring-moves",
    "HEAD_SHOWN_WITHOUT_A_LOOK": "ring-moves",
    "INTENT_HEAD_NOT_CLEARED_BY_SUCCESSOR": "ring-moves",
    "STARTS_AT_HEAD": "ring-starts",
    "START_IGNORES_TAIL": "ring-starts",
    "START_SETS_NO_LOST": "ring-starts",
    "START_MOVES_HEAD_FIRST": "ring-starts",
    "RECORDING_NOT_ACQUIRED": "ring-starts",
    "MAY_SLEEP_NOT_SET": "ring-sleeps",
    "COUNT_LOADED_AFTER_LOOK": "ring-sleeps",
    "COUNTED_BEFORE_HEAD": "ring-sleeps",
    "SLEEPS_WITHOUT_COMPARING": "ring-sleeps",
}


def cases_of_mutants() -> list[Case]:
    sizes = {case.name: case for case in (*WHOLE, *USUAL)}
    return [Case(mutant, sizes[size].model, f"{sizes[size].flags} -DMUTANT_{mutant}")
            for mutant, size in MUTANTS.items()]


def search_all(cases: Sequence[Case]) -> dict[str, Search]:
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:

        def search_one(case: Case) -> Search:
            return search(ROOT / f"tests/model/{case.model}.pml", case.flags.split(), Path(folder, case.name))

        return dict(zip((case.name for case in cases), pool.map(search_one, cases)))


def violations_of(name: str, found: Search) -> int:
    """Tells what the search of a model without a mutant found."""
    if not found.complete:
        print(f"{found.report}{name}: not all states were looked at")
        return 1
    print(f"{name}: {found.states} states, depth {found.depth}, {found.errors} violations")
    if found.errors:
        print(found.report, end="")
    return found.errors or 0


def is_caught(mutant: str, found: Search) -> bool:
    if found.violated is None:
        print(f"{found.report}mutant {mutant}: not noticed")
        return False
    print(f"mutant {mutant}: breaks {found.violated.replace('invalid end state', 'NobodyWaitsForEver')}")
    return True


def main(arguments: Sequence[str]) -> int:
    if arguments:
        print("usage: tools/model", file=sys.stderr)
        return 2
    cases = WHOLE if os.environ.get("CUBBY_TORTURE") else USUAL
    mutants = cases_of_mutants()
    found = search_all([*cases, *mutants])

    violations = sum(violations_of(case.name, found[case.name]) for case in cases)
    caught = sum(is_caught(mutant.name, found[mutant.name]) for mutant in mutants)
    complete = [found[case.name] for case in cases if found[case.name].complete]
    states = sum(search.states or 0 for search in complete)
    depth = max((search.depth or 0 for search in complete), default=0)
    print(f"RESULT model: states {states}, depth {depth}, violations {violations}, "
          f"mutants caught {caught} of {len(mutants)}")
    return 0 if violations == 0 and caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

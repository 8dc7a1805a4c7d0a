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
    Case("extents", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=1 -DOPERATIONS=4 -DDEATHS=1 -DEXTENTS"),
    Case("lock", "lock", "-DPROCESSES=3 -DSEATS=2 -DTURNS=3 -DDEATHS=1"),
    Case("spare-seat", "lock", "-DPROCESSES=2 -DSEATS=3 -DTURNS=3 -DDEATHS=1"),
)
WHOLE = (
    Case("overwrites", "table", "-DBUCKETS=1 -DWAYS=2 -DKEYS=1 -DOPERATIONS=5 -DDEATHS=3"),
    Case("two-keys", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=4 -DDEATHS=1"),
    Case("any-way", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=3 -DDEATHS=1 -DANY_DEAD_WAY"),
    Case("same-tag", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=2 -DOPERATIONS=4 -DDEATHS=1 -DSAME_TAG"),
    Case("overflow", "table", "-DBUCKETS=2 -DWAYS=2 -DKEYS=2 -DOPERATIONS=4 -DDEATHS=1"),
    Case("extents", "table", "-DBUCKETS=1 -DWAYS=3 -DKEYS=1 -DOPERATIONS=5 -DDEATHS=2 -DEXTENTS"),
    Case("two-readers", "table", "-DBUCKETS=1 -DWAYS=2 -DKEYS=1 -DOPERATIONS=3 -DDEATHS=1 -DREADERS=2"),
    Case("lock", "lock", "-DPROCESSES=3 -DSEATS=2 -DTURNS=4 -DDEATHS=3"),
)

# What is to be broken: mutants, and the usual size, by name, that is enough to see it.
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
    "NO_MEND": "overwrites",
    "MEND_WITHOUT_A_LOOK": "overwrites",
    "MISS_WITHOUT_RECHECK": "two-keys",
    "OVERFLOW_RAISED_AFTER_COMMIT": "overflow",
    "OVERFLOW_LOWERED_BEFORE_COMMIT": "overflow",
    "NO_RECOUNT": "overflow",
    "EXTENT_NO_ODD_MARK": "extents",
    "EXTENT_NO_RECHECK": "extents",
    "EXTENTS_FREED_BEFORE_COMMIT": "extents",
    "STEALS_FROM_THE_LIVING": "lock",
    "NO_INCARNATION": "lock",
    "INCARNATION_RAISED_BEFORE_CLAIM": "lock",
    "SEAT_NOT_ASKED": "spare-seat",
    "TAKES_OVER_WITHOUT_COMPARING": "lock",
    "RELEASE_NOT_RELEASED": "lock",
}


def cases_of_mutants() -> list[Case]:
    usual = {case.name: case for case in USUAL}
    return [Case(mutant, usual[size].model, f"{usual[size].flags} -DMUTANT_{mutant}")
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

"""tools/python/spin.py, on reports of Spin's verifier."""

import unittest

import spin

COMPLETE = """
(Spin Version 6.5.2 -- 6 December 2019)
	+ Partial Order Reduction
	+ Compression

Full statespace search for:
	never claim         	- (none specified)
	assertion violations	+
	invalid end states	+

State-vector 260 byte, depth reached 418, errors: 0
  1234567 states, stored
   654321 states, matched
  1888888 transitions (= stored+matched)
"""

VIOLATED = """
pan:1: assertion violated NoTornValue (at depth 200)
pan: wrote table.pml.trail

(Spin Version 6.5.2 -- 6 December 2019)
Warning: Search not completed
State-vector 260 byte, depth reached 201, errors: 1
      900 states, stored
"""


class SpinTest(unittest.TestCase):

    def test_complete_search(self) -> None:
        search = spin.parse(COMPLETE)
        self.assertEqual((search.states, search.depth, search.errors, search.violated), (1234567, 418, 0, None))
        self.assertTrue(search.complete)

    def test_violation(self) -> None:
        search = spin.parse(VIOLATED)
        self.assertEqual((search.errors, search.violated), (1, "NoTornValue"))
        self.assertFalse(search.complete)

    def test_deadlock(self) -> None:
        report = VIOLATED.replace("assertion violated NoTornValue", "invalid end state")
        self.assertEqual(spin.parse(report).violated, "invalid end state")

    def test_large_numbers(self) -> None:
        self.assertEqual(spin.parse(COMPLETE.replace("1234567 states", "9.5e+07 states")).states, 95_000_000)

    def test_search_that_ran_into_a_limit_is_not_complete(self) -> None:
        self.assertFalse(spin.parse("error: max search depth too small\n" + COMPLETE).complete)

    def test_report_without_a_search_is_not_complete(self) -> None:
        self.assertFalse(spin.parse("spin: table.pml:3, Error: syntax error").complete)


if __name__ == "__main__":
    unittest.main()

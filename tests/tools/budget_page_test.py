"""docs/performance.md states the instruction budget that tools/budget holds the code to."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class BudgetPageTest(unittest.TestCase):
    def test_the_page_states_the_budget(self) -> None:
        budget = dict(
            re.findall(r"^(\S+) (\d+)$", (ROOT / "bench/budget").read_text(), re.MULTILINE)
        )
        page = (ROOT / "docs/performance.md").read_text()
        table = page[page.index("| operation | instructions |") :].split("\n\n")[0]
        self.assertEqual(dict(re.findall(r"^\| (\S+) \| (\d+) \|$", table, re.MULTILINE)), budget)


if __name__ == "__main__":
    unittest.main()

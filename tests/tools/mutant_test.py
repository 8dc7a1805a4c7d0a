"""tools/python/mutant.py: what --check finds, and what --refresh makes of a patch."""

import tempfile
import unittest
from pathlib import Path

import mutant as patches

SOURCE = "".join(f"line {number}\n" for number in range(1, 21))
PATCH = """Weakens: the tenth line
Caught-by: line_test LineTest.HasTen

--- a/code/line.cc
+++ b/code/line.cc
@@ -7,7 +7,6 @@
 line 7
 line 8
 line 9
-line 10
 line 11
 line 12
 line 13
"""
TESTS = {"line_test": "TEST(LineTest, HasTen) {}\nTEST_P(LineSizeTest, HasAll) {}\n"}


class MutantTest(unittest.TestCase):

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.source = self.root / "code/line.cc"
        self.source.parent.mkdir()
        self.source.write_text(SOURCE)

    def mutant(self, patch: str = PATCH) -> patches.Mutant:
        file = self.root / "ten.patch"
        file.write_text(patch)
        return patches.parse("ten", file, patch)

    def problems(self, patch: str = PATCH) -> list[str]:
        return patches.problems(self.mutant(patch), self.root, TESTS)

    def test_fields_files_and_test(self) -> None:
        mutant = self.mutant(PATCH.replace("the tenth line", "the\n  tenth line"))
        self.assertEqual(mutant.fields["Weakens"], "the tenth line")
        self.assertEqual(mutant.files, ["code/line.cc"])
        self.assertEqual(mutant.caught_by, ("line_test", "LineTest.HasTen"))

    def test_sound_patch_has_no_problems(self) -> None:
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.problems(PATCH.replace("LineTest.HasTen", "Sizes/LineSizeTest.HasAll/3")), [])
        self.assertEqual(self.problems(PATCH.replace("Caught-by: line_test LineTest.HasTen", "Equivalent: x86")), [])

    def test_shifted_lines_and_changed_neighbours_are_tolerated(self) -> None:
        self.source.write_text("new\n" * 5 + SOURCE.replace("line 8\n", "line eight\n"))
        self.assertEqual(self.problems(), [])

    def test_changed_line_is_told(self) -> None:
        self.source.write_text(SOURCE.replace("line 10\n", "line ten\n"))
        self.assertEqual(len(self.problems()), 1)
        self.assertIn("no longer applies", self.problems()[0])

    def test_two_places_that_fit_are_told(self) -> None:
        self.source.write_text(SOURCE + SOURCE)
        self.assertEqual(self.problems(), ["applies at 2 places of code/line.cc: give it more lines of context"])

    def test_header_is_checked(self) -> None:
        no_verdict = "the header must have one of Caught-by, Equivalent, Explained"
        for old, new, problem in (
            ("Weakens:", "Weaken:", "the header has no `Weakens`"),
            ("Caught-by: line_test LineTest.HasTen\n", "", no_verdict),
            ("Caught-by:", "Explained: why\nCaught-by:", no_verdict),
            ("line_test LineTest", "word_test LineTest", "tests/CMakeLists.txt has no test word_test"),
            ("LineTest.HasTen", "LineTest.HasTe", "line_test has no case LineTest.HasTe"),
        ):
            self.assertIn(problem, self.problems(PATCH.replace(old, new)))

    def test_tests_have_the_sources_that_the_build_lists(self) -> None:
        (self.root / "tests/os").mkdir(parents=True)
        (self.root / "tests/CMakeLists.txt").write_text("""
function(cubby_test name)
cubby_test(line_test SOURCES os/line_test.cc os/line_${CUBBY_OS_SUFFIX}_test.cc DEPS cubby_os)
if(NOT WIN32)
  target_sources(line_test PRIVATE os/more_posix_test.cc)
endif()
""")
        for name in ("line_test", "line_posix_test", "more_posix_test"):
            (self.root / f"tests/os/{name}.cc").write_text(f"{name};")
        self.assertEqual(patches.tests_of(self.root), {"line_test": "line_test;line_posix_test;more_posix_test;"})

    def test_refresh_takes_the_context_of_today(self) -> None:
        self.source.write_text("new\n" * 5 + SOURCE.replace("line 8\n", "line eight\n"))
        mutant = self.mutant()
        self.assertEqual(patches.refresh(mutant, self.root), "")
        refreshed = mutant.patch.read_text()
        self.assertIn("Caught-by: line_test LineTest.HasTen\n\n--- a/code/line.cc\n", refreshed)
        self.assertIn("@@ -12,7 +12,6 @@ line 6\n line 7\n line eight\n", refreshed)
        self.assertIn("line 10\n", self.source.read_text())


if __name__ == "__main__":
    unittest.main()

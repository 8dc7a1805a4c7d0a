"""tools/python/junit.py, on the three formats that the suites leave."""

import unittest

import junit

CTEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="Linux-c++" tests="3" failures="1" disabled="0" skipped="1" hostname="" time="2">
  <testcase name="good_test" classname="good_test" time="0.1" status="run">
    <properties/>
    <system-out>fine</system-out>
  </testcase>
  <testcase name="bad_test" classname="bad_test" time="0.1" status="fail">
    <failure message=""/>
    <properties><property name="timeout" value="10"/></properties>
    <system-out>Expected &lt;1&gt; &amp; &quot;2&quot;&#x0a;second line</system-out>
  </testcase>
  <testcase name="skipped_test" classname="skipped_test" time="0.1" status="notrun">
    <skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
    <properties/>
  </testcase>
</testsuite>
"""

GOOGLE_TEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" disabled="0" errors="0" time="0.01" name="AllTests">
  <testsuite name="A" tests="2" failures="1" disabled="0" skipped="1" errors="0" time="0.01">
    <testcase name="Fails" status="run" result="completed" classname="A">
      <failure message="a.cc:1&#x0A;not equal" type=""><![CDATA[a.cc:1
byte \xff and \x1b]]></failure>
    </testcase>
    <testcase name="Skips" status="run" result="skipped" classname="A"><skipped message="no"/></testcase>
  </testsuite>
  <testsuite name="B" tests="1" failures="0" disabled="0" skipped="0" errors="0" time="0.01">
    <testcase name="Passes" status="run" result="completed" classname="B"/>
  </testsuite>
</testsuites>
"""

BAZEL = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="tests/hangs" tests="1" failures="0" errors="1">
    <testcase name="tests/hangs" status="run" duration="60" time="60">
      <error message="exited with error code 142"></error>
    </testcase>
    <system-out>the last words</system-out>
  </testsuite>
</testsuites>
"""


def sums(results: junit.Results) -> tuple[int, int, int]:
    return results.passed, results.failed, results.skipped


class JunitTest(unittest.TestCase):

    def test_ctest(self) -> None:
        results = junit.parse(CTEST, "x.xml")
        self.assertEqual(sums(results), (1, 1, 1))
        self.assertEqual(results.failures, ['bad_test: Expected <1> & "2"\nsecond line'])

    def test_google_test_with_bytes_that_xml_forbids(self) -> None:
        results = junit.parse(GOOGLE_TEST, "x.xml")
        self.assertEqual(sums(results), (1, 1, 1))
        self.assertEqual(results.failures, ["Fails: a.cc:1\nbyte \ufffd and ?"])

    def test_bazel_has_sums_and_output_in_the_suite_alone(self) -> None:
        results = junit.parse(BAZEL, "x.xml")
        self.assertEqual(sums(results), (0, 1, 0))
        self.assertEqual(results.failures, ["tests/hangs: exited with error code 142\nthe last words"])

    def test_file_cut_off_is_a_failure(self) -> None:
        results = junit.parse(GOOGLE_TEST[:300], "x.xml")
        self.assertEqual(sums(results), (0, 1, 0))
        self.assertTrue(results.failures[0].startswith("x.xml: "))

    def test_failure_keeps_the_end_of_long_output(self) -> None:
        results = junit.parse(CTEST.replace(b"Expected", b"x" * 10_000), "x.xml")
        self.assertLess(len(results.failures[0]), 5000)
        self.assertTrue(results.failures[0].endswith("second line"))


if __name__ == "__main__":
    unittest.main()

//! Counting what a test runner reports.

use std::fmt;
use std::ops::AddAssign;

/// How many tests or checks ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored, not matched by the filter, or not run for want of something.
    pub(crate) skipped: u64,
}

impl Tally {
    pub(crate) const PASSED: Self = Self::of(1, 0, 0);
    pub(crate) const FAILED: Self = Self::of(0, 1, 0);
    pub(crate) const SKIPPED: Self = Self::of(0, 0, 1);

    const fn of(passed: u64, failed: u64, skipped: u64) -> Self {
        Self {
            passed,
            failed,
            skipped,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The runners whose closing lines we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo nextest run`: one line for the run, on the standard error stream.
    Nextest,
    /// `cargo test`: one line for every program, on the standard output stream.
    Libtest,
    /// The fault campaign: its last line, on the standard output stream.
    Campaign,
}

impl Runner {
    /// The counts of a line, if it is a closing line. The line may hold colours.
    pub(crate) fn closing(self, line: &str) -> Option<Tally> {
        let line = anstream::adapter::strip_str(line).to_string();
        match self {
            Self::Nextest => nextest(line.trim()),
            Self::Libtest => libtest(line.trim()),
            Self::Campaign => campaign(line.trim()),
        }
    }
}

/// `Summary [   1.052s] 7 tests run: 5 passed (1 flaky), 1 failed, 1 timed out, 2 skipped`,
/// with `3/7 tests run` when the run was cut short.
fn nextest(line: &str) -> Option<Tally> {
    let (_, rest) = line.strip_prefix("Summary [")?.split_once(']')?;
    let (run, counts) = rest.trim().split_once(" run: ")?;
    let mut tally = Tally::default();
    for (count, what) in counts_of(counts) {
        match what.as_str() {
            "passed" => tally.passed += count,
            "skipped" => tally.skipped += count,
            // Failed, timed out, exec failed and what is yet to come.
            _ => tally.failed += count,
        }
    }
    if let Some((done, all)) = run.split_whitespace().next()?.split_once('/') {
        tally.skipped += all.parse::<u64>().ok()?.checked_sub(done.parse().ok()?)?;
    }
    Some(tally)
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn libtest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut tally = Tally::default();
    for (count, what) in counts_of(counts) {
        match what.as_str() {
            "passed" => tally.passed += count,
            "failed" => tally.failed += count,
            "ignored" | "filtered out" => tally.skipped += count,
            _ => {}
        }
    }
    Some(tally)
}

/// `23503 passed, 0 failed`
fn campaign(line: &str) -> Option<Tally> {
    let counts = counts_of(line);
    let [(passed, first), (failed, second)] = counts.as_slice() else {
        return None;
    };
    let is_closing = first == "passed" && second == "failed";
    is_closing.then_some(Tally::of(*passed, *failed, 0))
}

/// The pairs of `3 passed (1 slow, 2 flaky), 0 failed; 1 filtered out`.
fn counts_of(text: &str) -> Vec<(u64, String)> {
    // What is in brackets has been counted outside of them.
    let outside = text
        .split('(')
        .map(|part| part.rsplit(')').next().unwrap_or(part));
    let text: String = outside.collect();
    let parts = text.split([',', ';']).map(str::trim);
    parts
        .filter_map(|part| part.split_once(' '))
        .filter_map(|(count, what)| Some((count.parse().ok()?, what.trim().to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nextest(line: &str) -> Option<Tally> {
        Runner::Nextest.closing(line)
    }

    fn libtest(line: &str) -> Option<Tally> {
        Runner::Libtest.closing(line)
    }

    #[test]
    fn nextest_success() {
        let line = "     Summary [   0.097s] 10 tests run: 10 passed, 0 skipped";
        assert_eq!(nextest(line), Some(Tally::of(10, 0, 0)));
        let one = "     Summary [   0.003s] 1 test run: 1 passed, 9 skipped";
        assert_eq!(nextest(one), Some(Tally::of(1, 0, 9)));
    }

    #[test]
    fn nextest_failures_of_every_kind() {
        let line = "Summary [  12.003s] 12 tests run: 8 passed (1 slow, 2 flaky), 1 failed, \
                    2 timed out, 1 exec failed, 3 skipped";
        assert_eq!(nextest(line), Some(Tally::of(8, 4, 3)));
    }

    #[test]
    fn nextest_cut_short_did_not_run_the_rest() {
        let line = "Summary [   1.000s] 4/10 tests run: 3 passed, 1 failed, 2 skipped";
        assert_eq!(nextest(line), Some(Tally::of(3, 1, 8)));
    }

    #[test]
    fn nextest_in_colour() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.097s] \u{1b}[1m2\u{1b}[0m tests run: \
                    \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(nextest(line), Some(Tally::of(2, 0, 0)));
    }

    #[test]
    fn libtest_lines() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                    finished in 0.00s";
        assert_eq!(libtest(line), Some(Tally::of(3, 0, 3)));
        let line = "test result: \u{1b}[31mFAILED\u{1b}(B\u{1b}[m. 3 passed; 4 failed; 0 ignored; \
                    0 measured; 0 filtered out; finished in 1.20s";
        assert_eq!(libtest(line), Some(Tally::of(3, 4, 0)));
    }

    #[test]
    fn the_last_line_of_the_campaign() {
        let campaign = |line| Runner::Campaign.closing(line);
        assert_eq!(
            campaign("23503 passed, 2 failed"),
            Some(Tally::of(23503, 2, 0))
        );
        for line in [
            "66 cases, 174 tries, 36 violated, seed 0, 1.0 s",
            "all 5 passed, 2 failed",
            "5 passed",
            "",
        ] {
            assert_eq!(campaign(line), None, "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in [
            "PASS [ 0.1s] a::b 3 passed, 1 failed",
            "running 3 tests",
            "",
        ] {
            assert_eq!((nextest(line), libtest(line)), (None, None), "{line}");
        }
    }
}

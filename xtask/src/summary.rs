//! The closing summary: every engine, every suite, every count.

use std::fmt;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::engine::{Engine, State};
use crate::suite::Report;
use crate::tally::Tally;

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// What `cargo xtask test` ends with.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) engines: Vec<(Engine, State)>,
    pub(crate) reports: Vec<Report>,
    pub(crate) elapsed: Duration,
    /// Whether an engine may be missing.
    pub(crate) allow_missing: bool,
    /// What ended the run before its end.
    pub(crate) stopped: Option<String>,
}

impl Summary {
    /// Whether everything passed everywhere.
    pub(crate) fn is_success(&self) -> bool {
        self.stopped.is_none() && self.tally().failed == 0 && !self.is_incomplete()
    }

    /// All counts together.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for report in &self.reports {
            tally += report.tally;
        }
        tally
    }

    /// Whether an engine's absence fails the run.
    fn is_incomplete(&self) -> bool {
        self.engines.iter().any(|(_, state)| match state {
            State::Up(_) | State::Unused => false,
            State::Missing(_) => !self.allow_missing,
            State::Broken(_) => true,
        })
    }

    /// Whether a suite used the engine and something came of it: a suite that
    /// did not compile says nothing about an engine.
    fn exercised(&self, engine: Engine) -> bool {
        let mut reports = self.reports.iter();
        reports.any(|report| report.suite.exercises(engine) && report.tally.passed > 0)
    }

    fn verdict(&self) -> String {
        if let Some(why) = &self.stopped {
            return format!("{BAD}stopped before the end: {why}{BAD:#}");
        }
        let missing = self.engines.iter().filter(|(_, state)| state.is_missing());
        let missing: Vec<_> = missing.map(|(engine, _)| engine.name()).collect();
        let missing = missing.join(" and ");
        if self.is_success() && missing.is_empty() {
            return format!("{GOOD}all passed{GOOD:#}");
        }
        if self.is_success() {
            return format!("all passed, but {BAD}{missing} LEFT OUT{BAD:#}");
        }
        let mut reasons = Vec::new();
        if self.tally().failed > 0 {
            reasons.push("something failed".to_owned());
        }
        if !missing.is_empty() {
            reasons.push(format!("{missing} LEFT OUT"));
        }
        format!("{BAD}FAILED: {}{BAD:#}", reasons.join(", "))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{HEADING}{:<12}{:<11}state{HEADING:#}",
            "engine", "version"
        )?;
        for (engine, state) in &self.engines {
            let (version, style, words) = match state {
                State::Up(version) if self.exercised(*engine) => {
                    (version.as_str(), GOOD, "tested".to_owned())
                }
                State::Up(version) => (version.as_str(), Style::new(), "not tested".to_owned()),
                State::Unused => ("-", Style::new(), "no chosen suite uses it".to_owned()),
                State::Missing(why) | State::Broken(why) => ("-", BAD, format!("LEFT OUT: {why}")),
            };
            writeln!(
                f,
                "{:<12}{version:<11}{style}{words}{style:#}",
                engine.name()
            )?;
        }
        writeln!(f)?;
        let columns = ["passed", "failed", "skipped", "seconds"];
        let [passed, failed, skipped, seconds] = columns;
        writeln!(
            f,
            "{HEADING}{:<12}{passed:>8}{failed:>8}{skipped:>9}{seconds:>9}{HEADING:#}",
            "suite"
        )?;
        for report in &self.reports {
            let Tally {
                passed,
                failed,
                skipped,
            } = report.tally;
            let style = if failed > 0 { BAD } else { Style::new() };
            writeln!(
                f,
                "{:<12}{passed:>8}{style}{failed:>8}{style:#}{skipped:>9}{:>9.1}",
                report.suite.name(),
                report.elapsed.as_secs_f64(),
            )?;
        }
        for report in &self.reports {
            for note in &report.notes {
                writeln!(f, "  {}: {note}", report.suite.name())?;
            }
        }
        writeln!(f)?;
        writeln!(
            f,
            "{} ({:.1} s in all)",
            self.verdict(),
            self.elapsed.as_secs_f64()
        )?;
        writeln!(f, "{}", self.tally())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::suite::Suite;

    fn report(suite: Suite, passed: u64, failed: u64, notes: &[&str]) -> Report {
        Report {
            suite,
            tally: Tally {
                passed,
                failed,
                skipped: 2,
            },
            elapsed: Duration::from_millis(12_340),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        }
    }

    fn summary(mariadb: State, failed: u64) -> Summary {
        Summary {
            engines: vec![
                (Engine::Sqlite, State::Up("3.50.4".into())),
                (Engine::Postgres, State::Up("15.18".into())),
                (Engine::MariaDb, mariadb),
            ],
            reports: vec![
                report(Suite::Features, 5, 0, &[]),
                report(Suite::Tests, 1234, failed, &["test runner: so and so"]),
            ],
            elapsed: Duration::from_secs(61),
            allow_missing: false,
            stopped: None,
        }
    }

    fn check(summary: &Summary, expected: &Expect) {
        let text = anstream::adapter::strip_str(&summary.to_string()).to_string();
        expected.assert_eq(&text);
    }

    #[test]
    fn everything_passed() {
        let summary = summary(State::Up("10.11.19".into()), 0);
        assert!(summary.is_success());
        check(
            &summary,
            &expect![[r"
            engine      version    state
            SQLite      3.50.4     tested
            PostgreSQL  15.18      tested
            MariaDB     10.11.19   tested

            suite         passed  failed  skipped  seconds
            features           5       0        2     12.3
            tests           1234       0        2     12.3
              tests: test runner: so and so

            all passed (61.0 s in all)
            1239 passed, 0 failed, 4 skipped
        "]],
        );
    }

    #[test]
    fn a_missing_engine_and_a_failure() {
        let summary = summary(State::Missing("not installed".into()), 1);
        assert!(!summary.is_success());
        check(
            &summary,
            &expect![[r"
            engine      version    state
            SQLite      3.50.4     tested
            PostgreSQL  15.18      tested
            MariaDB     -          LEFT OUT: not installed

            suite         passed  failed  skipped  seconds
            features           5       0        2     12.3
            tests           1234       1        2     12.3
              tests: test runner: so and so

            FAILED: something failed, MariaDB LEFT OUT (61.0 s in all)
            1239 passed, 1 failed, 4 skipped
        "]],
        );
    }

    #[test]
    fn a_missing_engine_may_be_allowed_a_broken_one_not() {
        let mut missing = summary(State::Missing("not installed".into()), 0);
        assert!(!missing.is_success());
        missing.allow_missing = true;
        assert!(missing.is_success());
        assert!(missing.verdict().contains("MariaDB LEFT OUT"));
        let mut broken = summary(State::Broken("it crashed".into()), 0);
        broken.allow_missing = true;
        assert!(!broken.is_success());
    }

    #[test]
    fn an_engine_is_tested_by_a_suite_that_uses_it() {
        let mut summary = summary(State::Up("10.11.19".into()), 0);
        assert!(summary.exercised(Engine::MariaDb));
        summary.reports = vec![report(Suite::Demo, 2, 0, &[])];
        assert!(summary.exercised(Engine::Postgres));
        assert!(!summary.exercised(Engine::MariaDb));
        summary.reports = vec![report(Suite::Tests, 0, 1, &[])];
        assert!(!summary.exercised(Engine::Postgres));
    }

    #[test]
    fn a_run_cut_short_is_no_success() {
        let mut summary = summary(State::Unused, 0);
        assert!(summary.is_success());
        summary.stopped = Some("SIGINT".into());
        assert!(!summary.is_success());
    }
}

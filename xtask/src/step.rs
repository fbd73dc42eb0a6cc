//! One command of a suite.

use std::io::{self, IsTerminal};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::interrupt::Interrupted;
use crate::process::Process;
use crate::status::describe;
use crate::stream::pass_on;
use crate::tally::{Runner, Tally};

/// One command of a suite: either one check, or a test runner that counts.
#[derive(Debug)]
pub(crate) struct Step {
    title: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It passes if its exit code is 0.
    Check(Command),
    /// It reports counts itself.
    Tests {
        command: Command,
        runner: Runner,
        /// No test at all is then a failure: nothing matched.
        filtered: bool,
    },
    /// It cannot be run here.
    Skipped(String),
}

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// What the summary has to say about it, if not all is well.
    pub(crate) note: Option<String>,
}

impl Step {
    /// A command that passes or fails as a whole.
    pub(crate) fn check(title: impl Into<String>, command: Command) -> Self {
        Self {
            title: title.into(),
            kind: Kind::Check(command),
        }
    }

    /// A test runner.
    pub(crate) fn tests(command: Command, runner: Runner, filtered: bool) -> Self {
        Self {
            title: "test runner".into(),
            kind: Kind::Tests {
                command,
                runner,
                filtered,
            },
        }
    }

    /// A command that counts by itself what passed and what failed.
    pub(crate) fn counted(title: impl Into<String>, command: Command, runner: Runner) -> Self {
        Self {
            title: title.into(),
            ..Self::tests(command, runner, false)
        }
    }

    /// A command that cannot be run here, and why.
    pub(crate) fn skipped(title: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            kind: Kind::Skipped(why.into()),
        }
    }

    /// What a person would type.
    pub(crate) fn shown(&self) -> String {
        match &self.kind {
            Kind::Check(command) | Kind::Tests { command, .. } => shown(command),
            Kind::Skipped(why) => format!("{}: skipped: {why}", self.title),
        }
    }

    /// Runs it. `Err` only when the whole run shall end.
    pub(crate) fn run(self) -> Result<Outcome, Interrupted> {
        let title = self.title;
        let result = match self.kind {
            Kind::Check(command) => check(command),
            Kind::Tests {
                command,
                runner,
                filtered,
            } => tests(command, runner, filtered),
            Kind::Skipped(why) => Ok(Outcome {
                tally: Tally::SKIPPED,
                note: Some(format!("skipped: {why}")),
            }),
        };
        let mut outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => match error.downcast::<Interrupted>() {
                Ok(interrupted) => return Err(interrupted),
                Err(error) => Outcome {
                    tally: Tally::FAILED,
                    note: Some(format!("{error:#}")),
                },
            },
        };
        outcome.note = outcome.note.map(|note| format!("{title}: {note}"));
        Ok(outcome)
    }
}

fn check(mut command: Command) -> Result<Outcome> {
    command.stdin(Stdio::null());
    let status = Process::job(command)?.wait()?;
    Ok(if status.success() {
        Outcome {
            tally: Tally::PASSED,
            note: None,
        }
    } else {
        Outcome {
            tally: Tally::FAILED,
            note: Some(format!("failed ({})", describe(status))),
        }
    })
}

fn tests(mut command: Command, runner: Runner, filtered: bool) -> Result<Outcome> {
    command.stdin(Stdio::null());
    // The runner sees a pipe where a person sees a terminal.
    let colours = match runner {
        Runner::Nextest => io::stderr().is_terminal(),
        Runner::Libtest | Runner::Campaign => io::stdout().is_terminal(),
    };
    if colours && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    match runner {
        Runner::Nextest => command.stderr(Stdio::piped()),
        Runner::Libtest | Runner::Campaign => command.stdout(Stdio::piped()),
    };
    let mut process = Process::job(command)?;
    let counted = match runner {
        Runner::Nextest => {
            let stderr = process.take_stderr().context("no standard error stream")?;
            pass_on(stderr, io::stderr(), runner)
        }
        Runner::Libtest | Runner::Campaign => {
            let stdout = process.take_stdout().context("no standard output stream")?;
            pass_on(stdout, io::stdout(), runner)
        }
    };
    let status = process.wait()?;
    Ok(judge(status, counted.wait(), filtered))
}

/// What a runner's exit code and counts mean together.
fn judge(status: ExitStatus, counted: Option<Tally>, filtered: bool) -> Outcome {
    let Some(mut tally) = counted else {
        let note = format!("ended without a result ({})", describe(status));
        return Outcome {
            tally: Tally::FAILED,
            note: Some(note),
        };
    };
    let mut note = None;
    if filtered && tally.passed + tally.failed == 0 {
        tally += Tally::FAILED;
        note = Some("no test has a name like that".to_owned());
    } else if tally.failed > 0 {
        note = Some(format!("{} failed", tally.failed));
    } else if !status.success() {
        // One of its programs did not get as far as counting.
        tally += Tally::FAILED;
        note = Some(format!("failed ({})", describe(status)));
    }
    Outcome { tally, note }
}

/// A command line to read, not to paste: nothing is quoted.
fn shown(command: &Command) -> String {
    // `CARGO` may be a long path to the same cargo.
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn judged(code: i32, counts: Option<[u64; 3]>, filtered: bool) -> (String, Option<String>) {
        let counted = counts.map(|[passed, failed, skipped]| Tally {
            passed,
            failed,
            skipped,
        });
        let outcome = judge(ExitStatus::from_raw(code << 8), counted, filtered);
        (outcome.tally.to_string(), outcome.note)
    }

    fn noted(tally: &str, note: &str) -> (String, Option<String>) {
        (tally.to_owned(), Some(note.to_owned()))
    }

    #[test]
    fn good_counts_and_exit_code() {
        let good = ("5 passed, 0 failed, 1 skipped".to_owned(), None);
        assert_eq!(judged(0, Some([5, 0, 1]), true), good);
    }

    #[test]
    fn a_runner_without_a_result_has_failed() {
        let note = "ended without a result (exit code 101)";
        let expected = noted("0 passed, 1 failed, 0 skipped", note);
        assert_eq!(judged(101, None, false), expected);
    }

    #[test]
    fn a_runner_that_fails_after_good_counts_has_failed() {
        let expected = noted("2 passed, 1 failed, 0 skipped", "failed (exit code 1)");
        assert_eq!(judged(1, Some([2, 0, 0]), false), expected);
    }

    #[test]
    fn failures_are_counted_once() {
        let expected = noted("2 passed, 3 failed, 0 skipped", "3 failed");
        assert_eq!(judged(100, Some([2, 3, 0]), false), expected);
    }

    #[test]
    fn a_filter_that_matches_nothing_is_a_failure() {
        let expected = noted(
            "0 passed, 1 failed, 9 skipped",
            "no test has a name like that",
        );
        assert_eq!(judged(4, Some([0, 0, 9]), true), expected);
        let none = ("0 passed, 0 failed, 9 skipped".to_owned(), None);
        assert_eq!(judged(0, Some([0, 0, 9]), false), none);
    }

    #[test]
    fn a_missing_program_fails_its_step() {
        let step = Step::check("demo", Command::new("no-such-program-here"));
        let outcome = step.run().unwrap();
        assert_eq!(outcome.tally, Tally::FAILED);
        let note = "demo: the program `no-such-program-here` was not found";
        assert_eq!(outcome.note.as_deref(), Some(note));
    }

    #[test]
    fn a_command_is_shown_by_its_name() {
        let mut command = Command::new("/opt/toolchain/bin/cargo");
        command.args(["test", "--doc"]);
        let step = Step::tests(command, Runner::Libtest, false);
        assert_eq!(step.shown(), "cargo test --doc");
    }
}

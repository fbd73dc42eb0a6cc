//! The suites: what `cargo xtask test` runs, in this order.

use std::process::Command;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::engine::Engine;
use crate::faults;
use crate::interrupt::Interrupted;
use crate::servers::Servers;
use crate::step::Step;
use crate::tally::{Runner, Tally};
use crate::workspace::Workspace;

/// The crate whose features are tried out.
const RUNTIME: &str = "sqlx-transactional";

/// One suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// The crate compiles with no driver, each driver alone and all of them
    Features,
    /// All tests of the workspace, on every engine
    Tests,
    /// The fault campaign holds, and its control fails as plain sqlx does
    Faults,
    /// The examples in the documentation
    Doctests,
    /// The crate's example programs compile
    Examples,
    /// The demonstration ends well on SQLite and on PostgreSQL
    Demo,
}

/// What is needed to run a suite.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) workspace: &'a Workspace,
    /// `None` if none of the chosen suites needs them.
    pub(crate) servers: Option<&'a Servers>,
    /// What the names of the tests to run contain.
    pub(crate) filter: Option<&'a str>,
}

/// What a suite came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) suite: Suite,
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
    pub(crate) notes: Vec<String>,
}

impl Suite {
    /// Its name on the command line and in the summary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Tests => "tests",
            Self::Faults => "faults",
            Self::Doctests => "doctests",
            Self::Examples => "examples",
            Self::Demo => "demo",
        }
    }

    /// Whether it talks to database servers.
    pub(crate) fn needs_servers(self) -> bool {
        matches!(
            self,
            Self::Tests | Self::Faults | Self::Doctests | Self::Demo
        )
    }

    /// Whether its result says something about an engine.
    pub(crate) fn exercises(self, engine: Engine) -> bool {
        match self {
            Self::Tests | Self::Faults => true,
            Self::Demo => matches!(engine, Engine::Sqlite | Engine::Postgres),
            Self::Features | Self::Doctests | Self::Examples => false,
        }
    }

    /// Whether it can run a part of itself by name.
    pub(crate) fn takes_filter(self) -> bool {
        matches!(self, Self::Tests | Self::Doctests)
    }

    /// Runs it, step by step; calls `before` ahead of each.
    pub(crate) fn run(
        self,
        context: &Context<'_>,
        mut before: impl FnMut(&Step),
    ) -> Result<Report, Interrupted> {
        let began = Instant::now();
        let mut tally = Tally::default();
        let mut notes = Vec::new();
        for step in self.steps(context) {
            before(&step);
            let outcome = step.run()?;
            tally += outcome.tally;
            notes.extend(outcome.note);
        }
        Ok(Report {
            suite: self,
            tally,
            elapsed: began.elapsed(),
            notes,
        })
    }

    fn steps(self, context: &Context<'_>) -> Vec<Step> {
        match self {
            Self::Features => features(context),
            Self::Tests => vec![tests(context)],
            Self::Faults => campaign(context),
            Self::Doctests => vec![doctests(context)],
            Self::Examples => vec![examples(context)],
            Self::Demo => demo(context),
        }
    }
}

impl Context<'_> {
    /// A cargo command that finds the servers.
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.cargo(arguments);
        if let Some(servers) = self.servers {
            servers.equip(&mut command);
        }
        command
    }
}

fn features(context: &Context<'_>) -> Vec<Step> {
    let combinations = ["", "sqlite", "postgres", "mysql", "sqlite,postgres,mysql"];
    combinations
        .into_iter()
        .map(|features| {
            let title = if features.is_empty() {
                "none"
            } else {
                features
            };
            // As `cargo check`, but a warning of the crate's own fails it: code that
            // nothing uses is what a combination gets wrong first.
            let mut command = context.cargo(&["rustc", "--package", RUNTIME, "--lib"]);
            command.args(["--profile", "check", "--no-default-features"]);
            if !features.is_empty() {
                command.args(["--features", features]);
            }
            command.args(["--", "--deny", "warnings"]);
            Step::check(title, command)
        })
        .collect()
}

fn tests(context: &Context<'_>) -> Step {
    let nextest = context.workspace.has_nextest();
    let mut command = if nextest {
        context.cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        context.cargo(&[
            "test",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ])
    };
    command.args(context.filter);
    let runner = if nextest {
        Runner::Nextest
    } else {
        Runner::Libtest
    };
    Step::tests(command, runner, context.filter.is_some())
}

fn campaign(context: &Context<'_>) -> Vec<Step> {
    let step = |title: &str, arguments: &[&str]| {
        let mut command = faults::command(context.workspace, false, arguments);
        if let Some(servers) = context.servers {
            servers.equip(&mut command);
        }
        Step::counted(title, command, Runner::Campaign)
    };
    vec![
        Step::check("build", faults::build::<&str>(context.workspace, &[])),
        step("campaign", &[]),
        step("control", &["--control"]),
    ]
}

fn doctests(context: &Context<'_>) -> Step {
    let mut command = context.cargo(&["test", "--workspace", "--no-fail-fast", "--doc"]);
    command.args(context.filter);
    Step::tests(command, Runner::Libtest, context.filter.is_some())
}

fn examples(context: &Context<'_>) -> Step {
    let arguments = [
        "build",
        "--package",
        RUNTIME,
        "--examples",
        "--all-features",
    ];
    Step::check("runtime", context.cargo(&arguments))
}

fn demo(context: &Context<'_>) -> Vec<Step> {
    let demo = |database: Option<&str>| {
        let mut command = context.cargo(&["run", "--package", "thread-handlers"]);
        command.args(["--bin", "threads", "--", "--quiet"]);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        command
    };
    let url = context
        .servers
        .and_then(|servers| servers.variable("TEST_POSTGRES_URL"));
    vec![
        Step::check("SQLite", demo(None)),
        match url {
            Some(url) => Step::check("PostgreSQL", demo(Some(url))),
            None => Step::skipped("PostgreSQL", "there is no server"),
        },
    ]
}

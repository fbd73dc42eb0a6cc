//! `cargo xtask test`: servers, suites, summary.

use std::process::ExitCode;
use std::time::Instant;

use anstyle::Style;
use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::engine::{Engine, State};
use crate::interrupt::{self, Interrupted};
use crate::servers::Servers;
use crate::suite::{Context, Report, Suite};
use crate::summary::Summary;
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) filter: Option<String>,
    pub(crate) suites: Vec<Suite>,
    pub(crate) allow_missing: bool,
}

impl Request {
    /// The suites to run, in the order they always run in.
    fn suites(&self) -> Result<Vec<Suite>> {
        let chosen: Vec<_> = match (self.suites.as_slice(), &self.filter) {
            ([], None) => return Ok(Suite::value_variants().to_vec()),
            ([], Some(_)) => vec![Suite::Tests],
            (suites, _) => suites.to_vec(),
        };
        if self.filter.is_some()
            && let Some(suite) = chosen.iter().find(|suite| !suite.takes_filter())
        {
            bail!(
                "the suite `{}` has no tests to choose from by name",
                suite.name()
            );
        }
        let all = Suite::value_variants().iter().copied();
        Ok(all.filter(|suite| chosen.contains(suite)).collect())
    }
}

/// Runs it all. `Err` is for what keeps it from running at all.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<ExitCode> {
    let began = Instant::now();
    let suites = request.suites()?;
    let mut servers = if suites.iter().any(|suite| suite.needs_servers()) {
        Some(Servers::start(&workspace.servers())?)
    } else {
        None
    };
    let context = Context {
        workspace,
        servers: servers.as_ref(),
        filter: request.filter.as_deref(),
    };
    let mut reports = Vec::new();
    let stopped = run_suites(&suites, &context, began, &mut reports).err();
    if let Some(servers) = &mut servers {
        servers.look_after()?;
    }

    let mut summary = Summary {
        engines: engines(workspace, servers.as_ref()),
        reports,
        elapsed: began.elapsed(),
        allow_missing: request.allow_missing,
        stopped: stopped.map(|interrupted| interrupted.0.to_string()),
    };
    let used_and_failed = |report: &Report| report.suite.needs_servers() && report.tally.failed > 0;
    if summary.reports.iter().any(used_and_failed)
        && let Some(servers) = &mut servers
    {
        servers.keep();
    }
    // Before the summary, so that nothing is said after its last line.
    drop(servers);
    summary.elapsed = began.elapsed();
    anstream::print!("\n{summary}");

    match stopped.or_else(|| interrupt::received().map(Interrupted)) {
        Some(interrupted) => Ok(interrupted.exit_code()),
        None if summary.is_success() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

fn run_suites(
    suites: &[Suite],
    context: &Context<'_>,
    began: Instant,
    reports: &mut Vec<Report>,
) -> Result<(), Interrupted> {
    const HEADING: Style = Style::new().bold();
    for (done, suite) in suites.iter().enumerate() {
        interrupt::check()?;
        let name = suite.name();
        let position = format!("{} of {}", done + 1, suites.len());
        let report = suite.run(context, |step| {
            let elapsed = began.elapsed().as_secs_f64();
            anstream::eprintln!(
                "\n{HEADING}xtask: {name} ({position}, at {elapsed:.1} s){HEADING:#}: {}",
                step.shown(),
            );
        })?;
        let elapsed = report.elapsed.as_secs_f64();
        eprintln!("xtask: {name}: {} in {elapsed:.1} s", report.tally);
        reports.push(report);
    }
    Ok(())
}

fn engines(workspace: &Workspace, servers: Option<&Servers>) -> Vec<(Engine, State)> {
    let version = || {
        workspace
            .sqlite_version()
            .unwrap_or_else(|| "bundled".to_owned())
    };
    match servers {
        Some(servers) => {
            let mut engines = vec![(Engine::Sqlite, State::Up(version()))];
            engines.extend(servers.states().iter().cloned());
            engines
        }
        None => Engine::ALL.map(|engine| (engine, State::Unused)).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suites(filter: Option<&str>, suites: &[Suite]) -> Result<Vec<Suite>> {
        let request = Request {
            filter: filter.map(str::to_owned),
            suites: suites.to_vec(),
            allow_missing: false,
        };
        request.suites()
    }

    #[test]
    fn all_suites_run_unless_told_otherwise() {
        assert_eq!(suites(None, &[]).unwrap(), Suite::value_variants());
    }

    #[test]
    fn a_filter_means_the_tests() {
        assert_eq!(suites(Some("rollback"), &[]).unwrap(), [Suite::Tests]);
        let doctests = suites(Some("rollback"), &[Suite::Doctests]).unwrap();
        assert_eq!(doctests, [Suite::Doctests]);
    }

    #[test]
    fn chosen_suites_run_once_in_their_order() {
        let chosen = suites(None, &[Suite::Demo, Suite::Features, Suite::Demo]).unwrap();
        assert_eq!(chosen, [Suite::Features, Suite::Demo]);
    }

    #[test]
    fn a_filter_for_something_without_names_is_refused() {
        let error = suites(Some("x"), &[Suite::Tests, Suite::Demo]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the suite `demo` has no tests to choose from by name"
        );
    }
}

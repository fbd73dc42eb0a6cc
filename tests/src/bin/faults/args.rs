//! The command line.

use crate::control::Control;
use clap::{Parser, ValueEnum};
use sqlx_transactional_tests::Engine;
use sqlx_transactional_tests::campaign::Goal;
use std::path::PathBuf;

/// Lets every form of a transaction meet every fault at every position, and
/// counts what held.
///
/// The exit code is 0 only if everything held; with `--control`, only if plain
/// sqlx was seen to do what it is known to do wrong. Of its peers it is only
/// counted what held.
#[derive(Debug, Parser)]
#[command(name = "faults", version)]
pub(crate) struct Args {
    /// How much is tried
    #[arg(long, value_enum, default_value_t = Level::Quick)]
    pub(crate) level: Level,
    /// Only on this engine: sqlite, postgres or mysql (may be given several times)
    #[arg(long = "engine", value_name = "NAME", value_parser = engine)]
    pub(crate) engines: Vec<Engine>,
    /// Only what is asked for this goal, R3 for example (may be given several times)
    #[arg(long = "goal", value_name = "GOAL", value_parser = goal)]
    pub(crate) goals: Vec<Goal>,
    /// Only the case of this text, or every case whose text begins with it
    #[arg(long, value_name = "TEXT")]
    pub(crate) case: Option<String>,
    /// What chance begins with; 0 leaves nothing to chance
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Writes the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the result as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Tries the same with transactions that others make: plain, which is
    /// handlers written by hand on plain sqlx, or, with the feature `peers`,
    /// axum-sqlx-tx or sea-orm
    #[arg(long, value_name = "NAME", value_parser = control)]
    #[arg(num_args = 0..=1, default_missing_value = "plain")]
    pub(crate) control: Option<Control>,
}

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Every position once, and a little of what takes long
    Quick,
    /// All of it, and the positions again with other seeds, until 50,000 cases
    /// are reached
    Full,
}

fn engine(text: &str) -> Result<Engine, String> {
    let found = Engine::ALL.into_iter().find(|one| one.to_string() == text);
    found.ok_or_else(|| "sqlite, postgres or mysql".to_owned())
}

fn control(text: &str) -> Result<Control, String> {
    let found = Control::ALL.iter().find(|one| one.name() == text);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = Control::ALL.iter().map(|one| one.name()).collect();
        format!("this build has {}", names.join(", "))
    })
}

fn goal(text: &str) -> Result<Goal, String> {
    let found = Goal::ALL.into_iter().find(|one| one.to_string() == text);
    found.ok_or_else(|| "R1 to R13, R18 to R22".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn engines_and_goals_are_read() {
        let line = [
            "faults", "--engine", "mysql", "--goal", "R3", "--goal", "R12",
        ];
        let args = Args::parse_from(line);
        assert_eq!(args.engines, [Engine::MySql]);
        assert_eq!(args.goals, [Goal::R3, Goal::R12]);
        assert!(Args::try_parse_from(["faults", "--goal", "R99"]).is_err());
        assert!(Args::try_parse_from(["faults", "--engine", "oracle"]).is_err());
    }

    #[test]
    fn a_control_without_a_name_is_plain_sqlx() {
        let control = |line: &[&str]| Args::parse_from(line).control;
        assert_eq!(control(&["faults"]), None);
        let line = ["faults", "--control", "--engine", "mysql"];
        assert_eq!(control(&line), Some(Control::Plain));
        for one in Control::ALL {
            assert_eq!(control(&["faults", "--control", one.name()]), Some(*one));
        }
        assert!(Args::try_parse_from(["faults", "--control", "diesel"]).is_err());
    }
}

//! `cargo xtask faults`: the fault campaign.

use std::process::Command;

use crate::workspace::Workspace;

/// The arguments that make a run something else than the whole campaign, whose
/// results are kept.
const APART: [&str; 4] = ["--case", "--control", "--json", "--markdown"];

/// The command that builds the campaign and the programs that it starts, which
/// it looks for beside itself.
pub(crate) fn build(workspace: &Workspace) -> Command {
    workspace.cargo(&["build", "--package", "sqlx-transactional-tests", "--bins"])
}

/// The command that runs the campaign, once it is built. The results of a whole one are written
/// where cargo puts what it makes.
pub(crate) fn command<S: AsRef<str>>(
    workspace: &Workspace,
    full: bool,
    arguments: &[S],
) -> Command {
    let mut command = workspace.cargo(&["run", "--package", "sqlx-transactional-tests"]);
    command.args(["--bin", "faults", "--", "--level"]);
    command.arg(if full { "full" } else { "quick" });
    if is_whole(arguments) {
        for (option, name) in [("--json", "faults.json"), ("--markdown", "faults.md")] {
            command.arg(option).arg(workspace.product(name));
        }
    }
    command.args(arguments.iter().map(AsRef::as_ref));
    command
}

fn is_whole<S: AsRef<str>>(arguments: &[S]) -> bool {
    let is_apart = |argument: &str| {
        let name = argument.split_once('=').map_or(argument, |(name, _)| name);
        APART.contains(&name)
    };
    !arguments.iter().any(|argument| is_apart(argument.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_campaign_is_kept() {
        assert!(is_whole::<&str>(&[]));
        assert!(is_whole(&["--seed", "3"]));
        assert!(!is_whole(&["--seed", "3", "--case=block/hold/client/3"]));
        assert!(!is_whole(&["--control"]));
    }
}

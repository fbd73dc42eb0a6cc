//! `cargo xtask faults`: the fault campaign.

use std::process::Command;

use crate::workspace::Workspace;

/// The arguments that make a run something else than the whole campaign, whose
/// results are kept.
const APART: [&str; 4] = ["--case", "--control", "--json", "--markdown"];

/// The controls that are other libraries.
const PEERS: [&str; 2] = ["axum-sqlx-tx", "sea-orm"];

/// The command that builds the campaign and the programs that it starts, which
/// it looks for beside itself.
pub(crate) fn build<S: AsRef<str>>(workspace: &Workspace, arguments: &[S]) -> Command {
    let mut command = workspace.cargo(&["build", "--package", "sqlx-transactional-tests"]);
    command.arg("--bins").args(features(arguments));
    command
}

/// The command that runs the campaign, once it is built. The results of a whole one are written
/// where cargo puts what it makes.
pub(crate) fn command<S: AsRef<str>>(
    workspace: &Workspace,
    full: bool,
    arguments: &[S],
) -> Command {
    let mut command = workspace.cargo(&["run", "--package", "sqlx-transactional-tests"]);
    command.args(["--bin", "faults"]).args(features(arguments));
    command.args(["--", "--level"]);
    command.arg(if full { "full" } else { "quick" });
    if is_whole(arguments) {
        for (option, name) in [("--json", "faults.json"), ("--markdown", "faults.md")] {
            command.arg(option).arg(workspace.product(name));
        }
    }
    command.args(arguments.iter().map(AsRef::as_ref));
    command
}

/// What cargo is told for these arguments: the peers are not built for anybody
/// who does not ask for one.
fn features<S: AsRef<str>>(arguments: &[S]) -> &'static [&'static str] {
    let is_peer = |name: &str| PEERS.contains(&name);
    let mut arguments = arguments.iter().map(AsRef::as_ref);
    while let Some(argument) = arguments.next() {
        let name = match argument.split_once('=') {
            Some(("--control", name)) => Some(name),
            None if argument == "--control" => arguments.next(),
            _ => None,
        };
        if name.is_some_and(is_peer) {
            return &["--features", "peers"];
        }
    }
    &[]
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

    #[test]
    fn peers_are_built_when_one_is_asked_for() {
        let peers = ["--features", "peers"];
        assert_eq!(features(&["--seed", "3", "--control", "sea-orm"]), peers);
        assert_eq!(features(&["--control=axum-sqlx-tx", "--seed", "3"]), peers);
        for other in [
            &[][..],
            &["--control"],
            &["--control", "plain"],
            &["--case", "sea-orm"],
            &["--control", "--engine", "sqlite"],
        ] {
            assert!(features(other).is_empty(), "{other:?}");
        }
    }
}

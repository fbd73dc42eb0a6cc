//! `cargo xtask mutants`: what the tests say when the code is wrong.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// The crate that is broken, again and again.
const PACKAGE: &str = "sqlx-transactional";

/// The command that mutates the crate, if it is installed. Its settings are in
/// `.cargo/mutants.toml`; its results are written where cargo puts what it makes.
pub(crate) fn command<S: AsRef<str>>(workspace: &Workspace, arguments: &[S]) -> Result<Command> {
    let mut version = workspace.cargo(&["mutants", "--version"]);
    version.stdin(Stdio::null());
    if !version.output().is_ok_and(|output| output.status.success()) {
        bail!("`cargo mutants` is not there: `cargo install cargo-mutants`");
    }
    let mut command = workspace.cargo(&["mutants", "--package", PACKAGE, "--output"]);
    command.arg(workspace.product(""));
    // It stops at the first failure; `cargo test` runs a whole binary after it.
    if workspace.has_nextest() {
        command.args(["--test-tool", "nextest"]);
    }
    command.args(arguments.iter().map(AsRef::as_ref));
    Ok(command)
}

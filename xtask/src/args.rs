//! The command line.

use clap::{Parser, Subcommand};

use crate::suite::Suite;

const SERVERS_EXAMPLE: &str = "Example:
  cargo xtask servers -- sh -c 'psql \"$TEST_POSTGRES_URL\"'";

const FAULTS_EXAMPLE: &str = "Example:
  cargo xtask faults -- --engine postgres --case block/hold/client/3";

const MUTANTS_EXAMPLE: &str = "Example:
  cargo xtask mutants -- --file runtime/src/state.rs --shard 1/4";

/// Sets up what the project needs and tests all of it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Test everything on SQLite, PostgreSQL and MariaDB
    ///
    /// Starts private PostgreSQL and MariaDB servers on free loopback ports,
    /// runs every suite against them, stops them again and ends with a summary.
    /// A server that is not installed is installed with apt where that is
    /// allowed (root or password-less sudo).
    ///
    /// The exit code is 0 only if everything passed on every engine.
    Test {
        /// Run only the tests whose name contains this
        filter: Option<String>,
        /// Run only this suite (may be given several times)
        #[arg(long = "suite", value_name = "NAME")]
        suites: Vec<Suite>,
        /// Do not fail because a database server is not installed
        #[arg(long)]
        allow_missing: bool,
    },
    /// Let every form of a transaction meet every fault, and count what held
    ///
    /// Starts the private servers, lets futures be dropped and messages be cut,
    /// truncated and delayed at every position, and says each violation at once
    /// with the command that repeats it. The results of a whole campaign are
    /// left in `faults.json` and `faults.md` in the target directory.
    ///
    /// The exit code is 0 only if everything held.
    #[command(after_help = FAULTS_EXAMPLE)]
    Faults {
        /// Repeat it with other seeds, until 50,000 tries are reached
        #[arg(long)]
        full: bool,
        /// Go on without a database server that is not installed
        #[arg(long)]
        allow_missing: bool,
        /// More for the campaign: `--help` says what
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Break the crate in one place after another, and see whether a test fails
    ///
    /// Starts the private servers and runs `cargo mutants` with the settings of
    /// `.cargo/mutants.toml`. What it found is left in `mutants.out` in the
    /// target directory.
    ///
    /// The exit code is that of `cargo mutants`: 2 if a test is missing.
    #[command(after_help = MUTANTS_EXAMPLE)]
    Mutants {
        /// Go on without a database server that is not installed
        #[arg(long)]
        allow_missing: bool,
        /// More for `cargo mutants`: `--help` says what
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Run one command with the private servers up, then stop them
    ///
    /// The command finds the servers through `TEST_POSTGRES_URL`,
    /// `TEST_POSTGRES_SOCKET_URL` and `TEST_MYSQL_URL`, their statement logs
    /// through `TEST_POSTGRES_LOG` and `TEST_MYSQL_LOG`, and the engines it may
    /// rely on in `TEST_ENGINES`. The exit code is the command's own.
    #[command(after_help = SERVERS_EXAMPLE)]
    Servers {
        /// Go on without a database server that is not installed
        #[arg(long)]
        allow_missing: bool,
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_after_the_dashes_is_for_the_campaign() {
        let args = Args::parse_from(["cargo xtask", "faults", "--full", "--", "--seed", "3"]);
        let Command::Faults {
            full, arguments, ..
        } = args.command
        else {
            panic!("`faults` was not recognised");
        };
        assert!(full);
        assert_eq!(arguments, ["--seed", "3"]);
    }

    #[test]
    fn everything_after_the_dashes_is_for_the_mutants() {
        let args = Args::parse_from(["cargo xtask", "mutants", "--", "--shard", "1/4"]);
        let Command::Mutants { arguments, .. } = args.command else {
            panic!("`mutants` was not recognised");
        };
        assert_eq!(arguments, ["--shard", "1/4"]);
    }

    #[test]
    fn everything_after_the_dashes_is_the_command() {
        let args = Args::parse_from(["cargo xtask", "servers", "--", "psql", "--version"]);
        let Command::Servers { command, .. } = args.command else {
            panic!("`servers` was not recognised");
        };
        assert_eq!(command, ["psql", "--version"]);
    }
}

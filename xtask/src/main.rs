//! The project's own commands: `cargo xtask test` sets up everything and tests
//! everything, `cargo xtask faults` runs the fault campaign alone,
//! `cargo xtask mutants` asks what the tests notice, and `cargo xtask servers`
//! does the first half for development.

mod account;
mod args;
mod engine;
mod faults;
mod home;
mod install;
mod interrupt;
mod mutants;
mod process;
mod servers;
mod status;
mod step;
mod stream;
mod suite;
mod summary;
mod tally;
mod test;
mod tool;
mod workspace;

use std::io::{IsTerminal, stdin};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Parser;

use crate::args::Args;
use crate::engine::State;
use crate::interrupt::Interrupted;
use crate::process::Process;
use crate::servers::Servers;
use crate::workspace::Workspace;

fn main() -> ExitCode {
    let args = Args::parse();
    run(args).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        match error.downcast_ref() {
            Some(interrupted) => Interrupted::exit_code(*interrupted),
            None => ExitCode::FAILURE,
        }
    })
}

fn run(args: Args) -> Result<ExitCode> {
    interrupt::listen()?;
    let workspace = Workspace::find()?;
    match args.command {
        args::Command::Test {
            filter,
            suites,
            allow_missing,
        } => test::run(
            &workspace,
            &test::Request {
                filter,
                suites,
                allow_missing,
            },
        ),
        args::Command::Faults {
            full,
            allow_missing,
            arguments,
        } => {
            let built = Process::job(faults::build(&workspace, &arguments))?.wait()?;
            if !built.success() {
                bail!("the campaign could not be built");
            }
            let command = faults::command(&workspace, full, &arguments);
            with_servers(&workspace, allow_missing, command)
        }
        args::Command::Mutants {
            allow_missing,
            arguments,
        } => {
            let command = mutants::command(&workspace, &arguments)?;
            with_servers(&workspace, allow_missing, command)
        }
        args::Command::Servers {
            allow_missing,
            command,
        } => {
            let [program, arguments @ ..] = command.as_slice() else {
                bail!("there is no command to run");
            };
            let mut command = Command::new(program);
            command.args(arguments);
            with_servers(&workspace, allow_missing, command)
        }
    }
}

/// Starts the servers, runs a command, stops the servers.
fn with_servers(
    workspace: &Workspace,
    allow_missing: bool,
    mut command: Command,
) -> Result<ExitCode> {
    let servers = Servers::start(&workspace.servers())?;
    for (engine, state) in servers.states() {
        let fatal = match state {
            State::Up(_) | State::Unused => false,
            State::Missing(_) => !allow_missing,
            State::Broken(_) => true,
        };
        if fatal {
            bail!(
                "the command was not run, because {} is not there",
                engine.name()
            );
        }
    }
    servers.equip(&mut command);
    let mut process = if stdin().is_terminal() {
        Process::foreground(command)?
    } else {
        Process::job(command)?
    };
    Ok(ExitCode::from(status::exit_code(process.wait()?)))
}

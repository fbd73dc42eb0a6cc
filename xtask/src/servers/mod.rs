//! The private database servers: children of ours, gone when we are.

mod mariadb;
mod pgbouncer;
mod place;
mod postgres;

use std::fmt::Debug;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use self::place::{Place, forget_client_defaults};
use crate::account::Account;
use crate::engine::{Engine, State};
use crate::home::{self, Home};
use crate::install::Installer;
use crate::interrupt::Interrupted;
use crate::process::Process;
use crate::status::describe;

/// The database the tests use.
const DATABASE: &str = "transactional";

/// How often another port is tried when somebody was quicker.
const PORT_TRIES: usize = 5;

/// An installed server program.
trait Installation: Debug {
    /// What the program says it is.
    fn version(&self) -> &str;

    /// The user its package makes for it.
    fn user(&self) -> &'static str;

    /// Makes a new data directory and starts the server there, with an empty
    /// database, ready for connections.
    fn start(&self, place: &Place<'_>) -> Result<Running>;
}

/// What starting a server leaves.
#[derive(Debug)]
struct Running {
    process: Process,
    /// The environment that leads tests to it.
    variables: Vec<(&'static str, String)>,
}

/// A running server and its directory. The order of the fields is the order of
/// the end: first the process, then its files.
#[derive(Debug)]
struct Server {
    engine: Engine,
    running: Running,
    home: Home,
    port: u16,
}

/// All engines, and the servers of those that need one.
#[derive(Debug)]
pub(crate) struct Servers {
    servers: Vec<Server>,
    states: Vec<(Engine, State)>,
}

impl Servers {
    /// Finds or installs every server and starts it. One that cannot be had is
    /// a state, no error.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        home::prepare(directory)?;
        let mut this = Self {
            servers: Vec::new(),
            states: Vec::new(),
        };
        let servers = || {
            Engine::ALL
                .into_iter()
                .filter(|engine| engine.package().is_some())
        };
        let missing: Vec<_> = servers()
            .filter(|engine| find(*engine, 0).is_none())
            .collect();
        let why_missing = Installer::new(directory).install(&missing)?;
        for engine in servers() {
            let upstream = this.port(Engine::Postgres);
            let state = match find(engine, upstream.unwrap_or_default()) {
                Some(_) if engine == Engine::PgBouncer && upstream.is_none() => {
                    State::Missing(format!("{} is not there", Engine::Postgres.name()))
                }
                None => {
                    let why = why_missing.clone().unwrap_or_else(|| {
                        let programs = programs(engine);
                        format!("its package is installed but these programs are not: {programs}")
                    });
                    eprintln!("xtask: {} is LEFT OUT: {why}", engine.name());
                    State::Missing(why)
                }
                Some(installation) => this.start_one(engine, installation.as_ref(), directory)?,
            };
            this.states.push((engine, state));
        }
        Ok(this)
    }

    /// The port of an engine's server that runs.
    fn port(&self, engine: Engine) -> Option<u16> {
        let mut servers = self.servers.iter();
        let server = servers.find(|server| server.engine == engine)?;
        Some(server.port)
    }

    fn start_one(
        &mut self,
        engine: Engine,
        installation: &dyn Installation,
        directory: &Path,
    ) -> Result<State> {
        let began = Instant::now();
        match start(engine, installation, directory) {
            Ok(server) => {
                eprintln!(
                    "xtask: {} {} on 127.0.0.1:{} ({:.1} s)",
                    engine.name(),
                    installation.version(),
                    server.port,
                    began.elapsed().as_secs_f64(),
                );
                self.servers.push(server);
                Ok(State::Up(installation.version().to_owned()))
            }
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                eprintln!("xtask: {} does not start: {error:#}", engine.name());
                let first = format!("{error:#}");
                Ok(State::Broken(
                    first.lines().next().unwrap_or_default().to_owned(),
                ))
            }
        }
    }

    /// Looks whether every server is still there. One that ended by itself is
    /// broken, whatever the tests made of it, and leaves its log.
    pub(crate) fn look_after(&mut self) -> Result<()> {
        for server in &mut self.servers {
            if let Some(status) = server.running.process.ended()? {
                let why = format!("the server ended by itself ({})", describe(status));
                eprintln!("xtask: {}: {why}", server.engine.name());
                server.home.keep();
                let mut states = self.states.iter_mut();
                if let Some((_, state)) = states.find(|(engine, _)| *engine == server.engine) {
                    *state = State::Broken(why);
                }
            }
        }
        Ok(())
    }

    /// What became of each engine that needs a server.
    pub(crate) fn states(&self) -> &[(Engine, State)] {
        &self.states
    }

    /// The value of a variable of the environment made for tests.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let all = self
            .servers
            .iter()
            .flat_map(|server| &server.running.variables);
        all.filter(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
            .next()
    }

    /// Gives a command the environment in which tests find the servers, and
    /// these servers only.
    pub(crate) fn equip(&self, command: &mut Command) {
        forget_client_defaults(command);
        let mut engines = vec![Engine::Sqlite.key()];
        let up = self.states.iter().filter(|(_, state)| state.is_up());
        engines.extend(up.map(|(engine, _)| engine.key()));
        command.env("TEST_ENGINES", engines.join(","));
        for server in &self.servers {
            command.envs(server.running.variables.iter().cloned());
        }
    }

    /// Leaves the data and the logs in place when the servers are stopped.
    pub(crate) fn keep(&mut self) {
        for server in &mut self.servers {
            server.home.keep();
        }
    }
}

/// Looks for the programs of an engine's server. `upstream` is the port of the
/// PostgreSQL that a pooler leads to.
fn find(engine: Engine, upstream: u16) -> Option<Box<dyn Installation>> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Box::new(postgres::Postgres::find()?)),
        Engine::MariaDb => Some(Box::new(mariadb::MariaDb::find()?)),
        Engine::PgBouncer => Some(Box::new(pgbouncer::PgBouncer::find(upstream)?)),
    }
}

fn programs(engine: Engine) -> String {
    match engine {
        Engine::Sqlite => String::new(),
        Engine::Postgres => postgres::PROGRAMS.join(", "),
        Engine::MariaDb => mariadb::PROGRAMS.map(|names| names[0]).join(", "),
        Engine::PgBouncer => pgbouncer::PROGRAM.to_owned(),
    }
}

fn start(engine: Engine, installation: &dyn Installation, directory: &Path) -> Result<Server> {
    let account = Account::for_server(installation.user())?;
    for last in (0..PORT_TRIES).rev() {
        let port = free_port()?;
        let mut home = Home::create(directory, engine.key(), account.as_ref())?;
        let place = Place {
            home: &home,
            account: account.as_ref(),
            port,
        };
        match installation.start(&place) {
            Ok(running) => {
                return Ok(Server {
                    engine,
                    running,
                    home,
                    port,
                });
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            // Somebody took the port between our look and the server's.
            Err(_) if last > 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() => {}
            Err(error) => {
                home.keep();
                return Err(error);
            }
        }
    }
    unreachable!("the last try returns");
}

/// A port that nobody uses at this moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}

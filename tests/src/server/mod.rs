//! Database servers of a test's own, to be killed.
//!
//! A server that other tests use must not die, so this one is started for the
//! purpose, in a directory of its own, and with everything on that makes a
//! commit last: a server that does not sync loses what it acknowledged.

mod account;
mod client;
pub(crate) mod family;
mod mariadb;
mod place;
mod postgres;
pub(crate) mod program;

use crate::engine::Engine;
use account::Account;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it answers, the recovery after a kill
/// included.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a waiting loop looks again.
const TICK: Duration = Duration::from_millis(5);

/// A server that runs, or that was killed; dropping it ends it and removes its
/// data.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    home: PathBuf,
    port: u16,
    account: Option<Account>,
    arguments: &'static [&'static str],
    child: Option<Child>,
}

impl Server {
    /// Makes a new server in `directory`, or where temporary files are if the
    /// server's user cannot get there, and waits until it answers. `None` when
    /// the machine has no such server, which is said loudly.
    ///
    /// Call it on a thread that lives as long as the server: where the system
    /// can, the server dies with the thread that started it.
    ///
    /// # Errors
    ///
    /// What went wrong, with the end of the server's log.
    ///
    /// # Panics
    ///
    /// When there is no such server although `TEST_ENGINES` names the engine.
    pub async fn start(engine: Engine, directory: &Path) -> Result<Option<Self>, String> {
        Self::start_with(engine, directory, &[]).await
    }

    /// The same with arguments of the server's own, behind those that it is always
    /// started with.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    ///
    /// # Panics
    ///
    /// As [`Server::start`].
    pub async fn start_with(
        engine: Engine,
        directory: &Path,
        arguments: &'static [&'static str],
    ) -> Result<Option<Self>, String> {
        if !is_installed(engine) {
            let demanded = std::env::var("TEST_ENGINES").unwrap_or_default();
            let own = name(engine);
            let named = demanded.split(',').any(|name| name.trim() == own);
            assert!(
                !named,
                "TEST_ENGINES names {engine}, and it is not installed"
            );
            let own = own.to_uppercase();
            let _ = writeln!(
                std::io::stderr(),
                "\n==== {own} OF ITS OWN LEFT OUT: the server is not installed ====\n"
            );
            return Ok(None);
        }
        family::adopt();
        let account = Account::for_server(user(engine))?;
        let home = place::home(directory, engine, account.as_ref())?;
        let mut server = Self {
            engine,
            home,
            port: place::free_port()?,
            account,
            arguments,
            child: None,
        };
        server.install()?;
        server.launch()?;
        server.until_ready().await?;
        client::create(engine, server.port).await?;
        Ok(Some(server))
    }

    /// Where clients connect to.
    #[must_use]
    pub fn url(&self) -> String {
        client::url(self.engine, self.port)
    }

    /// Ends all its processes with SIGKILL, at one moment as far as the server
    /// can tell, and waits until they are gone.
    ///
    /// # Errors
    ///
    /// That it was dead already, or that something of it would not go.
    pub fn kill(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else {
            return Err("the server was dead already".to_owned());
        };
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!(
                "the server ended by itself ({status})\n{}",
                self.tail()
            ));
        }
        let pid = Pid::from_raw(child.id().cast_signed());
        // A supervisor that runs would answer the first death.
        let _ = kill(pid, Signal::SIGSTOP);
        let family = family::of(pid);
        for member in &family {
            let _ = kill(*member, Signal::SIGKILL);
        }
        let killed = child.kill().and_then(|()| child.wait());
        killed.map_err(|error| format!("the server could not be killed: {error}"))?;
        let until = Instant::now() + PATIENCE;
        while !family.iter().all(|member| family::has_ended(*member)) {
            if Instant::now() > until {
                return Err("a part of the server survived SIGKILL".to_owned());
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Starts it again on the data it left, and waits until it answers.
    ///
    /// # Errors
    ///
    /// What went wrong, with the end of the server's log.
    pub async fn restart(&mut self) -> Result<(), String> {
        self.launch()?;
        self.until_ready().await
    }

    fn launch(&mut self) -> Result<(), String> {
        let program = self.program()?;
        // Where the system can, it dies even if we are killed and can send
        // nothing any more.
        let mut command = match program::find(&["setpriv"]) {
            Some(setpriv) if program::knows(&setpriv, "--pdeathsig") => {
                let mut command = self.command(&setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            _ => self.command(&program),
        };
        match self.engine {
            Engine::MySql => mariadb::arguments(&mut command, &self.home, self.port),
            _ => postgres::arguments(&mut command, &self.home, self.port),
        }
        command.args(self.arguments);
        command.stdout(self.log()?).stderr(self.log()?);
        let child = command
            .spawn()
            .map_err(|error| format!("the server does not start: {error}"))?;
        self.child = Some(child);
        Ok(())
    }

    fn program(&self) -> Result<PathBuf, String> {
        let found = match self.engine {
            Engine::MySql => mariadb::server(),
            _ => postgres::server(),
        };
        found.ok_or_else(|| format!("there is no server for {}", self.engine))
    }

    fn install(&self) -> Result<(), String> {
        let mut command = match self.engine {
            Engine::MySql => mariadb::install(|program| self.command(program), &self.home),
            _ => postgres::install(|program| self.command(program), &self.home),
        }
        .ok_or_else(|| format!("there is nothing to set up {} with", self.engine))?;
        command.stdout(self.log()?).stderr(self.log()?);
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("no data directory ({status})\n{}", self.tail())),
            Err(error) => Err(format!("no data directory: {error}")),
        }
    }

    /// A command that runs as the server's user, in its directory.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.home).stdin(Stdio::null());
        program::forget_defaults(&mut command);
        if let Some(account) = &self.account {
            account.apply(&mut command);
        }
        command
    }

    async fn until_ready(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let connected = client::greet(self.engine, self.port).await;
            let Err(error) = connected else {
                return Ok(());
            };
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok());
            if let Some(Some(status)) = ended {
                return Err(format!("the server ended ({status})\n{}", self.tail()));
            }
            if Instant::now() > until {
                return Err(format!(
                    "the server does not answer: {error}\n{}",
                    self.tail()
                ));
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn log(&self) -> Result<File, String> {
        let path = self.home.join("server.log");
        let file = File::options().create(true).append(true).open(&path);
        file.map_err(|error| format!("no log: {error}"))
    }

    /// The last lines of the log.
    fn tail(&self) -> String {
        let text = fs::read(self.home.join("server.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some()
            && let Err(problem) = self.kill()
        {
            eprintln!("{problem}");
        }
        if let Err(error) = fs::remove_dir_all(&self.home) {
            eprintln!("{} stays: {error}", self.home.display());
        }
    }
}

/// Whether this machine can run a server of this engine.
#[must_use]
pub fn is_installed(engine: Engine) -> bool {
    match engine {
        Engine::Sqlite => false,
        Engine::Postgres => postgres::server().is_some(),
        Engine::MySql => mariadb::server().is_some(),
    }
}

/// The engine as a campaign counts it.
#[must_use]
pub const fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
        Engine::MySql => "mysql",
    }
}

fn user(engine: Engine) -> &'static str {
    match engine {
        Engine::MySql => "mysql",
        _ => "postgres",
    }
}

//! A private PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::place::{Place, until_ready};
use super::{DATABASE, Installation, Running};
use crate::process::{Farewell, Process};
use crate::tool;

/// What we need of an installation.
pub(super) const PROGRAMS: [&str; 4] = ["postgres", "initdb", "pg_isready", "createdb"];

/// SIGINT is the fast shutdown: open transactions are rolled back. SIGQUIT is
/// the immediate one.
const FAREWELL: Farewell = &[
    (Signal::SIGINT, Duration::from_secs(20)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
];

/// An installed PostgreSQL.
#[derive(Debug)]
pub(super) struct Postgres {
    programs: PathBuf,
    version: String,
}

impl Postgres {
    /// Finds a directory with the server and its tools in it.
    pub(super) fn find() -> Option<Self> {
        let programs = directories().into_iter().find(|directory| {
            PROGRAMS
                .iter()
                .all(|name| tool::in_directory(directory, name).is_some())
        })?;
        let version = tool::output(programs.join("postgres"), &["--version"]).ok()?;
        Some(Self {
            version: version_of(&version)?,
            programs,
        })
    }

    /// Asks whether what listens there takes connections.
    pub(super) fn is_ready(&self, place: &Place<'_>) -> Command {
        let mut ready = place.command(self.programs.join("pg_isready"));
        ready
            .args(["--timeout=1", "--host=127.0.0.1", "--username=postgres"])
            .args(["--port", &place.port.to_string()]);
        ready
    }
}

impl Installation for Postgres {
    fn version(&self) -> &str {
        &self.version
    }

    fn user(&self) -> &'static str {
        "postgres"
    }

    fn start(&self, place: &Place<'_>) -> Result<Running> {
        let setup = place.path("setup.log");
        let data = place.path("data");

        let mut initdb = place.command(self.programs.join("initdb"));
        initdb
            .args([
                "--auth=trust",
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
            ])
            .args(["--username=postgres", "--pgdata"])
            .arg(&data);
        tool::run(initdb, &setup)?;

        let (log, file) = place.home.log("postgres.log")?;
        let mut server = place.server(&self.programs.join("postgres"), "QUIT");
        server.arg("-D").arg(&data);
        for setting in settings(place) {
            server.args(["-c", &setting]);
        }
        server.stdout(file.try_clone()?).stderr(file);
        let mut process = Process::server(server, "postgres")?;
        process.part_with(FAREWELL);

        let port = place.port.to_string();
        let address = ["--host=127.0.0.1", "--port", &port, "--username=postgres"];
        until_ready(&mut process, &log, || {
            let mut ready = self.is_ready(place);
            ready.arg("--dbname=postgres");
            ready
        })?;
        let mut create = place.command(self.programs.join("createdb"));
        create
            .args(address)
            .args(["--maintenance-db=postgres", DATABASE]);
        tool::run(create, &setup).context("cannot create the database")?;

        Ok(Running {
            process,
            variables: variables(place.home.path(), place.port, &log),
        })
    }
}

/// The places to look at, the machine's own choice first.
fn directories() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    if let Ok(directory) = tool::output("pg_config", &["--bindir"]) {
        directories.push(PathBuf::from(directory.trim()));
    }
    let mut installed: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .collect();
    installed.sort();
    directories.extend(
        installed
            .into_iter()
            .rev()
            .map(|(_, path)| path.join("bin")),
    );
    let path = std::env::var_os("PATH").unwrap_or_default();
    directories.extend(std::env::split_paths(&path));
    directories
}

/// Safe for tests, not for data: nothing is forced to disk.
fn settings(place: &Place<'_>) -> [String; 11] {
    [
        format!("port={}", place.port),
        "listen_addresses=127.0.0.1".into(),
        format!("unix_socket_directories={}", quoted(place.home.path())),
        "max_connections=200".into(),
        "fsync=off".into(),
        "full_page_writes=off".into(),
        "logging_collector=off".into(),
        "log_statement=all".into(),
        "log_connections=on".into(),
        // A test finds its own lines by its connection's application name.
        "log_line_prefix=%m [%p] %q[%a] ".into(),
        "log_timezone=UTC".into(),
    ]
}

/// A path as one element of a list of paths.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('"', "\"\""))
}

fn variables(home: &Path, port: u16, log: &Path) -> Vec<(&'static str, String)> {
    let home = home.display().to_string();
    let socket = utf8_percent_encode(&home, NON_ALPHANUMERIC);
    let tcp = format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}");
    let unix = format!("postgres://postgres@localhost:{port}/{DATABASE}?host={socket}");
    vec![
        ("TEST_POSTGRES_URL", tcp),
        ("TEST_POSTGRES_SOCKET_URL", unix),
        ("TEST_POSTGRES_LOG", log.display().to_string()),
    ]
}

/// `15.18` of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(version_of(debian).as_deref(), Some("15.18"));
        assert_eq!(
            version_of("postgres (PostgreSQL) 18beta1\n").as_deref(),
            Some("18beta1")
        );
        assert_eq!(version_of("something else\n"), None);
    }

    #[test]
    fn socket_directory_is_one_list_element() {
        assert_eq!(quoted(Path::new("/a, \"b\"")), "\"/a, \"\"b\"\"\"");
    }

    #[test]
    fn socket_url_carries_the_directory() {
        let variables = variables(Path::new("/run/a b"), 5433, Path::new("/log"));
        let (name, url) = &variables[1];
        assert_eq!(*name, "TEST_POSTGRES_SOCKET_URL");
        assert_eq!(
            url,
            "postgres://postgres@localhost:5433/transactional?host=%2Frun%2Fa%20b"
        );
    }
}

//! A private PgBouncer in front of the private PostgreSQL, in transaction mode: each
//! transaction has whichever of its few sessions is free.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::place::{Place, until_ready};
use super::postgres::Postgres;
use super::{DATABASE, Installation, Running};
use crate::process::{Farewell, Process};
use crate::tool;

/// What we need of an installation.
pub(super) const PROGRAM: &str = "pgbouncer";

/// SIGTERM ends it at once, but from 1.23 on waits for the clients; there SIGQUIT
/// does not.
const FAREWELL: Farewell = &[
    (Signal::SIGTERM, Duration::from_secs(2)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
];

/// An installed PgBouncer.
#[derive(Debug)]
pub(super) struct PgBouncer {
    program: PathBuf,
    version: String,
    /// The server it leads to, and that server's port.
    postgres: Postgres,
    upstream: u16,
}

impl PgBouncer {
    /// Finds the program. `upstream` is the port of the server it shall lead to.
    pub(super) fn find(upstream: u16) -> Option<Self> {
        let program = tool::find(&[PROGRAM])?;
        let version = tool::output(&program, &["--version"]).ok()?;
        Some(Self {
            program,
            version: version_of(&version)?,
            postgres: Postgres::find()?,
            upstream,
        })
    }
}

impl Installation for PgBouncer {
    fn version(&self) -> &str {
        &self.version
    }

    /// The user of Debian's package.
    fn user(&self) -> &'static str {
        "postgres"
    }

    fn start(&self, place: &Place<'_>) -> Result<Running> {
        let settings = place.path("pgbouncer.ini");
        fs::write(&settings, self.settings(place.port))
            .with_context(|| format!("cannot write {}", settings.display()))?;
        let (log, file) = place.home.log("pgbouncer.log")?;
        let mut server = place.server(&self.program, "KILL");
        server.arg(&settings).stdout(file.try_clone()?).stderr(file);
        let mut process = Process::server(server, PROGRAM)?;
        process.part_with(FAREWELL);
        until_ready(&mut process, &log, || {
            let mut ready = self.postgres.is_ready(place);
            ready.args(["--dbname", DATABASE]);
            ready
        })?;
        let url = format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", place.port);
        Ok(Running {
            process,
            variables: vec![("TEST_PGBOUNCER_URL", url)],
        })
    }
}

impl PgBouncer {
    /// Every database of the server, in transaction mode, with fewer sessions than a
    /// test has connections. What sqlx says when it connects and PgBouncer does not
    /// keep apart is left out.
    fn settings(&self, port: u16) -> String {
        format!(
            "[databases]\n\
             * = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = 3\n\
             max_client_conn = 400\n\
             ignore_startup_parameters = extra_float_digits\n",
            self.upstream
        )
    }
}

/// `1.18.0` of `PgBouncer 1.18.0\nlibevent …`.
fn version_of(text: &str) -> Option<String> {
    let first = text.lines().next()?;
    Some(first.strip_prefix("PgBouncer ")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read() {
        let debian = "PgBouncer 1.18.0\nlibevent 2.1.12-stable\nadns: evdns2\n";
        assert_eq!(version_of(debian).as_deref(), Some("1.18.0"));
        assert_eq!(version_of("something else\n"), None);
    }
}

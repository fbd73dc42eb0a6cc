//! A private MariaDB.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::place::{Place, until_ready};
use super::{DATABASE, Installation, Running};
use crate::process::{Farewell, Process};
use crate::tool;

/// What we need of an installation, by the present and the earlier names.
pub(super) const PROGRAMS: [&[&str]; 3] = [
    &["mariadbd", "mysqld"],
    &["mariadb-install-db", "mysql_install_db"],
    &["mariadb-admin", "mysqladmin"],
];

/// SIGTERM is its orderly shutdown.
const FAREWELL: Farewell = &[(Signal::SIGTERM, Duration::from_secs(30))];

/// An installed MariaDB.
#[derive(Debug)]
pub(super) struct MariaDb {
    server: PathBuf,
    install: PathBuf,
    admin: PathBuf,
    version: String,
}

impl MariaDb {
    /// Finds the server and its tools.
    pub(super) fn find() -> Option<Self> {
        let [server, install, admin] = PROGRAMS.map(tool::find);
        let server = server?;
        let version = tool::output(&server, &["--no-defaults", "--version"]).ok()?;
        Some(Self {
            server,
            install: install?,
            admin: admin?,
            version: version_of(&version)?,
        })
    }
}

impl Installation for MariaDb {
    fn version(&self) -> &str {
        &self.version
    }

    fn user(&self) -> &'static str {
        "mysql"
    }

    fn start(&self, place: &Place<'_>) -> Result<Running> {
        let setup = place.path("setup.log");
        let data = place.path("data");
        let statements = place.path("statements.log");

        let mut install = place.command(&self.install);
        install
            .args(["--no-defaults", "--skip-test-db"])
            .arg("--auth-root-authentication-method=normal")
            .arg(option("datadir", &data));
        tool::run(install, &setup)?;

        let (log, file) = place.home.log("mariadb.log")?;
        let mut server = place.server(&self.server, "KILL");
        server
            .args([
                "--no-defaults",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
            ])
            .arg(format!("--port={}", place.port))
            .arg(option("datadir", &data))
            .arg(option("socket", &place.path("mysql.sock")))
            .arg(option("pid-file", &place.path("mariadb.pid")))
            .arg(option("tmpdir", place.home.path()))
            .args(["--character-set-server=utf8mb4", "--max-connections=200"])
            .args(["--innodb-buffer-pool-size=64M", "--performance-schema=OFF"])
            .args(["--innodb-flush-log-at-trx-commit=2", "--general-log=ON"])
            .arg(option("general-log-file", &statements))
            .stdout(file.try_clone()?)
            .stderr(file);
        let mut process = Process::server(server, "mariadbd")?;

        let admin = |arguments: &[&str]| {
            let mut admin = place.command(&self.admin);
            admin
                .args([
                    "--no-defaults",
                    "--protocol=tcp",
                    "--host=127.0.0.1",
                    "--user=root",
                ])
                .args([&format!("--port={}", place.port), "--connect-timeout=1"])
                .args(arguments);
            admin
        };
        until_ready(&mut process, &log, || admin(&["--silent", "ping"]))?;
        // Not before: a SIGTERM that comes while it starts makes it hang for ever.
        process.part_with(FAREWELL);
        tool::run(admin(&["create", DATABASE]), &setup).context("cannot create the database")?;

        let url = format!("mysql://root@127.0.0.1:{}/{DATABASE}", place.port);
        Ok(Running {
            process,
            variables: vec![
                ("TEST_MYSQL_URL", url),
                ("TEST_MYSQL_LOG", statements.display().to_string()),
            ],
        })
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// `10.11.19` of `mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu …`.
/// MySQL prints no `-MariaDB` and is another server.
fn version_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(" Ver ")?;
    let (version, _) = rest.split_once("-MariaDB")?;
    Some(version.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read() {
        let debian = "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64";
        assert_eq!(version_of(debian).as_deref(), Some("10.11.19"));
    }

    #[test]
    fn mysql_is_not_taken_for_mariadb() {
        let mysql = "/usr/sbin/mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server)";
        assert_eq!(version_of(mysql), None);
    }
}

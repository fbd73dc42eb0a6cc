//! `MariaDB`.

use super::program::find;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The server program, if the tool that sets it up is there as well.
pub(super) fn server() -> Option<PathBuf> {
    find(&["mariadbd", "mysqld"]).filter(|_| installer().is_some())
}

fn installer() -> Option<PathBuf> {
    find(&["mariadb-install-db", "mysql_install_db"])
}

/// What makes the data directory.
pub(super) fn install(command: impl Fn(&Path) -> Command, home: &Path) -> Option<Command> {
    let mut install = command(&installer()?);
    install
        .args(["--no-defaults", "--skip-test-db"])
        .arg("--auth-root-authentication-method=normal")
        .arg(option("datadir", &home.join("data")));
    Some(install)
}

/// How the server is started.
pub(super) fn arguments(command: &mut Command, home: &Path, port: u16) {
    command
        .args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
        ])
        .arg(format!("--port={port}"))
        .arg(option("datadir", &home.join("data")))
        .arg(option("socket", &home.join("s.sock")))
        .arg(option("pid-file", &home.join("server.pid")))
        .arg(option("tmpdir", home))
        .args(["--innodb-flush-log-at-trx-commit=1"])
        .args(["--innodb-buffer-pool-size=64M", "--performance-schema=OFF"]);
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

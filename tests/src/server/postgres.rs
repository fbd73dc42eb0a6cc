//! `PostgreSQL`.

use super::program::program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The server program, beside which its tools are.
pub(super) fn server() -> Option<PathBuf> {
    let folders = folders();
    let complete = folders.iter().find(|folder| {
        program(folder, "initdb").is_some() && program(folder, "postgres").is_some()
    });
    program(complete?, "postgres")
}

/// What makes the data directory.
pub(super) fn install(command: impl Fn(&Path) -> Command, home: &Path) -> Option<Command> {
    let mut initdb = command(&server()?.with_file_name("initdb"));
    initdb
        .args(["--auth=trust", "--no-locale", "--encoding=UTF8"])
        // Only the making: what is committed later is synced.
        .args(["--no-sync", "--username=postgres", "--pgdata"])
        .arg(home.join("data"));
    Some(initdb)
}

/// How the server is started.
pub(super) fn arguments(command: &mut Command, home: &Path, port: u16) {
    command.arg("-D").arg(home.join("data"));
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "fsync=on".to_owned(),
        "synchronous_commit=on".to_owned(),
        "logging_collector=off".to_owned(),
    ];
    for setting in settings {
        command.args(["-c", &setting]);
    }
}

/// Where to look, the machine's own choice first.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(told) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<_> = versions
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders
}

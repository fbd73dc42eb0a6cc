//! The programs of a server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first of these programs that is on the path, or where systems keep their
/// servers.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/libexec"].map(PathBuf::from));
    names
        .iter()
        .find_map(|name| folders.iter().find_map(|folder| program(folder, name)))
}

/// The program of this name in a folder.
pub(super) fn program(folder: &Path, name: &str) -> Option<PathBuf> {
    let program = folder.join(name);
    let metadata = fs::metadata(&program).ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then_some(program)
}

/// Whether a program's help speaks of `option`.
pub(super) fn knows(program: &Path, option: &str) -> bool {
    let help = Command::new(program)
        .arg("--help")
        .stdin(Stdio::null())
        .output();
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains(option))
}

/// Removes what would lead a server's own programs to another server.
pub(super) fn forget_defaults(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        let prefixes: [&[u8]; 3] = [b"PG", b"MYSQL_", b"MARIADB_"];
        if prefixes.iter().any(|prefix| bytes.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

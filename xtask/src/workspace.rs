//! What cargo knows about this workspace.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tool;

/// The workspace we belong to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        let manifest = concat!(
            "--manifest-path=",
            env!("CARGO_MANIFEST_DIR"),
            "/Cargo.toml"
        );
        let text = tool::output(
            cargo(),
            &["metadata", "--no-deps", "--format-version=1", manifest],
        )?;
        let metadata: Value =
            serde_json::from_str(&text).context("cannot read `cargo metadata`")?;
        let path = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("`cargo metadata` names no {key}"))
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// Where the servers get their directories.
    pub(crate) fn servers(&self) -> PathBuf {
        self.target.join("servers")
    }

    /// Where a result of that name is written.
    pub(crate) fn product(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }

    /// Whether the faster test runner is installed.
    pub(crate) fn has_nextest(&self) -> bool {
        let mut command = self.cargo(&["nextest", "--version"]);
        command.stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    }

    /// The version of SQLite that is compiled in, if it can be told.
    pub(crate) fn sqlite_version(&self) -> Option<String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let about = tool::output(rustc, &["-vV"]).ok()?;
        let host = about.lines().find_map(|line| line.strip_prefix("host: "))?;
        let mut command = self.cargo(&["metadata", "--format-version=1", "--offline"]);
        // What other platforms need was not downloaded.
        command
            .args(["--filter-platform", host])
            .stdin(Stdio::null());
        let metadata: Value = serde_json::from_slice(&command.output().ok()?.stdout).ok()?;
        let packages = metadata["packages"].as_array()?;
        let package = packages
            .iter()
            .find(|package| package["name"] == "libsqlite3-sys")?;
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let header = manifest.parent()?.join("sqlite3/sqlite3.h");
        sqlite_version(&fs::read_to_string(header).ok()?)
    }

    /// A cargo command in the root of the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root).args(arguments);
        command
    }
}

/// The cargo that runs us, so that its toolchain stays the same.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// `3.50.4` of `#define SQLITE_VERSION        "3.50.4"`.
fn sqlite_version(header: &str) -> Option<String> {
    let mut lines = header.lines();
    let rest = lines.find_map(|line| line.strip_prefix("#define SQLITE_VERSION "))?;
    Some(rest.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_version_is_read() {
        let header = "#ifdef SQLITE_VERSION\n# undef SQLITE_VERSION\n#endif\n\
                      #define SQLITE_VERSION        \"3.50.4\"\n\
                      #define SQLITE_VERSION_NUMBER 3050004\n";
        assert_eq!(sqlite_version(header).as_deref(), Some("3.50.4"));
        assert_eq!(
            sqlite_version("#define SQLITE_VERSION_NUMBER 3050004"),
            None
        );
    }
}

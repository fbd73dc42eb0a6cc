//! The files of the repository.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// A file, as the rules see it.
#[derive(Debug)]
pub(crate) struct File {
    /// From the top of the repository, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

impl File {
    /// The content, unless it is not meant to be read as text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.content)
            .ok()
            .filter(|text| !text.contains('\0'))
    }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below `root` that belong to the project: what git tracks or would
/// add, and without git whatever is there but what a build leaves behind.
pub(crate) fn below(root: &Path) -> io::Result<Vec<File>> {
    let mut paths = match tracked(root) {
        Some(paths) => paths,
        None => walked(root)?,
    };
    paths.sort();
    let files = paths.into_iter().map(|path| {
        let content = fs::read(root.join(&path))?;
        Ok(File { path, content })
    });
    files.collect()
}

/// What git lists, if this is a checkout of its own.
fn tracked(root: &Path) -> Option<Vec<String>> {
    let listed = ["--cached", "--others", "--exclude-standard", "-z"];
    let listing = Command::new("git")
        .current_dir(root)
        .arg("ls-files")
        .args(listed)
        .output()
        .ok()
        .filter(|listing| listing.status.success())?;
    let listing = String::from_utf8(listing.stdout).ok()?;
    let paths = listing.split_terminator('\0').map(str::to_owned);
    // A file that was removed is listed until that is committed; a submodule or
    // a link to a folder is listed and is no file.
    let paths: Vec<_> = paths.filter(|path| root.join(path).is_file()).collect();
    // Inside somebody else's checkout everything may be ignored.
    paths
        .iter()
        .any(|path| path == "Cargo.toml")
        .then_some(paths)
}

/// What a walk finds.
fn walked(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.clone() + &name;
            let kind = entry.file_type()?;
            if kind.is_dir() && name != "target" && name != ".git" {
                folders.push(path + "/");
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text\n").unwrap();
        }
        folder
    }

    #[test]
    fn a_walk_leaves_out_what_a_build_left_behind() {
        let paths = ["Cargo.toml", "a/src/lib.rs", "a/target/x.rs", ".git/HEAD"];
        let folder = folder_with(&paths);
        let mut walked = walked(folder.path()).unwrap();
        walked.sort();
        assert_eq!(walked, ["Cargo.toml", "a/src/lib.rs"]);
    }

    #[test]
    fn a_folder_that_is_no_checkout_is_walked() {
        let folder = folder_with(&["Cargo.toml", "src/lib.rs"]);
        let files = below(folder.path()).unwrap();
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["Cargo.toml", "src/lib.rs"]);
        assert_eq!(files[0].text(), Some("text\n"));
    }

    #[test]
    fn what_is_no_text_is_not_read_as_text() {
        let file = |content: &[u8]| File {
            path: String::new(),
            content: content.to_vec(),
        };
        assert_eq!(file(b"\xff\xfe").text(), None);
        assert_eq!(file(b"a\0b").text(), None);
        assert_eq!(file("é".as_bytes()).text(), Some("é"));
    }
}

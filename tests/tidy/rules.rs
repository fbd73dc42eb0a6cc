//! The rules.

use std::fmt::{self, Display};

use crate::files::File;

/// A file longer than this says why, in a comment that begins with [`REASON`].
const MAX_LINES: usize = 400;

const REASON: &str = "// tidy: ";

/// The macro crate has less code than this: without its tests, its comments and
/// its blank lines, so that no comment is left out to make room.
const MAX_MACRO_LINES: usize = 1500;

/// Words that mean unfinished. In halves, because this file is read too.
const UNFINISHED: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("db", "g!("),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
];

/// Folders that exist on somebody's machine only.
const MACHINE: [&str; 5] = [
    concat!("/wo", "rk"),
    concat!("/ro", "ot"),
    concat!("/ho", "me"),
    concat!("/Us", "ers"),
    concat!("/t", "mp/"),
];

/// Something that a rule found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    path: String,
    /// From 1; 0 is the whole file.
    line: usize,
    what: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Everything that is wrong in `files`.
pub(crate) fn problems(files: &[File]) -> Vec<Problem> {
    let mut found: Vec<_> = files.iter().flat_map(in_file).collect();
    found.extend(macro_crate(files));
    found
}

pub(crate) fn is_manifest(file: &File) -> bool {
    file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml")
}

fn in_file(file: &File) -> Vec<Problem> {
    let problem = |line, what: String| Problem {
        path: file.path.clone(),
        line,
        what,
    };
    let Some(text) = file.text() else {
        let binary = file.content.contains(&0);
        let what = "neither UTF-8 nor binary".to_owned();
        return Vec::from_iter((!binary).then(|| problem(0, what)));
    };
    let is_rust = has_ending(&file.path, "rs");
    let mut whole = vec![form(text)];
    if is_rust {
        whole.push(length(text));
    }
    if is_manifest(file) {
        whole.push(lints(text));
    }
    let whole = whole.into_iter().flatten().map(|what| problem(0, what));
    // What cargo writes is not for us to mend.
    let generated = file.path.ends_with("Cargo.lock");
    let lines = text.split('\n').zip(1..).filter(|_| !generated);
    let in_lines = lines.flat_map(|(line, number)| {
        let common = [space(line), unfinished(line), machine(line)];
        let rust = [attributes(line), tabs(line)];
        let rust = rust.into_iter().filter(|_| is_rust);
        let found = common.into_iter().chain(rust).flatten();
        found.map(move |what| problem(number, what))
    });
    whole.chain(in_lines).collect()
}

fn has_ending(path: &str, ending: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, found)| found == ending)
}

/// LF at every line's end, the last one's too, and nothing after that.
fn form(text: &str) -> Option<String> {
    let wrong = if text.contains('\r') {
        "a carriage return"
    } else if text.is_empty() {
        return None;
    } else if !text.ends_with('\n') {
        "no newline at the end"
    } else if text.ends_with("\n\n") {
        "empty lines at the end"
    } else {
        return None;
    };
    Some(wrong.to_owned())
}

fn length(text: &str) -> Option<String> {
    let lines = text.lines().count();
    let reason = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(REASON));
    match (lines > MAX_LINES, reason) {
        (true, None) => Some(format!(
            "{lines} lines: split it, or give the reason as `{REASON}..`"
        )),
        (false, Some(_)) => Some(format!("{lines} lines need no `{REASON}..`")),
        _ => None,
    }
}

/// Every crate has the lints of the workspace.
fn lints(manifest: &str) -> Option<String> {
    let mut lines = manifest.lines().map(str::trim);
    let is_crate = lines.clone().any(|line| line == "[package]");
    let inherits = lines.any(|line| line == "[lints]")
        && lines
            .take_while(|line| !line.starts_with('['))
            .any(|line| line == "workspace = true");
    (is_crate && !inherits).then(|| "no `[lints]` with `workspace = true`".to_owned())
}

fn space(line: &str) -> Option<String> {
    let trailing = line.trim_end().len() < line.trim_end_matches('\r').len();
    trailing.then(|| "spaces at the end of the line".to_owned())
}

fn unfinished(line: &str) -> Option<String> {
    let word = UNFINISHED.into_iter().find(|word| has_word(line, word))?;
    Some(format!("unfinished: `{word}`"))
}

/// Whether `word` is in `line`, and not just a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |next: Option<char>| next.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        let open = word.ends_with('(');
        !is_part(line[..at].chars().next_back()) && (open || !is_part(after))
    })
}

/// A path that is absolute and of one machine.
fn machine(line: &str) -> Option<String> {
    let starts = |at: usize| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"_.-/$}".contains(c))
    };
    let ends = |folder: &str, after: &str| {
        let next = after.chars().next();
        folder.ends_with('/') || next.is_none_or(|c| !c.is_alphanumeric() && !"_-.{".contains(c))
    };
    let found = MACHINE.into_iter().find(|folder| {
        line.match_indices(folder)
            .any(|(at, _)| starts(at) && ends(folder, &line[at + folder.len()..]))
    })?;
    Some(format!("a path of one machine: `{found}`"))
}

/// `allow` hides what `expect` would say has gone; an ignored test says why.
fn attributes(line: &str) -> Option<String> {
    let code = line.trim_start();
    let attribute = code
        .find("#[")
        .or_else(|| code.find("#!["))
        .map(|at| &code[at..]);
    if attribute.is_some_and(|attribute| has_word(attribute, concat!("all", "ow("))) {
        return Some("use `#[expect(.., reason = \"..\")]`".to_owned());
    }
    let ignored = code.starts_with(concat!("#[ign", "ore]"));
    ignored.then(|| "say why the test is ignored: `#[ignore = \"..\"]`".to_owned())
}

fn tabs(line: &str) -> Option<String> {
    let indentation = &line[..line.len() - line.trim_start().len()];
    indentation
        .contains('\t')
        .then(|| "a tab in the indentation".to_owned())
}

/// A proc macro is built by everyone who uses it, before anything else.
fn macro_crate(files: &[File]) -> Option<Problem> {
    const SOURCES: &str = "macros/src/";
    let sources = files.iter().filter(|file| {
        let path = file.path.strip_prefix(SOURCES);
        path.is_some_and(|path| has_ending(path, "rs") && !path.starts_with("tests"))
    });
    let lines: usize = sources
        .filter_map(File::text)
        .map(|text| text.lines().filter(|line| is_code(line)).count())
        .sum();
    (lines >= MAX_MACRO_LINES).then(|| Problem {
        path: SOURCES.to_owned(),
        line: 0,
        what: format!("{lines} lines of code; {MAX_MACRO_LINES} are too many"),
    })
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

#[cfg(test)]
mod tests;

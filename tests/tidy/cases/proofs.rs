//! The tests that carry the id of a case in their names.

use std::{collections::BTreeSet, path::Path};

use crate::files::File;

/// Where the programs are that must not compile.
const REFUSED: &str = "tests/ui/fail/";

/// Everything else there: programs, not tests; and samples of what is bad.
const NO_TESTS: [&str; 2] = ["tests/ui/", "tests/tidy/"];

const ENGINES: [(&str, &str); 3] = [
    ("sqlite", "SQLite"),
    ("postgres", "PostgreSQL"),
    ("mysql", "MySQL"),
];

/// Something that settles a case.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) id: String,
    /// Of its file, from the top of the repository.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) how: How,
}

#[derive(Debug)]
pub(super) enum How {
    Test {
        /// The crate or the test target and the modules, with `::` between.
        module: String,
        engines: Engines,
    },
    /// A program that must be refused.
    CompileFail,
}

/// What a test runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Engines {
    /// It needs no database.
    None,
    All,
    /// These alone.
    Some(Vec<&'static str>),
}

/// The proofs in `file`, and what looks like one and is none. `families` are the
/// first halves of the ids.
pub(super) fn in_file(file: &File, families: &BTreeSet<&str>) -> (Vec<Proof>, Vec<String>) {
    let Some(stem) = file.path.strip_suffix(".rs") else {
        return Default::default();
    };
    if file.path.starts_with(REFUSED) {
        let name = stem.rsplit('/').next().unwrap_or_default();
        let proof = id(name, families).map(|id| Proof {
            id,
            path: file.path.clone(),
            name: name.to_owned(),
            how: How::CompileFail,
        });
        return (proof.into_iter().collect(), Vec::new());
    }
    if NO_TESTS.iter().any(|folder| file.path.starts_with(folder)) {
        return Default::default();
    }
    tests(&file.path, file.text().unwrap_or_default(), families)
}

/// The id in a name such as `prop_02_joins`.
fn id(name: &str, families: &BTreeSet<&str>) -> Option<String> {
    let mut parts = name.splitn(3, '_');
    let (family, number, _) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = number.len() == 2 && number.chars().all(|c| c.is_ascii_digit());
    let family = family.to_uppercase();
    (is_number && families.contains(family.as_str())).then(|| format!("{family}-{number}"))
}

/// A block of the source that is entered and not left.
struct Scope<'t> {
    indentation: usize,
    module: Option<&'t str>,
    engines: Option<Engines>,
}

/// Reads a file line by line, by its indentation: what stands inside a macro's
/// braces is for no parser.
fn tests(path: &str, text: &str, families: &BTreeSet<&str>) -> (Vec<Proof>, Vec<String>) {
    let (mut proofs, mut unfit) = (Vec::new(), Vec::new());
    let mut scopes: Vec<Scope<'_>> = Vec::new();
    let mut attributes = String::new();
    for line in text.lines() {
        let code = line.trim();
        let indentation = line.len() - line.trim_start().len();
        if code.is_empty() || code.starts_with("//") {
            continue;
        }
        if code.starts_with("#[") {
            attributes.push_str(code);
            continue;
        }
        let attributes = std::mem::take(&mut attributes);
        while let Some(scope) = scopes.pop() {
            if scope.indentation < indentation {
                scopes.push(scope);
                break;
            }
        }
        let module = code
            .strip_prefix("mod ")
            .and_then(|code| code.strip_suffix(" {"));
        let each = code
            .starts_with("for_each_engine! {")
            .then_some(Engines::All);
        let some = code.starts_with("for_engines! {").then_some(Engines::None);
        if module.is_some() || each.is_some() || some.is_some() {
            scopes.push(Scope {
                indentation,
                module,
                engines: each.or(some),
            });
        }
        if let Some(Scope {
            engines: Some(engines @ Engines::None),
            ..
        }) = scopes.last_mut()
            && code.starts_with('[')
        {
            *engines = named(code);
        }
        let Some((name, id)) = function(code).and_then(|name| Some((name, id(name, families)?)))
        else {
            continue;
        };
        let is_test = ["#[test]", "#[test(", "#[tokio::test"];
        let is_test = is_test.iter().any(|test| attributes.contains(test));
        if !is_test || attributes.contains("#[ignore") {
            unfit.push(format!("{path}: `{name}` carries {id} and is not run"));
            continue;
        }
        let inner = scopes.iter().filter_map(|scope| scope.module);
        let engines = scopes.iter().rev().find_map(|scope| scope.engines.clone());
        proofs.push(Proof {
            id,
            path: path.to_owned(),
            name: name.to_owned(),
            how: How::Test {
                module: outer(path).chain(inner).collect::<Vec<_>>().join("::"),
                engines: engines.unwrap_or(Engines::None),
            },
        });
    }
    (proofs, unfit)
}

/// The name of the function that begins here.
fn function(code: &str) -> Option<&str> {
    let code = code.strip_prefix("async ").unwrap_or(code);
    code.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The engines in `[postgres, mysql]`.
fn named(list: &str) -> Engines {
    let list = list.trim_matches(['[', ']']);
    let is_named = |name: &str| list.split(',').any(|word| word.trim() == name);
    let named = ENGINES.iter().filter(|(name, _)| is_named(name));
    Engines::Some(named.map(|(_, shown)| *shown).collect())
}

/// The crate or the target and the modules that a file stands for.
fn outer(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix("tests/").unwrap_or(path);
    let folders = Path::new(path).with_extension("");
    let is_name = |part: &&str| !matches!(*part, "src" | "mod" | "main" | "lib");
    let count = folders.iter().count();
    let parts = path.split('/').take(count);
    parts
        .map(|part| part.strip_suffix(".rs").unwrap_or(part))
        .filter(is_name)
}

//! The cases that other systems test their transactions with, each settled: a
//! test carries its id, or the compiler refuses it, or ARCHITECTURE.md says why
//! it is not wanted.

mod proofs;
mod table;

use std::collections::BTreeSet;

use crate::files::File;

use proofs::{How, Proof};

pub(crate) use table::table;

/// Where the cases are written down.
const LIST: &str = "tests/cases.tsv";

/// Where the reasons are.
const REASONS: &str = "ARCHITECTURE.md";

/// The cases whose tests have not landed.
pub(crate) const AWAITED: &[&str] = &[];

/// What is expected, in our own words.
#[derive(Debug)]
struct Case<'f> {
    id: &'f str,
    given: &'f str,
    when: &'f str,
    then: &'f str,
    /// The heading of the reason why it is not wanted.
    declined: Option<&'f str>,
}

/// The cases and what became of them.
#[derive(Debug)]
pub(crate) struct Cases<'f> {
    list: Vec<Case<'f>>,
    proofs: Vec<Proof>,
    awaited: &'f [&'f str],
    problems: Vec<String>,
}

impl<'f> Cases<'f> {
    /// Those in `files`, of which the tests of some are `awaited`.
    pub(crate) fn of(files: &'f [File], awaited: &'f [&'f str]) -> Self {
        let mut problems = Vec::new();
        let cases = cases(text(files, LIST), &mut problems);
        let families = cases.iter().filter_map(|case| case.id.split('-').next());
        let families: BTreeSet<_> = families.collect();
        let untitled = families.iter().filter(|family| !table::has(family));
        problems.extend(untitled.map(|family| format!("{family}: the table has no place for it")));
        let found = files.iter().map(|file| proofs::in_file(file, &families));
        let (proofs, unfit): (Vec<_>, Vec<_>) = found.unzip();
        problems.extend(unfit.into_iter().flatten());
        let mut all = Self {
            list: cases,
            proofs: proofs.into_iter().flatten().collect(),
            awaited,
            problems,
        };
        all.judge(text(files, REASONS));
        all
    }

    /// What is wrong, a sentence each.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    fn judge(&mut self, reasons: &str) {
        let mut found = Vec::new();
        for case in &self.list {
            let id = case.id;
            let is_settled = case.declined.is_some() || self.proofs_of(id).next().is_some();
            match (is_settled, self.awaited.contains(&id)) {
                (false, false) => found.push(format!(
                    "{id}: it has neither a test, nor a program in ui/fail, nor a reason"
                )),
                (true, true) => found.push(format!("{id}: it has come, and is still awaited")),
                _ => {}
            }
            let Some(heading) = case.declined else {
                continue;
            };
            match section(reasons, heading) {
                None => found.push(format!("{id}: {REASONS} has no heading `{heading}`")),
                Some(section) if !section.contains(id) => {
                    found.push(format!("{id}: `{heading}` in {REASONS} does not name it"));
                }
                Some(_) => {}
            }
        }
        let is_case = |id: &str| self.list.iter().any(|case| case.id == id);
        let stray = self.proofs.iter().filter(|proof| !is_case(&proof.id));
        found.extend(stray.map(|Proof { id, path, name, .. }| {
            format!("{path}: `{name}` carries {id}, which is not in {LIST}")
        }));
        let unknown = self.awaited.iter().filter(|id| !is_case(id));
        found.extend(unknown.map(|id| format!("{id}: it is awaited, and not in {LIST}")));
        self.problems.extend(found);
    }

    fn proofs_of(&self, id: &str) -> impl Iterator<Item = &Proof> {
        self.proofs.iter().filter(move |proof| proof.id == id)
    }

    fn settled(&self, case: &Case<'_>) -> Settled {
        let is_test = |proof: &Proof| matches!(proof.how, How::Test { .. });
        if case.declined.is_some() {
            Settled::Declined
        } else if self.proofs_of(case.id).any(is_test) {
            Settled::Tested
        } else if self.proofs_of(case.id).next().is_some() {
            Settled::CompileFail
        } else {
            Settled::Awaited
        }
    }
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Tested,
    CompileFail,
    Declined,
    Awaited,
}

fn text<'f>(files: &'f [File], path: &str) -> &'f str {
    let file = files.iter().find(|file| file.path == path);
    file.and_then(File::text).unwrap_or_default()
}

fn cases<'f>(list: &'f str, problems: &mut Vec<String>) -> Vec<Case<'f>> {
    let mut cases: Vec<Case<'f>> = Vec::new();
    for line in list.lines().skip(1) {
        let mut columns = line.split('\t');
        let mut column = || columns.next().filter(|column| !column.is_empty());
        let (Some(id), Some(given), Some(when), Some(then)) =
            (column(), column(), column(), column())
        else {
            problems.push(format!("{LIST}: not four columns: `{line}`"));
            continue;
        };
        if cases.iter().any(|case| case.id == id) {
            problems.push(format!("{LIST}: {id} is there twice"));
        }
        cases.push(Case {
            id,
            given,
            when,
            then,
            declined: column(),
        });
    }
    if cases.is_empty() {
        problems.push(format!("{LIST}: it has no cases"));
    }
    cases
}

/// What stands below `heading`, down to the next one.
fn section<'t>(text: &'t str, heading: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(&format!("\n### {heading}\n"))?;
    Some(
        after
            .split_once("\n#")
            .map_or(after, |(section, _)| section),
    )
}

#[cfg(test)]
mod tests;

//! The rules of the house that neither the compiler, clippy nor rustfmt know.

mod cases;
mod files;
mod rules;

use std::fmt::Display;

#[test]
fn every_file_keeps_the_rules() {
    let files = files::below(&files::root()).expect("the repository can be read");
    let manifests = files.iter().filter(|file| rules::is_manifest(file));
    assert!(manifests.count() > 5, "these are not all files: {files:?}");
    assert_none(&rules::problems(&files));
}

/// And `CASES.md` says how.
#[test]
fn every_case_is_settled() {
    let files = files::below(&files::root()).expect("the repository can be read");
    let cases = cases::Cases::of(&files, cases::AWAITED);
    assert_none(cases.problems());
    let written = expect_test::expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/CASES.md")];
    written.assert_eq(&cases::table(&cases));
}

#[track_caller]
fn assert_none(problems: &[impl Display]) {
    let report: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let report = report.join("\n");
    let count = problems.len();
    assert!(problems.is_empty(), "{count} problems:\n{report}");
}

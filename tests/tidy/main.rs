//! The rules of the house that neither the compiler, clippy nor rustfmt know.

mod files;
mod rules;

use std::fmt::Write;

#[test]
fn every_file_keeps_the_rules() {
    let files = files::below(&files::root()).expect("the repository can be read");
    let manifests = files.iter().filter(|file| rules::is_manifest(file));
    assert!(manifests.count() > 5, "these are not all files: {files:?}");
    let problems = rules::problems(&files);
    let report = problems.iter().fold(String::new(), |mut report, problem| {
        let _ = writeln!(report, "{problem}");
        report
    });
    assert!(
        problems.is_empty(),
        "{} problems:\n{report}",
        problems.len()
    );
}

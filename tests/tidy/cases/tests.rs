//! A bad sample for each way in which a case can be left open, and good ones.

use super::*;

const SOURCE: &str = "\
mod inner {
    for_engines! {
        [postgres, mysql]

        #[test(Setup::wired())]
        // A comment between.
        async fn prop_02_joins(db: &TestDb<DB>) {
            db.check();
        }
    }
}

for_each_engine! {
    #[test]
    async fn prop_02_joins_too(db: &TestDb<DB>) {}
}

#[test]
fn class_40_is_no_case() {}
";

const REASON: &str = "# A\n\n### Two databases\n\n**Why? (OUT-09)** So.\n\n### Next\n\nPROP-05\n";

/// A list of four, all of them settled.
fn files() -> Vec<File> {
    let list = "id\tgiven\twhen\tthen\tdeclined\n\
                PROP-02\ta\tb\tc\n\
                PROP-05\ta\tb\tc\n\
                OUT-09\ta\tb\tc\tTwo databases\n";
    vec![
        file(LIST, list),
        file(REASONS, REASON),
        file("tests/behaviour/joining/mod.rs", SOURCE),
        file("tests/ui/fail/open/prop_05_inside.rs", "fn main() {}\n"),
    ]
}

fn file(path: &str, content: &str) -> File {
    File {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

/// The problems when `from` is replaced by `to` in every file and path.
fn replaced(from: &str, to: &str) -> Vec<String> {
    let files: Vec<_> = files()
        .iter()
        .map(|old| {
            file(
                &old.path.replace(from, to),
                &old.text().unwrap().replace(from, to),
            )
        })
        .collect();
    Cases::of(&files, &[]).problems().to_vec()
}

#[test]
fn a_settled_list_is_in_order() {
    let files = files();
    let cases = Cases::of(&files, &[]);
    assert_eq!(cases.problems(), [""; 0]);
    let table = table(&cases);
    assert!(table.contains("3 cases: 1 tested, 1 refused by the compiler, 1 declined, 0 awaited."));
    let prop_02 = "| PROP-02 | a | b | c | `behaviour::joining::prop_02_joins_too`; \
                   `behaviour::joining::inner::prop_02_joins`, PostgreSQL and MySQL |\n";
    assert!(table.contains(prop_02), "{table}");
    assert!(table.contains("| refused: `ui/fail/open/prop_05_inside` |\n"));
    let out_09 = "| declined: [Two databases](../ARCHITECTURE.md#two-databases) |\n";
    assert!(table.contains(out_09), "{table}");
}

#[test]
fn a_case_without_anything_is_found() {
    let nothing = "it has neither a test, nor a program in ui/fail, nor a reason";
    assert_eq!(
        replaced("ui/fail", "ui/pass"),
        [format!("PROP-05: {nothing}")]
    );
    assert_eq!(
        replaced("\tTwo databases\n", "\n"),
        [format!("OUT-09: {nothing}")]
    );
}

#[test]
fn what_is_awaited_may_be_missing_until_it_comes() {
    let mut files = files();
    files.pop();
    assert_eq!(Cases::of(&files, &["PROP-05"]).problems(), [""; 0]);
    assert_eq!(
        Cases::of(&files, &["PROP-05", "PROP-02", "PROP-99"]).problems(),
        [
            "PROP-02: it has come, and is still awaited",
            "PROP-99: it is awaited, and not in tests/cases.tsv"
        ]
    );
}

#[test]
fn an_id_that_is_not_in_the_list_is_found() {
    assert_eq!(
        replaced("prop_02_joins_too", "prop_03_joins"),
        [
            "tests/behaviour/joining/mod.rs: `prop_03_joins` carries PROP-03, which is not in \
          tests/cases.tsv"
        ]
    );
}

#[test]
fn a_function_that_is_not_run_proves_nothing() {
    let not_run =
        "tests/behaviour/joining/mod.rs: `prop_02_joins_too` carries PROP-02 and is not run";
    assert_eq!(replaced("    #[test]\n    async", "    async"), [not_run]);
    let ignored = concat!("    #[test]\n    #[ign", "ore = \"slow\"]\n    async");
    assert_eq!(replaced("    #[test]\n    async", ignored), [not_run]);
}

#[test]
fn a_reason_that_is_not_there_is_found() {
    assert_eq!(
        replaced("### Two databases", "### Two pools"),
        ["OUT-09: ARCHITECTURE.md has no heading `Two databases`"]
    );
    assert_eq!(
        replaced("(OUT-09)", "(OUT-08)"),
        ["OUT-09: `Two databases` in ARCHITECTURE.md does not name it"]
    );
}

#[test]
fn a_list_that_is_none_is_found() {
    assert_eq!(
        replaced("\tb\tc\n", "\n")[..2],
        [
            "tests/cases.tsv: not four columns: `PROP-02\ta`",
            "tests/cases.tsv: not four columns: `PROP-05\ta`"
        ]
    );
    assert_eq!(
        replaced("PROP-05\ta", "PROP-02\ta")[0],
        "tests/cases.tsv: PROP-02 is there twice"
    );
    assert_eq!(
        replaced("OUT-09", "NEW-09"),
        ["NEW: the table has no place for it"]
    );
    assert_eq!(
        Cases::of(&[], &[]).problems(),
        ["tests/cases.tsv: it has no cases"]
    );
}

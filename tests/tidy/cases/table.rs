//! The table that people read.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    Cases, REASONS, Settled,
    proofs::{Engines, How, Proof},
};

const HEAD: &str = "\
# Cases

What the tests of other systems expect of transactions, in our own words, and what became of each expectation here. The list is
`cases.tsv`; the rest is written by the test target `tidy` from the names of the tests: `rbo_12_…` settles RBO-12.
`UPDATE_EXPECT=1 cargo test -p sqlx-transactional-tests --test tidy` writes it anew.

A test is named by its target and module, and runs on SQLite, PostgreSQL and MySQL (which is MariaDB as well) unless engines are
named. *Refused* is a program that the compiler does not accept; *declined* leads to the reason.
";

/// The titles of the families, in the order of the list.
const FAMILIES: [(&str, &str); 15] = [
    ("PROP", "Inside or outside"),
    ("RBO", "Rolled back only"),
    ("SP", "Savepoints"),
    ("OUT", "Ends"),
    ("RULE", "Rules for the end"),
    ("HOOK", "Hooks"),
    ("RETRY", "Repetition"),
    ("AMB", "Unknown outcomes"),
    ("CAN", "Cancellation and time"),
    ("ISO", "Isolation and access"),
    ("POOL", "Pools"),
    ("TEST", "Tests of users"),
    ("OBS", "Observation"),
    ("MULTI", "Several databases"),
    ("API", "The interface"),
];

/// Whether there is a place for `family`.
pub(super) fn has(family: &str) -> bool {
    FAMILIES.iter().any(|(known, _)| *known == family)
}

/// All of it, as `CASES.md` has it.
pub(crate) fn table(all: &Cases<'_>) -> String {
    let count = |wanted| {
        let cases = all.list.iter();
        cases.filter(|case| all.settled(case) == wanted).count()
    };
    let mut text = format!(
        "{HEAD}\n{} cases: {} tested, {} refused by the compiler, {} declined, {} awaited.\n",
        all.list.len(),
        count(Settled::Tested),
        count(Settled::CompileFail),
        count(Settled::Declined),
        count(Settled::Awaited),
    );
    for (family, title) in FAMILIES {
        let is_of = |id: &str| id.split('-').next() == Some(family);
        let mut of_family = all.list.iter().filter(|case| is_of(case.id)).peekable();
        if of_family.peek().is_none() {
            continue;
        }
        let _ = write!(
            text,
            "\n## {title}\n\n| case | given | when | then | where |\n|---|---|---|---|---|\n"
        );
        for case in of_family {
            let mut places = places(all.proofs_of(case.id));
            if let Some(heading) = case.declined {
                let anchor = heading.to_lowercase().replace(' ', "-");
                places.insert(0, format!("declined: [{heading}](../{REASONS}#{anchor})"));
            }
            if places.is_empty() {
                places.push("awaited".to_owned());
            }
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                case.id,
                case.given,
                case.when,
                case.then,
                places.join("; ")
            );
        }
    }
    text
}

/// Each place in which there are proofs, once.
fn places<'p>(proofs: impl Iterator<Item = &'p Proof>) -> Vec<String> {
    let mut grouped: BTreeMap<(String, String), Vec<&Proof>> = BTreeMap::new();
    for proof in proofs {
        let place = match &proof.how {
            How::Test { module, engines } => (format!("{module}::"), shown(engines)),
            How::CompileFail => {
                let path = proof.path.trim_start_matches("tests/");
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                (format!("refused: {folder}/"), String::new())
            }
        };
        grouped.entry(place).or_default().push(proof);
    }
    let places = grouped.into_iter().map(|((place, engines), proofs)| {
        let (word, place) = match place.strip_prefix("refused: ") {
            Some(folder) => ("refused: ", folder),
            None => ("", place.as_str()),
        };
        match proofs.as_slice() {
            [proof] => format!("{word}`{place}{}`{engines}", proof.name),
            several => {
                let id = several[0].id.to_lowercase().replace('-', "_");
                format!("{word}`{place}{id}_*` ({}){engines}", several.len())
            }
        }
    });
    places.collect()
}

fn shown(engines: &Engines) -> String {
    match engines {
        Engines::All => String::new(),
        Engines::None => ", no database".to_owned(),
        Engines::Some(names) => format!(", {}", names.join(" and ")),
    }
}

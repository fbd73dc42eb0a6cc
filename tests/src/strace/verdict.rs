//! Whether what the worker said is what is stored.

use super::run::{Told, file};
use super::story::{End, ROWS, body};
use super::{COUNT, Fault};
use crate::campaign::Goal;
use sqlx::{Connection, Row, SqliteConnection};
use std::collections::BTreeMap;
use tempfile::TempDir;

type Outcome = (Goal, Result<(), String>);

/// What is stored of one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stored {
    rows: i64,
    bytes: i64,
}

impl Stored {
    fn whole() -> Self {
        Self {
            rows: ROWS,
            bytes: (1..=ROWS)
                .map(|nth| i64::try_from(body(nth).len()).unwrap_or(i64::MAX))
                .sum(),
        }
    }
}

/// What a run says about each goal.
pub(super) async fn on(told: &Told, fault: Fault, folder: &TempDir) -> Vec<Outcome> {
    let (integrity, stored) = match look(folder).await {
        Ok(seen) => seen,
        Err(error) => return vec![(Goal::R13, Err(format!("the file cannot be read: {error}")))],
    };
    let all = || (1..=COUNT + 1).map(|number| (number, told.story.of(number)));
    let of = |number: i64| stored.get(&number).copied().unwrap_or_default();
    let mut outcomes = vec![
        (Goal::R13, sound(told, fault, &integrity)),
        (
            Goal::R1,
            each(all(), |number, said| {
                let lost = said.end == Some(End::Ok) && of(number) != Stored::whole();
                lost.then(|| format!("{number} is acknowledged, and {:?}", of(number)))
            }),
        ),
        (
            Goal::R2,
            each(all(), |number, said| {
                let there = of(number);
                let half = there != Stored::default() && there != Stored::whole();
                let applied = said.end == Some(End::Failed) && there != Stored::default();
                (half || applied).then(|| format!("{number} is {:?}, and {there:?}", said.end))
            }),
        ),
        (
            Goal::R12,
            each(all(), |number, said| {
                let wrong = match said.end {
                    Some(End::Ok) => said.hooks != 1,
                    Some(_) => said.hooks != 0,
                    // It was killed, maybe between the two lines.
                    None => said.hooks > 0 && of(number) != Stored::whole(),
                };
                wrong.then(|| format!("{number} is {:?}, and {} hooks ran", said.end, said.hooks))
            }),
        ),
    ];
    if fault != Fault::Kill {
        outcomes.push((Goal::R9, healed(told)));
    }
    outcomes
}

/// The file is whole, and the run was what it was meant to be.
fn sound(told: &Told, fault: Fault, integrity: &str) -> Result<(), String> {
    let met = match fault {
        Fault::Kill => told.killed,
        _ => told.injected > 0 && !told.killed && told.story.is_complete(),
    };
    if !met {
        return Err(format!("the fault was not met: {told:?}"));
    }
    if integrity != "ok" {
        return Err(format!(
            "integrity_check: {}",
            integrity.replace('\n', "; ")
        ));
    }
    Ok(())
}

/// The fault is over when the first failure is known, so there is no second.
fn healed(told: &Told) -> Result<(), String> {
    match (told.story.failed(), told.story.healed()) {
        (0 | 1, true) => Ok(()),
        // The last of all transactions met it.
        (1, false) if told.story.of(COUNT + 1).end == Some(End::Failed) => Ok(()),
        (failed, _) => Err(format!("{failed} transactions failed of one fault")),
    }
}

fn each<T>(
    mut all: impl Iterator<Item = (i64, T)>,
    problem: impl Fn(i64, T) -> Option<String>,
) -> Result<(), String> {
    match all.find_map(|(number, said)| problem(number, said)) {
        Some(problem) => Err(problem),
        None => Ok(()),
    }
}

/// What a new connection sees.
async fn look(folder: &TempDir) -> Result<(String, BTreeMap<i64, Stored>), sqlx::Error> {
    let url = format!("sqlite://{}", file(folder).display());
    let mut connection = SqliteConnection::connect(&url).await?;
    let check = sqlx::query_scalar("pragma integrity_check");
    let integrity: String = check.fetch_one(&mut connection).await?;
    let select = "select number, count(*), sum(length(body)) from rows group by number";
    let rows = sqlx::query(select).fetch_all(&mut connection).await?;
    let mut stored = BTreeMap::new();
    for row in rows {
        let seen = Stored {
            rows: row.try_get(1)?,
            bytes: row.try_get(2)?,
        };
        stored.insert(row.try_get(0)?, seen);
    }
    connection.close().await?;
    Ok((integrity, stored))
}

//! What a second connection sees.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::Pool;

use crate::engine::Engine;

/// Every row of both tables, every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dump {
    threads: BTreeMap<String, String>,
    messages: BTreeMap<String, String>,
}

/// What has become of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) table: &'static str,
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) kind: Kind,
}

/// How a row differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It is new.
    Added { row: Map<String, Value> },
    /// Some of its columns are others.
    Changed { columns: Vec<Column> },
    /// It is gone.
    Removed,
}

/// A column before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

impl Dump {
    /// Reads everything through the observer's own connection.
    pub(crate) async fn take<DB: Engine>(observer: &Pool<DB>) -> Result<Self, sqlx::Error> {
        let mut connection = observer.acquire().await?;
        let threads = DB::pairs(&mut connection, DB::THREADS).await?;
        let messages = DB::pairs(&mut connection, DB::MESSAGES).await?;
        Ok(Self {
            threads: threads.into_iter().collect(),
            messages: messages.into_iter().collect(),
        })
    }

    /// What is different in `after`.
    pub(crate) fn changes(&self, after: &Self) -> Vec<Change> {
        let mut changes = table("threads", &self.threads, &after.threads);
        changes.extend(table("messages", &self.messages, &after.messages));
        changes
    }
}

fn table(
    table: &'static str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Change> {
    let change = |id: &String, kind| Change {
        table,
        id: id.clone(),
        kind,
    };
    let gone = before.keys().filter(|id| !after.contains_key(*id));
    let mut changes: Vec<Change> = gone.map(|id| change(id, Kind::Removed)).collect();
    for (id, row) in after {
        match before.get(id) {
            None => changes.push(change(id, Kind::Added { row: columns(row) })),
            Some(old) if old != row => {
                let columns = differences(&columns(old), &columns(row));
                changes.push(change(id, Kind::Changed { columns }));
            }
            Some(_) => {}
        }
    }
    changes
}

fn columns(row: &str) -> Map<String, Value> {
    serde_json::from_str(row).unwrap_or_default()
}

fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Column> {
    let differs = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    differs
        .map(|(name, value)| Column {
            name: name.clone(),
            before: before.get(name).cloned().unwrap_or_default(),
            after: value.clone(),
        })
        .collect()
}

//! Everything that is stored, as a second connection sees it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Every row of both tables, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Dump {
    lines: Vec<String>,
}

/// The rows of a dump as values, by table and id.
pub(crate) type Rows = BTreeMap<(String, String), Map<String, Value>>;

impl Dump {
    pub(crate) fn new(lines: Vec<String>) -> Self {
        Self { lines }
    }

    /// The rows, with the metadata as the objects that their texts say.
    pub(crate) fn rows(&self) -> Rows {
        self.lines.iter().map(|line| row(line)).collect()
    }

    /// A thread as an operation answers it, with its message count.
    ///
    /// # Panics
    ///
    /// When it is not stored.
    #[track_caller]
    pub(crate) fn thread(&self, id: &str) -> Value {
        let mut thread = self.get("threads", id);
        thread.insert("message_count".to_owned(), json!(self.messages(id).len()));
        Value::Object(thread)
    }

    /// A message as an operation answers it.
    ///
    /// # Panics
    ///
    /// When it is not stored.
    #[track_caller]
    pub(crate) fn message(&self, id: &str) -> Value {
        Value::Object(self.get("messages", id))
    }

    /// The messages of a thread, in the order of their place.
    pub(crate) fn messages(&self, thread: &str) -> Vec<Value> {
        let rows = self.rows().into_iter();
        let mut messages: Vec<Value> = rows
            .filter(|((table, _), row)| table == "messages" && row["thread_id"] == thread)
            .map(|(_, row)| Value::Object(row))
            .collect();
        messages.sort_by_key(|message| message["seq"].as_i64());
        messages
    }

    /// The places of a thread's messages, in order.
    pub(crate) fn seqs(&self, thread: &str) -> Vec<i64> {
        let messages = self.messages(thread).into_iter();
        messages
            .filter_map(|message| message["seq"].as_i64())
            .collect()
    }

    /// How many rows there are in both tables.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    #[track_caller]
    fn get(&self, table: &str, id: &str) -> Map<String, Value> {
        let row = self.rows().remove(&(table.to_owned(), id.to_owned()));
        row.unwrap_or_else(|| panic!("{id} is not in {table}: {self:#?}"))
    }
}

fn row(line: &str) -> ((String, String), Map<String, Value>) {
    let mut row: Map<String, Value> = serde_json::from_str(line).expect("a row as JSON");
    let mut text = |key: &str| match row.remove(key) {
        Some(Value::String(text)) => text,
        other => panic!("{key} is {other:?} in {line}"),
    };
    let (table, id, metadata) = (text("table"), text("id"), text("metadata"));
    row.insert("id".to_owned(), json!(id));
    let metadata = serde_json::from_str(&metadata).expect("metadata as JSON");
    row.insert("metadata".to_owned(), metadata);
    ((table, id), row)
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.lines).finish()
    }
}

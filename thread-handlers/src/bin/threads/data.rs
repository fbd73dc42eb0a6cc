//! The conversations that ship with the program.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use thread_handlers::model::{NewMessage, NewThread};

/// Some users and all they have ever said.
#[derive(Debug, Deserialize)]
pub(crate) struct Data {
    pub(crate) users: Vec<User>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) threads: Vec<Conversation>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Conversation {
    title: Option<String>,
    metadata: Map<String, Value>,
    pub(crate) messages: Vec<NewMessage>,
}

impl Data {
    /// What was stored, in one line.
    pub(crate) fn summary(&self, events: usize, took: Duration) -> String {
        let threads: Vec<_> = self.users.iter().flat_map(|user| &user.threads).collect();
        let messages: usize = threads.iter().map(|thread| thread.messages.len()).sum();
        format!(
            "{} users, {} threads, {messages} messages stored in {} transactions, \
             {} events, {:.2} s",
            self.users.len(),
            threads.len(),
            threads.len(),
            events,
            took.as_secs_f64(),
        )
    }

    /// Reads the file that is part of the program.
    pub(crate) fn embedded() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("../../../data/threads.json"))
    }
}

impl Conversation {
    /// The thread to create.
    pub(crate) fn thread(&self) -> NewThread {
        NewThread {
            id: None,
            title: self.title.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

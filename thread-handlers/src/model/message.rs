//! A message of a thread.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Invalid, Metadata, Micros, message_id, metadata, text::without_nul, time};

/// The longest message, in characters.
pub const CONTENT_MAX: usize = 32_768;

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    #[default]
    User,
    /// The model.
    Assistant,
    /// Instructions to the model.
    System,
}

impl Role {
    /// The role as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

/// A stored role that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("no role is called {0:?}")]
pub struct UnknownRole(String);

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(stored: String) -> Result<Self, Self::Error> {
        [Self::User, Self::Assistant, Self::System]
            .into_iter()
            .find(|role| role.as_str() == stored)
            .ok_or(UnknownRole(stored))
    }
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Message {
    /// `msg_` and a version 7 UUID.
    pub id: String,
    /// The thread it belongs to.
    pub thread_id: String,
    /// Its place in the thread: 1, 2, 3 …
    pub seq: i64,
    /// Who speaks.
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// What is said, 1 to [`CONTENT_MAX`] characters.
    pub content: String,
    /// The client's own keys.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// When it was stored.
    pub created_at: Micros,
}

/// A message that a client sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NewMessage {
    /// Who speaks.
    #[serde(default)]
    pub role: Role,
    /// What is said, 1 to [`CONTENT_MAX`] characters.
    pub content: String,
    /// The client's own keys.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl NewMessage {
    /// A message of the person, without metadata.
    #[must_use]
    pub fn user(content: impl Into<String>) -> Self {
        Self {
            role: Role::User,
            content: content.into(),
            metadata: Map::new(),
        }
    }

    /// Refuses what breaks a rule of the model.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let found = self.content.chars().count();
        if !(1..=CONTENT_MAX).contains(&found) {
            return Err(Invalid::ContentLength { found });
        }
        without_nul("message", &self.content)?;
        metadata::check(&self.metadata)
    }

    /// The message at its place in a thread.
    pub(crate) fn place(self, thread_id: &str, seq: i64) -> Result<Message, Invalid> {
        let mut metadata = Metadata::default();
        metadata.merge(&self.metadata)?;
        Ok(Message {
            id: message_id(),
            thread_id: thread_id.to_owned(),
            seq,
            role: self.role,
            content: self.content,
            metadata,
            created_at: time::now(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_stored_by_the_name_that_reads_them_back() {
        for role in [Role::User, Role::Assistant, Role::System] {
            assert_eq!(Role::try_from(role.as_str().to_owned()).unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(Role::try_from("owner".to_owned()).is_err());
    }

    #[test]
    fn length_is_counted_in_characters() {
        NewMessage::user("語".repeat(CONTENT_MAX)).check().unwrap();
        assert_eq!(
            NewMessage::user("語".repeat(CONTENT_MAX + 1)).check(),
            Err(Invalid::ContentLength {
                found: CONTENT_MAX + 1
            })
        );
        assert_eq!(
            NewMessage::user("").check(),
            Err(Invalid::ContentLength { found: 0 })
        );
        assert_eq!(
            NewMessage::user("a\0b").check(),
            Err(Invalid::Nul { field: "message" })
        );
    }
}

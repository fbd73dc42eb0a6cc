//! A conversation thread.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Invalid, Metadata, Micros, Status, id::is_thread_id, metadata, text::without_nul, thread_id,
    time,
};

/// The longest title, in characters.
pub const TITLE_MAX: usize = 200;

/// A thread as it is stored, with the number of its messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Thread {
    /// `thread_` and a version 7 UUID.
    pub id: String,
    /// The user it belongs to.
    pub owner: String,
    /// Its title, 1 to [`TITLE_MAX`] characters.
    pub title: Option<String>,
    /// Whether it takes messages.
    #[sqlx(try_from = "String")]
    pub status: Status,
    /// The client's own keys.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// When it was created.
    pub created_at: Micros,
    /// When it, or its messages, changed last.
    pub updated_at: Micros,
    /// When it was archived first.
    pub archived_at: Option<Micros>,
    /// Counts the changes of the thread itself, from 1; a message is none.
    pub version: i64,
    /// How many messages it has, in the snapshot that it was read from.
    pub message_count: i64,
}

/// A thread that a client creates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NewThread {
    /// An id that the client chose, to create a thread once however often it
    /// asks; none takes a new one.
    #[serde(default)]
    pub id: Option<String>,
    /// Its title, 1 to [`TITLE_MAX`] characters after trimming.
    #[serde(default)]
    pub title: Option<String>,
    /// The client's own keys.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl NewThread {
    /// Refuses what breaks a rule of the model, and fills in the rest.
    pub(crate) fn into_thread(self, owner: &str) -> Result<Thread, Invalid> {
        if self.id.as_deref().is_some_and(|id| !is_thread_id(id)) {
            return Err(Invalid::ThreadId);
        }
        let title = self.title.as_deref().map(checked_title).transpose()?;
        let mut metadata = Metadata::default();
        metadata.merge(&self.metadata)?;
        let created_at = time::now();
        Ok(Thread {
            id: self.id.unwrap_or_else(thread_id),
            owner: owner.to_owned(),
            title,
            status: Status::Active,
            metadata,
            created_at,
            updated_at: created_at,
            archived_at: None,
            version: 1,
            message_count: 0,
        })
    }
}

/// What a client changes of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Patch {
    /// The new title; none keeps it.
    #[serde(default)]
    pub title: Option<String>,
    /// Keys to set; a null value removes its key.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The version that the client saw. When the thread has moved on, nothing
    /// is changed.
    #[serde(default)]
    pub expected_version: Option<i64>,
}

impl Patch {
    /// Refuses what breaks a rule of the model, whatever is stored.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        self.title.as_deref().map(checked_title).transpose()?;
        metadata::check(&self.metadata)
    }
}

/// A title that was made for a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The title as the generator wrote it.
    pub title: String,
    /// The version of the thread that it was made from.
    pub version: i64,
}

pub(super) fn checked_title(title: &str) -> Result<String, Invalid> {
    let title = title.trim();
    let found = title.chars().count();
    if !(1..=TITLE_MAX).contains(&found) {
        return Err(Invalid::TitleLength { found });
    }
    without_nul("title", title)?;
    Ok(title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed_and_counted_in_characters() {
        assert_eq!(checked_title("  Zürich\n").unwrap(), "Zürich");
        assert_eq!(checked_title(&"語".repeat(200)).unwrap().len(), 600);
        for (title, found) in [("", 0), (" \t\u{3000}", 0), (&*"x".repeat(201), 201)] {
            assert_eq!(checked_title(title), Err(Invalid::TitleLength { found }));
        }
        assert_eq!(checked_title("a\0"), Err(Invalid::Nul { field: "title" }));
    }

    #[test]
    fn a_chosen_id_must_have_the_services_shape() {
        let new = |id: &str| NewThread {
            id: Some(id.to_owned()),
            ..NewThread::default()
        };
        let id = thread_id();
        assert_eq!(new(&id).into_thread("amina").unwrap().id, id);
        assert_eq!(
            new("mine").into_thread("amina").unwrap_err(),
            Invalid::ThreadId
        );
    }
}

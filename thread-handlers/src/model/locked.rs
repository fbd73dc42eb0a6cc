//! A thread that this transaction alone may change.

use super::{Invalid, Metadata, Micros, Patch, Status, thread::checked_title, time};

/// The columns of a thread whose row this transaction has locked.
///
/// It has no message count: one read before the lock was granted could be old.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LockedThread {
    /// `thread_` and a version 7 UUID.
    pub id: String,
    /// The user it belongs to.
    pub owner: String,
    /// Its title.
    pub title: Option<String>,
    /// Whether it takes messages.
    #[sqlx(try_from = "String")]
    pub status: Status,
    /// The client's own keys.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// When it, or its messages, changed last.
    pub updated_at: Micros,
    /// When it was archived first.
    pub archived_at: Option<Micros>,
    /// Counts the changes of the thread itself.
    pub version: i64,
}

impl LockedThread {
    /// Sets what the patch names.
    pub(crate) fn apply(&mut self, patch: &Patch) -> Result<(), Invalid> {
        if let Some(title) = &patch.title {
            self.title = Some(checked_title(title)?);
        }
        self.metadata.merge(&patch.metadata)?;
        self.changed();
        Ok(())
    }

    /// Takes a title that was made for it.
    pub(crate) fn auto_rename(&mut self, title: String) {
        self.title = Some(title);
        self.metadata.mark_auto_renamed();
        self.changed();
    }

    /// Ends it.
    pub(crate) fn archive(&mut self) {
        self.changed();
        self.status = Status::Archived;
        self.archived_at = Some(self.updated_at);
    }

    /// A new message's effect on the thread itself, which is no new version.
    pub(crate) fn touch(&mut self) {
        // The clock of another machine may have been ahead of this one's.
        self.updated_at = self.updated_at.max(time::now());
    }

    fn changed(&mut self) {
        self.touch();
        self.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::thread_id;

    fn locked() -> LockedThread {
        LockedThread {
            id: thread_id(),
            owner: "amina".into(),
            title: Some("Before".into()),
            status: Status::Active,
            metadata: Metadata::default(),
            updated_at: 1,
            archived_at: None,
            version: 3,
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_counts_a_version() {
        let mut thread = locked();
        let patch: Patch = serde_json::from_value(json!({"metadata": {"topic": "x"}})).unwrap();
        thread.apply(&patch).unwrap();
        assert_eq!(thread.title.as_deref(), Some("Before"));
        assert_eq!(thread.metadata.get("topic"), Some(&json!("x")));
        assert_eq!(thread.version, 4);
        assert!(thread.updated_at > 1);
    }

    #[test]
    fn the_last_change_never_moves_back() {
        let mut thread = locked();
        thread.updated_at = Micros::MAX;
        thread.touch();
        assert_eq!(thread.updated_at, Micros::MAX);
        assert_eq!(thread.version, 3);
    }

    #[test]
    fn archiving_says_when() {
        let mut thread = locked();
        thread.archive();
        assert_eq!(thread.status, Status::Archived);
        assert_eq!(thread.archived_at, Some(thread.updated_at));
    }
}

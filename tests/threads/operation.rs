//! The eight operations as values, and what each does when it is done.

use serde_json::{Map, Value, json};
use sqlx_transactional::{Begin, Read, Write};
use thread_handlers::handlers::{
    auto_rename_thread, create_thread, delete_thread, get_messages, get_thread, list_threads,
    send_message, update_thread,
};
use thread_handlers::model::{NewMessage, NewThread, Page, Patch, Suggestion, ThreadPage};
use thread_handlers::{AppError, Caller};

use crate::dump::{Dump, Rows};
use crate::engine::Threads;

/// One of the eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ListThreads,
    CreateThread,
    GetThread,
    UpdateThread,
    DeleteThread,
    GetMessages,
    AutoRenameThread,
    SendMessage,
}

/// What an operation is done to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The thread; for [`Operation::CreateThread`] one that is not there yet.
    pub(crate) id: String,
    /// The version that it is at.
    pub(crate) version: i64,
}

impl Operation {
    pub(crate) const ALL: [Self; 8] = [
        Self::ListThreads,
        Self::CreateThread,
        Self::GetThread,
        Self::UpdateThread,
        Self::DeleteThread,
        Self::GetMessages,
        Self::AutoRenameThread,
        Self::SendMessage,
    ];

    pub(crate) const WRITING: [Self; 5] = [
        Self::CreateThread,
        Self::UpdateThread,
        Self::DeleteThread,
        Self::AutoRenameThread,
        Self::SendMessage,
    ];

    pub(crate) const READING: [Self; 3] = [Self::ListThreads, Self::GetThread, Self::GetMessages];

    pub(crate) fn writes(self) -> bool {
        Self::WRITING.contains(&self)
    }

    /// The tables it writes to, and how, in order.
    pub(crate) fn writes_to(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ListThreads | Self::GetThread | Self::GetMessages => &[],
            Self::CreateThread => &[("insert", "threads")],
            Self::UpdateThread | Self::DeleteThread | Self::AutoRenameThread => {
                &[("update", "threads")]
            }
            Self::SendMessage => &[("insert", "messages"), ("update", "threads")],
        }
    }

    /// The events that leave when it is done.
    pub(crate) fn events(self) -> &'static [&'static str] {
        match self {
            Self::ListThreads | Self::GetThread | Self::GetMessages => &[],
            Self::CreateThread => &["thread_created"],
            Self::UpdateThread => &["thread_updated"],
            Self::DeleteThread => &["thread_archived"],
            Self::AutoRenameThread => &["thread_renamed"],
            Self::SendMessage => &["message_created"],
        }
    }

    /// The threads that it is done to look like this before.
    pub(crate) fn before() -> NewThread {
        NewThread {
            title: Some("Before".to_owned()),
            metadata: object(json!({"kept": [1, "zwei", null], "removed": true})),
            ..NewThread::default()
        }
    }

    /// Does it, and gives what it answers.
    pub(crate) async fn run<DB, B>(
        self,
        on: B,
        user: &Caller,
        target: &Target,
    ) -> Result<Value, AppError>
    where
        DB: Threads,
        B: Begin<Write<DB>> + Begin<Read<DB>>,
    {
        let id = target.id.as_str();
        Ok(match self {
            Self::ListThreads => json!(list_threads(on, user, ThreadPage::default()).await?),
            Self::CreateThread => {
                let new = NewThread {
                    id: Some(id.to_owned()),
                    title: Some("Created".to_owned()),
                    metadata: object(json!({"kept": 1})),
                };
                json!(create_thread(on, user, new).await?)
            }
            Self::GetThread => json!(get_thread(on, user, id).await?),
            Self::UpdateThread => {
                let patch = Patch {
                    title: Some("Updated".to_owned()),
                    metadata: object(json!({"added": {"deep": 1}, "removed": null})),
                    expected_version: Some(target.version),
                };
                json!(update_thread(on, user, id, patch).await?)
            }
            Self::DeleteThread => json!(delete_thread(on, user, id).await?),
            Self::GetMessages => json!(get_messages(on, user, id, Page::default()).await?),
            Self::AutoRenameThread => {
                let suggestion = Suggestion {
                    title: " \"Renamed\" ".to_owned(),
                    version: target.version,
                };
                json!(auto_rename_thread(on, user, id, suggestion).await?)
            }
            Self::SendMessage => {
                let message = NewMessage {
                    metadata: object(json!({"kept": 1})),
                    ..NewMessage::user("Sent")
                };
                json!(send_message(on, user, id, message).await?)
            }
        })
    }

    /// Whether it was done, as all the rows before and after say.
    ///
    /// # Panics
    ///
    /// When it was done by half, or anything else has happened.
    #[track_caller]
    pub(crate) fn was_done(self, target: &Target, before: &Dump, after: &Dump) -> bool {
        if before == after {
            return false;
        }
        let expected = self.done(target, before.rows(), &after.rows());
        assert_eq!(expected, after.rows(), "{self:?} was done by half");
        true
    }

    /// The rows when it is done. Times and new ids are taken from `after`.
    fn done(self, target: &Target, mut rows: Rows, after: &Rows) -> Rows {
        let key = ("threads".to_owned(), target.id.clone());
        let time = |column: &str| {
            after
                .get(&key)
                .map_or(Value::Null, |row| row[column].clone())
        };
        if self == Self::CreateThread {
            let row = json!({
                "id": target.id, "owner": "amina", "title": "Created", "status": "active",
                "metadata": {"kept": 1}, "created_at": time("created_at"),
                "updated_at": time("created_at"), "archived_at": null, "version": 1,
            });
            rows.insert(key, object(row));
            return rows;
        }
        let Some(thread) = rows.get_mut(&key).filter(|_| self.writes()) else {
            return rows;
        };
        assert!(
            time("updated_at").as_i64() >= thread["updated_at"].as_i64(),
            "{self:?} moved the time back"
        );
        thread.insert("updated_at".to_owned(), time("updated_at"));
        if self != Self::SendMessage {
            thread.insert("version".to_owned(), json!(target.version + 1));
        }
        match self {
            Self::UpdateThread => {
                let metadata = json!({"kept": [1, "zwei", null], "added": {"deep": 1}});
                thread.insert("title".to_owned(), json!("Updated"));
                thread.insert("metadata".to_owned(), metadata);
            }
            Self::DeleteThread => {
                thread.insert("status".to_owned(), json!("archived"));
                thread.insert("archived_at".to_owned(), time("updated_at"));
            }
            Self::AutoRenameThread => {
                thread.insert("title".to_owned(), json!("Renamed"));
                thread["metadata"]["auto_renamed"] = json!(true);
            }
            _ => {}
        }
        if self == Self::SendMessage {
            let sent = after.iter().find(|(key, _)| !rows.contains_key(*key));
            let Some((key, sent)) = sent else {
                return rows;
            };
            let row = json!({
                "id": key.1, "thread_id": target.id, "seq": 3, "role": "user",
                "content": "Sent", "metadata": {"kept": 1}, "created_at": sent["created_at"],
            });
            rows.insert(("messages".to_owned(), key.1.clone()), object(row));
        }
        rows
    }
}

/// The object that a literal is.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

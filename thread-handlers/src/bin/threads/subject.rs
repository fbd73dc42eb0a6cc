//! The writing operations, as things to disturb.

use sqlx_transactional::{Begin, Write};
use thread_handlers::{
    AppError, Caller,
    handlers::{auto_rename_thread, create_thread, delete_thread, send_message, update_thread},
    model::{NewMessage, NewThread, Patch, Suggestion, Thread, thread_id},
};

use crate::{
    engine::Engine,
    observe::{Change, Kind},
};

/// One of the operations that write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Create,
    Update,
    Delete,
    Rename,
    Send,
}

/// A thread to do it to.
#[derive(Debug)]
pub(crate) struct Target {
    id: String,
    version: i64,
}

impl Subject {
    pub(crate) const ALL: [Self; 5] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Rename,
        Self::Send,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create_thread",
            Self::Update => "update_thread",
            Self::Delete => "delete_thread",
            Self::Rename => "auto_rename_thread",
            Self::Send => "send_message",
        }
    }

    /// Makes a fresh thread with one message, or the id of one to be.
    pub(crate) async fn target<DB, B>(self, on: B, user: &Caller) -> Result<Target, AppError>
    where
        DB: Engine,
        B: Begin<Write<DB>>,
    {
        if self == Self::Create {
            return Ok(Target {
                id: thread_id(),
                version: 0,
            });
        }
        let thread: Thread = sqlx_transactional::transaction(on, async |tx| {
            let thread = create_thread(&mut *tx, user, new(None)).await?;
            let message = NewMessage::user("Does this survive?");
            send_message(&mut *tx, user, &thread.id, message).await?;
            Ok::<_, AppError>(thread)
        })
        .await?;
        Ok(Target {
            id: thread.id,
            version: thread.version,
        })
    }

    /// Does it.
    pub(crate) async fn run<DB, B>(
        self,
        on: B,
        user: &Caller,
        target: &Target,
    ) -> Result<(), AppError>
    where
        DB: Engine,
        B: Begin<Write<DB>>,
    {
        let id = target.id.as_str();
        match self {
            Self::Create => {
                let new = new(Some(id));
                create_thread(on, user, new).await.map(drop)
            }
            Self::Update => {
                let patch = Patch {
                    title: Some("Changed 変更 ✏️".into()),
                    expected_version: Some(target.version),
                    ..Patch::default()
                };
                update_thread(on, user, id, patch).await.map(drop)
            }
            Self::Delete => delete_thread(on, user, id).await.map(drop),
            Self::Rename => {
                let suggestion = Suggestion {
                    title: "\"Named after its first message\"".into(),
                    version: target.version,
                };
                auto_rename_thread(on, user, id, suggestion).await.map(drop)
            }
            Self::Send => {
                let message = NewMessage::user("One more 🐌");
                send_message(on, user, id, message).await.map(drop)
            }
        }
    }

    /// The event that leaves when it was done.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Create => "thread_created",
            Self::Update => "thread_updated",
            Self::Delete => "thread_archived",
            Self::Rename => "thread_renamed",
            Self::Send => "message_created",
        }
    }

    /// Whether these changes are all that it does, and nothing else.
    pub(crate) fn is_whole(self, target: &Target, changes: &[Change]) -> bool {
        let thread = |change: &Change| change.table == "threads" && change.id == target.id;
        match (self, changes) {
            (Self::Create, [one]) => thread(one) && matches!(one.kind, Kind::Added { .. }),
            (Self::Update | Self::Delete | Self::Rename, [one]) => {
                thread(one) && matches!(one.kind, Kind::Changed { .. })
            }
            (Self::Send, [one, other]) => {
                thread(one)
                    && matches!(one.kind, Kind::Changed { .. })
                    && other.table == "messages"
                    && matches!(other.kind, Kind::Added { .. })
            }
            _ => false,
        }
    }
}

fn new(id: Option<&str>) -> NewThread {
    NewThread {
        id: id.map(str::to_owned),
        title: Some("On trial ⚖️".into()),
        ..NewThread::default()
    }
}

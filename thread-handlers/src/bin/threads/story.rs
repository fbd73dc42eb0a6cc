//! The eight operations at work, and what they refuse.

use serde_json::{Map, Value, json};
use thread_handlers::{
    handlers::{
        auto_rename, create_thread, delete_thread, get_messages, get_thread, list_threads,
        send_message, update_thread,
    },
    model::{NewMessage, NewThread, Page, Patch, Thread, ThreadPage},
    titles::TitleGenerator,
};

use crate::{
    engine::Engine,
    generators::{Thinker, Unplugged},
    text,
    tour::Tour,
};

impl<DB: Engine> Tour<'_, DB> {
    /// Each of the eight operations once.
    pub(crate) async fn eight(&mut self) -> anyhow::Result<()> {
        self.screen.chapter(
            "The eight operations",
            "Each begins its transaction on a pool of one connection.",
        );
        let pool = &self.place.pool;
        let amina = &self.caller("amina");
        let new = NewThread {
            title: Some("Night bus to Mombasa 🚌".into()),
            metadata: object(json!({"topic": "travel", "seats": 2})),
            ..NewThread::default()
        };
        let thread = self
            .act(
                "create_thread",
                "amina opens a thread",
                create_thread(pool, amina, new),
                thread,
            )
            .await??;
        let id = thread.id.as_str();
        let message = NewMessage::user("Which side of the bus has the better view at sunrise?");
        self.act(
            "send_message",
            "amina asks",
            send_message(pool, amina, id, message),
            |sent| format!("message {} of the thread", sent.seq),
        )
        .await??;
        self.act(
            "get_thread",
            "amina looks at it",
            get_thread(pool, amina, id),
            self::thread,
        )
        .await??;
        let page = ThreadPage {
            page: Page {
                limit: Some(5),
                offset: 0,
            },
            include_archived: false,
        };
        let list = list_threads(pool, amina, page);
        let list = self
            .act(
                "list_threads",
                "her five newest, counts and total in one statement",
                list,
                |list| {
                    format!(
                        "{} of {}",
                        text::count(list.threads.len(), "thread"),
                        list.total
                    )
                },
            )
            .await??;
        let older = list.threads.last().map_or(id, |thread| &thread.id);
        let messages = get_messages(pool, amina, older, Page::default());
        self.act(
            "get_messages",
            "the conversation of the last of them",
            messages,
            |list| {
                format!(
                    "{} of {}",
                    text::count(list.messages.len(), "message"),
                    list.total
                )
            },
        )
        .await??;
        let patch = Patch {
            title: Some("Night train to Mombasa 🚆".into()),
            metadata: object(json!({"seats": null, "class": "first"})),
            expected_version: Some(thread.version),
        };
        self.act(
            "update_thread",
            "a new title, one key set and one removed",
            update_thread(pool, amina, id, patch),
            self::thread,
        )
        .await??;
        self.rename("yuki", &Thinker(pool)).await?;
        self.act(
            "delete_thread",
            "amina archives hers",
            delete_thread(pool, amina, id),
            self::thread,
        )
        .await??;
        Ok(())
    }

    /// What the operations refuse, or do without doing harm.
    pub(crate) async fn refusals(&mut self) -> anyhow::Result<()> {
        self.screen.chapter(
            "Refusals",
            "An Err rolls back, and changes nothing of the error. What can be refused\n\
             without the database is refused before anything is sent.",
        );
        let pool = &self.place.pool;
        let (amina, jonas) = (&self.caller("amina"), &self.caller("jonas"));
        let page = ThreadPage {
            include_archived: true,
            ..ThreadPage::default()
        };
        let list = list_threads(pool, amina, page).await?;
        let [archived, active, ..] = list.threads.as_slice() else {
            anyhow::bail!("amina has lost her threads");
        };
        let patch = Patch {
            title: Some("Too late".into()),
            expected_version: Some(active.version - 1),
            ..Patch::default()
        };
        self.refused(
            "update_thread",
            "from an outdated version",
            "version_conflict",
            update_thread(pool, amina, &active.id, patch),
        )
        .await?;
        self.refused(
            "send_message",
            "to the archived thread",
            "archived",
            send_message(pool, amina, &archived.id, NewMessage::user("Hello?")),
        )
        .await?;
        self.refused(
            "get_thread",
            "jonas asks for amina's",
            "not_found",
            get_thread(pool, jonas, &active.id),
        )
        .await?;
        let forged = NewThread {
            metadata: object(json!({"owner": "jonas"})),
            ..NewThread::default()
        };
        self.refused(
            "create_thread",
            "with a forged owner",
            "invalid",
            create_thread(pool, amina, forged),
        )
        .await?;
        self.act(
            "delete_thread",
            "a second time: the first time stands",
            delete_thread(pool, amina, &archived.id),
            thread,
        )
        .await??;
        self.rename("lucia", &Unplugged).await
    }

    /// Names the first thread of a user that has no title.
    async fn rename(&mut self, user: &str, titles: &dyn TitleGenerator) -> anyhow::Result<()> {
        let pool = &self.place.pool;
        let user = &self.caller(user);
        let list = list_threads(pool, user, ThreadPage::default()).await?;
        let Some(unnamed) = list.threads.iter().find(|thread| thread.title.is_none()) else {
            anyhow::bail!("{} has no thread without a title", user.id);
        };
        let about = format!("{} wants a name for a thread", user.id);
        self.act(
            "auto_rename",
            &about,
            auto_rename(pool, titles, user, &unnamed.id),
            thread,
        )
        .await??;
        Ok(())
    }
}

/// A thread in words.
fn thread(thread: &Thread) -> String {
    let title = thread.title.as_deref().unwrap_or("without a title");
    let messages = usize::try_from(thread.message_count).unwrap_or_default();
    format!(
        "{}, version {}, {}, \"{title}\"",
        thread.status.as_str(),
        thread.version,
        text::count(messages, "message"),
    )
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

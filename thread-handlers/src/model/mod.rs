//! Threads, messages and what a client may ask of them.
//!
//! Everything a client sends is checked here, in memory, before a statement is
//! sent: a request that is refused costs the database nothing.

mod id;
mod invalid;
mod locked;
mod message;
mod metadata;
mod page;
mod status;
mod text;
mod thread;
mod time;

pub(crate) use id::can_exist;
pub use id::{message_id, thread_id};
pub use invalid::Invalid;
pub use locked::LockedThread;
pub use message::{CONTENT_MAX, Message, NewMessage, Role};
pub use metadata::{METADATA_DEPTH_MAX, METADATA_MAX, Metadata, RESERVED_KEYS};
pub use page::{
    LIMIT_MAX, MESSAGES_LIMIT, MessageList, Page, THREADS_LIMIT, ThreadList, ThreadPage, Window,
};
pub use status::Status;
pub use thread::{NewThread, Patch, Suggestion, TITLE_MAX, Thread};
pub use time::Micros;

//! The eight operations.
//!
//! Each is one function under `#[transactional]`. Its first parameter says all
//! there is to say about its transaction: a [`Tx`] writes, a [`ReadTx`] can
//! only read. A caller passes a pool, and the operation begins a transaction
//! of its own; or its own open transaction, and the operation joins it:
//!
//! ```
//! use sqlx::{PgPool, Postgres};
//! use sqlx_transactional::{Tx, transactional};
//! use thread_handlers::{
//!     AppError, Caller,
//!     handlers::{auto_rename, create_thread, send_message},
//!     model::{Message, NewMessage, NewThread},
//!     titles::FirstWords,
//! };
//!
//! /// Stores the thread with its first message, or nothing.
//! #[transactional]
//! async fn start(tx: &mut Tx<'_, Postgres>, user: &Caller, text: &str) -> Result<Message, AppError> {
//!     let thread = create_thread(&mut *tx, user, NewThread::default()).await?;
//!     send_message(&mut *tx, user, &thread.id, NewMessage::user(text)).await
//! }
//!
//! # async fn call(pool: PgPool, user: Caller) -> Result<(), AppError> {
//! let message = start(&pool, &user, "What is a savepoint?").await?;
//! let thread = auto_rename(&pool, &FirstWords, &user, &message.thread_id).await?;
//! assert_eq!(thread.title.as_deref(), Some("What is a savepoint?"));
//! # Ok(())
//! # }
//! # fn spawned(pool: PgPool, user: Caller) {
//! #     tokio::spawn(call(pool, user));
//! # }
//! # fn generic<DB: thread_handlers::store::ThreadStore>(pool: sqlx::Pool<DB>, user: Caller) {
//! #     tokio::spawn(async move {
//! #         let thread = create_thread(&pool, &user, NewThread::default()).await?;
//! #         auto_rename(&pool, &FirstWords, &user, &thread.id).await
//! #     });
//! # }
//! ```
//!
//! Nothing in this file begins or ends a transaction: an `Ok` is returned when
//! COMMIT has, and an `Err`, a panic or a dropped future leaves nothing behind.

use sqlx_transactional::{Outermost, Read, ReadTx, Tx, Write, transactional};

use crate::{
    caller::Caller,
    error::AppError,
    events::{Event, emit},
    model::{
        self, LockedThread, MESSAGES_LIMIT, Message, MessageList, NewMessage, NewThread, Page,
        Patch, Status, Suggestion, THREADS_LIMIT, Thread, ThreadList, ThreadPage,
    },
    store::ThreadStore,
    titles::{self, TitleGenerator},
};

/// 1. The user's threads, newest first, with their message counts.
///
/// # Errors
///
/// A limit outside 1 to 100 or a negative offset.
#[transactional]
pub async fn list_threads<DB: ThreadStore>(
    tx: &mut ReadTx<'_, DB>,
    user: &Caller,
    page: ThreadPage,
) -> Result<ThreadList, AppError> {
    let window = page.page.window(THREADS_LIMIT)?;
    let (threads, total) = DB::list_threads(tx, &user.id, page.include_archived, window).await?;
    Ok(ThreadList { threads, total })
}

/// 2. A new, active thread without messages.
///
/// # Errors
///
/// A title, metadata or id that breaks a rule; [`AppError::Conflict`] when the
/// chosen id exists.
#[transactional]
pub async fn create_thread<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    new: NewThread,
) -> Result<Thread, AppError> {
    let thread = new.into_thread(&user.id)?;
    DB::insert_thread(tx, &thread).await?;
    let event = Event::ThreadCreated {
        thread: thread.clone(),
    };
    emit(tx, &user.events, event);
    Ok(thread)
}

/// 3. A thread with its message count.
///
/// # Errors
///
/// [`AppError::NotFound`] when there is none or it is another user's.
#[transactional]
pub async fn get_thread<DB: ThreadStore>(
    tx: &mut ReadTx<'_, DB>,
    user: &Caller,
    id: &str,
) -> Result<Thread, AppError> {
    check_id(id)?;
    DB::find_thread(tx, id)
        .await?
        .filter(|thread| thread.owner == user.id)
        .ok_or(AppError::NotFound)
}

/// 4. Sets what the patch names, and returns the thread as it is stored then.
///
/// # Errors
///
/// A patch that breaks a rule; [`AppError::NotFound`], [`AppError::Archived`];
/// [`AppError::VersionConflict`] when the thread is not at the version that the
/// patch expects.
#[transactional]
pub async fn update_thread<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    id: &str,
    patch: Patch,
) -> Result<Thread, AppError> {
    patch.check()?;
    let mut thread = lock_active(tx, user, id).await?;
    if let Some(expected) = patch.expected_version {
        at_version(&thread, expected)?;
    }
    thread.apply(&patch)?;
    DB::update_thread(tx, &thread).await?;
    let thread = get_thread(&mut *tx, user, id).await?;
    let event = Event::ThreadUpdated {
        thread: thread.clone(),
    };
    emit(tx, &user.events, event);
    Ok(thread)
}

/// 5. Archives a thread: it can still be read. A second time changes nothing
/// and returns the thread as it is.
///
/// # Errors
///
/// [`AppError::NotFound`] when there is none or it is another user's.
#[transactional]
pub async fn delete_thread<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    id: &str,
) -> Result<Thread, AppError> {
    let mut thread = lock(tx, user, id).await?;
    if thread.status == Status::Archived {
        return get_thread(tx, user, id).await;
    }
    thread.archive();
    DB::update_thread(tx, &thread).await?;
    let thread = get_thread(&mut *tx, user, id).await?;
    let event = Event::ThreadArchived {
        thread: thread.clone(),
    };
    emit(tx, &user.events, event);
    Ok(thread)
}

/// 6. A thread's messages, oldest first.
///
/// # Errors
///
/// A limit outside 1 to 100 or a negative offset; [`AppError::NotFound`].
#[transactional]
pub async fn get_messages<DB: ThreadStore>(
    tx: &mut ReadTx<'_, DB>,
    user: &Caller,
    id: &str,
    page: Page,
) -> Result<MessageList, AppError> {
    let window = page.window(MESSAGES_LIMIT)?;
    get_thread(&mut *tx, user, id).await?;
    let (messages, total) = DB::list_messages(tx, id, window).await?;
    Ok(MessageList { messages, total })
}

/// 7. Gives a thread the title that was made for it. [`auto_rename`] makes one.
///
/// # Errors
///
/// [`AppError::NothingToName`] when nothing is left of the title;
/// [`AppError::NotFound`], [`AppError::Archived`];
/// [`AppError::VersionConflict`] when the thread has changed since the title
/// was made.
#[transactional]
pub async fn auto_rename_thread<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    id: &str,
    suggestion: Suggestion,
) -> Result<Thread, AppError> {
    let title = titles::tidy(&suggestion.title).ok_or(AppError::NothingToName)?;
    let mut thread = lock_active(tx, user, id).await?;
    at_version(&thread, suggestion.version)?;
    thread.auto_rename(title);
    DB::update_thread(tx, &thread).await?;
    let thread = get_thread(&mut *tx, user, id).await?;
    let event = Event::ThreadRenamed {
        thread: thread.clone(),
    };
    emit(tx, &user.events, event);
    Ok(thread)
}

/// 8. Adds a message at the end of a thread.
///
/// # Errors
///
/// A message or metadata that breaks a rule; [`AppError::NotFound`],
/// [`AppError::Archived`].
#[transactional]
pub async fn send_message<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    id: &str,
    message: NewMessage,
) -> Result<Message, AppError> {
    message.check()?;
    let mut thread = lock_active(tx, user, id).await?;
    let seq = DB::next_seq(tx, id).await?;
    let message = message.place(id, seq)?;
    DB::insert_message(tx, &message).await?;
    thread.touch();
    DB::touch_thread(tx, id, thread.updated_at).await?;
    let event = Event::MessageCreated {
        message: message.clone(),
    };
    emit(tx, &user.events, event);
    Ok(message)
}

/// Names a thread after its first message, in three phases: a short read, the
/// generator, a short write. While the generator thinks, no transaction is open
/// and no connection is held.
///
/// When the generator fails, or answers with nothing, the built-in title is
/// used and a warning is logged.
///
/// # Errors
///
/// [`AppError::NothingToName`] when the user has said nothing yet; and those of
/// [`auto_rename_thread`], which refuses a thread that has changed meanwhile.
pub async fn auto_rename<DB, D>(
    db: D,
    titles: &dyn TitleGenerator,
    user: &Caller,
    id: &str,
) -> Result<Thread, AppError>
where
    DB: ThreadStore,
    D: Outermost<Read<DB>> + Outermost<Write<DB>> + Copy,
{
    let topic = topic::<DB>(db, user, id).await?;
    let title = titles::suggest(titles, &topic.message).await;
    let suggestion = Suggestion {
        title: title.ok_or(AppError::NothingToName)?,
        version: topic.version,
    };
    auto_rename_thread::<DB>(db, user, id, suggestion).await
}

/// What a thread can be named after.
struct Topic {
    message: String,
    version: i64,
}

/// The first phase of [`auto_rename`]: the first of all the user's messages,
/// and the version of the thread that the title will be for.
#[transactional]
async fn topic<DB: ThreadStore>(
    tx: &mut ReadTx<'_, DB>,
    user: &Caller,
    id: &str,
) -> Result<Topic, AppError> {
    let thread = get_thread(&mut *tx, user, id).await?;
    if thread.status == Status::Archived {
        return Err(AppError::Archived);
    }
    let message = DB::first_user_message(tx, id).await?;
    Ok(Topic {
        message: message.ok_or(AppError::NothingToName)?,
        version: thread.version,
    })
}

/// Loads and authorises a thread, and locks it to the end of the transaction.
///
/// It has no attribute and takes a `Tx`: it can only be called inside a
/// transaction.
async fn lock<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    id: &str,
) -> Result<LockedThread, AppError> {
    check_id(id)?;
    DB::lock_thread(tx, id)
        .await?
        .filter(|thread| thread.owner == user.id)
        .ok_or(AppError::NotFound)
}

/// Refuses an id that no thread can have.
fn check_id(id: &str) -> Result<(), AppError> {
    if model::can_exist(id) {
        Ok(())
    } else {
        Err(AppError::NotFound)
    }
}

/// Locks a thread that can still be changed.
async fn lock_active<DB: ThreadStore>(
    tx: &mut Tx<'_, DB>,
    user: &Caller,
    id: &str,
) -> Result<LockedThread, AppError> {
    let thread = lock(tx, user, id).await?;
    match thread.status {
        Status::Active => Ok(thread),
        Status::Archived => Err(AppError::Archived),
    }
}

/// Refuses to change a thread that has moved on.
fn at_version(thread: &LockedThread, expected: i64) -> Result<(), AppError> {
    if thread.version == expected {
        return Ok(());
    }
    Err(AppError::VersionConflict {
        expected,
        found: thread.version,
    })
}

//! Threads in SQLite.

use sqlx::{Pool, Sqlite, migrate::MigrateError, types::Json};
use sqlx_transactional::{ReadTx, Tx};

use super::{ThreadStore, exactly_one, page, query, query_as, query_scalar};
use crate::{
    error::AppError,
    model::{LockedThread, Message, Micros, Thread, Window},
};

/// The total is joined to the page, and not counted over it, so that it is
/// there when the page is past the end.
const LIST_THREADS: &str = "
    select total.n as total, page.*,
           (select count(*) from messages where thread_id = page.id) as message_count
    from (select count(*) as n
          from threads
          where owner = ?1 and (status = 'active' or ?2)) as total
    left join (select id, owner, title, status, metadata,
                      created_at, updated_at, archived_at, version
               from threads
               where owner = ?1 and (status = 'active' or ?2)
               order by created_at desc, id desc
               limit ?3 offset ?4) as page on true
    order by page.created_at desc, page.id desc";

const FIND_THREAD: &str = "
    select id, owner, title, status, metadata,
           created_at, updated_at, archived_at, version,
           (select count(*) from messages where thread_id = threads.id) as message_count
    from threads
    where id = ?1";

/// SQLite locks no rows: a writing transaction begins IMMEDIATE and so is the
/// only one in the whole database.
const LOCK_THREAD: &str = "
    select id, owner, title, status, metadata, updated_at, archived_at, version
    from threads
    where id = ?1";

const INSERT_THREAD: &str = "
    insert into threads (id, owner, title, status, metadata,
                         created_at, updated_at, archived_at, version)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const UPDATE_THREAD: &str = "
    update threads
    set title = ?2, status = ?3, metadata = ?4,
        updated_at = ?5, archived_at = ?6, version = ?7
    where id = ?1";

const TOUCH_THREAD: &str = "
    update threads
    set updated_at = ?2
    where id = ?1";

const LIST_MESSAGES: &str = "
    select total.n as total, page.*
    from (select count(*) as n
          from messages
          where thread_id = ?1) as total
    left join (select id, thread_id, seq, role, content, metadata, created_at
               from messages
               where thread_id = ?1
               order by seq
               limit ?2 offset ?3) as page on true
    order by page.seq";

const FIRST_USER_MESSAGE: &str = "
    select content
    from messages
    where thread_id = ?1 and role = 'user'
    order by seq
    limit 1";

const NEXT_SEQ: &str = "
    select coalesce(max(seq), 0) + 1
    from messages
    where thread_id = ?1";

const INSERT_MESSAGE: &str = "
    insert into messages (id, thread_id, seq, role, content, metadata, created_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl ThreadStore for Sqlite {
    async fn migrate(pool: &Pool<Self>) -> Result<(), MigrateError> {
        sqlx::migrate!("migrations/sqlite").run(pool).await
    }

    async fn list_threads(
        tx: &mut ReadTx<'_, Self>,
        owner: &str,
        include_archived: bool,
        window: Window,
    ) -> Result<(Vec<Thread>, i64), AppError> {
        let rows = query(LIST_THREADS)
            .bind(owner)
            .bind(include_archived)
            .bind(window.limit)
            .bind(window.offset)
            .fetch_all(tx)
            .await?;
        page(&rows)
    }

    async fn find_thread(tx: &mut ReadTx<'_, Self>, id: &str) -> Result<Option<Thread>, AppError> {
        Ok(query_as(FIND_THREAD).bind(id).fetch_optional(tx).await?)
    }

    async fn lock_thread(
        tx: &mut Tx<'_, Self>,
        id: &str,
    ) -> Result<Option<LockedThread>, AppError> {
        Ok(query_as(LOCK_THREAD).bind(id).fetch_optional(tx).await?)
    }

    async fn insert_thread(tx: &mut Tx<'_, Self>, thread: &Thread) -> Result<(), AppError> {
        let done = query(INSERT_THREAD)
            .bind(&thread.id)
            .bind(&thread.owner)
            .bind(&thread.title)
            .bind(thread.status.as_str())
            .bind(Json(&thread.metadata))
            .bind(thread.created_at)
            .bind(thread.updated_at)
            .bind(thread.archived_at)
            .bind(thread.version)
            .execute(tx)
            .await?;
        exactly_one(done.rows_affected())
    }

    async fn update_thread(tx: &mut Tx<'_, Self>, thread: &LockedThread) -> Result<(), AppError> {
        let done = query(UPDATE_THREAD)
            .bind(&thread.id)
            .bind(&thread.title)
            .bind(thread.status.as_str())
            .bind(Json(&thread.metadata))
            .bind(thread.updated_at)
            .bind(thread.archived_at)
            .bind(thread.version)
            .execute(tx)
            .await?;
        exactly_one(done.rows_affected())
    }

    async fn touch_thread(
        tx: &mut Tx<'_, Self>,
        id: &str,
        updated_at: Micros,
    ) -> Result<(), AppError> {
        let done = query(TOUCH_THREAD)
            .bind(id)
            .bind(updated_at)
            .execute(tx)
            .await?;
        exactly_one(done.rows_affected())
    }

    async fn list_messages(
        tx: &mut ReadTx<'_, Self>,
        thread_id: &str,
        window: Window,
    ) -> Result<(Vec<Message>, i64), AppError> {
        let rows = query(LIST_MESSAGES)
            .bind(thread_id)
            .bind(window.limit)
            .bind(window.offset)
            .fetch_all(tx)
            .await?;
        page(&rows)
    }

    async fn first_user_message(
        tx: &mut ReadTx<'_, Self>,
        thread_id: &str,
    ) -> Result<Option<String>, AppError> {
        Ok(query_scalar(FIRST_USER_MESSAGE)
            .bind(thread_id)
            .fetch_optional(tx)
            .await?)
    }

    async fn next_seq(tx: &mut Tx<'_, Self>, thread_id: &str) -> Result<i64, AppError> {
        Ok(query_scalar(NEXT_SEQ).bind(thread_id).fetch_one(tx).await?)
    }

    async fn insert_message(tx: &mut Tx<'_, Self>, message: &Message) -> Result<(), AppError> {
        let done = query(INSERT_MESSAGE)
            .bind(&message.id)
            .bind(&message.thread_id)
            .bind(message.seq)
            .bind(message.role.as_str())
            .bind(&message.content)
            .bind(Json(&message.metadata))
            .bind(message.created_at)
            .execute(tx)
            .await?;
        exactly_one(done.rows_affected())
    }
}

//! What the tests do to a database, in each engine's own SQL.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};
use sqlx_transactional::Tx;
use sqlx_transactional::pool::Recommended;
use sqlx_transactional_tests::Backend;
use thread_handlers::store::ThreadStore;

/// A database that keeps threads and that the kit knows.
pub(crate) trait Threads: ThreadStore + Backend + Recommended {
    /// Every row of both tables, every column of it, as one JSON text each.
    /// The metadata are a text in it, so that not a byte of them is lost.
    const DUMP: &'static str;

    /// The names of all tables there are, in order.
    const TABLES: &'static str;

    /// The code of a statement on a table that does not exist.
    const NO_SUCH_TABLE: &'static str;

    /// The code of a write that [`Threads::refuse`] refuses.
    const REFUSED: &'static str;

    /// The code of a foreign key that is broken at COMMIT.
    const FOREIGN_KEY: &'static str;

    /// Lets every write to `threads` break a foreign key that is checked at
    /// COMMIT alone.
    const REFUSE_COMMITS: &'static str;

    /// Takes that back.
    const ALLOW_COMMITS: &'static str;

    /// SQL that lets every `verb` on `table` do `what` instead.
    fn refuse(verb: &str, table: &str, what: Refusal) -> String;

    /// SQL that takes [`Threads::refuse`] back.
    fn allow(verb: &str, table: &str) -> String;

    /// Sends a text statement through the handle, as it is.
    fn send(
        tx: &mut Tx<'_, Self>,
        sql: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Makes each step of the engine take long enough to be waited for.
    fn slow_down(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = connection;
        std::future::ready(Ok(()))
    }

    /// Lets the connection give up at once where it would wait for a lock.
    fn do_not_wait(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Writes down each COMMIT and ROLLBACK that the engine does itself; where
    /// there is a wire, that is heard on it instead.
    fn hear(
        connection: &mut Self::Connection,
        ends: &Ends,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = (connection, ends);
        std::future::ready(Ok(()))
    }
}

/// What becomes of a write that is not to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The statement fails.
    Fails,
    /// The statement fails and, on `SQLite`, the transaction is gone with it.
    FailsAll,
    /// The statement succeeds and touches no row.
    Skips,
}

/// The ends of transactions in the order in which the engine reported them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<Vec<String>>>);

impl Ends {
    pub(crate) fn push(&self, end: &str) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.push(end.to_owned());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `sqlx::Executor` cannot be asked for by a function that is generic over the
/// database.
macro_rules! sends {
    () => {
        async fn send(tx: &mut Tx<'_, Self>, sql: &'static str) -> sqlx::Result<()> {
            sqlx::raw_sql(sql).execute(tx).await.map(drop)
        }
    };
}

impl Threads for Sqlite {
    sends!();

    const DUMP: &'static str = "
        select line from (
            select 1 as part, id, json_object(
                'table', 'threads', 'id', id, 'owner', owner, 'title', title,
                'status', status, 'metadata', metadata, 'created_at', created_at,
                'updated_at', updated_at, 'archived_at', archived_at,
                'version', version) as line
            from threads
            union all
            select 2, id, json_object(
                'table', 'messages', 'id', id, 'thread_id', thread_id, 'seq', seq,
                'role', role, 'content', content, 'metadata', metadata,
                'created_at', created_at)
            from messages)
        order by part, id";
    const TABLES: &'static str = "select name from sqlite_schema where type = 'table' order by 1";
    const NO_SUCH_TABLE: &'static str = "1";
    const REFUSED: &'static str = "1811";
    const FOREIGN_KEY: &'static str = "787";
    const REFUSE_COMMITS: &'static str = "
        create table parents (id integer primary key);
        create table children (
            parent integer not null references parents (id) deferrable initially deferred);
        create trigger orphan_inserted after insert on threads
            begin insert into children values (404); end;
        create trigger orphan_updated after update on threads
            begin insert into children values (404); end;";
    const ALLOW_COMMITS: &'static str = "
        drop trigger orphan_inserted;
        drop trigger orphan_updated;
        drop table children;
        drop table parents;";

    fn refuse(verb: &str, table: &str, what: Refusal) -> String {
        let raise = match what {
            Refusal::Fails => "raise(abort, 'not today')",
            Refusal::FailsAll => "raise(rollback, 'not today')",
            Refusal::Skips => "raise(ignore)",
        };
        format!(
            "create trigger refuse_{verb}_{table} before {verb} on {table} \
             begin select {raise}; end"
        )
    }

    fn allow(verb: &str, table: &str) -> String {
        format!("drop trigger refuse_{verb}_{table}")
    }

    /// A call into a thread of the same process is often answered before the
    /// first poll.
    async fn slow_down(connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(1, || {
            std::thread::sleep(Duration::from_micros(50));
            true
        });
        Ok(())
    }

    async fn do_not_wait(connection: &mut SqliteConnection) -> sqlx::Result<()> {
        Self::execute(connection, "pragma busy_timeout = 0").await
    }

    async fn hear(connection: &mut SqliteConnection, ends: &Ends) -> sqlx::Result<()> {
        let mut handle = connection.lock_handle().await?;
        let (commits, rollbacks) = (ends.clone(), ends.clone());
        handle.set_commit_hook(move || {
            commits.push("COMMIT");
            true
        });
        handle.set_rollback_hook(move || rollbacks.push("ROLLBACK"));
        Ok(())
    }
}

impl Threads for Postgres {
    sends!();

    const DUMP: &'static str = "
        select line from (
            select 1 as part, id, json_build_object(
                'table', 'threads', 'id', id, 'owner', owner, 'title', title,
                'status', status, 'metadata', metadata::text, 'created_at', created_at,
                'updated_at', updated_at, 'archived_at', archived_at,
                'version', version)::text as line
            from threads
            union all
            select 2, id, json_build_object(
                'table', 'messages', 'id', id, 'thread_id', thread_id, 'seq', seq,
                'role', role, 'content', content, 'metadata', metadata::text,
                'created_at', created_at)::text
            from messages) as lines
        order by part, id";
    const TABLES: &'static str = "
        select tablename::text from pg_tables
        where schemaname = current_schema() order by 1";
    const NO_SUCH_TABLE: &'static str = "42P01";
    const REFUSED: &'static str = "P0001";
    const FOREIGN_KEY: &'static str = "23503";
    const REFUSE_COMMITS: &'static str = "
        create table parents (id bigint primary key);
        create table children (
            parent bigint not null references parents (id) deferrable initially deferred);
        create function orphan() returns trigger language plpgsql as
            $$ begin insert into children values (404); return null; end $$;
        create trigger orphan after insert or update on threads
            for each row execute function orphan();";
    const ALLOW_COMMITS: &'static str = "
        drop trigger orphan on threads;
        drop function orphan;
        drop table children;
        drop table parents;";

    fn refuse(verb: &str, table: &str, what: Refusal) -> String {
        let body = match what {
            Refusal::Fails | Refusal::FailsAll => "raise exception 'not today'",
            Refusal::Skips => "return null",
        };
        format!(
            "create function refuse_{verb}_{table}() returns trigger language plpgsql as \
             $$ begin {body}; end $$; \
             create trigger refuse_{verb}_{table} before {verb} on {table} \
             for each row execute function refuse_{verb}_{table}()"
        )
    }

    fn allow(verb: &str, table: &str) -> String {
        format!(
            "drop trigger refuse_{verb}_{table} on {table}; \
             drop function refuse_{verb}_{table}"
        )
    }

    async fn do_not_wait(connection: &mut PgConnection) -> sqlx::Result<()> {
        Self::execute(connection, "set lock_timeout = '20ms'").await
    }
}

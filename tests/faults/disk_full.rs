//! A disk that is full for a while: PostgreSQL answers a statement with 53100,
//! and is well again once there is room, without a restart.
//!
//! The disk is a small one in memory, for a tablespace of the server's. Only root
//! may make it, on the server's own machine; elsewhere this is left out, loudly.

use crate::ledger::Run;
use crate::pools::recommended;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Error, Executor, PgPool, Postgres, query, query_scalar};
use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, inspect, run};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, process};

const SIZE: &str = "1m";

/// What does not fit on a disk that is full, and does on one that is empty.
const FILL: &str = "insert into filler select n, md5(n::text) from generate_series(1, 4000) n";

/// A disk that ends with this value.
struct Disk(PathBuf);

impl Disk {
    /// One that the server can write to, if it runs on this machine and this
    /// process may.
    async fn small(db: &TestDb<Postgres>) -> Option<Self> {
        let ask = query_scalar::<_, String>("show data_directory");
        let data: String = ask.fetch_one(&db.observer).await.ok()?;
        let owner = fs::metadata(&data).ok()?;
        // Beside the data, where the server may go.
        let name = format!("small-disk-{}", process::id());
        let path = Path::new(&data).parent()?.join(name);
        fs::create_dir(&path).ok()?;
        let (uid, gid) = (owner.uid(), owner.gid());
        let options = format!("size={SIZE},mode=700,uid={uid},gid={gid}");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]);
        let mounted = mount.arg(&path).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        let _ = fs::remove_dir(&path);
        None
    }

    /// Makes room.
    fn grow(&self) {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-o", "remount,size=16m"]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The server may still have a file of it open.
        let mut unmount = Command::new("umount");
        let _ = unmount.arg("--lazy").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

fn note(run: &Run, nth: i64) -> Query<'static, Postgres, PgArguments> {
    query("insert into notes (id, body) values ($1, 'small')").bind(run.id(nth))
}

#[transactional]
async fn returned(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    note(run, 1).execute(&mut *tx).await?;
    query(FILL).execute(&mut *tx).await?;
    note(run, 2).execute(tx).await.map(drop)
}

#[transactional]
async fn swallowed(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    note(run, 1).execute(&mut *tx).await?;
    let _ = query(FILL).execute(tx).await;
    Ok(())
}

#[transactional]
async fn swallows_joined(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    note(run, 1).execute(&mut *tx).await?;
    let _ = fill(tx).await;
    Ok(())
}

#[transactional]
async fn fill(tx: &mut Tx<'_, Postgres>) -> Result<(), Error> {
    query(FILL).execute(tx).await.map(drop)
}

#[transactional(savepoint)]
async fn try_to_fill(tx: &mut Tx<'_, Postgres>) -> Result<(), Error> {
    query(FILL).execute(tx).await.map(drop)
}

#[transactional]
async fn in_a_savepoint(tx: &mut Tx<'_, Postgres>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    note(run, 1).execute(&mut *tx).await?;
    let filled = try_to_fill(&mut *tx).await;
    assert!(is_full(&filled.unwrap_err()));
    note(run, 2).execute(tx).await.map(drop)
}

async fn block(pool: &PgPool, run: &Run) -> Result<(), Error> {
    transaction(pool, async |tx| {
        tx.after_commit(run.on_commit());
        tx.after_rollback(run.on_rollback());
        note(run, 1).execute(&mut *tx).await?;
        let _ = query(FILL).execute(tx).await;
        Ok(())
    })
    .await
}

fn is_full(error: &Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.as_deref() == Some("53100")
}

/// Whether an error says that the transaction was doomed, and by what.
fn is_doomed_by_it(error: &Error) -> bool {
    let found = sqlx_transactional::Error::find(error);
    let mut cause = found.and_then(std::error::Error::source);
    while let Some(error) = cause {
        if error.downcast_ref::<Error>().is_some_and(is_full) {
            return found.is_some_and(sqlx_transactional::Error::is_doomed);
        }
        cause = error.source();
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_one_failed_statement_and_then_there_is_room_again() {
    run::<Postgres>(Setup::default(), async |db| {
        let Some(disk) = Disk::small(db).await else {
            let _ = writeln!(
                io::stderr(),
                "\n==== A FULL DISK LEFT OUT: only root can make one, beside the server ====\n"
            );
            return;
        };
        let space = format!("small_{}", process::id());
        let place = disk.0.display();
        let sql = |text: String| db.observer.execute(AssertSqlSafe(text));
        let create = format!("create tablespace {space} location '{place}'");
        sql(create).await.unwrap();
        let create = format!("create table filler (id int, text text) tablespace {space}");
        sql(create).await.unwrap();
        // Three times would do, and what is on the disk is seen to be all.
        let mut filled = Ok(());
        for _ in 0..10 {
            filled = db.observer.execute(FILL).await.map(drop);
        }
        assert!(is_full(&filled.unwrap_err()));

        let pool = db.pool_with(recommended(db.url(), 1)).await;
        let session = || query_scalar::<_, i32>("select pg_backend_pid()").fetch_one(&pool);
        let before = session().await.unwrap();
        let nothing = Vec::new;

        let run = Run::new(1);
        let error = returned(&pool, &run).await.unwrap_err();
        assert!(is_full(&error), "{error:?}");
        assert_eq!(
            (run.stored(db).await, run.wait_for_hooks(1).await),
            (nothing(), (0, 1))
        );

        for number in 2..=4 {
            let run = Run::new(number);
            let ended = match number {
                2 => swallowed(&pool, &run).await,
                3 => swallows_joined(&pool, &run).await,
                _ => block(&pool, &run).await,
            };
            let error = ended.unwrap_err();
            assert!(is_doomed_by_it(&error), "{number}: {error:?}");
            assert_eq!(
                (run.stored(db).await, run.wait_for_hooks(1).await),
                (nothing(), (0, 1))
            );
        }

        let run = Run::new(5);
        in_a_savepoint(&pool, &run).await.unwrap();
        assert_eq!((run.stored(db).await, run.ran()), (vec![1, 2], (1, 0)));

        disk.grow();
        let run = Run::new(6);
        returned(&pool, &run).await.unwrap();
        assert_eq!((run.stored(db).await, run.ran()), (vec![1, 2], (1, 0)));
        assert_eq!(
            session().await.unwrap(),
            before,
            "the same session served all"
        );

        inspect::assert_whole(db, &pool).await;
        db.observer.execute("drop table filler").await.unwrap();
        let drop = format!("drop tablespace {space}");
        db.observer.execute(AssertSqlSafe(drop)).await.unwrap();
    })
    .await;
}

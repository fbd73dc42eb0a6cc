//! Writers that want to write at once.

use super::stores;
use crate::ledger::{PATIENCE, Run};
use crate::notes::Notes;
use crate::pauses::with_pauses;
use futures_util::FutureExt;
use sqlx::{Error, Sqlite};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_engines, poll_k_then_drop};
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

#[transactional]
async fn increment(tx: &mut Tx<'_, Sqlite>) -> Result<(), Error> {
    let count: i64 = sqlx::query_scalar("select cast(body as integer) from notes")
        .fetch_one(&mut *tx)
        .await?;
    let update = sqlx::query("update notes set body = ?").bind((count + 1).to_string());
    update.execute(tx).await.map(drop)
}

for_engines! {
    [sqlite]

    /// The second writer begins when the first has ended, and sees its work. A
    /// deferred transaction, which is sqlx's, fails instead: the control.
    #[test(Setup::default().connections(2))]
    async fn a_second_writer_waits(db: &TestDb<DB>) {
        let mut first = db.pool.begin().await.unwrap();
        sqlx::raw_sql("select count(*) from notes").execute(&mut *first).await.unwrap();
        let other = sqlx::raw_sql("insert into notes (id, body) values (1, '')");
        other.execute(&db.pool).await.unwrap();
        let late = DB::insert_on(&mut first, 2).await.unwrap_err();
        assert_eq!(late.as_database_error().unwrap().code().unwrap(), "517", "BUSY_SNAPSHOT");
        first.rollback().await.unwrap();

        let read_then_write = async |tx: &mut Tx<'_, DB>| {
            let next: i64 = sqlx::query_scalar("select max(id) + 1 from notes")
                .fetch_one(&mut *tx)
                .await?;
            DB::insert(tx, next).await
        };
        let second = sqlx_transactional::transaction(&db.pool, read_then_write);
        let mut second = pin!(second);
        sqlx_transactional::transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
            read_then_write(&mut *tx).await?;
            // Its BEGIN is sent, and cannot be answered.
            for _ in 0..20 {
                assert!((&mut second).now_or_never().is_none(), "it does not wait");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        timeout(PATIENCE, second).await.unwrap().unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        db.assert_whole().await;
    }

    #[test(Setup::default().connections(2))]
    async fn can_02_a_second_writer_that_gives_up_leaves_nothing(db: &TestDb<DB>) {
        for polls in 1..=4 {
            let (first, second) = (Run::new(2 * polls), Run::new(2 * polls + 1));
            sqlx_transactional::transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
                DB::insert(&mut *tx, first.id(1)).await?;
                let waiting = with_pauses(stores(&db.pool, &second));
                // With its BEGIN outstanding there is nothing to wake it.
                let dropped = poll_k_then_drop(waiting, usize::try_from(polls).unwrap());
                let _ = timeout(Duration::from_millis(50), dropped).await;
                DB::insert(tx, first.id(2)).await
            })
            .await
            .unwrap();
            db.assert_whole().await;
            assert_eq!(first.stored(db).await, [1, 2]);
            assert_eq!(second.stored(db).await, [0; 0]);
        }
    }

    /// Many at once, each of which reads first: none fails, none is lost.
    #[test(Setup::default().connections(4))]
    async fn writers_that_read_first_do_not_lose_each_other(db: &TestDb<DB>) {
        let zero = sqlx::raw_sql("insert into notes (id, body) values (1, '0')");
        zero.execute(&db.pool).await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let pool = db.pool.clone();
            writers.spawn(async move {
                for _ in 0..10 {
                    increment(&pool).await?;
                }
                Ok::<_, Error>(())
            });
        }
        for outcome in writers.join_all().await {
            outcome.unwrap();
        }
        assert_eq!(db.numbers("select cast(body as integer) from notes").await, [40]);
        db.assert_whole().await;
    }
}

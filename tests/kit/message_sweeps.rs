//! That a sweep over the messages meets each of them.

use sqlx_transactional_tests::{Action, Direction, Engine, Setup, TestDb, for_engines, inspect};
use std::cell::Cell;

for_engines! {
    [postgres, mysql]

    /// The positive control of every such sweep: plain sqlx fails it, at known messages.
    #[test(Setup::wired())]
    async fn a_sweep_finds_each_message_at_which_plain_sqlx_poisons(db: &TestDb<DB>) {
        let options = sqlx::pool::PoolOptions::<DB>::new().max_connections(1);
        let pool = db.pool_with(options.test_before_acquire(false)).await;
        inspect::settle(&pool).await;
        let next = Cell::new(0);
        let make = async || {
            next.set(next.get() + 1);
            let id = next.get();
            let insert = format!("insert into notes (id, body) values ({id}, 'body')");
            let mut tx = pool.begin().await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(&mut *tx).await?;
            tx.commit().await
        };
        // PostgreSQL answers with two messages: it is done, and it is ready.
        let reply = if db.engine() == Engine::Postgres { 2 } else { 1 };
        for (from, each) in [(Direction::FromClient, 1), (Direction::FromServer, reply)] {
            let mut poisoned = Vec::new();
            let swept = db.wire().drop_at_each(from, 50, make, async |position, _| {
                inspect::settle(&pool).await;
                if !inspect::problems(db, &pool).await.is_empty() {
                    poisoned.push(position);
                    pool.acquire().await.unwrap().close().await.unwrap();
                    drop(pool.acquire().await.unwrap());
                }
                inspect::assert_whole(db, &pool).await;
            });
            assert_eq!(swept.await, 3 * each, "BEGIN, INSERT, COMMIT");
            assert_eq!(poisoned, (1..=each).collect::<Vec<_>>(), "BEGIN");
        }
        pool.close().await;
    }

    #[test(Setup::wired())]
    async fn a_sweep_of_cuts_ends_where_the_messages_do(db: &TestDb<DB>) {
        let make = async || db.pool.begin().await?.commit().await;
        let mut met_at = Vec::new();
        let after_each = async |position, outcome: Result<(), sqlx::Error>, met| {
            assert!(met || outcome.is_ok());
            met_at.push((position, met, outcome.is_err()));
            db.assert_whole().await;
        };
        let wire = db.wire();
        let positions = wire
            .fault_at_each(Direction::FromClient, Action::Cut, 50, make, after_each)
            .await;
        // The ping, for which sqlx takes another connection, BEGIN, COMMIT. The
        // ping of the release is the fourth if it is quick enough.
        assert!(positions == 3 || positions == 4, "{positions}");
        assert_eq!(met_at.len(), positions + 1);
        assert_eq!(met_at[..3], [(1, true, false), (2, true, true), (3, true, true)]);
    }
}

//! Beside the other options: BEGIN's answer then has the settings' rows as well.

use std::time::Duration;

use sqlx_transactional::{Error, Isolation, Limits, Resolution, on};
use sqlx_transactional_tests::{Action, Backend, Point, Setup, TestDb, for_engines};
use tokio::time::{sleep, timeout};

use super::user;
use crate::{
    app::AppError,
    expect::own,
    options::isolation::level::assert_level,
    sql::{insert, run},
    wire_text::who,
};

for_engines! {
    [postgres]

    #[test(Setup::wired())]
    async fn all_of_it_is_one_message(db: &TestDb<DB>) {
        let limits = Limits::new()
            .timeout(Duration::from_secs(5))
            .statement_timeout(Duration::from_secs(1))
            .lock_timeout(Duration::from_secs(2))
            .idle_timeout(Duration::from_secs(3));
        let block = on(&db.pool).isolation(Isolation::RepeatableRead).limits(limits).resolvable();
        let ended = block.setting("app.user", "Ada").setting("work_mem", "128kB").run(async |tx| {
            insert(&mut *tx, 1).await?;
            let connection = tx.connection().await?;
            assert_level::<DB>(connection, Isolation::RepeatableRead).await;
            assert_eq!(user::<DB>(connection).await, "Ada");
            let sql = "select concat_ws(' ', current_setting('statement_timeout'), \
                       current_setting('lock_timeout'), current_setting('work_mem'), \
                       current_setting('idle_in_transaction_session_timeout'))";
            assert_eq!(DB::texts(connection, sql).await?, ["1s 2s 128kB 3s"]);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        let sent = db.wire().take_statements();
        // From PostgreSQL 17 on there is one more.
        let begin = who(&sent[0]).replace(" LEAST transaction_timeout 6000;", "");
        assert_eq!(
            begin,
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 1000; \
             SET LOCAL lock_timeout = 2000; SET LOCAL idle_in_transaction_session_timeout = 3000; \
             SELECT set_config(E'app.user', E'Ada', true); \
             SELECT set_config(E'work_mem', E'128kB', true); \
             SELECT pg_backend_pid()::text, pg_current_xact_id()::text, \
             (extract(epoch from pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint::text"
        );
        db.assert_whole().await;
    }

    /// The transaction's number is the last row of BEGIN's answer.
    #[test(Setup::wired())]
    async fn the_outcome_can_be_asked_for(db: &TestDb<DB>) {
        for (id, point, outcome) in [
            (1, Point::reply_to("COMMIT"), Resolution::Committed),
            (2, Point::command("COMMIT"), Resolution::RolledBack),
        ] {
            db.wire().arm(point, Action::Cut);
            // Values that would do as the number of another transaction.
            let block = on(&db.pool).isolation(Isolation::Serializable).resolvable();
            let block = block.setting("app.user", 3).setting("app.tenant", 4);
            let ended = block.run(async |tx| insert(tx, id).await);
            let error = ended.await.unwrap_err();
            let unknown = own(&error);
            assert!(unknown.is_outcome_unknown(), "{error:?}");
            db.settle().await;
            assert_eq!(unknown.resolve(&db.pool).await.unwrap(), outcome);
            assert_eq!(db.rows().await, [1]);
            db.assert_whole().await;
        }
    }

    /// So is the session's, which has to be ended from another connection: nothing
    /// else ends a statement whose client is gone.
    #[test(Setup::default().connections(2))]
    async fn the_session_can_be_ended(db: &TestDb<DB>) {
        let limits = Limits::new().timeout(Duration::from_millis(300));
        for resolvable in [false, true] {
            let block = on(&db.pool).isolation(Isolation::Serializable).limits(limits);
            let block = block.setting("app.user", 1);
            let block = if resolvable { block.resolvable() } else { block };
            let ended = block.run(async |tx| {
                insert(&mut *tx, 1).await?;
                run(tx.connection().await?, "select pg_sleep(30)").await
            });
            let error = ended.await.unwrap_err();
            assert!(Error::find(&error).is_some_and(Error::is_timed_out), "{error:?}");
            let sleeps = "select pid::bigint from pg_stat_activity \
                          where datname = current_database() and query like '%pg_sleep(30)%' \
                          and state = 'active' and pid <> pg_backend_pid()";
            let gone = timeout(Duration::from_secs(5), async {
                while !db.numbers(sleeps).await.is_empty() {
                    sleep(Duration::from_millis(10)).await;
                }
            });
            gone.await.expect("the session is ended");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}

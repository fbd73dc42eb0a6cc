//! Nothing of a transaction is left in its session.

use std::time::Duration;

use sqlx_transactional::{Isolation, Limits, on};
use sqlx_transactional_tests::{Setup, TestDb, for_engines};

use crate::{
    sql::insert,
    wire_text::{sent, who},
};

for_engines! {
    [postgres]

    /// A pooler gives the session to somebody else after COMMIT.
    #[test(Setup::wired())]
    async fn iso_14_all_that_is_set_ends_with_the_transaction(db: &TestDb<DB>) {
        let second = Duration::from_secs(1);
        let limits = Limits::new().timeout(second * 9).statement_timeout(second);
        let limits = limits.lock_timeout(second).idle_timeout(second);
        let ended = on(&db.pool)
            .isolation(Isolation::Serializable)
            .limits(limits)
            .setting("app.user", "Ada")
            .run(async |tx| insert(tx, 1).await);
        ended.await.unwrap();
        let sent = who(&sent(db).unwrap());
        assert_eq!(
            sent,
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL statement_timeout = 1000; \
             SET LOCAL lock_timeout = 1000; \
             SET LOCAL idle_in_transaction_session_timeout = 1000; \
             SELECT set_config(E'app.user', E'Ada', true); \
             SELECT pg_backend_pid()::text; insert 1; COMMIT"
        );
        db.assert_whole().await;
    }
}

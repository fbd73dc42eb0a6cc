//! Options of functions that run in a transaction that is never committed.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Isolation, Limits, on, testing::TestTransaction};
use sqlx_transactional_tests::{Engine, TestDb, for_each_engine};

use crate::{
    expect::own,
    sql::{ids, insert},
};

for_each_engine! {
    #[test]
    async fn a_limit_is_that_of_the_function(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let limits = Limits::new().timeout(Duration::from_millis(200));
        let slow = on(&mut test).limits(limits).run(async |tx| {
            insert(tx, 1).await?;
            pending::<Result<(), sqlx::Error>>().await
        });
        assert!(own(&slow.await.unwrap_err()).is_timed_out());
        let next = on(&mut test).run(async |tx| {
            assert_eq!(ids(&mut *tx).await?, [0; 0]);
            insert(tx, 2).await
        });
        next.await.unwrap();
        test.roll_back().await.unwrap();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// And not to what holds for the transaction of the test, which is nothing.
    #[test]
    async fn what_joins_is_held_to_what_its_function_asked_for(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let seconds = |seconds| Limits::new().statement_timeout(Duration::from_secs(seconds));
        let block = on(&mut test).isolation(Isolation::RepeatableRead).limits(seconds(20));
        let ended = block.run(async |tx| {
            let same = on(&mut *tx).isolation(Isolation::RepeatableRead).limits(seconds(20));
            same.run(async |tx| insert(tx, 1).await).await?;
            let shorter = on(&mut *tx).savepoint().limits(seconds(2));
            let refused = shorter.run(async |tx| insert(tx, 2).await).await;
            assert!(own(&refused.unwrap_err()).is_unsupported());
            let stronger = on(&mut *tx).savepoint().isolation(Isolation::Serializable);
            let refused = stronger.run(async |tx| insert(tx, 3).await).await;
            match db.engine() {
                // It has no other.
                Engine::Sqlite => refused.unwrap(),
                _ => assert!(own(&refused.unwrap_err()).is_unsupported()),
            }
            Ok::<_, sqlx::Error>(())
        });
        ended.await.unwrap();
        test.roll_back().await.unwrap();
        db.assert_whole().await;
    }

    /// As outside a test: for a serializable transaction that only reads.
    #[test]
    async fn what_deferrable_is_not_for_is_refused_as_ever(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let block = on(&mut test).isolation(Isolation::Serializable).deferrable();
        let read = block.read(async |tx| ids(tx).await).await;
        match db.engine() {
            Engine::Postgres => assert_eq!(read.unwrap(), [0; 0]),
            _ => assert!(own(&read.unwrap_err()).is_unsupported()),
        }
        let block = on(&mut test).deferrable();
        let weaker = block.read(async |tx| ids(tx).await).await;
        assert!(own(&weaker.unwrap_err()).is_unsupported());
        let block = on(&mut test).isolation(Isolation::Serializable).deferrable();
        let wrote = block.run(async |tx| insert(tx, 1).await).await;
        assert!(own(&wrote.unwrap_err()).is_unsupported());
        test.roll_back().await.unwrap();
    }

    #[test]
    async fn what_the_engine_does_not_have_is_refused_as_ever(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let block = on(&mut test).immediate().setting("app.user", 1);
        let ended = block.run(async |tx| insert(tx, 1).await);
        assert!(own(&ended.await.unwrap_err()).is_unsupported());
        test.roll_back().await.unwrap();
    }
}

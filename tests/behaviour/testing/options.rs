//! Options of functions that run in a transaction that is never committed.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Limits, on, testing::TestTransaction};
use sqlx_transactional_tests::{TestDb, for_each_engine};

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

    #[test]
    async fn what_the_engine_does_not_have_is_refused_as_ever(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let block = on(&mut test).immediate().setting("app.user", 1);
        let ended = block.run(async |tx| insert(tx, 1).await);
        assert!(own(&ended.await.unwrap_err()).is_unsupported());
        test.roll_back().await.unwrap();
    }
}

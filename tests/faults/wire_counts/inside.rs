//! What a part of a transaction costs.

use super::*;

for_engines! {
    [postgres, mysql]

    /// The second note has the id of the first; what comes after it is not sent
    /// where the transaction is lost.
    #[test(Setup::wired())]
    async fn a_doomed_transaction_sends_no_more_than_its_rollback(db: &TestDb<DB>) {
        let pool = warm(db).await;
        let run = Run::new(1);
        let outcome = sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            one(&mut *tx, &run).await?;
            let joined = one(&mut *tx, &run).await;
            assert!(joined.is_err(), "the same id again");
            assert!(DB::insert(tx, run.id(2)).await.is_err());
            Ok(())
        });
        let error: Error = outcome.await.unwrap_err();
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_doomed(), "{found}");
        let insert = insert::<DB>();
        assert_eq!(sent(db.wire(), &pool).await, [DB::BEGIN, &insert, &insert, "ROLLBACK"]);
    }

    #[test(Setup::wired())]
    async fn prop_02_a_joined_call_is_nothing_more(db: &TestDb<DB>) {
        let pool = warm(db).await;
        joining(&pool, &Run::new(1)).await.unwrap();
        let count = "EXECUTE select count(*) from notes";
        assert_eq!(
            sent(db.wire(), &pool).await,
            [DB::BEGIN, &insert::<DB>(), count, "COMMIT"]
        );
    }

    #[test(Setup::wired())]
    async fn a_savepoint_is_two_more(db: &TestDb<DB>) {
        let pool = warm(db).await;
        sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            in_a_savepoint(&mut *tx, &Run::new(1)).await?;
            tx.savepoint(async |tx| one(tx, &Run::new(2)).await).await
        })
        .await
        .unwrap();
        let insert = insert::<DB>();
        assert_eq!(
            sent(db.wire(), &pool).await,
            [
                DB::BEGIN,
                "SAVEPOINT s1",
                &insert,
                "RELEASE SAVEPOINT s1",
                "SAVEPOINT s2",
                &insert,
                "RELEASE SAVEPOINT s2",
                "COMMIT",
            ]
        );
    }

    #[test(Setup::wired())]
    async fn a_failed_savepoint_is_two_more_and_is_gone(db: &TestDb<DB>) {
        let pool = warm(db).await;
        sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            failing_savepoint(&mut *tx, &Run::new(1)).await.unwrap_err();
            one(tx, &Run::new(2)).await
        })
        .await
        .unwrap();
        let insert = insert::<DB>();
        assert_eq!(
            sent(db.wire(), &pool).await,
            [
                DB::BEGIN,
                "SAVEPOINT s1",
                &insert,
                "ROLLBACK TO SAVEPOINT s1; RELEASE SAVEPOINT s1",
                &insert,
                "COMMIT",
            ]
        );
        assert_eq!(db.rows().await, [Run::new(2).id(1), Run::new(900).id(1)]);
    }
}

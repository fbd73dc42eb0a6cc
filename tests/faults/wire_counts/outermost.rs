//! What a whole transaction costs.

use super::*;

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn out_16_an_early_return_is_nothing(db: &TestDb<DB>) {
        let pool = unconnected(db);
        early(&pool, false).await.unwrap();
        sqlx_transactional::read(&pool, async |_: &mut ReadTx<'_, DB>| Ok::<_, Error>(()))
            .await
            .unwrap();
        sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            tx.savepoint(async |_| Ok::<_, Error>(())).await?;
            in_a_savepoint_early(tx).await
        })
        .await
        .unwrap();
        assert_eq!(pool.size(), 0);
        assert_eq!(db.wire().take_log(), [""; 0]);
        assert_eq!(db.wire().take_counts().connections, 0);

        early(&pool, true).await.unwrap();
        assert_eq!(pool.size(), 1, "it does connect when there is a statement");
    }

    #[test(Setup::wired())]
    async fn n_statements_are_begin_and_n_and_commit(db: &TestDb<DB>) {
        let pool = warm(db).await;
        one(&pool, &Run::new(1)).await.unwrap();
        let insert = insert::<DB>();
        assert_eq!(sent(db.wire(), &pool).await, [DB::BEGIN, &insert, "COMMIT"]);
        three(&pool, &Run::new(2)).await.unwrap();
        assert_eq!(
            sent(db.wire(), &pool).await,
            [DB::BEGIN, &insert, &insert, &insert, "COMMIT"]
        );
    }

    #[test(Setup::wired())]
    async fn an_error_is_one_rollback(db: &TestDb<DB>) {
        let pool = warm(db).await;
        failing(&pool, &Run::new(1)).await.unwrap_err();
        assert_eq!(sent(db.wire(), &pool).await, [DB::BEGIN, &insert::<DB>(), "ROLLBACK"]);
        assert_eq!(db.rows().await, [Run::new(900).id(1)]);
    }

    #[test(Setup::wired())]
    async fn what_is_asked_back_is_one_rollback(db: &TestDb<DB>) {
        let pool = warm(db).await;
        sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            tx.roll_back();
            one(tx, &Run::new(1)).await
        })
        .await
        .unwrap();
        assert_eq!(sent(db.wire(), &pool).await, [DB::BEGIN, &insert::<DB>(), "ROLLBACK"]);
    }

    #[test(Setup::wired())]
    async fn a_reader_is_nothing_more(db: &TestDb<DB>) {
        let pool = warm(db).await;
        count(&pool).await.unwrap();
        let count = "EXECUTE select count(*) from notes";
        assert_eq!(sent(db.wire(), &pool).await, [DB::BEGIN_READ, count, "COMMIT"]);
        // And the next transaction on that connection may write again.
        one(&pool, &Run::new(1)).await.unwrap();
        assert_eq!(sent(db.wire(), &pool).await, [DB::BEGIN, &insert::<DB>(), "COMMIT"]);
    }

    #[test(Setup::wired())]
    async fn connection_is_at_most_two_more(db: &TestDb<DB>) {
        let pool = warm(db).await;
        let run = Run::new(1);
        sqlx_transactional::transaction(&pool, async |tx: &mut Tx<'_, DB>| {
            DB::insert_on(tx.connection().await?, run.id(1)).await?;
            DB::insert_on(tx.connection().await?, run.id(2)).await?;
            DB::insert(tx, run.id(3)).await
        })
        .await
        .unwrap();
        let log = sent(db.wire(), &pool).await;
        let insert = insert::<DB>();
        // The mark is in the message of BEGIN. Before the handle's own statement one
        // question more is asked.
        assert!(log[0].starts_with(DB::BEGIN), "{log:?}");
        assert_eq!(log[1..3], [&*insert, &insert]);
        assert_eq!(log[4], insert);
        assert_eq!(log.last().unwrap(), "COMMIT");
        assert!(log.len() <= 7, "{log:?}");
    }
}

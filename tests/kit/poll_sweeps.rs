//! That polls are counted, and that a sweep over them ends.

use sqlx_transactional_tests::{TestDb, for_each_engine, poll_k_then_drop, sweep};

for_each_engine! {
    #[test]
    async fn a_sweep_meets_every_await(db: &TestDb<DB>) {
        // An autocommit write as plain text is safe to drop anywhere, so the
        // pool is whole after each, and the last one is stored for certain.
        let mut seen = Vec::new();
        let positions = sweep(
            200,
            async || sqlx::raw_sql("insert into probes (id) values (-1)").execute(&db.pool).await,
            async |k, output| {
                seen.push((k, output.is_some()));
                db.assert_whole().await;
                if let Some(Err(error)) = output {
                    // One that was dropped late may be stored already.
                    assert!(error.as_database_error().unwrap().is_unique_violation());
                }
            },
        )
        .await;
        assert!(positions > 0, "the first poll cannot be the last");
        assert_eq!(seen.len(), positions + 1);
        assert_eq!(seen.last(), Some(&(positions, true)));
        assert_eq!(db.numbers("select id from probes where id < 0").await, [-1]);
    }
}

#[tokio::test]
async fn polls_are_counted() {
    let two = || async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        7
    };
    assert_eq!(poll_k_then_drop(two(), 0).await, None);
    assert_eq!(poll_k_then_drop(two(), 1).await, None);
    assert_eq!(poll_k_then_drop(two(), 2).await, None);
    assert_eq!(poll_k_then_drop(two(), 3).await, Some(7));
    let positions = sweep(10, async || two().await, async |_, _| ()).await;
    assert_eq!(
        positions, 3,
        "dropped before the first poll, and at each await"
    );
}

#[tokio::test]
#[should_panic(expected = "has not finished after 5 positions")]
async fn a_sweep_is_bounded() {
    let endless = async || loop {
        tokio::task::yield_now().await;
    };
    sweep(5, endless, async |_, _: Option<()>| ()).await;
}

//! The kit aimed at a handler that knows nothing of it: tables of its own, a
//! pool and nothing else. A whole example for whoever has such handlers.

use sqlx::{Error, Executor, Postgres, query, raw_sql};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Action, Direction, Setup, TestDb, poll, run};
use std::cell::Cell;
use std::time::Duration;

const TABLES: &str = "create table orders (id bigint primary key, state text not null); \
                      create table lines (order_id bigint not null, item text not null)";

#[transactional]
async fn place(tx: &mut Tx<'_, Postgres>, id: i64, items: [&str; 2]) -> Result<(), Error> {
    let order = query("insert into orders (id, state) values ($1, 'placed')");
    order.bind(id).execute(&mut *tx).await?;
    for item in items {
        let line = query("insert into lines (order_id, item) values ($1, $2)");
        line.bind(id).bind(item).execute(&mut *tx).await?;
    }
    Ok(())
}

/// How many lines of an order are stored, as a second connection sees them.
async fn lines(db: &TestDb<Postgres>, id: i64) -> usize {
    let sql = format!("select 1::bigint from lines where order_id = {id}");
    db.numbers(&sql).await.len()
}

/// What must hold after each fault: the answer is true, nothing is stored by
/// half, and neither the server nor the pool keeps anything of the call.
async fn judge(db: &TestDb<Postgres>, id: i64, ended: Option<Result<(), Error>>) {
    db.assert_whole().await;
    let lines = lines(db, id).await;
    match ended {
        Some(Ok(())) => assert_eq!(lines, 2),
        Some(Err(error)) => {
            let found = sqlx_transactional::Error::find(&error);
            let is_unknown = found.is_some_and(sqlx_transactional::Error::is_outcome_unknown);
            assert!(lines == 0 || (is_unknown && lines == 2), "{lines}: {error}");
        }
        // Dropped: what had been sent as COMMIT has gone on.
        None => assert!(lines == 0 || lines == 2, "{lines} lines"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_placed_whole_or_not_at_all() {
    run::<Postgres>(Setup::wired(), async |db| {
        db.observer.execute(raw_sql(TABLES)).await.unwrap();
        let id = Cell::new(0);
        let call = async || {
            id.set(id.get() + 1);
            place(&db.pool, id.get(), ["pen", "ink"]).await
        };

        // The caller goes away at each await, and at each message.
        let after_each = async |_, ended| judge(db, id.get(), ended).await;
        // On loopback an answer is often there before anybody has to wait for it.
        db.wire().set_latency(Duration::from_millis(1));
        assert!(poll::sweep(100, call, after_each).await > 5);
        db.wire().set_latency(Duration::ZERO);
        let from = Direction::FromServer;
        assert!(db.wire().drop_at_each(from, 100, call, after_each).await > 5);

        // The connection is lost at each message of either side.
        for from in [Direction::FromClient, Direction::FromServer] {
            let after_each = async |_, ended, _| judge(db, id.get(), Some(ended)).await;
            let lost = db
                .wire()
                .fault_at_each(from, Action::Cut, 100, call, after_each);
            assert!(lost.await > 5);
        }
    })
    .await;
}

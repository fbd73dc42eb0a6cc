//! That the checks see what plain sqlx leaves behind. A control that fails means
//! that sqlx has been mended, or that the checks are blind.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::pauses::with_pauses;
use sqlx::{Connection, Error, Pool};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines, inspect, sweep};
use std::time::Duration;
use tokio::time::timeout;

/// A transaction as sqlx's documentation writes it.
async fn plain<DB: Notes>(pool: &Pool<DB>, run: &Run) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    DB::insert_on(&mut tx, run.id(1)).await?;
    tx.commit().await
}

mod postgres_only {
    use super::*;

    for_engines! {
        [postgres]

        #[test(Setup::wired())]
        async fn plain_sqlx_poisons_its_pool(db: &TestDb<DB>) {
            let mut poisoned = 0;
            let mut number = 0;
            let make = async || {
                number += 1;
                with_pauses(plain(&db.pool, &Run::new(number))).await
            };
            sweep(100, make, async |_, _| {
                let found = inspect::problems(db, &db.pool).await;
                let inside = |problem: &String| problem.ends_with("inside a transaction");
                if found.iter().any(inside) {
                    poisoned += 1;
                }
                // The next position needs a clean one.
                if !found.is_empty() {
                    let connection = db.pool.acquire().await.unwrap();
                    connection.detach().close().await.unwrap();
                }
            })
            .await;
            assert!(poisoned > 0, "every position was clean");
        }
    }
}

mod mysql_only {
    use super::*;

    for_engines! {
        [mysql]

        /// Which is why a connection with a statement in flight is closed here.
        #[test(Setup::wired())]
        async fn plain_sqlx_loses_the_slot_of_a_statement_half_prepared(db: &TestDb<DB>) {
            let wire = db.wire();
            wire.arm(Point::reply_to("PREPARE"), Action::Hold);
            let run = Run::new(1);
            let mut insert = Box::pin(plain(&db.pool, &run));
            tokio::select! {
                _ = &mut insert => panic!("the answer is held"),
                () = wire.wait_until_held() => drop(insert),
            }
            wire.release();
            let found = inspect::weaknesses(db, &db.pool).await;
            assert_eq!(found, ["connection 1 of 1: none within 2s"]);
            let closed = timeout(Duration::from_secs(1), db.pool.close()).await;
            assert!(closed.is_err(), "a pool that has lost a slot never closes");
        }
    }
}

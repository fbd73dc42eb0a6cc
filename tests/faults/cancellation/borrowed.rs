//! A call on a connection that stays the caller's, which goes on with it when
//! it has given the call up.

use super::place::Place;
use super::{forms, setup};
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Connection, Error};
use sqlx_transactional_tests::{Engine, TestDb, for_each_engine};

/// A connection of the caller's own.
async fn connect<DB: Notes>(db: &TestDb<DB>) -> DB::Connection {
    let mut connection = DB::Connection::connect(db.url())
        .await
        .expect("a connection");
    DB::slow_down(&mut connection).await.expect("a slow one");
    connection
}

/// Whether the caller can go on with a connection on which a call was dropped.
fn survives(engine: Engine) -> bool {
    engine != Engine::MySql
}

/// The call stands between two notes of the caller's, 0 and 9. What the
/// caller's own statements and its COMMIT said must be true.
async fn in_a_transaction<DB: Notes>(db: &TestDb<DB>, run: &Run, place: Place) -> bool {
    let mut connection = connect(db).await;
    let mut outer = connection.begin().await.unwrap();
    DB::insert_on(&mut outer, run.id(0)).await.unwrap();
    let output = place.drop_here(db, forms::annotated(&mut outer, run)).await;
    let goes_on = output.is_some() || survives(db.engine());
    let said = if goes_on {
        match DB::insert_on(&mut outer, run.id(9)).await {
            Ok(()) => outer.commit().await,
            Err(error) => outer.rollback().await.and(Err(error)),
        }
    } else {
        // Out of step: its owner closes it.
        drop(outer);
        Err(Error::WorkerCrashed)
    };
    drop(connection);
    db.assert_whole().await;
    let stored = run.stored(db).await;
    let is_true = match (&said, &output) {
        (Ok(()), Some(Ok(()))) => stored == [0, 1, 2, 9],
        (Ok(()), _) => stored == [0, 9] || stored == [0, 1, 2, 9],
        (Err(_), _) => stored.is_empty(),
    };
    assert!(
        is_true,
        "{place:?}: the caller was told {said:?}, stored is {stored:?}"
    );
    assert!(said.is_ok() || !goes_on, "{place:?}: {said:?}");
    output.is_some()
}

for_each_engine! {
    #[test(setup())]
    async fn in_a_transaction_of_the_callers(db: &TestDb<DB>) {
        let mut number = 0;
        for mut place in Place::all(db) {
            loop {
                number += 1;
                if in_a_transaction(db, &Run::new(number), place).await {
                    break;
                }
                place = place.next();
            }
        }
    }

    /// Another call on it does what it says.
    #[test(setup())]
    async fn on_a_connection_of_the_callers(db: &TestDb<DB>) {
        let mut number = 0;
        for mut place in Place::all(db) {
            loop {
                number += 2;
                let (run, next) = (Run::new(number), Run::new(number + 1));
                let mut connection = connect(db).await;
                let call = forms::annotated(&mut connection, &run);
                let output = place.drop_here(db, call).await;
                let goes_on = output.is_some() || survives(db.engine());
                if goes_on {
                    let another = forms::annotated(&mut connection, &next).await;
                    another.unwrap_or_else(|error| panic!("{place:?}: {error:?}"));
                }
                drop(connection);
                db.assert_whole().await;
                let stored = run.stored(db).await;
                assert!(stored.is_empty() || stored == [1, 2], "{place:?}: {stored:?}");
                assert_eq!(next.stored(db).await.len(), if goes_on { 2 } else { 0 });
                if let Some(output) = output {
                    output.unwrap();
                    assert_eq!(stored, [1, 2]);
                    break;
                }
                place = place.next();
            }
        }
    }
}

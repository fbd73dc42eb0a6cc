//! `key` on a line that fails: once all the same.

use super::keyed::{is_already_done, once, setup};
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx_transactional::keys;
use sqlx_transactional_tests::{Action, Direction, TestDb, for_engines, inspect};
use std::cell::Cell;

/// Whatever happens to whichever message: made again until it says that it is
/// done, the call has done its work once.
async fn exactly_once<DB: Notes>(db: &TestDb<DB>, from: Direction, action: Action) {
    DB::run_on(db, keys::table::<DB>()).await;
    let pool = db.pool_with(recommended(db.url(), 1)).await;
    let number = Cell::new(0);
    let call = async || {
        number.set(number.get() + 1);
        let run = Run::new(number.get());
        for attempt in 1..=3 {
            match once(&pool, &run).await {
                Ok(()) => return (run, attempt),
                Err(error) if is_already_done(&error) => return (run, attempt),
                Err(_) => {}
            }
        }
        panic!("not done after three attempts");
    };
    let met = db
        .wire()
        .fault_at_each(from, action, 60, call, async |at, (run, attempts), met| {
            let stored = run.stored(db).await;
            assert_eq!(stored, [1, 2], "message {at}, {attempts} attempts");
            assert!(met || attempts == 1, "message {at}: {attempts} attempts");
            inspect::assert_whole(db, &pool).await;
        });
    assert!(met.await > 4);
}

for_engines! {
    [postgres, mysql]

    #[test(setup())]
    async fn exactly_once_when_the_client_is_cut_off(db: &TestDb<DB>) {
        exactly_once(db, Direction::FromClient, Action::Cut).await;
    }

    #[test(setup())]
    async fn exactly_once_when_the_server_is_cut_off(db: &TestDb<DB>) {
        exactly_once(db, Direction::FromServer, Action::Cut).await;
    }

    #[test(setup())]
    async fn exactly_once_when_a_message_is_torn(db: &TestDb<DB>) {
        exactly_once(db, Direction::FromServer, Action::Truncate).await;
    }
}

//! A COMMIT of which the server itself says that it does not know.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, recommended};
use sqlx::Error;
use sqlx_transactional::{Retry, Tx, on};
use sqlx_transactional_tests::{Setup, TestDb, for_engines, inspect};
use std::sync::atomic::{AtomicU32, Ordering};

/// COMMIT is answered as the note says: those of run 1 with `40003`, those of
/// run 2 with `08007`.
const COMMIT_DOES_NOT_KNOW: &str = "\
    create function answer() returns trigger language plpgsql as \
        $$ begin raise exception using errcode = tg_argv[0]; end $$; \
    create constraint trigger first after insert on notes deferrable initially deferred \
        for each row when (new.id / 10 = 1) execute function answer('40003'); \
    create constraint trigger second after insert on notes deferrable initially deferred \
        for each row when (new.id / 10 = 2) execute function answer('08007')";

for_engines! {
    [postgres]

    /// The call, with a retry, and how often its body ran.
    async fn retried(db: &TestDb<DB>, run: &Run, retry: Retry) -> (Error, u32) {
        let pool = db.pool_with(recommended(db.url(), 2)).await;
        let bodies = AtomicU32::new(0);
        let call = on(&pool).retry(retry).run(async |tx: &mut Tx<'_, DB>| {
            bodies.fetch_add(1, Ordering::SeqCst);
            tx.after_commit(run.on_commit());
            tx.after_rollback(run.on_rollback());
            DB::insert(tx, run.id(1)).await
        });
        let error = call.await.unwrap_err();
        inspect::assert_whole(db, &pool).await;
        assert_closes(&pool).await;
        (error, bodies.into_inner())
    }

    #[test(Setup::wired())]
    async fn amb_04_the_server_is_believed(db: &TestDb<DB>) {
        DB::run_on(db, COMMIT_DOES_NOT_KNOW).await;
        for (number, code) in [(1, "40003"), (2, "08007")] {
            let run = Run::new(number);
            let (error, bodies) = retried(db, &run, Retry::new()).await;
            let found = sqlx_transactional::Error::find(&error).unwrap();
            assert!(found.is_outcome_unknown(), "{error:?}");
            assert_eq!(bodies, 1, "{code}: it is not repeated");
            assert_eq!(run.ran(), (0, 0), "{code}: nobody knows which hooks to run");
            let cause = std::error::Error::source(found).and_then(|cause| cause.downcast_ref());
            let cause: &Error = cause.expect("the server's own words");
            assert_eq!(cause.as_database_error().unwrap().code().as_deref(), Some(code));
        }
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// Whoever says that doing it twice is the same as once, gets that.
    #[test(Setup::wired())]
    async fn amb_04_what_is_idempotent_is_repeated(db: &TestDb<DB>) {
        DB::run_on(db, COMMIT_DOES_NOT_KNOW).await;
        let run = Run::new(1);
        let (error, bodies) = retried(db, &run, Retry::new().attempts(3).idempotent()).await;
        let found = sqlx_transactional::Error::find(&error).unwrap();
        assert!(found.is_outcome_unknown(), "{error:?}");
        assert_eq!(bodies, 3);
        assert_eq!(run.ran(), (0, 0));
    }
}

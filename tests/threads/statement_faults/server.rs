//! What a server says no with.

use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;

use super::run;
use crate::engine::Threads;
use crate::expect::assert_discreet;
use crate::operation::Operation;
use crate::place::Place;

cases! {
    [postgres] Setup::wired() =>
    each_code_has_its_variant,
    the_server_ends_the_session,
}

/// A write fails with each SQLSTATE that an operation can be answered with, and
/// the variant tells the client what it may do.
async fn each_code_has_its_variant<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for (state, code) in [
        ("23505", "conflict"),
        ("40001", "busy"),
        ("40P01", "busy"),
        ("55P03", "busy"),
        ("23503", "internal"),
        ("23514", "internal"),
        ("22001", "internal"),
        ("42501", "internal"),
        ("53100", "internal"),
        ("57014", "internal"),
    ] {
        let fails = format!(
            "create function fail() returns trigger language plpgsql as \
             $$ begin raise exception 'not today' using errcode = '{state}'; end $$; \
             create trigger fail after insert or update on threads \
             for each row execute function fail()"
        );
        for operation in Operation::WRITING {
            let target = place.target(operation).await;
            place.sql(&fails).await;
            let before = place.dump().await;
            let error = run(&place, operation, &target).await;
            let error = error.expect_err(state);
            assert_eq!(error.code(), code, "{state}: {error:?}");
            assert_discreet(&error);
            place.assert_untouched(&before, state).await;
            place
                .sql("drop trigger fail on threads; drop function fail")
                .await;
        }
    }
}

/// An administrator ends the session between two operations of one transaction.
async fn the_server_ends_the_session<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in Operation::ALL {
        let kept = place.target(Operation::UpdateThread).await;
        let target = place.target(operation).await;
        let before = place.dump().await;
        let cut_off = transaction(place.pool(), async |tx: &mut Tx<'_, DB>| {
            let update = Operation::UpdateThread;
            update.run(&mut *tx, &place.user, &kept).await?;
            let end = "
                select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and state = 'idle in transaction'";
            assert_eq!(db.numbers(end).await, [1]);
            operation.run(tx, &place.user, &target).await
        });
        let error = cut_off.await.expect_err("an ended session");
        assert_discreet(&error);
        assert!(
            matches!(error, AppError::Database(_) | AppError::Unavailable(_)),
            "{operation:?}: {error:?}"
        );
        let context = format!("{operation:?}, session ended");
        place.assert_whole(place.pool(), &context).await;
        place.assert_untouched(&before, &context).await;
    }
}

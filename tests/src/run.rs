//! One test body, on one engine or on all.

use crate::backend::Backend;
use crate::database::TestDb;
use crate::setup::Setup;
use futures_util::FutureExt;
use std::panic::{AssertUnwindSafe, resume_unwind};

/// Runs a test body on a database of its own, within the time limit of the
/// setup, and removes the database whatever happens. Does nothing, and says so
/// loudly, when the engine is left out of this run.
///
/// # Panics
///
/// When the body does, when it takes too long, or when the database cannot be
/// created or removed.
pub async fn run<DB: Backend>(setup: Setup, body: impl AsyncFnOnce(&TestDb<DB>)) {
    if !DB::ENGINE.is_reachable() {
        return;
    }
    let db = TestDb::start(setup).await;
    let limited = tokio::time::timeout(setup.limit, body(&db));
    let outcome = AssertUnwindSafe(limited).catch_unwind().await;
    let finished = db.finish().await;
    match outcome {
        Err(panic) => resume_unwind(panic),
        Ok(Err(_)) => panic!("the test took more than {:?}", setup.limit),
        Ok(Ok(())) => finished.unwrap_or_else(|problem| panic!("{problem}")),
    }
}

/// Gives each item in it three times, in the modules `sqlite`, `postgres` and
/// `mysql`, in which `DB` is the sqlx database type. Use it once in a module.
///
/// A function `#[test] async fn name(db: &TestDb<DB>) { … }` becomes a test on
/// a runtime of two threads; `#[test(Setup::wired())]` says what it wants
/// around it. Other items are taken as they are, `#[transactional]` functions
/// over `Tx<'_, DB>` for example. Everything outside is in scope.
#[macro_export]
macro_rules! for_each_engine {
    ($($items:tt)*) => {
        $crate::for_engines! { [sqlite, postgres, mysql] $($items)* }
    };
}

/// [`for_each_engine!`] with the engines given first: `[postgres, mysql]` for
/// what needs a wire.
#[macro_export]
macro_rules! for_engines {
    ([] $($items:tt)*) => {};
    ([sqlite $(, $more:ident)*] $($items:tt)*) => {
        mod sqlite {
            use super::*;
            type DB = ::sqlx::Sqlite;
            $crate::engine_items! { $($items)* }
        }
        $crate::for_engines! { [$($more),*] $($items)* }
    };
    ([postgres $(, $more:ident)*] $($items:tt)*) => {
        mod postgres {
            use super::*;
            type DB = ::sqlx::Postgres;
            $crate::engine_items! { $($items)* }
        }
        $crate::for_engines! { [$($more),*] $($items)* }
    };
    ([mysql $(, $more:ident)*] $($items:tt)*) => {
        mod mysql {
            use super::*;
            type DB = ::sqlx::MySql;
            $crate::engine_items! { $($items)* }
        }
        $crate::for_engines! { [$($more),*] $($items)* }
    };
}

/// The items of one engine's module.
#[doc(hidden)]
#[macro_export]
macro_rules! engine_items {
    () => {};
    (
        $(#[doc = $doc:literal])* #[test] $(#[$attribute:meta])*
        async fn $name:ident($db:ident: $type:ty) $body:block
        $($rest:tt)*
    ) => {
        $crate::engine_items! {
            $(#[doc = $doc])* #[test($crate::Setup::default())] $(#[$attribute])*
            async fn $name($db: $type) $body
            $($rest)*
        }
    };
    (
        $(#[doc = $doc:literal])* #[test($setup:expr)] $(#[$attribute:meta])*
        async fn $name:ident($db:ident: $type:ty) $body:block
        $($rest:tt)*
    ) => {
        $(#[doc = $doc])*
        #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])*
        async fn $name() {
            $crate::run::<DB>($setup, async |$db: $type| $body).await;
        }
        $crate::engine_items! { $($rest)* }
    };
    ($item:item $($rest:tt)*) => {
        $item
        $crate::engine_items! { $($rest)* }
    };
}

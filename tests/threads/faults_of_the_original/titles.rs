//! How threads got their titles.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::Pool;
use sqlx_transactional_tests::{Setup, TestDb, inspect};
use thread_handlers::Caller;
use thread_handlers::handlers::{auto_rename, list_threads};
use thread_handlers::model::{Role, ThreadPage};
use thread_handlers::titles::{FirstWords, TitleError, TitleGenerator};

use crate::engine::Threads;
use crate::place::Place;

cases! {
    Setup::wired() =>
    fault_08_the_generator_was_awaited_in_the_transaction,
    fault_10_an_apology_that_became_the_title,
    fault_21_no_user_message_when_the_first_was_the_sixth,
}

/// A generator that looks at what its user talks about elsewhere.
#[derive(Debug)]
struct Reads<'p, DB: Threads> {
    pool: &'p Pool<DB>,
    user: &'p Caller,
}

impl<DB: Threads> TitleGenerator for Reads<'_, DB> {
    fn title<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<String, TitleError>> {
        async move {
            let list = list_threads(self.pool, self.user, ThreadPage::default()).await;
            let total = list
                .map_err(|error| TitleError::Failed(error.into()))?
                .total;
            Ok(format!("{message} ({total})"))
        }
        .boxed()
    }
}

/// With a pool of one, it gets the connection: nobody holds it.
async fn fault_08_the_generator_was_awaited_in_the_transaction<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    place.message(&id, Role::User, "Travel").await;
    let generator = Reads {
        pool: place.pool(),
        user: &place.user,
    };
    let thread = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
    let thread = thread.expect("the thread");
    assert_eq!(thread.title.as_deref(), Some("Travel (1)"));
    let left = inspect::left_behind(db).await;
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(json!(thread), place.dump().await.thread(&id));
}

/// A generator that fails and says so politely.
#[derive(Debug)]
struct Sorry;

const APOLOGY: &str = "I am sorry, I could not think of a title.";

impl TitleGenerator for Sorry {
    fn title<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<String, TitleError>> {
        std::future::ready(Err(TitleError::Failed(APOLOGY.into()))).boxed()
    }
}

/// A failure is a type of its own, not a text that could be taken for a title.
async fn fault_10_an_apology_that_became_the_title<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let id = place.any_thread().await.id;
    place.message(&id, Role::User, "A trip to Rome").await;
    let thread = auto_rename::<DB, _>(place.pool(), &Sorry, &place.user, &id).await;
    let title = thread.expect("the thread").title;
    assert_eq!(title.as_deref(), Some("A trip to Rome"));
    let stored = format!("{:?}", place.dump().await);
    assert!(!stored.contains("sorry"), "{stored}");
    assert_eq!(place.heard(), ["thread_renamed"]);
}

async fn fault_21_no_user_message_when_the_first_was_the_sixth<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for before in 5..9 {
        let id = place.any_thread().await.id;
        for _ in 0..before {
            place.message(&id, Role::Assistant, "May I help?").await;
        }
        place.message(&id, Role::User, "Yes, please").await;
        let thread = auto_rename::<DB, _>(place.pool(), &FirstWords, &place.user, &id).await;
        let thread = thread.expect("the thread");
        assert_eq!(thread.title.as_deref(), Some("Yes, please"));
    }
}

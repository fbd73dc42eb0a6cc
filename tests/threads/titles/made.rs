//! What a title is made from, and what becomes of a generator's answer.

use futures_util::FutureExt;
use serde_json::json;
use sqlx_transactional_tests::{Setup, TestDb};
use thread_handlers::AppError;
use thread_handlers::handlers::auto_rename;
use thread_handlers::model::{Role, thread_id};
use thread_handlers::titles::{FirstWords, TitleError, TitleGenerator};

use super::{about, asks};
use crate::engine::Threads;
use crate::journal::Journal;
use crate::place::Place;

cases! {
    Setup::wired() =>
    the_built_in_one_takes_the_first_words,
    a_failing_generator_is_replaced_by_the_built_in_one,
    an_answer_is_tidied,
    the_first_user_message_is_found_wherever_it_is,
    without_a_user_message_nobody_is_asked,
    for_a_thread_that_is_not_there_nobody_is_asked,
}

/// A generator that always answers this.
fn says(answer: &str) -> impl TitleGenerator + use<> {
    let answer = answer.to_owned();
    asks(move |_| std::future::ready(Ok(answer.clone())).boxed())
}

async fn the_built_in_one_takes_the_first_words<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let message = "Can you explain\n\nhow transaction isolation works in practice, please?";
    let id = about(&place, message).await;
    let thread = auto_rename::<DB, _>(place.pool(), &FirstWords, &place.user, &id).await;
    let title = "Can you explain how transaction isolation works in";
    assert_eq!(thread.expect("the thread").title.as_deref(), Some(title));
    assert_eq!(place.dump().await.thread(&id)["title"], title);
}

async fn a_failing_generator_is_replaced_by_the_built_in_one<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let failures: [fn() -> Result<String, TitleError>; 7] = [
        || Ok(String::new()),
        || Ok(" \n\t ".to_owned()),
        || Ok("\"\"".to_owned()),
        || Ok("“ ' ' ”".to_owned()),
        || Err(TitleError::Empty),
        || Err(TitleError::TimedOut),
        || Err(TitleError::Failed("Sorry, I cannot do that.".into())),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let id = about(&place, "Reise nach Zürich").await;
        let generator = asks(move |_| std::future::ready(failure()).boxed());
        let journal = Journal::open();
        let thread = auto_rename::<DB, _>(place.pool(), &generator, &place.user, &id).await;
        let thread = thread.unwrap_or_else(|error| panic!("failure {number}: {error:?}"));
        assert_eq!(journal.take().len(), 1, "failure {number} is logged");
        assert_eq!(thread.title.as_deref(), Some("Reise nach Zürich"));
        assert_eq!(place.dump().await.thread(&id), json!(thread));
        assert_eq!(generator.asked(), 1);
        assert_eq!(place.heard(), ["thread_renamed"]);
    }
}

async fn an_answer_is_tidied<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let long = "語".repeat(51);
    for (answer, title) in [
        (" 'Trip\nto Rome' ", "Trip to Rome"),
        (&*long, &long[..150]),
    ] {
        let id = about(&place, "Hello").await;
        let thread = auto_rename::<DB, _>(place.pool(), &says(answer), &place.user, &id).await;
        assert_eq!(thread.expect("the thread").title.as_deref(), Some(title));
        assert_eq!(place.dump().await.thread(&id)["title"], title);
    }
}

async fn the_first_user_message_is_found_wherever_it_is<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for before in [0, 4, 5, 6, 101] {
        let id = place.any_thread().await.id;
        for number in 0..before {
            let role = [Role::System, Role::Assistant][number % 2];
            place.message(&id, role, "Not the user").await;
        }
        let place_of_first = place.message(&id, Role::User, "The first").await.seq;
        assert_eq!(place_of_first, i64::try_from(before).expect("a few") + 1);
        place.message(&id, Role::User, "The second").await;
        // The clock is not what orders them.
        place
            .sql("update messages set created_at = 1000 - seq")
            .await;
        let thread = auto_rename::<DB, _>(place.pool(), &FirstWords, &place.user, &id).await;
        let thread = thread.unwrap_or_else(|error| panic!("{before} before it: {error:?}"));
        assert_eq!(thread.title.as_deref(), Some("The first"));
    }
}

async fn without_a_user_message_nobody_is_asked<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let generator = asks(|_| std::future::ready(Ok("Made".to_owned())).boxed());
    let empty = place.any_thread().await.id;
    let unasked = place.any_thread().await.id;
    place.message(&unasked, Role::System, "Be kind").await;
    place.message(&unasked, Role::Assistant, "Hello").await;
    let before = place.dump().await;
    for id in [&empty, &unasked] {
        let error = auto_rename::<DB, _>(place.pool(), &generator, &place.user, id).await;
        let error = error.expect_err("nothing to name it after");
        assert!(matches!(error, AppError::NothingToName), "{error:?}");
        place.assert_untouched(&before, "nothing to name").await;
    }
    assert_eq!(generator.asked(), 0);
    // A message without a word: not even the built-in title is left.
    let blank = about(&place, " \n ").await;
    let before = place.dump().await;
    let error = auto_rename::<DB, _>(place.pool(), &FirstWords, &place.user, &blank).await;
    let error = error.expect_err("nothing to name it after");
    assert!(matches!(error, AppError::NothingToName), "{error:?}");
    place.assert_untouched(&before, "a blank message").await;
}

async fn for_a_thread_that_is_not_there_nobody_is_asked<DB: Threads>(db: &TestDb<DB>) {
    let place = Place::new(db).await;
    let generator = asks(|_| std::future::ready(Ok("Made".to_owned())).boxed());
    let id = about(&place, "Hello").await;
    let stranger = place.other("boris");
    let before = place.dump().await;
    for (user, id) in [
        (&stranger, id.as_str()),
        (&place.user, &thread_id()),
        (&place.user, "\0"),
    ] {
        let error = auto_rename::<DB, _>(place.pool(), &generator, user, id).await;
        let error = error.expect_err("no such thread");
        assert!(matches!(error, AppError::NotFound), "{error:?}");
        place.assert_untouched(&before, "no such thread").await;
    }
    assert_eq!(generator.asked(), 0);
}

//! Naming a thread: a short read, the generator, a short write.

mod made;
mod phases;

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use thread_handlers::model::Role;
use thread_handlers::titles::{TitleError, TitleGenerator};

use crate::engine::Threads;
use crate::place::Place;

type Answer = Result<String, TitleError>;

/// What a generator is here: anything that makes an answer out of a message.
struct Asks<'p, F> {
    answer: F,
    asked: AtomicUsize,
    of: PhantomData<&'p ()>,
}

fn asks<'p, F>(answer: F) -> Asks<'p, F>
where
    F: Fn(String) -> BoxFuture<'p, Answer> + Send + Sync,
{
    Asks {
        answer,
        asked: AtomicUsize::new(0),
        of: PhantomData,
    }
}

impl<F> Asks<'_, F> {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl<F> fmt::Debug for Asks<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asks")
    }
}

impl<'p, F> TitleGenerator for Asks<'p, F>
where
    F: Fn(String) -> BoxFuture<'p, Answer> + Send + Sync,
{
    fn title<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        (self.answer)(message.to_owned())
    }
}

/// A thread whose user has said this.
async fn about<DB: Threads>(place: &Place<'_, DB>, message: &str) -> String {
    let id = place.any_thread().await.id;
    place.message(&id, Role::User, message).await;
    id
}

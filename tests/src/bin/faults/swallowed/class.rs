//! A class of error, and how to provoke it.

use crate::control::Controlled;
use crate::notes::Notes;
use sqlx::Connection;
use sqlx_transactional_tests::TestDb;
use tokio::sync::Mutex;

/// An engine and the classes of error that it knows.
pub(crate) trait Classes: Controlled {
    fn classes() -> &'static [Class];
}

/// How one class of error is provoked.
#[derive(Debug)]
pub(crate) struct Class {
    /// In the text of a case.
    pub(crate) name: &'static str,
    /// What the connection of the transaction is told before.
    pub(crate) settings: &'static [&'static str],
    /// What another session does before the call.
    pub(crate) rival: &'static [&'static str],
    /// What the transaction does ahead of its failing statement.
    pub(crate) before: Option<&'static str>,
    /// What the other session does next, and is waited for.
    pub(crate) between: Option<&'static str>,
    /// What it does while the failing statement waits.
    pub(crate) meanwhile: Option<&'static str>,
    /// The statement that fails.
    pub(crate) failing: &'static str,
    /// What the error says, its code or a part of its text.
    pub(crate) says: &'static str,
    /// Whether it takes a transaction of the caller's, and one that has only
    /// read when somebody else writes.
    pub(crate) is_stale: bool,
}

impl Class {
    /// One that a statement alone provokes.
    pub(crate) const fn of(name: &'static str, failing: &'static str, says: &'static str) -> Self {
        Self {
            name,
            settings: &[],
            rival: &[],
            before: None,
            between: None,
            meanwhile: None,
            failing,
            says,
            is_stale: false,
        }
    }
}

/// The other session.
#[derive(Debug)]
pub(crate) struct Rival<DB: Notes>(Mutex<Option<DB::Connection>>);

impl<DB: Notes> Rival<DB> {
    /// The session of a class, in place; none where it needs none.
    pub(crate) async fn new(db: &TestDb<DB>, class: &Class) -> Self {
        if class.rival.is_empty() && class.between.is_none() {
            return Self(Mutex::new(None));
        }
        let mut connection = DB::Connection::connect(db.direct_url())
            .await
            .expect("a session");
        for sql in class.rival {
            run::<DB>(&mut connection, sql).await;
        }
        Self(Mutex::new(Some(connection)))
    }

    /// Does this, if there is anything to do.
    pub(crate) async fn act(&self, sql: Option<&str>) {
        if let (Some(connection), Some(sql)) = (&mut *self.0.lock().await, sql) {
            run::<DB>(connection, sql).await;
        }
    }

    /// Ends the session and what it began.
    pub(crate) async fn leave(&self) {
        if let Some(connection) = self.0.lock().await.take() {
            let _ = connection.close().await;
        }
    }
}

async fn run<DB: Notes>(connection: &mut DB::Connection, sql: &str) {
    let done = DB::execute(connection, sql).await;
    done.unwrap_or_else(|error| panic!("the other session: {sql}: {error}"));
}

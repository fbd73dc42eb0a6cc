//! What a test expects of an error.

use std::error::Error as StdError;

use sqlx::error::DatabaseError;
use sqlx_transactional::Error as TxError;
use thread_handlers::AppError;

/// Asserts that it is the database's own error, in the variant for those that
/// mean nothing to a client, and gives its code.
///
/// # Panics
///
/// When it is anything else.
#[track_caller]
pub(crate) fn database_code(error: &AppError) -> String {
    let AppError::Database(database) = error else {
        panic!("not the database's: {error:?}");
    };
    assert!(TxError::find(error).is_none(), "{error:?}");
    let code = database.as_database_error().and_then(DatabaseError::code);
    code.unwrap_or_else(|| panic!("no code: {error:?}"))
        .into_owned()
}

/// Asserts that the transaction says that it is doomed, and gives the code of
/// the database's error that doomed it.
///
/// # Panics
///
/// When it is anything else.
#[track_caller]
pub(crate) fn doomed_by(error: &AppError) -> String {
    let own = TxError::find(error).unwrap_or_else(|| panic!("not doomed: {error:?}"));
    assert!(own.is_doomed(), "{own:?}");
    let cause = own.source().and_then(<dyn StdError>::downcast_ref);
    let cause: &sqlx::Error = cause.unwrap_or_else(|| panic!("no cause: {own:?}"));
    let code = cause.as_database_error().and_then(DatabaseError::code);
    code.unwrap_or_else(|| panic!("no code: {cause:?}"))
        .into_owned()
}

/// Asserts that the text for the client is one of the application's own, which
/// hold nothing of the database's.
///
/// # Panics
///
/// When it is not.
#[track_caller]
pub(crate) fn assert_discreet(error: &AppError) {
    let text = error.to_string();
    for word in [
        "select ",
        "insert",
        "update ",
        "injected",
        "table",
        "relation",
        "column",
        "constraint",
        "duplicate key",
        "UNIQUE",
        "FOREIGN KEY",
        "violates",
        "not today",
        "sql",
        "SQL",
        "code",
        "error returned",
        "orphan",
        "children",
        "threads",
        "messages",
    ] {
        assert!(!text.contains(word), "{word:?} in {text:?}");
    }
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret:?} in {text:?}");
    }
}

/// Values that the operations of the tests send as parameters.
const SECRETS: [&str; 6] = ["Created", "Updated", "Renamed", "Sent", "amina", "thread_0"];

//! The error type of an application, as the crate's users write it.

/// What goes wrong in an application that uses transactions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("refused by the application: {0}")]
    Refused(u32),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl AppError {
    /// The database's error in it.
    ///
    /// # Panics
    ///
    /// When it is the application's own.
    pub(crate) fn into_database(self) -> sqlx::Error {
        match self {
            Self::Database(error) => error,
            Self::Refused(number) => panic!("the application refused: {number}"),
        }
    }

    pub(crate) fn is_refused(&self, number: u32) -> bool {
        matches!(self, Self::Refused(found) if *found == number)
    }
}

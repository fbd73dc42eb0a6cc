//! The eight operations of the sample crate, on real databases.
//!
//! What is stored is read through a second connection; what was sent is read
//! on the wire, where there is one.

/// Gives each named function as a test with the given surroundings: on `SQLite`
/// and on `PostgreSQL`, or on the engines named first. The functions are generic
/// over the database.
macro_rules! cases {
    ([$($engine:ident),+] $setup:expr => $($name:ident),+ $(,)?) => {
        sqlx_transactional_tests::for_engines! {
            [$($engine),+]

            $(
                #[test($setup)]
                async fn $name(db: &sqlx_transactional_tests::TestDb<DB>) {
                    super::$name(db).await;
                }
            )+
        }
    };
    ($setup:expr => $($name:ident),+ $(,)?) => {
        cases! { [sqlite, postgres] $setup => $($name),+ }
    };
}

mod cancellation;
mod composition;
mod concurrency;
mod dump;
mod engine;
mod expect;
mod faults_of_the_original;
mod journal;
mod operation;
mod operations;
mod place;
mod scenarios;
mod statement_faults;
mod titles;

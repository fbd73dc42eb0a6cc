//! The kit that the project's tests are written with.
//!
//! A test says what it believes about the world outside its process: what
//! crossed the wire ([`wire`]), what is stored as another connection sees it
//! ([`TestDb`]), what is left behind on the server and in the pool
//! ([`inspect`]), at each point at which a future can be dropped ([`poll`], and
//! [`Wire::drop_at_each`], which is the same by messages and gives the same
//! positions every time).
//!
//! ```text
//! for_engines! {
//!     [postgres, mysql]
//!
//!     #[transactional]
//!     async fn add(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), sqlx::Error> { … }
//!
//!     #[test(Setup::wired())]
//!     async fn a_dropped_call_leaves_nothing_behind(db: &TestDb<DB>) {
//!         let call = async || add(&db.pool, 1).await;
//!         let after_each = async |position, output| db.assert_whole().await;
//!         db.wire().drop_at_each(Direction::FromServer, 100, call, after_each).await;
//!     }
//! }
//! ```
//!
//! # Handlers of your own
//!
//! The kit asks nothing of a handler but that it takes a pool:
//! `tests/kit/own_handlers.rs` is a whole example. It needs
//!
//! - this package, `sqlx-transactional-tests`, from the repository, as a
//!   dev-dependency: it is not on a registry, and promises no stable interface;
//! - a server on which the user may create databases and end sessions, in
//!   `TEST_POSTGRES_URL` or `TEST_MYSQL_URL` ([`Engine`]): each [`run()`] has a
//!   database of its own there, in which `observer` makes your tables. `SQLite`
//!   needs nothing, and has no wire: there, [`poll::sweep`] drops the futures.
//!
//! A handler that is no [`transactional`](sqlx_transactional::transactional)
//! function can be swept as well; the kit's own tests do that with plain sqlx.

pub mod backend;
pub mod campaign;
pub mod checker;
pub mod database;
pub mod engine;
pub mod inspect;
pub mod poll;
pub mod pooler;
pub mod run;
pub mod server;
pub mod setup;
pub mod strace;
pub mod wire;

pub use backend::Backend;
pub use database::TestDb;
pub use engine::Engine;
pub use poll::{poll_k_then_drop, sweep};
pub use run::run;
pub use setup::Setup;
pub use wire::{Action, Counts, Direction, Point, Wire};

/// The examples of the README, as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

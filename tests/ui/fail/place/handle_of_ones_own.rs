//! Only this crate makes handles.

use sqlx::Sqlite;
use sqlx_transactional::{Handle, Write};

struct Mine;

impl Handle for Mine {
    type Access = Write<Sqlite>;
}

fn main() {}

//! A place of one's own is a `Source`.

use sqlx::Sqlite;
use sqlx_transactional::{__private::Options, Begin, Outermost, Tx, Write};

#[derive(Debug)]
struct Mine;

impl Begin<Write<Sqlite>> for Mine {
    fn begin(&mut self, _: Options) -> Tx<'_, Sqlite> {
        panic!("there is none")
    }
}

impl Outermost<Write<Sqlite>> for Mine {}

fn main() {}

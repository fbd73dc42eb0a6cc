//! The attribute goes inside the macro, on the function it writes.

use sqlx_transactional::transactional;

#[transactional]
macro_rules! rename {
    () => {};
}

fn main() {
    rename!();
}

//! Whatever fails on PostgreSQL, what follows is answered with 25P02, and COMMIT
//! with ROLLBACK.

use super::class::{Class, Classes};
use sqlx::Postgres;

const CLASSES: [Class; 7] = [
    Class::of("25P02-division", "select 1 / 0", "22012"),
    Class::of(
        "25P02-unique",
        "insert into notes (id, body) values (-1, '')",
        "23505",
    ),
    Class::of("25P02-syntax", "selec 1", "42601"),
    Class::of("25P02-no-table", "select * from nowhere", "42P01"),
    Class::of(
        "25P02-timeout",
        "set local statement_timeout = 10; select pg_sleep(2)",
        "57014",
    ),
    Class::of(
        "25P02-serialization",
        "do $$ begin raise exception sqlstate '40001'; end $$",
        "40001",
    ),
    Class {
        rival: &["begin", "update notes set body = 'theirs' where id = -1"],
        ..Class::of(
            "25P02-lock",
            "set local lock_timeout = 10; update notes set body = 'ours' where id = -1",
            "55P03",
        )
    },
];

impl Classes for Postgres {
    fn classes() -> &'static [Class] {
        &CLASSES
    }
}

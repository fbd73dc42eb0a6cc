//! What SQLite rolls back by itself, and what it leaves to the body.

use super::class::{Class, Classes};
use sqlx::Sqlite;

const CLASSES: [Class; 6] = [
    Class {
        // The limit cannot be below what there is, so there is no page left.
        settings: &["pragma max_page_count = 1"],
        ..Class::of(
            "full",
            "insert into notes (id, body) values (-3, hex(randomblob(100000)))",
            "(13)",
        )
    },
    Class {
        before: Some("select id from notes"),
        between: Some("insert into notes (id, body) values (-4, 'theirs')"),
        is_stale: true,
        ..Class::of(
            "busy-snapshot",
            "insert into notes (id, body) values (-3, 'ours')",
            "(517)",
        )
    },
    Class::of(
        "or-rollback",
        "insert or rollback into notes (id, body) values (-1, '')",
        "(1555)",
    ),
    Class {
        settings: &[
            "create trigger if not exists stop before insert on probes when new.id = -1 \
             begin select raise(rollback, 'stopped'); end",
        ],
        ..Class::of(
            "raise-rollback",
            "insert into probes (id) values (-1)",
            "(1811)",
        )
    },
    Class::of(
        "unique",
        "insert into notes (id, body) values (-1, '')",
        "(1555)",
    ),
    Class::of("no-table", "select * from nowhere", "no such table"),
];

impl Classes for Sqlite {
    fn classes() -> &'static [Class] {
        &CLASSES
    }
}

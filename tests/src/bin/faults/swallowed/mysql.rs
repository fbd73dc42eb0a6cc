//! What MariaDB rolls back by itself: the whole transaction for a deadlock, a
//! statement for a lock that was waited for too long.

use super::class::{Class, Classes};
use sqlx::MySql;

const CLASSES: [Class; 5] = [
    Class {
        // The server gives up the transaction that has changed less.
        rival: &[
            "begin",
            "insert into probes (id) values (-1), (-2), (-3), (-4), (-5), (-6), (-7), (-8), \
             (-9), (-10), (-11), (-12), (-13), (-14), (-15), (-16), (-17), (-18), (-19), (-20)",
            "update notes set body = 'theirs' where id = -2",
        ],
        before: Some("update notes set body = 'ours' where id = -1"),
        meanwhile: Some("update notes set body = 'theirs' where id = -1"),
        ..Class::of(
            "1213",
            "update notes set body = 'ours' where id = -2",
            "1213",
        )
    },
    Class {
        settings: &["set innodb_lock_wait_timeout = 0"],
        rival: &["begin", "update notes set body = 'theirs' where id = -1"],
        ..Class::of(
            "1205",
            "update notes set body = 'ours' where id = -1",
            "1205",
        )
    },
    Class {
        settings: &["set innodb_snapshot_isolation = 1"],
        before: Some("select * from notes"),
        between: Some("update notes set body = 'theirs' where id = -1"),
        ..Class::of(
            "1020",
            "update notes set body = 'ours' where id = -1",
            "1020",
        )
    },
    Class::of("class-40", "signal sqlstate '40001'", "40001"),
    Class::of(
        "unique",
        "insert into notes (id, body) values (-1, '')",
        "23000",
    ),
];

impl Classes for MySql {
    fn classes() -> &'static [Class] {
        &CLASSES
    }
}

//! Texts that hide control, and texts that only look like it.

// tidy: the texts of three engines, in tables

use proptest::{prelude::*, sample::select};

use super::{
    Dialect::{self, MySql, Postgres, Sqlite},
    Effect::{self, Control, Opaque, Plain},
    Text, is_ordinary, read,
};

const ALL: [Dialect; 3] = [Postgres, MySql, Sqlite];

/// Statements that begin or end a transaction in one of the engines.
const CONTROL: [&str; 12] = [
    "commit",
    "COMMIT AND CHAIN",
    "End",
    "abort",
    "begin",
    "begin immediate",
    "start transaction",
    "START /* x */ TRANSACTION read only",
    "rollback",
    "rollback work",
    "ROLLBACK TRANSACTION",
    "prepare transaction 'x'",
];

/// Statements that look like them.
const HARMLESS: [&str; 9] = [
    "rollback to a",
    "ROLLBACK WORK TO SAVEPOINT a",
    "rollback transaction to a",
    "savepoint a",
    "release a",
    "select commit",
    "select 1 as end",
    "insert into t values ('commit')",
    "update t set a = 'it''s'",
];

fn effect(sql: &str, dialect: Dialect) -> Effect {
    read(sql, dialect).effect
}

#[track_caller]
fn assert_effects(dialect: Dialect, expected: Effect, texts: &[&str]) {
    for sql in texts {
        assert_eq!(effect(sql, dialect), expected, "{dialect:?}: {sql}");
    }
}

#[test]
fn control_is_found_behind_blanks_comments_and_statements() {
    for dialect in ALL {
        assert_effects(dialect, Control, &CONTROL);
        for control in CONTROL {
            for before in [
                " \n\t",
                ";",
                " ; ; ",
                "/* a */ -- b\n",
                "/**/",
                "select 1;",
                "select 'a;b' /* ; */; -- it's\n",
                "select \"a;\"; savepoint a;",
            ] {
                assert_effects(dialect, Control, &[&format!("{before}{control}; select 2")]);
            }
        }
    }
}

#[test]
fn a_literal_or_a_comment_that_names_control_is_plain() {
    for dialect in ALL {
        assert_effects(dialect, Plain, &HARMLESS);
        assert_effects(
            dialect,
            Plain,
            &[
                "select 'a; commit'",
                "select 'it''s; commit'; select 2",
                "select \"a; commit\"",
                "select 1; -- ; commit",
                "select 1 /* ; commit */",
                "select 1;",
                "",
            ],
        );
    }
    assert_effects(MySql, Opaque, &["commits", "prepare p from 'commit'"]);
    for dialect in [Postgres, Sqlite] {
        assert_effects(dialect, Plain, &["commits", "start_it()", "prepare p as x"]);
    }
}

#[test]
fn several_statements_and_savepoints_are_told() {
    for dialect in ALL {
        for (sql, several, sets_savepoint) in [
            ("select 1", false, false),
            ("select 1; -- done\n ;", false, false),
            ("select ';'", false, false),
            ("select 1; select 2", true, false),
            ("savepoint a", false, true),
            ("SavePoint a; select 1", true, true),
            ("/* a */ savepoint a", false, true),
            ("select 1; savepoint a", true, true),
            ("release savepoint a", false, false),
            ("select 'savepoint a; '", false, false),
        ] {
            let text = Text {
                effect: Plain,
                several,
                sets_savepoint,
                no_wait: false,
            };
            assert_eq!(read(sql, dialect), text, "{dialect:?}: {sql}");
        }
    }
}

#[test]
fn what_never_ends_is_opaque() {
    for dialect in ALL {
        for sql in ["'a; commit", "select 1; \"a", "/* a; commit", "-- a\n/* b"] {
            let text = read(sql, dialect);
            assert_eq!((text.effect, text.several), (Opaque, true), "{sql}");
        }
    }
    assert_effects(Postgres, Opaque, &["; $$ commit", "; $a$ commit $b$"]);
    assert_effects(MySql, Opaque, &["`a; commit"]);
    assert_effects(Sqlite, Opaque, &["[a; commit", "`a; commit"]);
    // Control before it is control.
    assert_effects(Sqlite, Control, &["commit; 'a"]);
}

#[test]
fn comments_are_read_as_the_engine_reads_them() {
    let nested = "/* a /* b */ c */ commit";
    assert_effects(
        Postgres,
        Control,
        &[nested, "/*/* */*/commit", "-- a\rcommit"],
    );
    assert_effects(Sqlite, Plain, &[nested, "-- a\rcommit"]);
    assert_effects(MySql, Opaque, &[nested, "/*/* */*/commit"]);
    assert_effects(
        MySql,
        Control,
        &["# a\ncommit", "--\ncommit", "--\x01\ncommit"],
    );
    assert_effects(Postgres, Plain, &["select 1 # 2;", "# a\ncommit"]);
    let no_comment = "select 1 --1; commit";
    assert_effects(MySql, Control, &[no_comment]);
    assert_effects(Postgres, Plain, &[no_comment]);
    assert_effects(Sqlite, Plain, &[no_comment]);
    let marked = "\u{feff}commit";
    assert_effects(Sqlite, Control, &[marked, "select 1;\u{feff}commit"]);
    // A name, there.
    assert_effects(Postgres, Plain, &[marked]);
    assert_effects(MySql, Opaque, &[marked]);
}

#[test]
fn the_quotes_of_one_engine_are_read_as_it_reads_them() {
    assert_effects(
        Postgres,
        Plain,
        &[
            "select $$; commit$$",
            "select $a$; $$; $b$ commit $a$; select 2",
            "select E'\\'; commit'",
            "select e'a'\n'\\'; commit'",
            "select 1e'\\'; commit'",
            "select a$b$; select $c$; commit $c$",
        ],
    );
    assert_effects(
        Postgres,
        Control,
        &[
            "select a$b$; commit; $b$",
            "select $1; commit; $1$",
            "select E'\\''; commit",
            "select E'a\\\\'; commit",
            "select `; commit; `",
            "select a[1]; commit",
        ],
    );
    assert_effects(
        MySql,
        Plain,
        &["select `a; commit`", "select `a``; commit`"],
    );
    assert_effects(
        MySql,
        Control,
        &["select `a\\`; commit", "select $$; commit; $$"],
    );
    assert_effects(
        Sqlite,
        Plain,
        &[
            "select [a; commit]",
            "select `a; commit`",
            "select $a(';commit)",
        ],
    );
    assert_effects(
        Sqlite,
        Control,
        &[
            "select [']; commit; --']",
            "select [a'b]; commit; --'",
            "select $a('); commit; --'",
            "select @a::b('); commit; --'",
            "select '\\'; commit",
        ],
    );
}

/// The settings of the session are not known.
#[test]
fn a_backslash_is_read_in_every_way() {
    // The usual way decides what is refused.
    assert_effects(Postgres, Control, &["select '\\'; commit"]);
    assert_effects(MySql, Control, &["select '\\''; commit; -- '"]);
    assert_effects(Postgres, Opaque, &["select '\\''; commit; -- '"]);
    assert_effects(MySql, Opaque, &["select '\\'; commit; -- '"]);
    assert_effects(MySql, Opaque, &["select \"\\\"; commit; -- \""]);
    // The same in every way.
    for dialect in ALL {
        assert_effects(
            dialect,
            Plain,
            &["select 'a\\b; commit'", "select 1 /* \\ */; select 2"],
        );
    }
}

#[test]
fn postgres_has_bodies_that_hold_statements() {
    let routine = |body: &str| format!("create or replace function f() returns int {body}");
    assert_effects(
        Postgres,
        Plain,
        &[
            "create rule r as on insert to t do also (delete from u; delete from v); select 1",
            &routine("language sql as $$ begin; commit $$"),
            &routine("return 1"),
            // Nothing is done where this is refused.
            "select (1; commit",
        ],
    );
    let atomic = "begin atomic select 1; select case when a then b end; end; select 1";
    assert_effects(
        Postgres,
        Opaque,
        &[
            &routine(atomic),
            "create procedure p() begin atomic select 1; end",
        ],
    );
    assert!(!read(&routine("begin atomic select 1; end"), Postgres).several);
    assert_effects(
        Postgres,
        Control,
        &[
            &routine("begin atomic select 1; end; commit"),
            &routine("begin atomic select case when a then b end; end; end"),
            "create function begin() returns int return 1; commit",
            "create function f(begin atomic) returns int return 1; commit",
            "create table t (a int); begin",
            "select 1); commit",
        ],
    );
    assert_effects(
        Postgres,
        Opaque,
        &["execute sqlx_s_1", "select 1; EXECUTE p"],
    );
}

#[test]
fn sqlite_has_triggers() {
    let trigger = "create trigger r after insert on t begin delete from u; select 1; end";
    let explained = format!("explain query plan {trigger}; select 1");
    let temporary = trigger.replace("trigger", "temp /* ; */ trigger");
    assert_effects(Sqlite, Plain, &[trigger, &explained, &temporary]);
    assert!(!read(trigger, Sqlite).several);
    assert!(!read(&format!("{trigger} ; "), Sqlite).several);
    assert!(read(&format!("{trigger}; select 1"), Sqlite).several);
    for before in [trigger, &explained, &temporary] {
        assert_effects(Sqlite, Control, &[&format!("{before}; commit")]);
    }
    assert_effects(
        Sqlite,
        Control,
        &["create table t (a); end", "select 1; end"],
    );
}

#[test]
fn mysql_has_programs_and_executes_comments() {
    for program in [
        "create procedure p() begin commit; end",
        "create or replace definer = `a;b`@'%' function f() returns int begin return 1; end",
        "create aggregate function f() begin commit; end",
        "alter event e do begin commit; end",
        "create package body p as begin commit; end",
        "if 1 then commit; end if",
        "for i in 1..2 do commit; end for",
        "a: loop commit; end loop",
    ] {
        assert_effects(MySql, Opaque, &[program]);
        assert!(read(program, MySql).several, "{program}");
    }
    assert_effects(
        MySql,
        Control,
        &[
            "begin not atomic commit; end",
            "set autocommit = 1",
            "SET @@session.autocommit=0",
            "set @before = @@autocommit, autocommit := 0",
            "set @@autocommit = 0",
            "backup stage start",
            "select 1; BACKUP LOCK notes",
            "select 1; set sql_mode = '', session completion_type = 'CHAIN'",
            "create table t (event int); commit",
            "alter table t add function int; commit",
            "/*! commit */",
            "/*!50000 commit */",
            "/*M!100100 commit*/",
            "select 1 /*! ; commit */",
            "select /*! '*/'; */ 1; commit",
            "/*!99999 ' */; commit; -- '",
            "/*!99999 /* */ ' */; commit; -- '",
            "select 1 */*x*/ 2; commit",
        ],
    );
    assert_effects(
        MySql,
        Opaque,
        &[
            "select 1 /*! + 1 */",
            "/*M! create */ table t (id int)",
            "create table t (id int)",
            "call p()",
            "set sql_mode = ''; select 1",
            "set @a = 'autocommit'",
            "set @before = @@autocommit, @type = @@session.completion_type",
            "set @autocommit = 1, @completion_type := 2",
            "lock tables t write",
            "xa end 'a'",
            "select 1; call p()",
            "select /*+ qb_name(`*/'`) */ 1; commit; -- '",
        ],
    );
    assert_effects(
        MySql,
        Plain,
        &["(select 1)", "select /*+ a(b) */ 1", "select 1 != 2"],
    );
    for dialect in [Postgres, Sqlite] {
        assert_effects(dialect, Plain, &["/*! commit */", "/*M! commit */"]);
    }
}

/// What stands in a literal or a comment: control, marks, and whatever else.
fn content() -> impl Strategy<Value = String> {
    let parts = select(vec![
        ";",
        " ",
        "\n",
        "commit",
        "; rollback",
        "begin",
        "'",
        "\"",
        "`",
        "/*",
        "*/",
        "--",
        "#",
        "$",
        "$$",
        "[",
        "(",
        "é",
        "end;",
        "a",
    ]);
    prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

/// A whole literal, quoted name or comment, and whether it is a comment.
fn hidden(dialect: Dialect) -> impl Strategy<Value = (String, bool)> {
    (content(), 0..8_u8).prop_map(move |(content, form)| {
        let without = |marks: &[&str]| {
            let mut content = content.clone();
            while let Some(mark) = marks.iter().find(|mark| content.contains(**mark)) {
                content = content.replace(mark, "");
            }
            content
        };
        let comment = || format!("/* {} */", without(&["/*", "*/"]));
        match (form, dialect) {
            (0 | 1, _) => (format!("'{}'", content.replace('\'', "''")), false),
            (2, _) => (format!("\"{}\"", content.replace('"', "\"\"")), false),
            (3, _) => (format!("-- {}\n", without(&["\n"])), true),
            (4, Postgres) => (format!("$tag${content}$tag$"), false),
            (5, Postgres) => (format!("E'{}\\''", content.replace('\'', "\\'")), false),
            (6, Postgres) => (format!("/* {} {} */", comment(), comment()), true),
            (4, MySql) | (5, Sqlite) => (format!("`{}`", content.replace('`', "``")), false),
            (5, MySql) => (format!("#{}\n", without(&["\n"])), true),
            (4, Sqlite) => (format!("[{}]", without(&["]"])), false),
            _ => (comment(), true),
        }
    })
}

/// Values, a comma between each two, with comments anywhere.
fn select_of(parts: &[(String, bool)]) -> String {
    let mut sql = "select 1".to_owned();
    for (part, is_comment) in parts {
        let comma = if *is_comment { " " } else { ", " };
        sql.extend([comma, part, " "]);
    }
    sql
}

fn comments_of(parts: &[(String, bool)]) -> String {
    let comments = parts.iter().filter(|(_, is_comment)| *is_comment);
    comments.map(|(part, _)| part.as_str()).collect()
}

/// One statement with everything hidden in it, and what to put before the next.
fn statement(dialect: Dialect) -> impl Strategy<Value = (String, String)> {
    prop::collection::vec(hidden(dialect), 0..5)
        .prop_map(|parts| (select_of(&parts), comments_of(&parts)))
}

fn statements() -> impl Strategy<Value = (Dialect, Vec<(String, String)>)> {
    select(ALL.to_vec()).prop_flat_map(|dialect| {
        let statements = prop::collection::vec(statement(dialect), 1..4);
        (Just(dialect), statements)
    })
}

proptest! {
    #[test]
    fn literals_and_comments_are_never_control((dialect, statements) in statements()) {
        let selects: Vec<_> = statements.iter().map(|(select, _)| select.as_str()).collect();
        let sql = selects.join(";");
        prop_assert_eq!(read(&sql, dialect), Text {
            effect: Plain,
            several: selects.len() > 1,
            sets_savepoint: false,
 no_wait: false,
        });
    }

    #[test]
    fn control_behind_literals_and_comments_is_found(
        (dialect, statements) in statements(),
        control in select(CONTROL.to_vec()),
        at in any::<prop::sample::Index>(),
    ) {
        let mut texts: Vec<_> = statements.iter().map(|(select, _)| select.clone()).collect();
        let (_, comments) = &statements[at.index(statements.len())];
        texts.insert(at.index(texts.len() + 1), format!("{comments} {control}"));
        prop_assert_eq!(effect(&texts.join(";"), dialect), Control);
    }

    /// The short way is one.
    #[test]
    fn what_looks_ordinary_is_plain(
        dialect in select(ALL.to_vec()),
        parts in prop::collection::vec(select(vec![
            "select", "SAVEPOINT", "commit", "call", "x", " ", ";", "'", "/*!", "*/", "\\", "(",
        ]), 0..6),
    ) {
        let sql = parts.concat();
        if is_ordinary(&sql, dialect) {
            let text = super::read_whole(&sql, dialect);
            // What never ends is refused by the engine.
            prop_assert!(text == Text::PLAIN || text.effect == Opaque && text.several, "{}", sql);
        }
    }

    #[test]
    fn every_text_is_read_to_its_end(dialect in select(ALL.to_vec()), sql in any::<String>()) {
        let _ = read(&sql, dialect);
    }
}

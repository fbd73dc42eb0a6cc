//! The wire log as one line that reads alike on every engine.

use sqlx_transactional_tests::{Backend, TestDb};

/// What was sent since the last call: `BEGIN; insert 1; COMMIT`.
///
/// Savepoints are `s1`, `s2` … in the order in which they appear, which also
/// shows whether their names are distinct; `START TRANSACTION` is BEGIN. What tells the
/// transaction from another is `MARK`, and each question about it one word. `None` on
/// SQLite, which has no wire.
pub(crate) fn sent<DB: Backend>(db: &TestDb<DB>) -> Option<String> {
    let messages = db.wire.as_ref()?.take_statements();
    let messages: Vec<_> = messages.iter().map(|message| in_words(message)).collect();
    let log = messages.join("; ");
    let mut names: Vec<String> = Vec::new();
    let mut follows = false;
    let words: Vec<String> = log
        .replace("START TRANSACTION", "BEGIN")
        .replace("insert into notes (id, body) values (", "insert ")
        .replace(", 'body')", "")
        .split(' ')
        .map(|word| {
            if !std::mem::replace(&mut follows, word.eq_ignore_ascii_case("savepoint")) {
                return word.to_owned();
            }
            let name = word.trim_end_matches(';');
            let number = names.iter().position(|known| known == name);
            let number = number.unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            format!("s{}{}", number + 1, &word[name.len()..])
        })
        .collect();
    Some(words.join(" "))
}

/// A message with what it asks of the transaction in words: `PROVE` whether it is the one
/// that began, `VERIFY` whether one is open, `RESTORE` what is to be given back.
fn in_words(message: &str) -> String {
    let asks = ["_asked", "', NULL", "THEN 'kept' END"];
    let asks = asks.iter().any(|end| message.ends_with(end));
    if asks && message.starts_with("ROLLBACK; ") {
        return "RESTORE".to_owned();
    } else if asks && message.starts_with("SAVEPOINT ") {
        return "VERIFY".to_owned();
    } else if asks || message.contains("current_setting('sqlx_transactional.mark_") {
        return "PROVE".to_owned();
    }
    let in_words = |part: &str| {
        let is_setting = part.starts_with("SET LOCAL sqlx_transactional.mark_");
        if is_setting || (part.starts_with("SAVEPOINT ") && part.ends_with("_mark")) {
            "MARK".to_owned()
        } else {
            part.to_owned()
        }
    };
    let is_beside =
        |part: &str| part.ends_with("_again") || part.starts_with("SET sqlx_transactional.kept_");
    let parts = message.split("; ").filter(|part| !is_beside(part));
    let parts: Vec<_> = parts.map(in_words).collect();
    parts.join("; ")
}

/// A BEGIN that asks who it is, by the first thing it asks for alone. A limit that loosens
/// no stricter one is written `LEAST name milliseconds`.
pub(crate) fn who(begin: &str) -> String {
    let least = |part: &str| {
        let (name, rest) = part
            .strip_prefix("SELECT set_config('")?
            .split_once("', least(")?;
        let (limit, _) = rest.split_once(", nullif(")?;
        Some(format!("LEAST {name} {limit}"))
    };
    let parts = begin.split("; ");
    let parts = parts.map(|part| least(part).unwrap_or_else(|| part.to_owned()));
    let begin = parts.collect::<Vec<_>>().join("; ");
    let rest = [
        "(extract(epoch FROM now()) * 1000000)::int8::text",
        "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8::text",
        "CAST(CRC32(CONCAT_WS('/', @@hostname, @@port, @@datadir, @@pid_file, @@server_id \
         /*!50701 , @@server_uuid */)) AS UNSIGNED)",
    ];
    rest.iter().fold(begin, |begin, column| {
        begin.replace(&format!(", {column}"), "")
    })
}

/// Asserts that exactly this was sent since the last look. Says nothing on
/// SQLite.
///
/// # Panics
///
/// When something else was.
#[track_caller]
pub(crate) fn assert_sent<DB: Backend>(db: &TestDb<DB>, expected: &str) {
    if let Some(sent) = sent(db) {
        assert_eq!(sent, expected);
    }
}

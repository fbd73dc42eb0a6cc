//! Text that fits a terminal.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The columns of the narrowest terminal that the output is made for.
pub(crate) const WIDTH: usize = 80;

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text on one line of at most `columns`, ended by `…` where it was cut.
/// Control characters become spaces: stored text must not steer a terminal.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if width(&line) <= columns {
        return line;
    }
    let mut cut = String::new();
    let mut used = 1;
    for grapheme in line.graphemes(true) {
        used += width(grapheme);
        if used > columns {
            break;
        }
        cut.push_str(grapheme);
    }
    format!("{}…", cut.trim_end())
}

/// A statement on one line of at most `columns`. What it acts on stands at both
/// its ends, so the middle is what goes; of an insert, the end.
pub(crate) fn statement(sql: &str, columns: usize) -> String {
    if width(sql) <= columns || sql.starts_with("insert ") {
        return fit(sql, columns);
    }
    let clauses = [" from ", " where ", " order by "].into_iter();
    let mut ends: Vec<&str> = clauses
        .filter_map(|clause| Some(&sql[sql.rfind(clause)?..]))
        .filter(|end| width(end) <= columns * 3 / 5)
        .collect();
    ends.sort_by_key(|end| end.len());
    let Some(end) = ends.pop() else {
        return fit(sql, columns);
    };
    let start = fit(sql, columns - width(end));
    let start = start.rsplit_once(' ').map_or("", |(start, _)| start);
    format!("{start} …{end}")
}

/// The same, filled up with spaces.
pub(crate) fn fill(text: &str, columns: usize) -> String {
    let mut line = fit(text, columns);
    line.extend(std::iter::repeat_n(
        ' ',
        columns.saturating_sub(width(&line)),
    ));
    line
}

/// The tail of an id, which is its random part.
pub(crate) fn short(id: &str) -> String {
    let tail = id.len().saturating_sub(6);
    format!("…{}", id.get(tail..).unwrap_or(id))
}

/// A stored value, on one line of at most `columns`.
pub(crate) fn value(value: &Value, columns: usize) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if !text.starts_with('{') => {
            format!("\"{}\"", fit(text, columns.saturating_sub(2)))
        }
        Value::String(text) => fit(text, columns),
        other => fit(&other.to_string(), columns),
    }
}

/// Milliseconds, to a hundredth.
pub(crate) fn millis(micros: u64) -> String {
    format!("{}.{:02} ms", micros / 1000, micros % 1000 / 10)
}

/// A number of things.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_takes_more_columns_than_it_is_given() {
        for text in [
            "plain",
            "京都三日間の旅程",
            "👨‍👩‍👧‍👦 family",
            "a\u{301}\u{301}bc",
            "می‌خواهم",
            "\x1b[31mred\n",
        ] {
            for columns in 1..20 {
                let line = fit(text, columns);
                assert!(width(&line) <= columns, "{line:?} in {columns}");
                assert!(!line.contains(char::is_control));
                assert_eq!(width(&fill(text, columns)), columns);
            }
        }
        assert_eq!(fit("Kyoto", 5), "Kyoto");
        assert_eq!(fit("Kyoto trip", 7), "Kyoto…");
        assert_eq!(fit("京都三日間", 6), "京都…");
    }

    #[test]
    fn a_statement_keeps_both_its_ends() {
        let sql = "select id, owner, title, status, metadata from threads where id = $1";
        assert_eq!(
            statement(sql, 50),
            "select id, owner, … from threads where id = $1"
        );
        for columns in 20..80 {
            let line = statement(sql, columns);
            assert!(width(&line) <= columns, "{line:?} in {columns}");
        }
    }

    #[test]
    fn durations_are_read_in_milliseconds() {
        assert_eq!(millis(0), "0.00 ms");
        assert_eq!(millis(1_239), "1.23 ms");
        assert_eq!(millis(12_345_678), "12345.67 ms");
    }
}

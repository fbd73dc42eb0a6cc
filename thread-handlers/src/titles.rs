//! Titles made from a thread's first message.

use std::fmt::Debug;

use futures_core::future::BoxFuture;
use unicode_segmentation::UnicodeSegmentation;

/// The longest title that is made for a thread, in characters.
pub const MADE_TITLE_MAX: usize = 50;

/// Something that can name a conversation.
///
/// It is asked between two transactions, with no connection held, so it may
/// take its time, and may use the same pool.
pub trait TitleGenerator: Debug + Send + Sync {
    /// Names a conversation that begins with `message`.
    fn title<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<String, TitleError>>;
}

/// Why a generator gave no title.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TitleError {
    /// It answered, with nothing in it.
    #[error("the title generator's answer is empty")]
    Empty,
    /// It did not answer in time.
    #[error("the title generator did not answer in time")]
    TimedOut,
    /// It could not be asked, or answered that it cannot.
    #[error("the title generator failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The built-in generator: the first words of the message. It needs no
/// network.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstWords;

impl FirstWords {
    /// As many whole words as fit; a longer first word is cut.
    fn of(message: &str) -> Option<String> {
        let mut title = String::new();
        let mut length = 0;
        for word in message.split(is_blank).filter(|word| !word.is_empty()) {
            length += usize::from(length > 0) + word.chars().count();
            if length > MADE_TITLE_MAX && !title.is_empty() {
                break;
            }
            if !title.is_empty() {
                title.push(' ');
            }
            title.push_str(word);
        }
        tidy(&title)
    }
}

impl TitleGenerator for FirstWords {
    fn title<'a>(&'a self, message: &'a str) -> BoxFuture<'a, Result<String, TitleError>> {
        Box::pin(std::future::ready(
            Self::of(message).ok_or(TitleError::Empty),
        ))
    }
}

/// Asks `titles`; on a failure or an empty answer takes the built-in title and
/// logs a warning. Nothing when even that is empty.
pub(crate) async fn suggest(titles: &dyn TitleGenerator, message: &str) -> Option<String> {
    let answer = titles.title(message).await;
    match answer.and_then(|title| tidy(&title).ok_or(TitleError::Empty)) {
        Ok(title) => Some(title),
        Err(error) => {
            tracing::warn!(
                error = &error as &(dyn std::error::Error + 'static),
                "no title from the generator: the built-in one is used"
            );
            FirstWords::of(message)
        }
    }
}

/// A generator's answer as a title: on one line, trimmed, without quotes around
/// it, and cut to [`MADE_TITLE_MAX`] characters where a person would see one
/// end. Nothing when nothing is left.
pub(crate) fn tidy(answer: &str) -> Option<String> {
    let line = answer
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let title = cut(unquoted(&line));
    (!title.is_empty()).then(|| title.to_owned())
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The quotation marks that writers, and models, put around a title.
const QUOTES: [(char, char); 12] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('„', '”'),
    ('”', '”'),
    ('‘', '’'),
    ('«', '»'),
    ('»', '«'),
    ('「', '」'),
    ('『', '』'),
];

/// Takes off quotation marks as long as a pair encloses all of the rest.
fn unquoted(mut title: &str) -> &str {
    while let Some(inner) = QUOTES.iter().find_map(|&(open, close)| {
        let inner = title.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.contains([open, close])).then(|| inner.trim())
    }) {
        title = inner;
    }
    title
}

/// At most [`MADE_TITLE_MAX`] characters, and no part of what a reader sees as
/// one (a letter with its accents, a family emoji).
fn cut(title: &str) -> &str {
    let Some((limit, _)) = title.char_indices().nth(MADE_TITLE_MAX) else {
        return title;
    };
    let end = title
        .grapheme_indices(true)
        .map(|(start, grapheme)| start + grapheme.len())
        .take_while(|&end| end <= limit)
        .last()
        // One visible character of more than fifty code points is cut.
        .unwrap_or(limit);
    title[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Answers(fn() -> Result<String, TitleError>);

    impl TitleGenerator for Answers {
        fn title<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<String, TitleError>> {
            Box::pin(std::future::ready(self.0()))
        }
    }

    #[test]
    fn answers_are_tidied() {
        for (answer, title) in [
            ("  Trip to Rome \n", "Trip to Rome"),
            ("\"Trip to Rome\"", "Trip to Rome"),
            ("“ 'Trip to Rome' ”", "Trip to Rome"),
            ("„Reise nach Rom“", "Reise nach Rom"),
            ("「ローマ旅行」", "ローマ旅行"),
            ("\"A\" and \"B\"", "\"A\" and \"B\""),
            ("the girls' school", "the girls' school"),
            ("two\nlines\tand a tab", "two lines and a tab"),
            ("a\0b", "a b"),
        ] {
            assert_eq!(tidy(answer).as_deref(), Some(title), "{answer:?}");
        }
        for answer in ["", " \n", "\"\"", "' \" \" '", "\0"] {
            assert_eq!(tidy(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn a_title_is_cut_where_a_reader_sees_a_character_end() {
        assert_eq!(tidy(&"x".repeat(60)).unwrap(), "x".repeat(50));
        assert_eq!(tidy(&"語".repeat(60)).unwrap(), "語".repeat(50));
        // Seven code points each: seven families fit, an eighth would be torn.
        let family = "👨‍👩‍👧‍👦";
        assert_eq!(tidy(&family.repeat(9)).unwrap(), family.repeat(7));
        // An accent of its own code point stays with its letter.
        let title = format!("{}e\u{301}", "x".repeat(49));
        assert_eq!(tidy(&title).unwrap(), "x".repeat(49));
        // More marks on one letter than a title may have characters.
        let zalgo = format!("z{}", "\u{301}".repeat(80));
        assert_eq!(tidy(&zalgo).unwrap().chars().count(), MADE_TITLE_MAX);
    }

    #[test]
    fn the_built_in_title_is_whole_words() {
        let message = "Can you explain how transaction isolation works in practice?";
        assert_eq!(
            FirstWords::of(message).unwrap(),
            "Can you explain how transaction isolation works in"
        );
        assert_eq!(FirstWords::of("Hi\n\nthere").unwrap(), "Hi there");
        assert_eq!(FirstWords::of(&"x".repeat(80)).unwrap(), "x".repeat(50));
        assert_eq!(FirstWords::of(" \n "), None);
    }

    #[tokio::test]
    async fn a_failing_generator_is_replaced_by_the_built_in_one() {
        let failing: [fn() -> Result<String, TitleError>; 4] = [
            || Ok("  \n\"\" ".to_owned()),
            || Err(TitleError::Empty),
            || Err(TitleError::TimedOut),
            || Err(TitleError::Failed("no route to host".into())),
        ];
        for answer in failing {
            let title = suggest(&Answers(answer), "hello world").await;
            assert_eq!(title.as_deref(), Some("hello world"));
        }
        let title = suggest(&Answers(|| Ok("'Greetings'".into())), "hello").await;
        assert_eq!(title.as_deref(), Some("Greetings"));
        assert_eq!(suggest(&Answers(|| Ok(String::new())), " ").await, None);
    }

    proptest! {
        #[test]
        fn tidy_is_short_trimmed_and_stable(answer in ".*") {
            if let Some(title) = tidy(&answer) {
                prop_assert!(title.chars().count() <= MADE_TITLE_MAX);
                prop_assert!(!title.is_empty());
                prop_assert!(!title.contains(char::is_control));
                prop_assert_eq!(title.trim(), &title);
            }
        }
    }
}

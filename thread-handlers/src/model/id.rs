//! Identifiers that sort by the time they were made.

use uuid::Uuid;

/// A new thread id: `thread_` and a version 7 UUID ([RFC 9562, section
/// 5.7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)) as 32 hexadecimal
/// digits.
#[must_use]
pub fn thread_id() -> String {
    format!("thread_{}", Uuid::now_v7().simple())
}

/// A new message id: `msg_` and a version 7 UUID as 32 hexadecimal digits.
#[must_use]
pub fn message_id() -> String {
    format!("msg_{}", Uuid::now_v7().simple())
}

/// Whether `id` can be asked of every database.
///
/// PostgreSQL takes no NUL in a text, so such an id cannot exist and is
/// answered as an unknown one, without a statement.
pub(crate) fn can_exist(id: &str) -> bool {
    !id.contains('\0')
}

/// Whether `id` is a thread id as [`thread_id`] makes them.
pub(super) fn is_thread_id(id: &str) -> bool {
    id.strip_prefix("thread_").is_some_and(|hex| {
        hex.len() == 32
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_prefix_and_32_hex_digits() {
        let id = thread_id();
        assert!(is_thread_id(&id), "{id}");
        let id = message_id();
        assert_eq!(id.len(), "msg_".len() + 32, "{id}");
        assert!(id.starts_with("msg_"), "{id}");
    }

    #[test]
    fn ids_made_later_sort_later() {
        let ids: Vec<String> = (0..1000).map(|_| thread_id()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn other_shapes_are_no_thread_ids() {
        for id in [
            "",
            "thread_",
            "thread_0192",
            "msg_0192f0c1a2b37c4d8e9f00112233aabb",
        ] {
            assert!(!is_thread_id(id), "{id}");
        }
        assert!(!is_thread_id("thread_0192F0C1A2B37C4D8E9F00112233AABB"));
        assert!(!is_thread_id("thread_0192f0c1a2b37c4d8e9f00112233aabbcc"));
    }
}

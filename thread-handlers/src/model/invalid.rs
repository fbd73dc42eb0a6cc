//! Why a request was refused before it reached the database.

use super::{CONTENT_MAX, LIMIT_MAX, METADATA_DEPTH_MAX, METADATA_MAX, TITLE_MAX};

/// A request that breaks a rule of the model.
///
/// Its text is meant for the client: it names the field and the rule, never a
/// statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The title is empty after trimming, or too long.
    #[error("the title must have 1 to {TITLE_MAX} characters, not {found}")]
    TitleLength {
        /// Its length in characters, after trimming.
        found: usize,
    },
    /// The message is empty or too long.
    #[error("the message must have 1 to {CONTENT_MAX} characters, not {found}")]
    ContentLength {
        /// Its length in characters.
        found: usize,
    },
    /// The metadata use a key that belongs to the service.
    #[error("the metadata key {key:?} is reserved")]
    ReservedKey {
        /// The key.
        key: String,
    },
    /// The client's own metadata are too large.
    #[error("the metadata must have at most {METADATA_MAX} bytes as JSON, not {found}")]
    MetadataSize {
        /// Their size in bytes, serialized.
        found: usize,
    },
    /// The client's own metadata are nested too deeply to be read back.
    #[error("the metadata must be nested at most {METADATA_DEPTH_MAX} levels deep")]
    MetadataDepth,
    /// A text holds the character NUL, which PostgreSQL cannot store.
    #[error("the {field} must not contain the character U+0000")]
    Nul {
        /// The field: `title`, `message` or `metadata`.
        field: &'static str,
    },
    /// A page of no, or too many, rows.
    #[error("the limit must be 1 to {LIMIT_MAX}, not {found}")]
    Limit {
        /// The limit asked for.
        found: i64,
    },
    /// A page that begins before the first row.
    #[error("the offset must be 0 or more, not {found}")]
    Offset {
        /// The offset asked for.
        found: i64,
    },
    /// A chosen thread id of another shape than the service's own.
    #[error("a thread id is \"thread_\" and 32 hexadecimal digits")]
    ThreadId,
}

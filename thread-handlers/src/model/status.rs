//! Whether a thread is still in use.

use serde::{Deserialize, Serialize};

/// Whether a thread takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Active,
    /// It can only be read.
    Archived,
}

impl Status {
    /// The status as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

/// A stored status that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("no status is called {0:?}")]
pub struct UnknownStatus(String);

impl TryFrom<String> for Status {
    type Error = UnknownStatus;

    fn try_from(stored: String) -> Result<Self, Self::Error> {
        [Self::Active, Self::Archived]
            .into_iter()
            .find(|status| status.as_str() == stored)
            .ok_or(UnknownStatus(stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_stored_by_the_name_that_reads_them_back() {
        for status in [Status::Active, Status::Archived] {
            assert_eq!(
                Status::try_from(status.as_str().to_owned()).unwrap(),
                status
            );
        }
        assert!(Status::try_from("deleted".to_owned()).is_err());
    }
}

//! A client's own keys on a thread or a message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Invalid, text::without_nul};

/// The largest metadata a client may keep, in bytes of serialized JSON.
pub const METADATA_MAX: usize = 16 * 1024;

/// How many arrays and objects may be nested in one another, the metadata
/// themselves included: a reader of JSON gives up at some depth, 128 at the least.
pub const METADATA_DEPTH_MAX: usize = 100;

/// The keys that a client may not send: they say what the service knows.
pub const RESERVED_KEYS: [&str; 10] = [
    "user_id",
    "owner",
    "status",
    "title",
    "created_at",
    "updated_at",
    "archived_at",
    "auto_renamed",
    "id",
    "object",
];

const AUTO_RENAMED: &str = "auto_renamed";

/// A JSON object of the client's own keys, and the service's mark
/// `auto_renamed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The whole object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether the title was made by [`auto_rename_thread`].
    ///
    /// [`auto_rename_thread`]: crate::handlers::auto_rename_thread
    #[must_use]
    pub fn is_auto_renamed(&self) -> bool {
        self.0.get(AUTO_RENAMED) == Some(&Value::Bool(true))
    }

    /// Sets the mark that [`is_auto_renamed`](Self::is_auto_renamed) reads.
    pub(super) fn mark_auto_renamed(&mut self) {
        self.0.insert(AUTO_RENAMED.to_owned(), Value::Bool(true));
    }

    /// Adds a client's keys; a null value removes its key.
    ///
    /// # Errors
    ///
    /// A reserved key, a NUL in a key or a text, too many levels, or a result
    /// that is too large. The metadata are as they were then.
    pub fn merge(&mut self, client: &Map<String, Value>) -> Result<(), Invalid> {
        check_keys(client)?;
        let mut merged = self.0.clone();
        for (key, value) in client {
            if value.is_null() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.clone());
            }
        }
        check_size(&merged)?;
        self.0 = merged;
        Ok(())
    }
}

/// What [`Metadata::merge`] would refuse of `client` alone, whatever is stored.
pub(super) fn check(client: &Map<String, Value>) -> Result<(), Invalid> {
    check_keys(client)?;
    check_size(client)
}

fn check_keys(client: &Map<String, Value>) -> Result<(), Invalid> {
    if let Some(key) = client.keys().find(|k| RESERVED_KEYS.contains(&k.as_str())) {
        return Err(Invalid::ReservedKey { key: key.clone() });
    }
    client.iter().try_for_each(|(key, value)| {
        without_nul("metadata", key)?;
        check_value(value, METADATA_DEPTH_MAX - 1)
    })
}

/// Checks a value in which `levels` more may be nested.
fn check_value(value: &Value, levels: usize) -> Result<(), Invalid> {
    let below = || levels.checked_sub(1).ok_or(Invalid::MetadataDepth);
    match value {
        Value::String(text) => without_nul("metadata", text),
        Value::Array(items) => {
            let below = below()?;
            items.iter().try_for_each(|item| check_value(item, below))
        }
        Value::Object(map) => {
            let below = below()?;
            map.iter().try_for_each(|(key, value)| {
                without_nul("metadata", key)?;
                check_value(value, below)
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// The service's own mark does not count against the client.
fn check_size(map: &Map<String, Value>) -> Result<(), Invalid> {
    let own: BTreeMap<&str, &Value> = map
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| !RESERVED_KEYS.contains(key))
        .collect();
    let found = serde_json::to_vec(&own).map_or(usize::MAX, |json| json.len());
    if found > METADATA_MAX {
        return Err(Invalid::MetadataSize { found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn merge_sets_replaces_and_removes() {
        let mut metadata = Metadata::default();
        metadata
            .merge(&map(json!({"a": 1, "b": {"c": [1, 2]}, "gone": null})))
            .unwrap();
        assert_eq!(metadata.as_map(), &map(json!({"a": 1, "b": {"c": [1, 2]}})));
        metadata
            .merge(&map(json!({"a": null, "b": "two", "d": true})))
            .unwrap();
        assert_eq!(metadata.as_map(), &map(json!({"b": "two", "d": true})));
    }

    #[test]
    fn every_reserved_key_is_refused_and_named_even_as_null() {
        for key in RESERVED_KEYS {
            for value in [json!("forged"), Value::Null] {
                let mut metadata = Metadata::default();
                let mut client = map(json!({"fine": 1}));
                client.insert(key.to_owned(), value);
                assert_eq!(
                    metadata.merge(&client),
                    Err(Invalid::ReservedKey {
                        key: key.to_owned()
                    })
                );
                assert_eq!(metadata, Metadata::default());
            }
        }
    }

    #[test]
    fn the_limit_counts_the_merged_bytes() {
        let mut metadata = Metadata::default();
        // {"k":"…"} is eight bytes around its text.
        let fits = "x".repeat(METADATA_MAX - 8);
        metadata.merge(&map(json!({ "k": fits }))).unwrap();
        let before = metadata.clone();
        let refused = metadata.merge(&map(json!({ "m": 1 })));
        assert_eq!(
            refused,
            Err(Invalid::MetadataSize {
                found: METADATA_MAX + 6
            })
        );
        assert_eq!(metadata, before);
        metadata.merge(&map(json!({ "k": 1, "m": 1 }))).unwrap();
    }

    #[test]
    fn the_mark_costs_the_client_nothing() {
        let mut metadata = Metadata::default();
        let fits = "x".repeat(METADATA_MAX - 8);
        metadata.merge(&map(json!({ "k": fits }))).unwrap();
        metadata.mark_auto_renamed();
        metadata.merge(&Map::new()).unwrap();
        assert!(metadata.is_auto_renamed());
    }

    #[test]
    fn the_levels_are_counted_with_the_metadata_themselves() {
        let nested = |levels| (2..levels).fold(json!([]), |inner, _| json!([inner]));
        let mut metadata = Metadata::default();
        let fits = map(json!({ "k": nested(METADATA_DEPTH_MAX) }));
        metadata.merge(&fits).unwrap();
        let text = serde_json::to_string(&metadata).unwrap();
        assert_eq!(serde_json::from_str::<Metadata>(&text).unwrap(), metadata);
        let deeper = map(json!({ "k": nested(METADATA_DEPTH_MAX + 1) }));
        assert_eq!(metadata.merge(&deeper), Err(Invalid::MetadataDepth));
    }

    #[test]
    fn nul_is_refused_at_any_depth() {
        for client in [
            json!({"a\0": 1}),
            json!({"a": "\0"}),
            json!({"a": [{"b\0": 1}]}),
            json!({"a": {"b": ["x", "y\0"]}}),
        ] {
            assert_eq!(
                Metadata::default().merge(&map(client)),
                Err(Invalid::Nul { field: "metadata" })
            );
        }
    }
}

//! Numbers in JSON, of which some are words.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value as Json;

/// A number in JSON, which has no NaN and no ∞: they are written as the strings `"NaN"`, `"inf"`, `"-inf"`. `null` reads as NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if self.0.is_finite() { self.0.serialize(serializer) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Number::of(&json).ok_or_else(|| D::Error::custom(format!("{json} is not a number")))
    }
}

impl Number {
    pub(super) fn of(json: &Json) -> Option<Number> {
        match json {
            Json::Null => Some(f64::NAN),
            Json::String(text) => text.parse().ok(),
            other => other.as_f64(),
        }
        .map(Number)
    }
}

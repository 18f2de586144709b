//! Points in time: UTC, to the millisecond, written as the documents write them (`2025-10-23T10:00:00.000Z`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in UTC with millisecond precision. The default is 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Now.
    pub fn now() -> Self {
        Self::from_milliseconds(jiff::Timestamp::now().as_millisecond())
    }

    /// From milliseconds since 1970; clamped to what a calendar holds.
    pub fn from_milliseconds(milliseconds: i64) -> Self {
        Self(jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        }))
    }

    /// Milliseconds since 1970.
    pub fn milliseconds(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Whole seconds since 1970, as DynamoDB's time to live wants them.
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This time and `seconds` later.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_milliseconds(self.milliseconds().saturating_add(seconds.saturating_mul(1000)))
    }

    /// Seconds from `earlier` to this time; negative when it was later.
    pub fn seconds_since(self, earlier: Timestamp) -> f64 {
        (self.milliseconds() - earlier.milliseconds()) as f64 / 1000.0
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("UTC, RFC 3339"))
            .examples([serde_json::json!("2025-10-23T10:00:00.000Z")])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn it_is_written_as_the_documents_write_it() {
        assert_eq!(Timestamp::from_milliseconds(1_761_213_600_000).to_string(), "2025-10-23T10:00:00.000Z");
    }

    #[test]
    fn it_reads_what_it_writes() {
        let now = Timestamp::now();
        let text = serde_json::to_string(&now).expect("a timestamp is text");
        assert_eq!(serde_json::from_str::<Timestamp>(&text).expect("it wrote this"), now);
    }
}

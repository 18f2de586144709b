//! Points in time that requests name, in ISO 8601.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use shared::Timestamp;
use shared::http::fields::Fields;

/// A point in time of a field; one without a time zone is in UTC. What is none is noted.
pub fn take(fields: &mut Fields, field: &str) -> Option<jiff::Timestamp> {
    let text = fields.text(field, 0..=64)?;
    let read = read(&text);
    if read.is_none() {
        fields.fault(&[field], "invalid datetime format: ISO 8601 is expected, 2026-02-28T12:00:00Z for example", "value_error.datetime");
    }
    read
}

fn read(text: &str) -> Option<jiff::Timestamp> {
    // An offset's plus that was not encoded arrives as a space.
    let text = match text.rsplit_once(' ') {
        Some((moment, offset)) if moment.contains('T') => format!("{moment}+{offset}"),
        _ => text.to_owned(),
    };
    let utc = |moment: DateTime| moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let moment = text.parse::<jiff::Timestamp>().ok();
    let moment = moment.or_else(|| text.parse::<DateTime>().ok().and_then(utc));
    moment.or_else(|| text.parse::<Date>().ok().and_then(|date| utc(date.to_datetime(jiff::civil::Time::midnight()))))
}

/// The last millisecond that is not after a point in time: what is after the one is after the other.
pub fn floor(moment: jiff::Timestamp) -> Timestamp {
    Timestamp::from_milliseconds(moment.as_nanosecond().div_euclid(1_000_000).try_into().unwrap_or(i64::MAX))
}

/// The first millisecond that is not before a point in time.
pub fn ceiling(moment: jiff::Timestamp) -> Timestamp {
    Timestamp::from_milliseconds((moment.as_nanosecond() + 999_999).div_euclid(1_000_000).try_into().unwrap_or(i64::MAX))
}

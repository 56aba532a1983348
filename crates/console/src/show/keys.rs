//! Keys, by what they were last written by.

use super::Layout;
use super::columns::{numeric, seconds, text};
use super::nodes::in_seconds;
use crate::snapshot::KeyCount;
use crate::table::Value;

/// The keys of each cluster and source.
pub(super) const KEYS: Layout<KeyCount> = Layout {
    theirs: &[&[
        text("cluster", |k| Value::text(&k.cluster)),
        text("source", |k| Value::text(k.source)),
        numeric("keys", |k| Value::Numeric(k.keys)),
        seconds("oldest_seconds", |k| k.oldest.map_or(Value::Null, in_seconds)),
        seconds("average_seconds", |k| k.average.map_or(Value::Null, in_seconds)),
        seconds("known_seconds", |k| k.known.map_or(Value::Null, in_seconds)),
        numeric("evicted", |k| Value::Numeric(k.evicted)),
    ]],
    ours: &[],
};

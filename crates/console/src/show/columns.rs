//! Short names for making columns.

use super::Field;
use crate::table::{Kind, Value};

pub(super) const fn text<T>(name: &'static str, value: fn(&T) -> Value) -> Field<T> {
    Field { name, kind: Kind::Text, value }
}

pub(super) const fn int<T>(name: &'static str, value: fn(&T) -> Value) -> Field<T> {
    Field { name, kind: Kind::Int4, value }
}

pub(super) const fn big<T>(name: &'static str, value: fn(&T) -> Value) -> Field<T> {
    Field { name, kind: Kind::Int8, value }
}

pub(super) const fn numeric<T>(name: &'static str, value: fn(&T) -> Value) -> Field<T> {
    Field { name, kind: Kind::Numeric, value }
}

pub(super) const fn seconds<T>(name: &'static str, value: fn(&T) -> Value) -> Field<T> {
    Field { name, kind: Kind::Float8, value }
}

pub(super) const fn bytes<T>(name: &'static str, value: fn(&T) -> Value) -> Field<T> {
    Field { name, kind: Kind::Bytea, value }
}

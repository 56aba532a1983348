//! Tables: columns with types, rows of values, and how both are sent.

use std::borrow::Cow;

use afterwrite_wire::server;

use crate::numeric;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `text`
    Text,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `numeric`, here without a fraction
    Numeric,
    /// `double precision`
    Float8,
    /// `bytea`
    Bytea,
    /// `boolean`; PgBouncer's tables have none.
    Bool,
}

impl Kind {
    /// The type's name in PostgreSQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Float8 => "double precision",
            Self::Bytea => "bytea",
            Self::Bool => "boolean",
        }
    }

    /// The type's OID in PostgreSQL.
    pub fn oid(self) -> u32 {
        match self {
            Self::Text => 25,
            Self::Int4 => 23,
            Self::Int8 => 20,
            Self::Numeric => 1700,
            Self::Float8 => 701,
            Self::Bytea => 17,
            Self::Bool => 16,
        }
    }

    fn width(self) -> i16 {
        match self {
            Self::Bool => 1,
            Self::Int4 => 4,
            Self::Int8 | Self::Float8 => 8,
            Self::Text | Self::Numeric | Self::Bytea => -1,
        }
    }
}

/// A column's name and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its type.
    pub kind: Kind,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL, of any type.
    Null,
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Int4`] or [`Kind::Int8`].
    Int(i64),
    /// Of [`Kind::Numeric`].
    Numeric(u64),
    /// Of [`Kind::Float8`].
    Float(f64),
    /// Of [`Kind::Bool`].
    Bool(bool),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// An `integer`, which ends at 2³¹ − 1.
    pub(crate) fn int(number: u32) -> Self {
        Self::Int(i64::from(i32::try_from(number).unwrap_or(i32::MAX)))
    }

    /// A `bigint`, which ends at 2⁶³ − 1.
    pub(crate) fn big(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// 1 or 0: PgBouncer has no booleans.
    pub(crate) fn flag(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }

    /// The value as text; `None` is NULL.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Numeric(number) => Some(Cow::Owned(number.to_string())),
            Self::Float(number) => Some(Cow::Owned(number.to_string())),
            Self::Bool(true) => Some(Cow::Borrowed("t")),
            Self::Bool(false) => Some(Cow::Borrowed("f")),
        }
    }

    fn encode(&self, kind: Kind, format: Format) -> Option<Vec<u8>> {
        match (format, self) {
            (_, Self::Null) => None,
            (_, Self::Text(text)) => Some(text.as_bytes().to_vec()),
            (Format::Text, _) => self.as_text().map(|text| text.into_owned().into_bytes()),
            (Format::Binary, Self::Int(number)) if kind == Kind::Int4 => {
                Some(i32::try_from(*number).unwrap_or(i32::MAX).to_be_bytes().to_vec())
            }
            (Format::Binary, Self::Int(number)) => Some(number.to_be_bytes().to_vec()),
            (Format::Binary, Self::Numeric(number)) => Some(numeric::binary(*number)),
            (Format::Binary, Self::Float(number)) => Some(number.to_be_bytes().to_vec()),
            (Format::Binary, Self::Bool(yes)) => Some(vec![u8::from(*yes)]),
        }
    }
}

/// How values are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Binary,
}

impl Format {
    pub(crate) fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// An answer with rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows, each with a value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// A row of one text, as `SHOW` of a setting gives.
    pub(crate) fn of_text(name: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        let column = Column { name: name.into(), kind: Kind::Text };
        Self { columns: vec![column], rows: vec![vec![Value::text(text)]] }
    }
}

/// Appends a `RowDescription`. Missing formats are text.
pub(crate) fn describe(out: &mut Vec<u8>, columns: &[Column], formats: &[Format]) {
    let fields = columns.iter().enumerate().map(|(at, column)| server::Field {
        name: &column.name,
        type_oid: column.kind.oid(),
        width: column.kind.width(),
        format: formats.get(at).map_or(0, |format| format.code()),
    });
    server::fields(out, fields);
}

/// Appends a `DataRow` with as many values as there are columns.
pub(crate) fn send_row(out: &mut Vec<u8>, columns: &[Column], formats: &[Format], row: &[Value]) {
    let encoded: Vec<Option<Vec<u8>>> = columns
        .iter()
        .zip(row)
        .enumerate()
        .map(|(at, (column, value))| {
            value.encode(column.kind, formats.get(at).copied().unwrap_or(Format::Text))
        })
        .collect();
    let borrowed: Vec<Option<&[u8]>> = encoded.iter().map(Option::as_deref).collect();
    server::data_row(out, &borrowed);
}

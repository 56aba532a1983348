//! A TOML file as values with their lines.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::ImportError;
use super::super::draft::{At, is_name};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: At,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    Other,
}

/// Reads the whole file.
pub(super) fn read(text: &str) -> Result<Node, ImportError> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let lines: Vec<_> = text.match_indices('\n').map(|(offset, _)| offset).collect();
    if let Some(error) = errors.first() {
        let offset = error.span().map_or(0, |span| span.start);
        return Err(ImportError::Syntax {
            line: line_of(&lines, offset),
            found: error.message().replace('\n', ", "),
        });
    }
    let value = table(root.get_ref(), &lines);
    Ok(Node { at: At::line(1), value })
}

/// From 1.
fn line_of(newlines: &[usize], offset: usize) -> usize {
    newlines.partition_point(|newline| *newline < offset) + 1
}

fn table(table: &DeTable<'_>, lines: &[usize]) -> Value {
    let child = |(key, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let mut node = node(value, lines);
        node.at = At::line(line_of(lines, key.span().start));
        (key.get_ref().to_string(), node)
    };
    let mut children: Vec<_> = table.iter().map(child).collect();
    // The map is in the order of the names; a reader expects that of the file.
    children.sort_by_key(|(_, node)| node.at.line);
    Value::Table(children)
}

fn node(value: &Spanned<DeValue<'_>>, lines: &[usize]) -> Node {
    let at = At::line(line_of(lines, value.span().start));
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other, Value::Integer),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(inner) => table(inner, lines),
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
    };
    Node { at, value }
}

impl Node {
    /// Of a table, in the order of the file; of anything else, none.
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        let children = match &self.value {
            Value::Table(children) => children.as_slice(),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Boolean(_)
            | Value::List(_)
            | Value::Other => &[],
        };
        children.iter().map(|(name, node)| (name.as_str(), node))
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children().find(|(known, _)| *known == name).map(|(_, node)| node)
    }

    pub(super) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// A text that can be a name.
    pub(super) fn name(&self) -> Option<&str> {
        self.text().filter(|text| is_name(text))
    }

    pub(super) fn number(&self) -> Option<u64> {
        if let Value::Integer(number) = &self.value { u64::try_from(*number).ok() } else { None }
    }

    pub(super) fn is_on(&self) -> bool {
        matches!(self.value, Value::Boolean(true))
    }

    /// For a note; only for values that are never secret.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::List(_) => "[…]".to_owned(),
            Value::Table(_) | Value::Other => "…".to_owned(),
        }
    }
}

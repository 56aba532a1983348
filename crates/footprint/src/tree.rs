//! PostgreSQL's parse tree as plain values, made from its serialised form.
//!
//! The tree has some 270 kinds of nodes. A walk that names each kind misses what it forgot; here
//! every field of every node becomes a value, so a walk over values cannot pass anything by.

use std::fmt;

use serde::ser::{self, Serialize};

/// How deep values may be nested: below what the decoder of the tree allows, and far below what a
/// thread's stack holds.
const DEPTH_MAX: usize = 512;

/// A value of the parse tree. What is empty or zero is left out of lists and nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// `false`, 0, an empty text, a list without elements, nothing at all.
    Empty,
    Number(i64),
    Text(Box<str>),
    List(Vec<Value>),
    Node(Node),
}

/// A node: its kind, and its fields in the order of the grammar's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: &'static str,
    pub(crate) fields: Vec<(&'static str, Value)>,
}

impl Node {
    pub(crate) fn field(&self, name: &str) -> &Value {
        let found = self.fields.iter().find(|(known, _)| *known == name);
        found.map_or(&Value::Empty, |(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.field(name).text()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        match self.field(name) {
            Value::Number(number) => *number,
            Value::Empty | Value::Text(_) | Value::List(_) | Value::Node(_) => 0,
        }
    }

    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        self.field(name).node()
    }

    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.field(name).list()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        *self.field(name) != Value::Empty
    }
}

impl Value {
    pub(crate) fn node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            Self::Empty | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            Self::Empty | Self::Number(_) | Self::Text(_) | Self::Node(_) => &[],
        }
    }

    /// A text, or the text of a `String` node.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Node(node) if node.kind == "String" => node.text("sval"),
            Self::Empty | Self::Number(_) | Self::List(_) | Self::Node(_) => "",
        }
    }
}

/// The tree is deeper than we follow, or has what no tree has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parse tree is too deep")
    }
}

impl std::error::Error for TooDeep {}

impl ser::Error for TooDeep {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Makes values of anything that serialises as a tree.
pub(crate) fn of<T: Serialize>(tree: &T) -> Result<Value, TooDeep> {
    tree.serialize(Maker { depth: 0 })
}

#[derive(Clone, Copy)]
struct Maker {
    depth: usize,
}

impl Maker {
    fn deeper(self) -> Result<Self, TooDeep> {
        if self.depth >= DEPTH_MAX {
            return Err(TooDeep);
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

fn number<T: TryInto<i64>>(number: T) -> Value {
    match number.try_into() {
        Ok(0) => Value::Empty,
        Ok(number) => Value::Number(number),
        Err(_) => Value::Number(i64::MAX),
    }
}

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Empty } else { Value::Text(text.into()) }
}

impl ser::Serializer for Maker {
    type Ok = Value;
    type Error = TooDeep;
    type SerializeSeq = ListMaker;
    type SerializeTuple = ListMaker;
    type SerializeTupleStruct = ser::Impossible<Value, TooDeep>;
    type SerializeTupleVariant = ser::Impossible<Value, TooDeep>;
    type SerializeMap = ser::Impossible<Value, TooDeep>;
    type SerializeStruct = NodeMaker;
    type SerializeStructVariant = ser::Impossible<Value, TooDeep>;

    fn serialize_bool(self, v: bool) -> Result<Value, TooDeep> {
        Ok(number(i64::from(v)))
    }

    fn serialize_i8(self, v: i8) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_i16(self, v: i16) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_i32(self, v: i32) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_i64(self, v: i64) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_u8(self, v: u8) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_u16(self, v: u16) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_u32(self, v: u32) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_u64(self, v: u64) -> Result<Value, TooDeep> {
        Ok(number(v))
    }

    fn serialize_f32(self, _: f32) -> Result<Value, TooDeep> {
        Ok(Value::Empty)
    }

    fn serialize_f64(self, _: f64) -> Result<Value, TooDeep> {
        Ok(Value::Empty)
    }

    fn serialize_char(self, v: char) -> Result<Value, TooDeep> {
        Ok(text(v.encode_utf8(&mut [0; 4])))
    }

    fn serialize_str(self, v: &str) -> Result<Value, TooDeep> {
        Ok(text(v))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, TooDeep> {
        Ok(Value::Empty)
    }

    fn serialize_none(self) -> Result<Value, TooDeep> {
        Ok(Value::Empty)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Value, TooDeep> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, TooDeep> {
        Ok(Value::Empty)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, TooDeep> {
        Ok(Value::Empty)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, TooDeep> {
        Ok(text(variant))
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, TooDeep> {
        value.serialize(self.deeper()?)
    }

    /// `Node::RangeVar(…)` and its like. The structure inside has the same name.
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Value, TooDeep> {
        value.serialize(self.deeper()?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<ListMaker, TooDeep> {
        let maker = self.deeper()?;
        Ok(ListMaker { maker, list: Vec::with_capacity(len.unwrap_or(0).min(1024)) })
    }

    fn serialize_tuple(self, len: usize) -> Result<ListMaker, TooDeep> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, TooDeep> {
        Err(TooDeep)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, TooDeep> {
        Err(TooDeep)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, TooDeep> {
        Err(TooDeep)
    }

    fn serialize_struct(self, kind: &'static str, _: usize) -> Result<NodeMaker, TooDeep> {
        Ok(NodeMaker { maker: self.deeper()?, node: Node { kind, fields: Vec::new() } })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, TooDeep> {
        Err(TooDeep)
    }
}

struct ListMaker {
    maker: Maker,
    list: Vec<Value>,
}

impl ListMaker {
    fn push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TooDeep> {
        self.list.push(value.serialize(self.maker)?);
        Ok(())
    }

    fn value(self) -> Value {
        if self.list.is_empty() { Value::Empty } else { Value::List(self.list) }
    }
}

impl ser::SerializeSeq for ListMaker {
    type Ok = Value;
    type Error = TooDeep;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TooDeep> {
        self.push(value)
    }

    fn end(self) -> Result<Value, TooDeep> {
        Ok(self.value())
    }
}

impl ser::SerializeTuple for ListMaker {
    type Ok = Value;
    type Error = TooDeep;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TooDeep> {
        self.push(value)
    }

    fn end(self) -> Result<Value, TooDeep> {
        Ok(self.value())
    }
}

struct NodeMaker {
    maker: Maker,
    node: Node,
}

impl ser::SerializeStruct for NodeMaker {
    type Ok = Value;
    type Error = TooDeep;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TooDeep> {
        match value.serialize(self.maker)? {
            Value::Empty => {}
            value => self.node.fields.push((name, value)),
        }
        Ok(())
    }

    /// A node that only holds another is that other.
    fn end(mut self) -> Result<Value, TooDeep> {
        if self.node.kind == "Node" {
            return Ok(self.node.fields.pop().map_or(Value::Empty, |(_, value)| value));
        }
        Ok(Value::Node(self.node))
    }
}

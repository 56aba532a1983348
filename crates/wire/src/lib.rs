//! The PostgreSQL wire protocol, version 3, in both directions.
//!
//! Bytes in, words out, and back. There is no socket and no clock here. The
//! one touch of the outside is [`scram::nonce`], [`scram::salt`] and [`md5::salt`],
//! which ask the operating system for random bytes; the exchanges themselves are
//! handed theirs.
//!
//! # Invariant: bytes cannot hurt us
//!
//! No decoder panics on any input, and no length is believed before it has
//! been held against a limit. Decoders borrow: no body is copied.
//!
//! # Invariant: an encoder never misleads the peer
//!
//! A message that the protocol cannot carry (a body over 2 GiB, a string with
//! a zero byte inside) is written as a lone frame with an impossible length, on
//! which the peer hangs up. The alternative, a length that wrapped around, lets
//! the tail of a value be read as the next message.

pub mod client;
pub mod credentials;
mod encode;
pub mod frame;
pub mod md5;
pub mod password;
pub mod reader;
pub mod scram;
pub mod seal;
pub mod secret;
pub mod server;
pub mod startup;
pub mod tags;

#[cfg(test)]
mod properties;

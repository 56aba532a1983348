//! The protocol itself, byte for byte: held against PostgreSQL, and at sizes where
//! holding too much would show.

mod cancel;
mod prepared;
mod session_state;
mod settings;
mod size;
mod transcripts;

//! What a statement does, by PostgreSQL's own grammar and the catalog of the real database.
//!
//! [`afterwrite_sql`] reads the words of a text and knows what it does to its session. This crate
//! knows the rest: the grammar says what the text names ([`Mentions`]), the catalog what stands
//! behind a name ([`Catalog`]), and both together where a statement may run and what it touches
//! ([`Footprint`]). Neither is believed alone: a read is what both call a read, except for
//! functions, which only the catalog knows.
//!
//! The path of a text: `grammar` parses it, `tree` makes the tree plain values, `walk` collects
//! what it mentions, `judge` looks that up in `catalog`, `footprint` draws the conclusion.

mod because;
mod catalog;
mod footprint;
mod grammar;
mod judge;
mod mention;
mod path;
mod rules;
mod tree;
mod walk;

pub use because::Because;
pub use catalog::{Builder, Catalog, Part, PathRow, Volatility};
pub use footprint::{Footprint, Kind, Reading, Route, read, read_in_haste};
pub use grammar::{TEXT_MAX, Unparsed, read as mentions};
pub use judge::{Knowledge, Touched};
pub use mention::{Call, Change, Class, Mentions, Name, Use};
pub use path::Path;
pub use rules::{BadPattern, Rules, Verdict};

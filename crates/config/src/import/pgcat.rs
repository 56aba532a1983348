//! `pgcat.toml`, up to version 1.3.

mod general;
mod pools;
mod tree;

use super::draft::Draft;
use super::{Asks, Format, ImportError};
use tree::Node;

pub(super) fn import(draft: &mut Draft, text: &str) -> Result<(), ImportError> {
    let root = tree::read(text)?;
    let is_ours = |name: &str| root.child(name).is_some();
    if !is_ours("general") && !is_ours("pools") {
        return Err(ImportError::Foreign(Format::PgCat));
    }
    let mut pools = Vec::new();
    for (name, node) in root.children() {
        match (name, node) {
            ("general", node) => general::import(draft, node),
            ("pools", node) => pools.extend(node.children()),
            // An older file has its one pool's parts at the top.
            _ => unknown(draft, "", name, node),
        }
    }
    general::check(draft, root.child("general"));
    pools::import(draft, &pools, root.child("general"));
    Ok(())
}

/// A key that nothing of ours is like, or that is not known at all.
fn unknown(draft: &mut Draft, section: &str, key: &str, node: &Node) {
    let text = format!("{key} is not known; it was left out.");
    draft.note(section, Asks::Decision, &node.at, &text);
}

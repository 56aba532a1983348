//! Clients that break the rules, and clients that are refused: each alone is closed,
//! all others go on, and nothing is left behind.

mod broken;
mod gone;
mod refused;

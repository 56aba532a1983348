//! Nobody reads a state older than their own last write, and reads go to replicas
//! where they can.

mod bounded;
mod catalog;
mod causal;
mod checker;
mod gauges;
mod hijacked;
mod hints;
mod leaks;
mod levels;
mod reported;
mod routing;
mod scopes;
mod tables;
mod terms;
mod tokens;
mod transactions;
mod writes;

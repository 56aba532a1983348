//! What a decision may know of the cluster.

use std::time::Duration;

use afterwrite_types::{Line, NodeId};

use crate::{Forecast, Observed};

/// The cluster as it was known at one instant.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The confirmed primary, if there is one.
    pub primary: Option<PrimaryView>,
    /// Every replica, healthy or not.
    pub replicas: &'a [ReplicaView],
}

/// The confirmed primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrimaryView {
    /// Which node.
    pub node: NodeId,
    /// The line of history it writes.
    pub line: Line,
}

/// One replica.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaView {
    /// Which node.
    pub node: NodeId,
    /// Whether it takes connections and answers its probe.
    pub healthy: bool,
    /// How far it was seen to have replayed.
    pub observed: Option<Observed>,
    /// Statements under way on it.
    pub in_flight: u32,
    /// How long it is expected to take to replay something new.
    pub forecast: Forecast,
}

/// How to choose among replicas that will all do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest statements under way.
    #[default]
    LeastInFlight,
    /// Each in turn.
    RoundRobin,
}

/// What the operator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How to choose among replicas that will all do.
    pub balance: Balance,
    /// A replica known to be further behind takes no reads at any level.
    pub lag_max: Option<Duration>,
}

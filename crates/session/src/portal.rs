//! What portals would do: it counts once they are executed, and not if they never are.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::gather::Around;
use crate::intent::Intent;
use crate::session::Session;
use crate::statement::{Library, Prepared, StatementId};

/// Portals that are bound and not yet executed, at most.
const BOUND_MAX: usize = 256;

/// A portal's name, what it is bound to, and whether that has a name on servers.
type Bound = (Box<[u8]>, Arc<Prepared>, bool);

/// The portals of a transaction that were bound and not yet executed.
#[derive(Debug, Default)]
pub(crate) struct Portals {
    bound: SmallVec<[Bound; 1]>,
    /// There were too many: one that is not found may do anything.
    lost: bool,
}

impl Portals {
    fn bind(&mut self, portal: &[u8], prepared: &Arc<Prepared>, named: bool) {
        self.bound.retain(|(name, ..)| **name != *portal);
        if self.bound.len() < BOUND_MAX {
            self.bound.push((portal.into(), Arc::clone(prepared), named));
        } else {
            self.lost = true;
        }
    }

    fn take(&mut self, portal: &[u8]) -> Option<Arc<Prepared>> {
        let found = self.bound.iter().position(|(name, ..)| **name == *portal)?;
        Some(self.bound.swap_remove(found).1)
    }

    /// The statement that a portal is bound to, if it has a name on servers.
    pub(crate) fn named(&self, portal: &[u8]) -> Option<StatementId> {
        let bound = self.bound.iter().find(|(name, _, named)| *named && **name == *portal);
        bound.map(|(_, prepared, _)| prepared.id)
    }

    /// Whether executing the portal does what was not looked at when it was bound.
    pub(crate) fn holds(&self, portal: &[u8]) -> bool {
        self.lost || self.bound.iter().any(|(name, ..)| **name == *portal)
    }

    /// The transaction is over, and they with it.
    pub(crate) fn clear(&mut self) {
        self.bound.clear();
        self.lost = false;
    }
}

impl Session {
    /// Notes what a portal is bound to.
    pub(crate) fn note_bound(
        &mut self,
        portal: &[u8],
        prepared: Option<&Arc<Prepared>>,
        named: bool,
        around: &Around<'_>,
    ) {
        // A statement that nobody prepared through us was prepared by SQL.
        let Some(prepared) = prepared else {
            self.exchange.intent.add(&Intent::unread());
            return;
        };
        if self.misreads(prepared.sql()) {
            self.exchange.intent.add(&Intent::unread());
        }
        self.note_described(prepared, around.library);
        self.portals.bind(portal, prepared, named);
        if self.portals.lost {
            // It will not be found when it is executed.
            self.heed(prepared.hints.as_deref(), prepared.sql(), &prepared.intent, around);
        }
    }

    /// The portal is executed: now it counts. (One that was executed before goes on with
    /// what has been counted.)
    pub(crate) fn note_executed(&mut self, portal: &[u8], around: &Around<'_>) {
        if self.exchange.skip {
            return;
        }
        let Some(prepared) = self.portals.take(portal) else {
            if self.portals.lost {
                self.exchange.intent.add(&Intent::unread());
            }
            return;
        };
        let reading = prepared.reading(around.library, self.search_path());
        self.exchange.intent.add(&reading.intent);
        self.heed(prepared.hints.as_deref(), prepared.sql(), &reading.intent, around);
        self.note_settings(&reading.intent, &reading.analysis, prepared.sql());
        self.note_read(reading);
    }

    /// It is prepared or described, best where it will be executed.
    pub(crate) fn note_described(&mut self, prepared: &Prepared, library: &dyn Library) {
        let reading = prepared.reading(library, self.search_path());
        self.exchange.intent.add(&reading.intent.described());
        // Where its tables are not yet, the server would say that they do not exist.
        self.note_touched(&reading, false);
    }
}

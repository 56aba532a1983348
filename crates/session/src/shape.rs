//! What a client was told of a statement's columns, and whether it still holds.
//!
//! A server keeps a plan's columns: if the schema has changed, it refuses the plan and
//! the client prepares again. A statement that is prepared anew on another connection
//! has the new columns, and the client would read them as the old ones. So wherever a
//! server has not yet told the same of a statement, it is asked before it is used, and
//! where it tells something else the client gets the server's error.

use std::hash::{DefaultHasher, Hasher};

use afterwrite_wire::frame::Head;
use afterwrite_wire::server::{self, Report};
use afterwrite_wire::tags::server as tag;

use crate::link::{Link, Owner};
use crate::relay::LOOK_MAX;
use crate::session::Session;
use crate::statement::StatementId;

/// What Describe told of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of its parameters: a portal's description does not tell them.
    parameters: Option<u64>,
    columns: u64,
}

impl Shape {
    /// Whether it may be the same statement's as `other`, as far as both tell.
    pub(crate) fn agrees(self, other: Self) -> bool {
        let parameters = match (self.parameters, other.parameters) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        parameters && self.columns == other.columns
    }

    /// With what was told of its parameters before, if nothing was told of them now.
    pub(crate) fn or_parameters_of(self, before: Option<Self>) -> Self {
        Self { parameters: self.parameters.or(before.and_then(|it| it.parameters)), ..self }
    }
}

/// A description that is being told. Of a long one only the beginning and the length are
/// looked at.
#[derive(Debug, Default)]
pub(crate) struct Describing {
    parameters: Option<u64>,
}

impl Describing {
    pub(crate) fn parameters(&mut self, body: &[u8], len: usize) {
        let mut hasher = DefaultHasher::new();
        hasher.write_usize(len);
        hasher.write(body);
        self.parameters = Some(hasher.finish());
    }

    /// `body` may be the beginning only; `head` is that of the whole.
    pub(crate) fn columns(self, head: Head, body: &[u8]) -> Shape {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(head.tag);
        hasher.write_usize(head.body_len);
        let mut rest = body.get(2..).unwrap_or_default();
        while let Some(end) = rest.iter().position(|byte| *byte == 0)
            && let Some((name, behind)) = rest.split_at_checked(end + 1)
            && let Some((column, next)) = behind.split_first_chunk::<18>()
        {
            hasher.write(name);
            // Which table it is of may differ; type, size and modifier may not.
            let [_, _, _, _, _, _, kind @ .., _, _] = column;
            hasher.write(kind);
            rest = next;
        }
        Shape { parameters: self.parameters, columns: hasher.finish() }
    }
}

/// What a server says whose plan does not fit the schema any more; drivers know it by
/// its code and its routine, and prepare the statement again.
pub(crate) fn outgrown() -> Report {
    Report::error("0A000", "cached plan must not change result type")
        .hint("the schema has changed; prepare the statement again")
        .routine("RevalidateCachedQuery")
}

impl Session {
    /// A server tells of a statement's parameters or columns.
    pub(crate) fn take_description(
        &mut self,
        link: &mut Link,
        id: StatementId,
        owner: Owner,
        head: Head,
        body: &[u8],
    ) {
        let body = body.get(..LOOK_MAX.min(body.len())).unwrap_or_default();
        if head.tag == tag::PARAMETER_DESCRIPTION {
            let mut describing = Describing::default();
            describing.parameters(body, head.body_len);
            self.describing = Some(describing);
            return;
        }
        let shape = self.describing.take().unwrap_or_default().columns(head, body);
        link.describe(id, shape);
        if owner == Owner::Client {
            self.statements.tell(id, shape);
            return;
        }
        let differs = |told: Shape| !told.agrees(shape);
        let mut uses = self.exchange.uses.iter().filter(|it| it.prepared.id == id);
        if let Some(used) = uses.find(|it| it.told.is_some_and(differs)) {
            // When the client prepares it again, no server's older plan must do for it.
            used.prepared.outdate(None);
            let mut error = Vec::new();
            server::error(&mut error, &outgrown());
            self.exchange.refused.push((id, error.into()));
        }
    }
}

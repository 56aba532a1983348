//! One server connection, without its socket: what was sent, what is owed, what
//! the server has been taught.

use std::collections::{BTreeMap, VecDeque};

use afterwrite_core::Proof;
use afterwrite_types::{Line, NodeId, Role, WalGeometry};
use afterwrite_wire::server;

use crate::mode::{Sequences, SessionId};
use crate::reading::PathMark;
use crate::settings::Fingerprint;
use crate::shape::Shape;
use crate::statement::StatementId;

/// The statement, prepared on every connection to a primary, that asks for the
/// position. Named, because an unnamed one would displace the client's.
pub const CAPTURE_NAME: &str = "_afterwrite_position";

/// Its text: fixed, so that `pg_stat_statements` shows one line for all of them.
pub const CAPTURE_SQL: &str =
    "SELECT pg_catalog.pg_current_wal_insert_lsn() /* afterwrite: position after commit */";

/// What is known of a server connection when it is admitted.
#[derive(Clone, Copy, Debug)]
pub struct LinkSpec {
    /// Which node.
    pub node: NodeId,
    /// Which of the servers that may answer at its address.
    pub server: u64,
    /// What it said it was.
    pub role: Role,
    /// The line of history it was on.
    pub line: Line,
    /// How its log is cut into pages.
    pub wal: WalGeometry,
    /// How far a replica had replayed when it was asked over this connection.
    pub proof: Option<Proof>,
    /// Statements that may be prepared on it at once.
    pub prepared_max: usize,
    /// Whether the position can be asked for on it, and [`CAPTURE_NAME`] was prepared for that.
    pub capture: bool,
}

/// Who asked for what a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The client: it is passed on.
    Client,
    /// The proxy prepares a statement that the client prepared elsewhere.
    Prepare,
    /// The proxy drops a statement to make room.
    Evict,
    /// The proxy opens a read-only transaction around a read.
    GuardBegin,
    /// The proxy ends it.
    GuardEnd,
    /// The proxy asks for the position after the client's commit.
    Capture,
    /// The proxy brings the client's settings to this server.
    Prelude,
    /// The proxy brings them back behind a `RESET` of the client's.
    Restore,
    /// The proxy has the server forget what another session did with sequences.
    Sequences,
    /// The proxy asks what the session has left.
    Inventory,
    /// The proxy makes the server fail where it has refused something itself.
    Fail,
    /// The proxy ends what was only prepared, so that the client leaves the server.
    Part,
    /// The proxy clears everything away behind a client that has left.
    Reset,
}

/// What the server's unnamed statement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// Nobody's to count on.
    #[default]
    Unknown,
    /// This text.
    Is(StatementId),
    /// Something that was passed on unread, for this session.
    UnreadOf(SessionId),
}

/// What the server still has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Await {
    Parse(Option<StatementId>),
    /// Bind, and of which statement, if it has a name.
    Bind(Option<StatementId>),
    /// Describe of a statement: parameters first, then rows.
    DescribeStatement(Option<StatementId>),
    /// Describe of a portal, and which statement it is bound to.
    DescribePortal(Option<StatementId>),
    Execute,
    Close,
    /// The proxy drops this statement of its own.
    Drop(StatementId),
    /// Ends with "ready".
    Query,
    FunctionCall,
    Sync,
    /// Nothing: it ends the data of a `COPY` that the server is about to begin.
    CopyEnd,
    /// Nothing: we answer this one ourselves, in its turn.
    Say(Say),
}

/// An answer that the proxy gives in the server's stead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    ParseComplete,
    BindComplete,
    CloseComplete,
    Bytes(Box<[u8]>),
}

impl Say {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::ParseComplete => server::parse_complete(out),
            Self::BindComplete => server::bind_complete(out),
            Self::CloseComplete => server::close_complete(out),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expect {
    pub(crate) what: Await,
    pub(crate) owner: Owner,
}

/// A message whose rest goes past us unread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passing {
    pub(crate) left: usize,
    pub(crate) forward: bool,
}

/// A statement on a server.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// When it was last used.
    used: u64,
    generation: u64,
    /// It may have been made for a schema that is gone: it is of no more use.
    doubted: bool,
    /// What the server has told of it.
    shape: Option<Shape>,
}

/// One server connection, without its socket.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct Link {
    pub(crate) spec: LinkSpec,
    pub(crate) expects: VecDeque<Expect>,
    pub(crate) passing: Passing,
    /// After an error the server skips everything up to the next Sync.
    pub(crate) skipping: bool,
    /// The transaction status in the last "ready".
    pub(crate) status: u8,
    pub(crate) applied: Option<Fingerprint>,
    pub(crate) unnamed: Unnamed,
    pub(crate) capture_ready: bool,
    pub(crate) inventory_ready: bool,
    pub(crate) sequences_ready: bool,
    /// Whose movements of sequences it would tell.
    pub(crate) sequences: Sequences,
    /// Code that nobody has read has run on it for this session: its settings may be others
    /// than `applied`, and any other session must have them reset.
    pub(crate) stained: Option<SessionId>,
    /// Its role may be another than who logged in.
    pub(crate) other_role: bool,
    /// Where names are looked for on it before a session has set anything; `None` if that is
    /// not known.
    pub(crate) begins: Option<PathMark>,
    prepared: BTreeMap<StatementId, Plan>,
    uses: u64,
    retired: Option<&'static str>,
}

impl Link {
    /// A connection that has just been admitted: idle, with neutral settings.
    pub fn new(spec: LinkSpec) -> Self {
        Self {
            spec,
            expects: VecDeque::new(),
            passing: Passing::default(),
            skipping: false,
            status: server::IDLE,
            applied: Some(Fingerprint::default()),
            unnamed: Unnamed::Unknown,
            capture_ready: spec.capture,
            inventory_ready: false,
            sequences_ready: false,
            sequences: Sequences::Untouched,
            stained: None,
            other_role: false,
            begins: None,
            prepared: BTreeMap::new(),
            uses: 0,
            retired: None,
        }
    }

    /// Which node it leads to.
    pub fn server(&self) -> u64 {
        self.spec.server
    }

    /// Which node it leads to.
    pub fn node(&self) -> NodeId {
        self.spec.node
    }

    /// What the node was when the connection was admitted.
    pub fn role(&self) -> Role {
        self.spec.role
    }

    /// The line of history it was admitted on.
    pub fn line(&self) -> Line {
        self.spec.line
    }

    /// What it proves about a replica.
    pub fn proof_mut(&mut self) -> Option<&mut Proof> {
        self.spec.proof.as_mut()
    }

    /// The settings the server has now; `None` if that is not known.
    pub fn applied(&self) -> Option<Fingerprint> {
        self.applied
    }

    /// Notes that a simple query of the proxy's was run on it outside of any
    /// exchange: it ended the server's unnamed statement.
    pub fn note_simple_query(&mut self) {
        self.unnamed = Unnamed::Unknown;
    }

    /// Notes where names are looked for on it, as it was told at login.
    pub fn begins_at(&mut self, path: Option<PathMark>) {
        self.begins = path;
    }

    /// Something was run on it since, and this is what it tells now. If that is another path,
    /// neither counts: after a `RESET` it is the first again.
    pub fn begins_still_at(&mut self, path: Option<PathMark>) {
        self.begins = self.begins.filter(|begins| Some(*begins) == path);
    }

    /// Nothing owed, no transaction open: it may serve anyone.
    pub fn is_idle(&self) -> bool {
        self.expects.is_empty() && self.passing.left == 0 && self.status == server::IDLE
    }

    /// It must not serve another client; the first reason given is kept.
    pub fn retire(&mut self, reason: &'static str) {
        self.retired.get_or_insert(reason);
    }

    /// Why it must not serve another client.
    pub fn retired(&self) -> Option<&'static str> {
        self.retired
    }

    /// How many statements are prepared on it.
    pub fn prepared_len(&self) -> usize {
        self.prepared.len()
    }

    /// How many statements the server has prepared by the protocol, ours included.
    pub(crate) fn prepared_on_server(&self) -> usize {
        let own = [self.capture_ready, self.inventory_ready, self.sequences_ready];
        self.prepared.len() + own.into_iter().filter(|ready| *ready).count()
    }

    pub(crate) fn expect(&mut self, what: Await, owner: Owner) {
        if what == Await::Sync {
            // What is sent behind it is answered again.
            self.skipping = false;
        }
        if !self.skipping {
            self.expects.push_back(Expect { what, owner });
        }
    }

    /// The next to use `id` has it prepared anew.
    pub(crate) fn doubt(&mut self, id: StatementId) {
        if let Some(plan) = self.prepared.get_mut(&id) {
            plan.doubted = true;
        }
    }

    /// Takes `id` off the server's list, if its plan is doubted or older than `generation`.
    pub(crate) fn drop_outdated(&mut self, id: StatementId, generation: u64) -> bool {
        let outdated = |plan: &Plan| plan.doubted || plan.generation < generation;
        let drops = self.prepared.get(&id).is_some_and(outdated);
        drops && self.prepared.remove(&id).is_some()
    }

    /// Whether `id` is prepared on the server; counts as a use.
    pub(crate) fn has(&mut self, id: StatementId) -> bool {
        self.uses += 1;
        match self.prepared.get_mut(&id) {
            Some(plan) => {
                plan.used = self.uses;
                true
            }
            None => false,
        }
    }

    /// What the server has told of `id`, unless its plan is doubted or older than `generation`.
    pub(crate) fn shape(&self, id: StatementId, generation: u64) -> Option<Shape> {
        let current = |plan: &&Plan| !plan.doubted && plan.generation >= generation;
        self.prepared.get(&id).filter(current)?.shape
    }

    /// Notes what the server tells of `id`.
    pub(crate) fn describe(&mut self, id: StatementId, shape: Shape) {
        if let Some(plan) = self.prepared.get_mut(&id) {
            plan.shape = Some(shape.or_parameters_of(plan.shape));
        }
    }

    /// Notes that `id` is being prepared; gives back one that must make room.
    pub(crate) fn learn(&mut self, id: StatementId, generation: u64) -> Option<StatementId> {
        let full = self.prepared.len() >= self.spec.prepared_max.max(1);
        let evicted = full
            .then(|| self.prepared.iter().min_by_key(|(_, plan)| plan.used).map(|(&id, _)| id))
            .flatten();
        if let Some(evicted) = evicted {
            self.prepared.remove(&evicted);
        }
        self.uses += 1;
        self.prepared.insert(id, Plan { used: self.uses, generation, doubted: false, shape: None });
        evicted
    }

    /// Notes that preparing `id` failed.
    pub(crate) fn unlearn(&mut self, id: StatementId) {
        self.prepared.remove(&id);
    }

    /// The server has dropped all prepared statements, ours too.
    pub(crate) fn forget_prepared(&mut self) {
        self.prepared.clear();
        self.unnamed = Unnamed::Unknown;
        self.capture_ready = false;
        self.inventory_ready = false;
        self.sequences_ready = false;
    }

    /// The server reported an error and skips to the next Sync: what was expected
    /// before that will not come.
    pub(crate) fn skip_to_sync(&mut self) {
        let sync = self.expects.iter().position(|expect| expect.what == Await::Sync);
        let skipped: Vec<Expect> =
            self.expects.drain(..sync.unwrap_or(self.expects.len())).collect();
        // The last first: what was dropped to be prepared anew is there as it was.
        for Expect { what, owner } in skipped.into_iter().rev() {
            match what {
                Await::Parse(Some(id)) => self.unlearn(id),
                Await::Parse(None) if owner == Owner::Sequences => self.sequences_ready = false,
                Await::Parse(None) => self.unnamed = Unnamed::Unknown,
                Await::Drop(id) => self.keep(id),
                Await::Execute if owner == Owner::Sequences => self.sequences = Sequences::Mixed,
                Await::Bind(_)
                | Await::DescribeStatement(_)
                | Await::DescribePortal(_)
                | Await::Execute
                | Await::Close
                | Await::Query
                | Await::FunctionCall
                | Await::Sync
                | Await::CopyEnd
                | Await::Say(_) => {}
            }
        }
        self.skipping = sync.is_none();
    }

    /// Notes that `id` is still there, since the server has skipped the message that was
    /// to drop it; whoever uses it next has it dropped.
    fn keep(&mut self, id: StatementId) {
        self.prepared.insert(id, Plan { used: 0, generation: 0, doubted: true, shape: None });
    }
}

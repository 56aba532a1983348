//! Tells a client its token in front of "ready", if it has asked for that.
//!
//! A token asked for with `SHOW` costs a round trip. A client that has set
//! `afterwrite.report_token` finds it in the parameter `afterwrite.token`, as it finds any
//! setting that servers report: with the answer to its write, and without another question.

use afterwrite_types::{Need, Role, Sequence};
use afterwrite_wire::server::{self, IDLE};

use crate::brought::{TokenPolicy, Told};
use crate::exchange::Exchange;
use crate::link::Link;
use crate::session::Session;
use crate::token::TokenCounts;

/// The parameter's name.
const NAME: &str = "afterwrite.token";

impl Session {
    /// What holds for its tokens from now on.
    pub fn set_token_policy(&mut self, policy: TokenPolicy) {
        self.scope.tokens.follow(policy);
    }

    /// Tokens since this was last asked.
    pub fn take_token_counts(&mut self) -> TokenCounts {
        self.scope.tokens.take_counts()
    }

    /// Tells the client its token, if it wants to be told and it is another than before.
    ///
    /// # Invariant: no outdated token
    ///
    /// In front of "ready" the parameter covers everything that the client was told is
    /// done, or is empty: then the client has to ask. An older token, left standing where
    /// the position behind a write is not known, would be taken for that write's own.
    ///
    /// Whatever raises the floor is told by this, be it a write or, one day, a read.
    pub fn report_token(&mut self, out: &mut Vec<u8>) {
        if !self.scope.tokens.reports() {
            return;
        }
        let now = match self.scope.floor().need() {
            // Times of this process are tokens to nobody.
            Need::Position(position) if !self.in_doubt && !position.line.is_by_clock() => {
                Told::Token(position)
            }
            Need::Position(_) | Need::Fence(_) | Need::Nothing => Told::Empty,
        };
        let tokens = &mut self.scope.tokens;
        if tokens.told == now {
            return;
        }
        tokens.told = now;
        let text = match now {
            Told::Token(position) => tokens.token(position).to_string(),
            Told::Empty | Told::Nothing => String::new(),
        };
        server::parameter_status(out, NAME, &text);
    }

    /// Whether a batch must have a "ready" of its own, with its own token in front.
    pub(crate) fn reports_each(&self) -> bool {
        self.scope.tokens.reports() && !self.in_transaction()
    }

    /// Asks for the position behind a write where it could not be asked for with it, or was
    /// not answered: a client that wants to be told its token would have to ask otherwise.
    pub(crate) fn capture_late(
        &mut self,
        link: &mut Link,
        status: u8,
        sequence: &Sequence,
        upstream: &mut Vec<u8>,
    ) -> bool {
        if !self.wants_late_capture(&self.exchange, link, status) {
            return false;
        }
        self.exchange.captures_late = true;
        self.ask_position(link, sequence, upstream);
        true
    }

    fn wants_late_capture(&self, exchange: &Exchange, link: &Link, status: u8) -> bool {
        self.scope.tokens.reports()
            && !exchange.captures_late
            && status == IDLE
            && link.role() == Role::Primary
            && link.spec.capture
            && self.leaves_unresolved(exchange, status)
    }
}

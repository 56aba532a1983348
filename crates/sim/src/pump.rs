//! Moves bytes between one client and one server: a mirror of `afterwrite-proxy`'s.

use std::rc::Rc;

use afterwrite_core::WriteMark;
use afterwrite_session::{Dispatch, Gathered, Place, Progress};
use afterwrite_wire::server::Report;

use crate::client::Client;
use crate::connection::Read;

/// Bytes of an answer that are held back at most.
pub(crate) const HOLD_BACK_MAX: usize = 16 * 1024;

/// What came of moving bytes.
#[derive(Debug)]
pub(crate) enum Pumped {
    Progress(Progress),
    Lost,
    Fault(Report),
    Gone,
}

impl Client {
    /// Moves bytes until the exchange is over, or cannot go on.
    pub(crate) async fn pump(&mut self, place: Place) -> Pumped {
        let sim = Rc::clone(&self.proxy.sim);
        sim.until(|| self.pump_once(place)).await
    }

    fn pump_once(&mut self, place: Place) -> Option<Pumped> {
        loop {
            let Some(link) = self.link.as_ref() else { return Some(Pumped::Lost) };
            if !self.upstream.is_empty() {
                link.socket.send(&self.upstream);
                self.upstream.clear();
            }
            if let Some(gone) = self.send_to_client() {
                return Some(gone);
            }
            let mut moved = false;
            match self.link.as_ref()?.socket.read() {
                Read::Nothing => {}
                Read::End => return Some(Pumped::Lost),
                Read::Bytes(bytes) => {
                    self.replies.extend(bytes);
                    moved = true;
                    if let Some(pumped) = self.relay() {
                        return Some(pumped);
                    }
                }
            }
            if let Some(pumped) = self.read_client(place, &mut moved) {
                return Some(pumped);
            }
            if !moved && self.upstream.is_empty() {
                return None;
            }
        }
    }

    /// Sends the client what is for it, unless it may still be taken back.
    fn send_to_client(&mut self) -> Option<Pumped> {
        if self.gone {
            self.outbox.clear();
            return None;
        }
        if self.session.takes_back() {
            self.outbox.clear();
        }
        let held_back =
            self.session.may_hold_back() && self.outbox.len() < self.proxy.hold_back_max;
        let withheld = self.withholds && !self.session.wants_client();
        if self.outbox.is_empty() || held_back || withheld {
            return None;
        }
        self.session.shown();
        if self.with_channel(|it| it.app_gone) {
            return self.lose_client();
        }
        self.flush();
        None
    }

    fn lose_client(&mut self) -> Option<Pumped> {
        self.gone = true;
        self.outbox.clear();
        self.session.wants_client().then_some(Pumped::Gone)
    }

    /// Has the session deal with the replies that were read.
    pub(crate) fn relay(&mut self) -> Option<Pumped> {
        let Some(link) = self.link.as_mut() else { return Some(Pumped::Lost) };
        let sequence = &self.proxy.sequence;
        let (out, upstream) = (&mut self.outbox, &mut self.upstream);
        let relayed = self.session.relay(&mut link.link, &self.replies, sequence, out, upstream);
        match relayed {
            Ok(relayed) => {
                self.replies.drain(..relayed.consumed);
                match relayed.progress {
                    Progress::More | Progress::Client => None,
                    progress @ (Progress::Prelude(_)
                    | Progress::Done(_)
                    | Progress::Reset(_)
                    | Progress::Again) => Some(Pumped::Progress(progress)),
                }
            }
            Err(fault) => {
                // The model's servers never break the protocol.
                self.proxy.sim.world().fail(format!("the replies were miscounted: {fault}"));
                Some(Pumped::Lost)
            }
        }
    }

    /// Reads the client: what belongs to what is under way is sent on, the rest waits.
    fn read_client(&mut self, place: Place, moved: &mut bool) -> Option<Pumped> {
        if self.gone {
            return None;
        }
        if self.session.wants_client()
            && let Some(pumped) = self.forward(place, moved)
        {
            return Some(pumped);
        }
        if self.take_from_client() {
            *moved |= self.session.wants_client();
        } else if self.with_channel(|it| it.app_gone) {
            return self.lose_client();
        }
        None
    }

    fn forward(&mut self, place: Place, moved: &mut bool) -> Option<Pumped> {
        while self.session.wants_client() {
            let consumed = self.session.take_consumed();
            self.inbox.drain(..consumed.min(self.inbox.len()));
            if let Some((left, discard)) = self.session.upstream_left() {
                let count = left.min(self.inbox.len());
                if count == 0 {
                    return None;
                }
                let bytes: Vec<u8> = self.inbox.drain(..count).collect();
                if !discard {
                    self.upstream.extend(bytes);
                }
                self.session.upstream_done(count);
                *moved = true;
                continue;
            }
            match self.gather(true) {
                Ok(Gathered::NeedMore | Gathered::NeedsFence(_)) => return None,
                Ok(Gathered::Further | Gathered::Request(_)) => {
                    let further = self.mark_further();
                    self.later_mark = WriteMark::both(self.later_mark.take(), further);
                    self.withholds |= self.later_mark.is_some() && self.proxy.sharing.is_some();
                    self.dispatch(place);
                    *moved = true;
                    if let Some(pumped) = self.relay() {
                        return Some(pumped);
                    }
                }
                Ok(Gathered::Goodbye) => return self.lose_client(),
                Err(report) => return Some(Pumped::Fault(report)),
            }
        }
        None
    }

    /// Writes the gathered messages for the server.
    pub(crate) fn dispatch(&mut self, place: Place) {
        let Some(link) = self.link.as_mut() else { return };
        let how = Dispatch { place, positions: true, sequence: &self.proxy.sequence };
        self.session.dispatch(&mut link.link, &self.inbox, how, &mut self.upstream);
    }
}

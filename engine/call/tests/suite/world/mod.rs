//! A whole call without actors: its machine, its legs, their far ends, a media engine and a clock that tests move.
//!
//! What the call wants done and what far ends see is one log of short lines, taken step by step.

mod calls;
mod effects;

pub use calls::{api_call, app, contact, directory, plan_of};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::str::FromStr;
use std::time::Duration;

use tandem_call::call::{
    Asserted, Call, CallInput, Hops, InboundLeg, LegRow, OpenStream, RecordingNews, RecordingOutcome, RunId,
    StreamInput, StreamProblem,
};
use tandem_call::leg::{IncomingInvite, InviteSpec, Leg, LegEffect, LegInput, MediaPolicy, Refused, Replaces};
use tandem_call::room::queue::{QueueNews, QueueTicket};
use tandem_call::routing;
use tandem_laml::instruction::{Document, FetchFailure, StreamFault};
use tandem_media::control::{Event, LegSpec, MarkId};
use tandem_model::{LegId, SeedEntropy, Sid, Timestamp, WallTime};

use crate::peer::{self, Peer};
use crate::rig;

pub const DOMAIN: &str = "acme-main.sip.example.test";

struct Side {
    leg: Leg,
    peer: Peer,
    ended: u32,
    closed: u32,
    stopped: bool,
}

pub struct World {
    pub call: Call,
    parties: BTreeMap<LegId, Side>,
    /// Legs without a machine.
    crashed: Vec<LegId>,
    now: Timestamp,
    log: Vec<String>,
    /// For each leg, media events that come by themselves.
    media: VecDeque<Event>,
    /// Plays go on until the test ends them.
    pub hold_plays: bool,
    /// Lookups stay unanswered until the test says so.
    pub hold_lookups: bool,
    /// Prompts stay unloaded until the test says so.
    pub hold_prompts: bool,
    /// Recordings that are stopped end when the test says so.
    pub hold_recordings: bool,
    pub rows: BTreeMap<String, LegRow>,
    pub finished: u32,
    /// Parameters of the last fetch or notice.
    pub params: Vec<(String, String)>,
    /// Parameters of the last fetch.
    pub fetched: Vec<(String, String)>,
    pub last_ticket: u64,
    pub recordings: Vec<Sid>,
    /// The document that a fetch was for last.
    pub last_run: RunId,
    /// The stream that was opened last.
    pub last_stream: Option<OpenStream>,
    /// Those that were opened and not closed.
    pub streams: BTreeSet<Sid>,
    /// What INVITEs went out.
    pub specs: BTreeMap<LegId, InviteSpec>,
    /// Carriers that are down, by name; those at their limits; and the Service-Route of all.
    pub down: Vec<String>,
    pub busy: Vec<String>,
    pub service_route: Vec<String>,
    /// Header fields of the last Reject.
    pub refusal: Vec<(String, String)>,
    queue_ticket: Option<QueueTicket>,
    /// Media stays where it is.
    pub cannot_move: bool,
    /// Moves are under way until the test says so.
    pub hold_moves: bool,
}

impl World {
    /// The Reason of the CANCEL that this leg's far end was last sent.
    pub fn cancel_reason(&self, leg: u64) -> Option<&str> {
        self.parties.get(&LegId(leg))?.peer.cancel_reason.as_deref()
    }

    fn start(&mut self) {
        self.call.start(self.now, self.wall());
        self.settle();
    }

    fn wall(&self) -> WallTime {
        WallTime::from_unix_millis(1_700_000_000_000 + self.now.as_millis() as i64)
    }

    pub fn input(&mut self, input: CallInput) -> String {
        self.call.handle(self.now, self.wall(), input);
        self.settle();
        self.take()
    }

    pub fn document(&mut self, xml: &str) {
        let document = Document {
            url: "https://app.test/start".into(),
            content_type: Some("text/xml".into()),
            body: format!("<Response>{xml}</Response>").into_bytes(),
        };
        self.call.handle(self.now, self.wall(), CallInput::Document { run: self.last_run, result: Ok(document) });
        self.settle();
    }

    pub fn no_document(&mut self) -> String {
        let failure = FetchFailure { code: 11_200, message: "refused".into() };
        self.input(CallInput::Document { run: self.last_run, result: Err(failure) })
    }

    /// What was recorded so far is five seconds long.
    fn recording_ends(&mut self, sid: Sid, exists: bool) {
        self.recordings.retain(|r| *r != sid);
        let duration = Duration::from_secs(if exists { 5 } else { 0 });
        let news = RecordingNews::Ended(RecordingOutcome { exists, duration });
        self.call.handle(self.now, self.wall(), CallInput::Recording { sid, news });
    }

    pub fn recording_ended(&mut self, exists: bool) -> String {
        let sid = self.recordings[0];
        self.recording_ends(sid, exists);
        self.settle();
        self.take()
    }

    /// A prompt of a leg is over.
    pub fn play_done(&mut self, leg: u64, play: u64) -> String {
        let (leg, play) = (LegId(leg), tandem_media::control::PlayId(play));
        self.media.push_back(Event::PlayDone { leg, play, completed: true });
        self.settle();
        self.take()
    }

    pub fn contacts(&mut self, names: &[&str]) -> String {
        let contacts = names.iter().map(|n| contact(n)).collect();
        self.input(CallInput::Contacts { ticket: self.last_ticket, contacts })
    }

    /// `2 180`: the far end of leg 2 says so. `+30`: thirty seconds pass.
    pub fn step(&mut self, line: &str) -> String {
        match line.strip_prefix('+') {
            Some(secs) => self.pass(Duration::from_secs(secs.parse().expect("seconds"))),
            None => {
                let (leg, words) = line.split_once(' ').expect("a leg and words");
                let id = LegId(leg.parse().expect("a leg"));
                let party = self.parties.get_mut(&id).unwrap_or_else(|| panic!("no leg {id}"));
                let input = party.peer.says(words);
                party.leg.handle(self.now, input);
                self.settle();
            }
        }
        self.take()
    }

    /// The machine of a leg is lost.
    pub fn crash(&mut self, id: LegId) {
        if self.parties.get(&id).is_some_and(|p| !p.stopped) {
            self.parties.remove(&id);
            self.crashed.push(id);
            self.input(CallInput::LegCrashed { leg: id });
        }
    }

    /// As [`World::step`], but what cannot be said is left unsaid.
    pub fn try_step(&mut self, line: &str) {
        let sayable = line.split_once(' ').is_none_or(|(leg, words)| {
            let id = LegId(leg.parse().expect("a leg"));
            self.parties.get(&id).is_some_and(|p| !p.stopped && p.peer.can_say(words))
        });
        if sayable && self.finished == 0 {
            self.step(line);
        }
    }

    #[track_caller]
    pub fn run(&mut self, steps: &[(&str, &str)]) {
        for (at, (input, want)) in steps.iter().enumerate() {
            let got = self.step(input);
            assert_eq!(got, *want, "step {at}: {input:?}");
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let legs = self.parties.values().filter_map(|p| p.leg.deadline());
            let Some(at) = legs.chain(self.call.deadline()).min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            for party in self.parties.values_mut() {
                party.leg.expire(self.now);
            }
            self.call.expire(self.now, self.wall());
            self.settle();
        }
        self.now = until;
    }

    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.log).join("; ")
    }

    /// Legs, call and media until nothing moves.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if let Some(effect) = self.call.poll() {
                self.call_effect(effect);
            } else if let Some((id, effect)) = self.leg_effect() {
                self.carry_out(id, effect);
            } else if let Some(event) = self.media.pop_front() {
                let (Event::Opened { leg, .. }
                | Event::Closed { leg, .. }
                | Event::PlayDone { leg, .. }
                | Event::Digit { leg, .. }
                | Event::DigitEnded { leg, .. }
                | Event::Marked { leg, .. }
                | Event::DigitForPeer { leg, .. }) = event
                else {
                    continue;
                };
                if let Some(party) = self.parties.get_mut(&leg) {
                    party.leg.handle(self.now, LegInput::Media(event));
                }
            } else {
                return;
            }
        }
        panic!("the call never settles: {:?}", self.log);
    }

    fn leg_effect(&mut self) -> Option<(LegId, LegEffect)> {
        self.parties.iter_mut().find_map(|(id, p)| p.leg.poll().map(|e| (*id, e)))
    }

    /// Media tells something of a leg.
    pub fn media_event(&mut self, event: Event) -> String {
        self.media.push_back(event);
        self.settle();
        self.take()
    }

    /// Something of a stream happens, or what crosses its end; or REST wants one.
    pub fn try_stream(&mut self, what: &str) {
        if what == "rest stream" {
            let call = self.call.rows().first().map(|r| r.sid);
            let stream = crate::call_stream::stream("rest");
            drop(call.map(|call| self.rest(|c, now, wall| c.start_stream(now, wall, call, stream))));
            return;
        }
        let Some(sid) = self.last_stream.as_ref().map(|s| s.sid).filter(|_| self.finished == 0) else { return };
        let problem = StreamProblem { fault: StreamFault::General, code: 11_200, message: "it broke".into() };
        match what {
            "stream opened" => drop(self.input(CallInput::Stream(StreamInput::Opened { sid }))),
            "stream ended" => drop(self.input(CallInput::Stream(StreamInput::Ended { sid, problem: None }))),
            "stream failed" => drop(self.input(CallInput::Stream(StreamInput::Ended { sid, problem: Some(problem) }))),
            _ => {
                for input in [
                    StreamInput::Audio { sid, audio: vec![0; 160] },
                    StreamInput::Mark { sid, mark: MarkId(1) },
                    StreamInput::Digits { sid, digits: "1".into() },
                    StreamInput::Clear { sid },
                ] {
                    self.input(CallInput::Stream(input));
                }
            }
        }
    }

    /// REST asks for something.
    pub fn rest<T>(&mut self, ask: impl FnOnce(&mut Call, Timestamp, WallTime) -> T) -> (T, String) {
        let wall = self.wall();
        let answer = ask(&mut self.call, self.now, wall);
        self.settle();
        (answer, self.take())
    }

    /// The queue tells who asked last.
    pub fn queue(&mut self, news: impl FnOnce(QueueTicket) -> QueueNews) -> String {
        let ticket = self.queue_ticket.expect("the queue was asked");
        self.input(CallInput::Queue(news(ticket)))
    }

    /// The party of a leg takes its place with another telephone, if it may.
    pub fn try_replace(&mut self, leg: u64) {
        let known = self.parties.contains_key(&LegId(leg)) && self.finished == 0;
        for name in ["alice", "bob"].into_iter().filter(|_| known) {
            let by = routing::Caller::Endpoint(directory().endpoints[name].clone());
            let _ = self.replaced(leg, by, |_| {});
        }
    }

    /// Somebody's INVITE with Replaces for the dialog of a leg; `alter` changes the value before it is looked at.
    pub fn replaced(
        &mut self,
        leg: u64,
        by: routing::Caller,
        alter: impl FnOnce(&mut Replaces),
    ) -> Result<String, Refused> {
        let (call_id, to_tag) = self.parties[&LegId(leg)].peer.dialog();
        let mut replaces = Replaces { call_id, to_tag, from_tag: "theirs".into(), early_only: false };
        alter(&mut replaces);
        let replaced = self.call.may_replace(&replaces, &by)?;
        let id = self.call.next_leg();
        let sid = Sid::from_bytes([id.0 as u8 + 100; 16]);
        let mut peer = Peer::new(id);
        let message = peer::invite("sip:tandem@198.51.100.1", "sdp");
        let invite =
            IncomingInvite { key: peer.key(), message, source: peer::address(), received: self.now, unproved: false };
        let entropy = Box::new(SeedEntropy::new(id.0));
        let leg = Leg::new_incoming(id, sid, rig::env(), MediaPolicy::default(), invite, entropy)?;
        let inbound = InboundLeg {
            sid,
            from_uri: format!("sip:new@{DOMAIN}"),
            from_display: None,
            from_user: "new".into(),
            to_uri: "sip:tandem@198.51.100.1".into(),
            request_user: "tandem".into(),
            request_host: "198.51.100.1".into(),
            headers: vec![],
            call_id: "incoming-1".into(),
            source: peer::address(),
            max_forwards: 10,
            hops: Hops::default(),
            asserted: Asserted::default(),
            username: None,
            offered: leg.offered_codecs(),
        };
        self.parties.insert(id, Side { leg, peer, ended: 0, closed: 0, stopped: false });
        Ok(self.input(CallInput::Replace { replaced, inbound: Box::new(inbound), by }))
    }

    /// What a leg's media was configured with last.
    pub fn spec_of(&self, leg: u64) -> Option<LegSpec> {
        self.parties.get(&LegId(leg)).and_then(|party| party.peer.last_spec.clone())
    }

    pub fn params(&self) -> &[(String, String)] {
        &self.params
    }

    pub fn rows(&self) -> Vec<LegRow> {
        self.rows.values().cloned().collect()
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        let mut values = self.params.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice");
        value
    }

    /// The call is over, each leg ended and closed once, and the final rows are these: `inbound completed 200 3s`.
    #[track_caller]
    pub fn over(&mut self, rows: &[&str]) {
        assert_eq!(self.final_rows(), rows);
    }

    #[track_caller]
    pub fn final_rows(&self) -> Vec<String> {
        assert_eq!(self.finished, 1, "the call has not finished");
        assert!(self.streams.is_empty(), "streams outlive the call");
        for (id, party) in &self.parties {
            assert_eq!((party.ended, party.closed, party.stopped), (1, 1, true), "{id}");
        }
        self.call
            .rows()
            .iter()
            .map(|r| {
                assert!(r.closed && r.status.is_final());
                let kept = &self.rows[&format!("{}{}", r.direction.as_str(), r.sid)];
                assert_eq!((kept.status, kept.closed), (r.status, true), "the last record is the final row");
                let code = r.sip_code.unwrap_or(0);
                format!("{} {} {code} {}s", r.direction.as_str(), r.status.as_str(), r.duration_secs)
            })
            .collect()
    }
}

/// A child leg's id by its number, for REST.
pub fn sid_of(world: &World, to: &str) -> Sid {
    let row = world.call.rows().into_iter().find(|r| r.to.contains(to)).expect("a leg to it");
    Sid::from_str(&row.sid.to_string()).expect("an id")
}

use std::time::Duration;

use tandem_laml::instruction::{Enqueue, Input, Method, QueueCommand, QueueEvent, QueueOutcome, QueueResult};
use tandem_media::control::{Command, MoveFailed, PlayId, Repeat};
use tandem_media::tone::wait_music;
use tandem_model::{Sid, Timestamp, limits};

use super::super::Call;
use super::super::contract::{CallEffect, RunId};
use super::super::run::{Purpose, RunDocument, RunEnd};
use super::talk::Talk;
use crate::leg::LegCommand;
use crate::room::queue::{AgentParty, QueueAsk, QueueNews, QueuePlace, QueueTicket, QueueUnavailable};

/// The caller in a queue, from its `<Enqueue>` until that has ended.
pub(in super::super) struct Queued {
    pub(super) ticket: QueueTicket,
    enqueue: Box<Enqueue>,
    queue: Option<Sid>,
    since: Timestamp,
    stage: Stage,
    /// A request of the wait document that waits to be told where the caller stands.
    held: Option<Held>,
}

/// ```text
/// Answering ─► Joining ─► Waiting ─agent─► Called (hears its document) ─► Moving ─► Talking
///                            ▲                        │ the agent has left     │
///                            └────────────────────────┴────────────────────────┘
/// ```
enum Stage {
    Answering,
    Joining,
    Waiting(Wait),
    Called {
        agent: AgentParty,
        waited: Duration,
        run: RunId,
    },
    /// Its media goes to where the agent's is.
    Moving {
        agent: AgentParty,
        waited: Duration,
    },
    Talking {
        waited: Duration,
        talk: Talk,
    },
}

/// What is heard meanwhile.
enum Wait {
    Music(PlayId),
    Document {
        run: RunId,
        began: Timestamp,
    },
    /// The document has ended, and soon begins again.
    Again {
        at: Timestamp,
    },
    /// The caller is being hung up.
    Nothing,
}

struct Held {
    run: RunId,
    url: String,
    method: Method,
    params: Vec<(String, String)>,
}

impl Queued {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Waiting(Wait::Again { at }) => Some(*at),
            Stage::Waiting(Wait::Music(_) | Wait::Document { .. } | Wait::Nothing)
            | Stage::Answering
            | Stage::Joining
            | Stage::Called { .. }
            | Stage::Moving { .. }
            | Stage::Talking { .. } => None,
        }
    }

    pub(super) fn talk(&self) -> Option<&Talk> {
        match &self.stage {
            Stage::Talking { talk, .. } => Some(talk),
            _ => None,
        }
    }

    pub(super) fn talk_mut(&mut self) -> Option<&mut Talk> {
        match &mut self.stage {
            Stage::Talking { talk, .. } => Some(talk),
            _ => None,
        }
    }

    /// In the queue so far, or until an agent took it.
    fn waited(&self, now: Timestamp) -> Duration {
        match &self.stage {
            Stage::Answering | Stage::Joining => Duration::ZERO,
            Stage::Waiting(_) => now.since(self.since),
            Stage::Called { waited, .. } | Stage::Moving { waited, .. } | Stage::Talking { waited, .. } => *waited,
        }
    }
}

impl Call {
    pub(in super::super) fn queue_command(&mut self, command: QueueCommand) {
        match command {
            QueueCommand::Enqueue(enqueue) => self.enqueue(enqueue),
            QueueCommand::GiveUp => self.redirected_from_queue(),
        }
    }

    fn enqueue(&mut self, enqueue: Box<Enqueue>) {
        let ticket = self.queue_ticket();
        let since = self.clock.0;
        let stage = Stage::Answering;
        self.queued = Some(Box::new(Queued { ticket, enqueue, queue: None, since, stage, held: None }));
        self.member_answered();
    }

    /// A caller joins once it can be talked to.
    pub(super) fn member_answered(&mut self) {
        let Some(leg) = self.legs.get(&self.primary).filter(|l| l.is_answered()) else { return };
        let call_sid = leg.sid;
        let Some(q) = self.queued.as_mut().filter(|q| matches!(q.stage, Stage::Answering)) else { return };
        q.stage = Stage::Joining;
        let (ticket, name) = (q.ticket, q.enqueue.name.clone());
        let (size_max, new_size_max) = (q.enqueue.size_max, q.enqueue.new_size_max);
        self.ask_queue(QueueAsk::Join { ticket, name, call_sid, size_max, new_size_max });
    }

    pub(super) fn member_news(&mut self, news: QueueNews) {
        let now = self.clock.0;
        let Some(q) = &mut self.queued else { return };
        match news {
            QueueNews::Joined { queue, .. } => {
                (q.queue, q.since) = (Some(queue), now);
                self.begin_wait();
            }
            QueueNews::Refused { queue, why, .. } => {
                q.queue = queue;
                self.queue_ended(match why {
                    QueueUnavailable::Full => QueueResult::QueueFull,
                    QueueUnavailable::Failed => QueueResult::SystemError,
                });
            }
            QueueNews::Lost { .. } => self.queue_ended(QueueResult::SystemError),
            QueueNews::Place { place, .. } => self.ask_with_place(&place),
            QueueNews::Called { agent, url, queue, waited, .. } => self.called(agent, url, queue, waited),
            QueueNews::Back { .. } => {
                self.silence();
                self.begin_wait();
            }
            QueueNews::PartnerLeft { .. } => self.queue_ended(QueueResult::Bridged),
            QueueNews::Redirected { url, method, .. } => {
                self.take_over(super::super::ApiDocument::Url(url, method));
            }
            // An agent's, or of both.
            QueueNews::Coming { .. } | QueueNews::Connected { .. } | QueueNews::Held { .. } => {}
        }
    }

    /// Music, or the document from its beginning.
    fn begin_wait(&mut self) {
        let (leg, began) = (self.primary, self.clock.0);
        let Some(q) = &self.queued else { return };
        let wait = match q.enqueue.wait.clone() {
            Some((url, method)) => {
                let run = self.start_run(leg, Purpose::Queue, RunDocument::at(url, method));
                Wait::Document { run, began }
            }
            None => {
                self.plays += 1;
                let play = PlayId(self.plays);
                let clip = wait_music();
                self.emit(CallEffect::Media(Command::Play { leg, play, clip, repeat: Repeat::Forever }));
                Wait::Music(play)
            }
        };
        if let Some(q) = &mut self.queued {
            q.stage = Stage::Waiting(wait);
        }
    }

    /// Ends what is heard in the queue, or whom the caller talks to.
    fn silence(&mut self) {
        let leg = self.primary;
        let Some(q) = &self.queued else { return };
        match &q.stage {
            Stage::Waiting(Wait::Music(play)) => {
                let play = *play;
                self.emit(CallEffect::Media(Command::StopPlay { leg, play }));
            }
            Stage::Waiting(Wait::Document { run, .. }) | Stage::Called { run, .. } => {
                let run = *run;
                self.stop_run(run);
            }
            Stage::Talking { .. } => self.emit(CallEffect::Media(Command::Unbridge { leg })),
            Stage::Answering
            | Stage::Joining
            | Stage::Waiting(Wait::Again { .. } | Wait::Nothing)
            | Stage::Moving { .. } => {}
        }
        if let Some(q) = &mut self.queued {
            q.held = None;
        }
    }

    /// Each request of the wait document says how things stand when it is made (laml.md 1.12). False: it is another's request.
    pub(in super::super) fn hold_for_place(
        &mut self,
        run: RunId,
        url: &str,
        method: Method,
        params: &[(String, String)],
    ) -> bool {
        let Some(q) = &mut self.queued else { return false };
        if !matches!(q.stage, Stage::Waiting(_)) || self.runs.iter().all(|r| r.id != run || r.purpose != Purpose::Queue)
        {
            return false;
        }
        q.held = Some(Held { run, url: url.to_owned(), method, params: params.to_vec() });
        let ticket = q.ticket;
        self.ask_queue(QueueAsk::Place { ticket });
        true
    }

    /// The request is not wanted any more. False: it was none of those held.
    pub(in super::super) fn drop_held(&mut self, run: RunId) -> bool {
        let held = self.queued.as_mut().and_then(|q| q.held.take_if(|held| held.run == run));
        held.is_some()
    }

    fn ask_with_place(&mut self, place: &QueuePlace) {
        let Some(held) = self.queued.as_mut().and_then(|q| q.held.take()) else { return };
        let mut params = held.params;
        params.push(("QueuePosition".to_owned(), place.position.to_string()));
        params.push(("QueueSid".to_owned(), place.queue.to_string()));
        params.push(("QueueTime".to_owned(), place.waited.as_secs().to_string()));
        params.push(("AvgQueueTime".to_owned(), place.average_wait.as_secs().to_string()));
        params.push(("CurrentQueueSize".to_owned(), place.size.to_string()));
        let params = self.with_standard(held.run, params);
        self.emit(CallEffect::Fetch { run: held.run, url: held.url, method: held.method, params });
    }

    /// An agent takes the call: what its `<Queue>` has to say is heard before (laml.md 1.7).
    fn called(&mut self, agent: AgentParty, url: Option<(String, Method)>, queue: Sid, waited: Duration) {
        self.silence();
        let Some((url, method)) = url else { return self.move_to_agent(agent, waited) };
        let params = vec![
            ("QueueSid".to_owned(), queue.to_string()),
            ("QueueTime".to_owned(), waited.as_secs().to_string()),
            // As it is documented.
            ("DequeingCallSid".to_owned(), agent.call_sid.to_string()),
        ];
        let document = RunDocument { params, ..RunDocument::at(url, method) };
        let run = self.start_run(self.primary, Purpose::Queue, document);
        if let Some(q) = &mut self.queued {
            q.stage = Stage::Called { agent, waited, run };
        }
    }

    /// A document heard in the queue has come to its end.
    pub(in super::super) fn queue_document_over(&mut self, over: RunId, end: RunEnd) {
        let now = self.clock.0;
        let Some(q) = &mut self.queued else { return };
        match (&q.stage, end) {
            (Stage::Waiting(Wait::Document { run, began }), end) if *run == over => match end {
                RunEnd::Finished => {
                    let at = *began + limits::QUEUE_WAIT_ROUND;
                    q.stage = Stage::Waiting(Wait::Again { at });
                    self.expire_member(now);
                }
                RunEnd::HungUp => {
                    q.stage = Stage::Waiting(Wait::Nothing);
                    self.command(self.primary, LegCommand::Hangup { reason: None });
                }
                RunEnd::Left => self.leaves(QueueResult::Leave),
                RunEnd::NoDocument => self.leaves(QueueResult::Error),
            },
            (Stage::Called { agent, waited, run }, end) if *run == over => match end {
                // Who has waited is not to suffer from a document that cannot be had.
                RunEnd::Finished | RunEnd::NoDocument => {
                    let (agent, waited) = (*agent, *waited);
                    self.move_to_agent(agent, waited);
                }
                RunEnd::HungUp => {
                    q.stage = Stage::Waiting(Wait::Nothing);
                    self.command(self.primary, LegCommand::Hangup { reason: None });
                }
                RunEnd::Left => self.leaves(QueueResult::Leave),
            },
            _ => {}
        }
    }

    pub(super) fn expire_member(&mut self, now: Timestamp) {
        let due = |q: &Queued| q.deadline().is_some_and(|at| at <= now);
        if self.queued.as_deref().is_some_and(due) {
            self.begin_wait();
        }
    }

    /// Two legs are bridged on one media thread. A move towards an agent who has left meanwhile is waited for first.
    fn move_to_agent(&mut self, agent: AgentParty, waited: Duration) {
        let beside = agent.ticket.leg;
        let Some(q) = &mut self.queued else { return };
        q.stage = Stage::Moving { agent, waited };
        if self.moving_beside.is_none() {
            self.moving_beside = Some(beside);
            self.emit(CallEffect::MoveMedia { beside });
        }
    }

    pub(super) fn member_moved(&mut self, result: Result<(), MoveFailed>) {
        let (a, Some(moved)) = (self.primary, self.moving_beside.take()) else { return };
        let Some(q) = &mut self.queued else { return };
        let Stage::Moving { agent, waited } = q.stage else { return };
        match result {
            _ if moved != agent.ticket.leg => self.move_to_agent(agent, waited),
            Ok(()) => {
                q.stage = Stage::Talking { waited, talk: Talk::default() };
                let ticket = q.ticket;
                self.bridge(a, agent.ticket.leg);
                self.ask_queue(QueueAsk::Connected { ticket, agent: agent.ticket });
            }
            Err(_) => self.leaves(QueueResult::BridgingInProgress),
        }
    }

    /// Out of the queue on the call's own account.
    fn leaves(&mut self, result: QueueResult) {
        if let Some(ticket) = self.queued.as_ref().map(|q| q.ticket) {
            self.ask_queue(QueueAsk::Leave { ticket });
        }
        self.queue_ended(result);
    }

    /// The Enqueue is over, and its document goes on.
    fn queue_ended(&mut self, result: QueueResult) {
        if let Some(outcome) = self.out_of_queue(result) {
            self.main_input(Input::Queue(QueueEvent::Ended(outcome)));
        }
    }

    fn out_of_queue(&mut self, result: QueueResult) -> Option<QueueOutcome> {
        self.silence();
        let q = self.queued.take()?;
        let waited = q.waited(self.clock.0);
        Some(QueueOutcome { result, queue_sid: q.queue.map(|sid| sid.to_string()), waited })
    }

    /// Another document begins: the action of the Enqueue is told, and its answer does nothing.
    fn redirected_from_queue(&mut self) {
        let Some(q) = &self.queued else { return };
        let (ticket, action) = (q.ticket, q.enqueue.action.clone());
        let result = match q.stage {
            Stage::Answering | Stage::Joining | Stage::Waiting(_) => QueueResult::Redirected,
            Stage::Called { .. } | Stage::Moving { .. } => QueueResult::BridgingInProgress,
            Stage::Talking { .. } => QueueResult::RedirectedFromBridged,
        };
        self.ask_queue(QueueAsk::Leave { ticket });
        let Some(outcome) = self.out_of_queue(result) else { return };
        let Some(run) = self.main_run().map(|run| run.id) else { return };
        if let Some((url, method)) = action {
            let params = self.with_standard(run, outcome.params());
            self.emit(CallEffect::Notify { url, method, params });
        }
    }

    /// The caller has hung up.
    pub(super) fn member_left(&mut self) {
        let Some(q) = &self.queued else { return };
        let result = match q.stage {
            Stage::Talking { .. } => QueueResult::Bridged,
            Stage::Answering | Stage::Joining | Stage::Waiting(_) | Stage::Called { .. } | Stage::Moving { .. } => {
                QueueResult::Hangup
            }
        };
        self.leaves(result);
    }
}

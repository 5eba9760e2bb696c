use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::room::queue::{QueueAsk, QueueNews, QueueTicket, Whom};
use tandem_laml::instruction::Method;
use tandem_model::{LegId, Sid};

use super::actor::InjectPanic;
use super::{QueueDesk, QueuesActor, Seat, ToQueues};
use crate::api::{QueueControl, QueueControlError};
use crate::call::ToCall;
use crate::store::Store;
use crate::store::tests::{TempDir, settings};
use crate::world::Clock;

/// A call that writes down what it is told.
struct Ear(SyncSender<QueueNews>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<ToCall> for Ear {
    type Result = ();

    fn handle(&mut self, msg: ToCall, _: &mut Self::Context) {
        if let CallInput::Queue(news) = msg.0 {
            self.0.send(news).unwrap();
        }
    }
}

struct Rig {
    queues: Addr<QueuesActor>,
    desk: QueueDesk,
    store: Store,
    _dir: TempDir,
}

impl Rig {
    async fn new() -> Rig {
        let dir = TempDir::new();
        let store = Store::open(&dir.url(), settings()).await.unwrap();
        let queues = QueuesActor::restored(store.clone(), Clock::new()).await.unwrap().start();
        Rig { desk: QueueDesk::new(queues.clone()), queues, store, _dir: dir }
    }

    /// The ear of a caller that is in line.
    async fn waits(&self, call: u64) -> (Addr<Ear>, Receiver<QueueNews>) {
        let (ask, call_sid) = (ticket(call), Sid::from_bytes([call as u8; 16]));
        let (ear, heard) = self
            .asks(QueueAsk::Join { ticket: ask, name: "q".into(), call_sid, size_max: None, new_size_max: None })
            .await;
        assert!(matches!(heard.try_recv(), Ok(QueueNews::Joined { .. })));
        (ear, heard)
    }

    async fn dequeues(&self, call: u64) -> (Addr<Ear>, Receiver<QueueNews>) {
        let (ask, call_sid) = (ticket(call), Sid::from_bytes([call as u8; 16]));
        self.asks(QueueAsk::Dequeue { ticket: ask, name: "q".into(), call_sid, url: None }).await
    }

    async fn asks(&self, ask: QueueAsk) -> (Addr<Ear>, Receiver<QueueNews>) {
        let (tell, heard) = sync_channel(64);
        let ear = Ear(tell).start();
        self.queues.send(ToQueues { ask, call: Some(ear.clone().recipient()) }).await.unwrap();
        self.heard(&ear).await;
        (ear, heard)
    }

    /// Until all that is under way to this call has arrived.
    async fn heard(&self, ear: &Addr<Ear>) {
        self.desk.list().await.unwrap();
        let nothing = ToCall(CallInput::Queue(QueueNews::Back { ticket: ticket(u64::MAX >> 20) }));
        ear.send(nothing).await.unwrap();
    }
}

fn ticket(call: u64) -> QueueTicket {
    QueueTicket { leg: LegId::first_of(call), nth: 1 }
}

/// What it was told, without the marks of [`Rig::heard`].
fn told(heard: &Receiver<QueueNews>) -> Vec<QueueNews> {
    heard.try_iter().filter(|news| news.ticket() != ticket(u64::MAX >> 20)).collect()
}

#[actix::test]
async fn a_call_whose_actor_is_gone_gives_up_its_place() {
    let rig = Rig::new().await;
    let (_first, _) = rig.waits(1).await;
    let (_second, _) = rig.waits(2).await;
    drop(Seat::new(rig.queues.clone(), ticket(1)));
    let queue = rig.desk.list().await.unwrap()[0].record.sid;
    let left = rig.desk.members(queue).await.unwrap();
    assert_eq!(left.iter().map(|m| m.call_sid).collect::<Vec<_>>(), [Sid::from_bytes([2; 16])]);
}

#[actix::test]
async fn a_call_that_hears_nothing_any_more_is_passed_over() {
    struct Stop;
    impl Message for Stop {
        type Result = ();
    }
    impl Handler<Stop> for Ear {
        type Result = ();
        fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }
    let rig = Rig::new().await;
    let (first, _) = rig.waits(1).await;
    let (_second, _) = rig.waits(2).await;
    first.send(Stop).await.unwrap();
    while first.connected() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (agent, heard) = rig.dequeues(9).await;
    rig.heard(&agent).await;
    let got: Vec<u64> = told(&heard)
        .iter()
        .filter_map(|n| match n {
            QueueNews::Coming { member, .. } => Some(member.leg.call_number()),
            _ => None,
        })
        .collect();
    assert_eq!(got.last(), Some(&2), "the agent has the one that lives");
}

#[actix::test]
async fn a_call_that_is_behind_is_told_that_it_is_out_once_it_has_room() {
    struct Hold(tokio::sync::oneshot::Receiver<()>);
    impl Message for Hold {
        type Result = ();
    }
    impl Handler<Hold> for Ear {
        type Result = ();
        fn handle(&mut self, msg: Hold, ctx: &mut Self::Context) {
            ctx.wait(msg.0.into_actor(self).map(|_, _, _| ()));
        }
    }
    let rig = Rig::new().await;
    let (caller, heard) = rig.waits(1).await;
    let (go_on, hold) = tokio::sync::oneshot::channel();
    caller.send(Hold(hold)).await.unwrap();
    let nothing = || ToCall(CallInput::Queue(QueueNews::Back { ticket: ticket(u64::MAX >> 20) }));
    let filled = (0..60).take_while(|_| caller.try_send(nothing()).is_ok()).count();
    assert!(filled < 60, "a mailbox has an end");
    // A sender may have one message more in a full mailbox: the agent's coming is told, its going is not.
    let (_agent, _heard) = rig.dequeues(9).await;
    rig.asks(QueueAsk::Leave { ticket: ticket(9) }).await;
    go_on.send(()).unwrap();
    let lost = QueueNews::Lost { ticket: ticket(1) };
    let mut last = None;
    for _ in 0..100 {
        rig.heard(&caller).await;
        last = told(&heard).pop().or(last);
        if last.as_ref() == Some(&lost) {
            break;
        }
    }
    assert_eq!(last, Some(lost));
    assert_eq!(rig.desk.list().await.unwrap()[0].size, 0);
}

#[actix::test]
async fn a_fault_in_the_queues_is_told_to_those_who_wait_and_parts_nobody_who_talks() {
    let rig = Rig::new().await;
    let kept = rig.desk.create("kept".into(), Some(4)).await.unwrap().record;
    let (caller, caller_heard) = rig.waits(1).await;
    let (agent, agent_heard) = rig.dequeues(9).await;
    let ask = QueueAsk::Connected { ticket: ticket(1), agent: ticket(9) };
    rig.queues.send(ToQueues { ask, call: None }).await.unwrap();
    let (waiting, waiting_heard) = rig.waits(2).await;
    rig.queues.send(InjectPanic).await.unwrap();
    rig.heard(&waiting).await;
    assert_eq!(told(&waiting_heard), [QueueNews::Lost { ticket: ticket(2) }]);
    rig.heard(&caller).await;
    assert!(!told(&caller_heard).contains(&QueueNews::Lost { ticket: ticket(1) }));
    assert_eq!(rig.desk.queue(kept.sid).await.unwrap().record, kept);
    // The conversation ends as any other, and the queues go on.
    rig.queues.send(ToQueues { ask: QueueAsk::Leave { ticket: ticket(1) }, call: None }).await.unwrap();
    rig.heard(&agent).await;
    assert_eq!(told(&agent_heard).last(), Some(&QueueNews::PartnerLeft { ticket: ticket(9) }));
    rig.waits(3).await;
}

#[actix::test]
async fn queues_that_rest_made_or_changed_are_kept_and_those_of_documents_are_not() {
    let rig = Rig::new().await;
    rig.waits(1).await;
    assert!(rig.store.queues().await.unwrap().is_empty());
    let named = rig.desk.list().await.unwrap()[0].record.clone();
    let made = rig.desk.create("made".into(), Some(3)).await.unwrap().record;
    let changed = rig.desk.change(named.sid, Some("named".into()), None).await.unwrap().record;
    let mut kept = rig.store.queues().await.unwrap();
    // Those of one millisecond come in any order.
    kept.sort_by(|a, b| b.name.cmp(&a.name));
    assert_eq!(kept, [changed.clone(), made.clone()]);
    rig.desk.remove(made.sid).await.unwrap();
    assert_eq!(rig.store.queues().await.unwrap(), std::slice::from_ref(&changed));
    let again = QueuesActor::restored(rig.store.clone(), Clock::new()).await.unwrap().start();
    assert_eq!(QueueDesk::new(again).list().await.unwrap()[0].record, changed);
}

#[actix::test]
async fn rest_sends_a_member_elsewhere_and_a_dead_desk_says_so() {
    let rig = Rig::new().await;
    let (caller, heard) = rig.waits(1).await;
    let queue = rig.desk.list().await.unwrap()[0].record.sid;
    rig.desk.redirect(queue, Whom::Front, "http://a.example/".into(), Method::Get).await.unwrap();
    rig.heard(&caller).await;
    let expected = QueueNews::Redirected { ticket: ticket(1), url: "http://a.example/".into(), method: Method::Get };
    assert_eq!(told(&heard), [expected]);
    for _ in 0..=tandem_model::limits::RESTARTS_PER_SERVICE {
        let _ = rig.queues.send(InjectPanic).await;
    }
    assert_eq!(rig.desk.list().await, Err(QueueControlError::Unavailable), "too many faults");
}

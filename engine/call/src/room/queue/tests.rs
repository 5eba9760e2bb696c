use std::time::Duration;

use proptest::prelude::*;
use tandem_laml::instruction::Method;
use tandem_model::{LegId, SeedEntropy, Sid, Timestamp, WallTime, limits};

use super::*;

/// The queues, a clock, and news as short lines: `c3 called by c9`.
struct Room {
    queues: Queues,
    now: Timestamp,
}

fn ticket(call: u64) -> QueueTicket {
    QueueTicket { leg: LegId::first_of(call), nth: 1 }
}

fn call_sid(call: u64) -> Sid {
    Sid::from_bytes([call as u8; 16])
}

fn call_of(leg: LegId) -> u64 {
    leg.call_number()
}

impl Room {
    fn new() -> Room {
        Room { queues: Queues::new(vec![], Box::new(SeedEntropy::new(1))), now: Timestamp::from_secs(100) }
    }

    fn wall(&self) -> WallTime {
        WallTime(self.now.as_millis() as i64)
    }

    fn pass(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
    }

    fn ask(&mut self, ask: QueueAsk) -> String {
        let wall = self.wall();
        self.queues.handle(self.now, wall, ask);
        self.news()
    }

    fn news(&mut self) -> String {
        let mut lines = Vec::new();
        while let Some(news) = self.queues.poll() {
            let call = call_of(news.ticket().leg);
            lines.push(match news {
                QueueNews::Joined { .. } => format!("c{call} joined"),
                QueueNews::Refused { why, .. } => format!("c{call} refused {why:?}"),
                QueueNews::Place { place, .. } => format!(
                    "c{call} at {} of {} after {}s average {}s",
                    place.position,
                    place.size,
                    place.waited.as_secs(),
                    place.average_wait.as_secs()
                ),
                QueueNews::Called { agent, waited, url, .. } => format!(
                    "c{call} called by c{} after {}s{}",
                    call_of(agent.ticket.leg),
                    waited.as_secs(),
                    url.map(|(url, _)| format!(" {url}")).unwrap_or_default()
                ),
                QueueNews::Coming { member, waited, .. } => {
                    format!("c{call} gets c{} after {}s", call_of(member.leg), waited.as_secs())
                }
                QueueNews::Connected { .. } => format!("c{call} connected"),
                QueueNews::Held { hold, .. } => format!("c{call} held {hold:?}"),
                QueueNews::Back { .. } => format!("c{call} back"),
                QueueNews::PartnerLeft { .. } => format!("c{call} alone"),
                QueueNews::Redirected { url, .. } => format!("c{call} redirected {url}"),
                QueueNews::Lost { .. } => format!("c{call} lost"),
            });
        }
        lines.join("; ")
    }

    fn join(&mut self, call: u64) -> String {
        self.join_at_most(call, None)
    }

    fn join_at_most(&mut self, call: u64, size_max: Option<u32>) -> String {
        let (ticket, call_sid) = (ticket(call), call_sid(call));
        self.ask(QueueAsk::Join { ticket, name: "support".into(), call_sid, size_max, new_size_max: None })
    }

    fn dequeue(&mut self, call: u64) -> String {
        let (ticket, call_sid) = (ticket(call), call_sid(call));
        self.ask(QueueAsk::Dequeue { ticket, name: "support".into(), call_sid, url: None })
    }

    fn place(&mut self, call: u64) -> String {
        self.ask(QueueAsk::Place { ticket: ticket(call) })
    }

    fn leave(&mut self, call: u64) -> String {
        self.ask(QueueAsk::Leave { ticket: ticket(call) })
    }

    fn connected(&mut self, call: u64, agent: u64) -> String {
        self.ask(QueueAsk::Connected { ticket: ticket(call), agent: ticket(agent) })
    }

    fn sid(&self) -> Sid {
        self.queues.list(self.now)[0].record.sid
    }
}

#[test]
fn callers_wait_in_order_and_are_told_where_they_stand() {
    let mut r = Room::new();
    assert_eq!(r.join(1), "c1 joined");
    r.pass(10);
    assert_eq!(r.join(2), "c2 joined");
    r.pass(4);
    assert_eq!(r.place(1), "c1 at 1 of 2 after 14s average 9s");
    assert_eq!(r.place(2), "c2 at 2 of 2 after 4s average 9s");
    assert_eq!(r.leave(1), "");
    assert_eq!(r.place(2), "c2 at 1 of 1 after 4s average 4s");
    assert_eq!(r.place(1), "", "who left stands nowhere");
    assert_eq!(r.leave(2), "");
    assert_eq!(r.queues.list(r.now)[0].average_wait, Duration::ZERO);
}

#[test]
fn an_agent_gets_the_one_who_waits_longest_and_both_learn_who_it_is() {
    let mut r = Room::new();
    r.join(1);
    r.pass(3);
    r.join(2);
    assert_eq!(r.dequeue(9), "c1 called by c9 after 3s; c9 gets c1 after 3s");
    assert_eq!(r.place(2), "c2 at 1 of 1 after 0s average 0s", "who was called is not in the line");
    assert_eq!(r.connected(1, 8), "", "with somebody else");
    assert_eq!(r.connected(1, 9), "c9 connected");
    assert_eq!(r.connected(1, 9), "", "once");
    assert_eq!(r.leave(1), "c9 alone");
    assert_eq!(r.leave(9), "", "an agent that is alone has left already");
    assert_eq!(r.dequeue(9), "c2 called by c9 after 0s; c9 gets c2 after 0s");
    r.connected(2, 9);
    assert_eq!(r.leave(9), "c2 alone");
}

#[test]
fn who_talks_is_told_how_the_other_holds_and_nobody_else_is() {
    let mut r = Room::new();
    let holds = |r: &mut Room, call, hold| r.ask(QueueAsk::Hold { ticket: ticket(call), hold });
    r.join(1);
    assert_eq!(holds(&mut r, 1, Hold::SendOnly), "", "it talks to nobody");
    r.dequeue(9);
    assert_eq!(holds(&mut r, 1, Hold::SendOnly) + &holds(&mut r, 9, Hold::Inactive), "", "they do not talk so far");
    r.connected(1, 9);
    assert_eq!(holds(&mut r, 1, Hold::SendOnly), "c9 held SendOnly");
    assert_eq!(holds(&mut r, 9, Hold::Inactive), "c1 held Inactive");
    assert_eq!(holds(&mut r, 1, Hold::Off), "c9 held Off");
    r.leave(1);
    assert_eq!(holds(&mut r, 9, Hold::Off), "", "it is alone");
}

#[test]
fn several_agents_wait_in_order_for_who_comes() {
    let mut r = Room::new();
    assert_eq!(r.dequeue(8), "");
    assert_eq!(r.dequeue(9), "");
    assert_eq!(r.dequeue(10), "");
    assert_eq!(r.leave(9), "", "it gave up");
    assert_eq!(r.join(1), "c1 joined; c1 called by c8 after 0s; c8 gets c1 after 0s");
    assert_eq!(r.join(2), "c2 joined; c2 called by c10 after 0s; c10 gets c2 after 0s");
    assert_eq!(r.join(3), "c3 joined");
}

#[test]
fn a_caller_whose_agent_leaves_before_they_talk_has_its_old_place() {
    let mut r = Room::new();
    r.join(1);
    r.join(2);
    r.dequeue(9);
    assert_eq!(r.leave(9), "c1 back");
    assert_eq!(r.place(1), "c1 at 1 of 2 after 0s average 0s");
    r.dequeue(9);
    r.dequeue(10);
    assert_eq!(r.leave(9), "c1 back", "nobody is free");
    assert_eq!(r.leave(10), "c2 back");
    assert_eq!(r.place(2), "c2 at 2 of 2 after 0s average 0s");
    r.dequeue(9);
    r.queues.handle(
        r.now,
        r.wall(),
        QueueAsk::Dequeue {
            ticket: ticket(10),
            name: "support".into(),
            call_sid: call_sid(10),
            url: Some(("http://a.example/u".into(), Method::Get)),
        },
    );
    assert_eq!(r.news(), "c2 called by c10 after 0s http://a.example/u; c10 gets c2 after 0s");
}

#[test]
fn an_agent_whose_caller_leaves_before_they_talk_gets_the_next() {
    let mut r = Room::new();
    r.join(1);
    r.join(2);
    r.dequeue(9);
    r.dequeue(10);
    r.dequeue(11);
    assert_eq!(r.leave(2), "c10 back");
    assert_eq!(r.leave(1), "c9 back");
    assert_eq!(
        r.join(3),
        "c3 joined; c3 called by c9 after 0s; c9 gets c3 after 0s",
        "the agent that waits longest is first again"
    );
    assert_eq!(r.leave(3), "c9 back");
    assert_eq!(r.place(3), "");
}

#[test]
fn a_full_queue_takes_nobody_and_the_smaller_limit_counts() {
    let mut r = Room::new();
    r.join(1);
    assert_eq!(r.join_at_most(2, Some(1)), "c2 refused Full");
    assert_eq!(r.join_at_most(2, Some(2)), "c2 joined");
    let (wall, sid) = (r.wall(), r.sid());
    r.queues.change(r.now, wall, sid, None, Some(Some(2))).unwrap();
    assert_eq!(r.join_at_most(3, Some(100)), "c3 refused Full");
    r.leave(1);
    assert_eq!(r.join(3), "c3 joined", "there is room again");
}

#[test]
fn a_new_queue_has_the_size_its_document_gives_it() {
    let mut r = Room::new();
    let join = |call| QueueAsk::Join {
        ticket: ticket(call),
        name: "small".into(),
        call_sid: call_sid(call),
        size_max: None,
        new_size_max: Some(1),
    };
    assert_eq!(r.ask(join(1)), "c1 joined");
    assert_eq!(r.ask(join(2)), "c2 refused Full");
}

#[test]
fn no_queue_grows_beyond_what_the_process_holds() {
    let mut r = Room::new();
    for call in 1..=limits::QUEUE_MEMBERS_MAX as u64 {
        assert_eq!(r.join(call), format!("c{call} joined"));
    }
    assert_eq!(r.join(limits::QUEUE_MEMBERS_MAX as u64 + 1), "c5001 refused Full");
}

#[test]
fn queues_that_nobody_uses_give_way_and_others_do_not() {
    let mut r = Room::new();
    let named = |call: u64, name: String| QueueAsk::Join {
        ticket: ticket(call),
        name,
        call_sid: call_sid(call),
        size_max: None,
        new_size_max: None,
    };
    let wall = r.wall();
    let kept = r.queues.create(wall, "kept", None).unwrap().record.sid;
    for n in 1..limits::QUEUES_MAX as u64 {
        r.ask(named(n, format!("q{n}")));
    }
    assert_eq!(r.ask(named(5_000, "more".into())), "c5000 refused Failed", "all are in use");
    assert_eq!(r.queues.create(wall, "more", None), Err(DeskError::TooMany));
    r.leave(7);
    assert_eq!(r.ask(named(5_000, "more".into())), "c5000 joined");
    assert!(r.queues.queue(r.now, kept).is_some());
    assert_eq!(r.queues.list(r.now).len(), limits::QUEUES_MAX);
}

#[test]
fn rest_makes_changes_and_removes_queues() {
    let mut r = Room::new();
    let wall = r.wall();
    let made = r.queues.create(wall, "sales", Some(5)).unwrap();
    let sid = made.record.sid;
    assert_eq!((made.size, made.record.size_max, made.record.created), (0, Some(5), wall));
    assert_eq!(r.queues.create(wall, "sales", None), Err(DeskError::NameTaken));
    r.join(1);
    assert_eq!(r.queues.create(wall, "support", None), Err(DeskError::NameTaken), "a document has made it");
    let support = r.queues.list(r.now).into_iter().find(|q| q.record.name == "support").unwrap().record.sid;
    assert_eq!(r.queues.change(r.now, wall, support, Some("sales"), None), Err(DeskError::NameTaken));
    assert_eq!(r.queues.remove(support), Err(DeskError::NotEmpty));
    let changed = r.queues.change(r.now, wall, sid, Some("shop"), Some(None)).unwrap();
    assert_eq!((changed.record.name.as_str(), changed.record.size_max), ("shop", None));
    assert_eq!(r.queues.remove(sid).unwrap().name, "shop");
    assert_eq!(r.queues.remove(sid), Err(DeskError::NoQueue));
    r.queues.create(wall, "sales", None).expect("the name is free again");
    r.dequeue(9);
    assert_eq!(r.queues.remove(support), Err(DeskError::NotEmpty), "somebody talks");
    r.leave(9);
    r.leave(1);
    r.queues.remove(support).expect("nobody uses it");
}

#[test]
fn a_change_that_did_not_last_is_taken_back() {
    let mut r = Room::new();
    let wall = r.wall();
    let sid = r.queues.create(wall, "sales", Some(5)).unwrap().record.sid;
    let before = r.queues.record(sid);
    r.queues.change(r.now, wall, sid, Some("shop"), Some(Some(9))).unwrap();
    r.queues.restore(sid, before.clone());
    assert_eq!(r.queues.record(sid), before);
    assert_eq!(r.queues.create(wall, "sales", None), Err(DeskError::NameTaken));
    r.queues.create(wall, "shop", None).expect("nobody has this name");
    r.queues.remove(sid).unwrap();
    r.queues.restore(sid, before.clone());
    assert_eq!(r.queues.record(sid), before);
}

#[test]
fn rest_sees_the_members_and_sends_one_elsewhere() {
    let mut r = Room::new();
    r.join(1);
    r.pass(5);
    r.join(2);
    r.join(3);
    let (sid, now) = (r.sid(), r.now);
    let members = r.queues.members(now, sid).unwrap();
    assert_eq!(members.iter().map(|m| (m.position, m.waited.as_secs())).collect::<Vec<_>>(), [(1, 5), (2, 0), (3, 0)]);
    assert_eq!(r.queues.member(now, sid, Whom::Front).unwrap(), members[0]);
    assert_eq!(r.queues.member(now, sid, Whom::Call(call_sid(2))).unwrap(), members[1]);
    assert_eq!(r.queues.member(now, sid, Whom::Call(call_sid(7))), Err(DeskError::NoMember));
    let url = || ("http://a.example/".to_owned(), Method::Post);
    r.queues.redirect(now, sid, Whom::Call(call_sid(2)), url().0, url().1).unwrap();
    assert_eq!(r.news(), "c2 redirected http://a.example/");
    r.queues.redirect(now, sid, Whom::Front, url().0, url().1).unwrap();
    assert_eq!(r.news(), "c1 redirected http://a.example/");
    assert_eq!(r.leave(1), "", "it is out already");
    assert_eq!(r.place(3), "c3 at 1 of 1 after 0s average 0s");
    assert_eq!(
        r.queues.redirect(now, Sid::from_bytes([0; 16]), Whom::Front, url().0, url().1),
        Err(DeskError::NoQueue)
    );
}

#[test]
fn kept_queues_are_there_again_with_their_names() {
    let record = QueueRecord {
        sid: call_sid(7),
        name: "kept".into(),
        size_max: Some(3),
        created: WallTime(1),
        updated: WallTime(2),
    };
    let mut queues = Queues::new(vec![record.clone()], Box::new(SeedEntropy::new(1)));
    assert_eq!(queues.record(record.sid), Some((record, true)));
    assert_eq!(queues.create(WallTime(3), "kept", None), Err(DeskError::NameTaken));
}

#[test]
fn after_a_fault_who_talks_talks_on_and_who_waits_is_told() {
    let mut r = Room::new();
    let wall = r.wall();
    let kept = r.queues.create(wall, "support", None).unwrap().record.sid;
    for call in 1..=3 {
        r.join(call);
    }
    r.dequeue(9);
    r.connected(1, 9);
    r.dequeue(10);
    r.queues = r.queues.rebuilt();
    assert_eq!(r.news(), "c2 lost; c3 lost; c10 lost");
    assert_eq!(r.sid(), kept);
    assert_eq!(r.join(4), "c4 joined");
    assert_eq!(r.leave(1), "c9 alone");
}

#[derive(Clone, Debug)]
enum Act {
    Join(u64),
    Dequeue(u64),
    Connected(u64, u64),
    Leave(u64),
    Redirect,
}

fn act() -> impl Strategy<Value = Act> {
    let call = 1u64..9;
    prop_oneof![
        4 => call.clone().prop_map(Act::Join),
        4 => call.clone().prop_map(|c| Act::Dequeue(c + 10)),
        2 => (call.clone(), call.clone()).prop_map(|(m, a)| Act::Connected(m, a + 10)),
        3 => (1u64..20).prop_map(Act::Leave),
        1 => Just(Act::Redirect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes: nobody waits while an agent does, nobody is in two places, and who is told `last` is nowhere.
    #[test]
    fn nobody_waits_beside_a_free_agent_and_nobody_is_lost(acts in proptest::collection::vec(act(), 0..60)) {
        let mut r = Room::new();
        for act in acts {
            r.pass(1);
            let wall = r.wall();
            let asked = match act {
                Act::Join(c) => QueueAsk::Join {
                    ticket: ticket(c), name: "q".into(), call_sid: call_sid(c), size_max: Some(4), new_size_max: None,
                },
                Act::Dequeue(c) => {
                    QueueAsk::Dequeue { ticket: ticket(c), name: "q".into(), call_sid: call_sid(c), url: None }
                }
                Act::Connected(c, a) => QueueAsk::Connected { ticket: ticket(c), agent: ticket(a) },
                Act::Leave(c) => QueueAsk::Leave { ticket: ticket(c) },
                Act::Redirect => {
                    if let Some(q) = r.queues.list(r.now).first() {
                        let sid = q.record.sid;
                        let _ = r.queues.redirect(r.now, sid, Whom::Front, "http://a.example/".into(), Method::Get);
                    }
                    QueueAsk::Place { ticket: ticket(1) }
                }
            };
            r.queues.handle(r.now, wall, asked);
            while let Some(news) = r.queues.poll() {
                if news.is_last() {
                    prop_assert!(!r.queues.seats.contains_key(&news.ticket()), "{news:?}");
                }
            }
            let (mut waiting, mut serving) = (0, 0);
            for queue in r.queues.queues.values() {
                prop_assert!(queue.line.is_empty() || queue.agents.is_empty());
                waiting += queue.line.len();
                serving += queue.agents.len();
            }
            prop_assert_eq!(waiting + serving + 2 * r.queues.pairs.len(), r.queues.seats.len());
        }
    }
}

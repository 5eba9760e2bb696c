//! Every state against every input: what is expected stands in the rows here, and what the machines do is written out
//! whole, one row a state and input with the section that asks for it, in `tables/`.

use std::fmt::Debug;
use std::time::Duration;

use super::super::action::Action::{self, *};
use super::super::timer::{T1, T1_64, T2, T4, Timer};
use super::table::Table;

const D32: Duration = Duration::from_secs(32);

/// State, input, next state, actions; the section that says so.
type Row<S, I> = (S, I, S, &'static [Action], &'static str);

/// What is in no row must do nothing, for the reason that `quiet` gives.
fn check<S: Copy + PartialEq + Debug, I: Copy + PartialEq + Debug>(
    table: &mut Table,
    (states, inputs): (&[S], &[I]),
    rows: &[Row<S, I>],
    quiet: impl Fn(S, I) -> &'static str,
    handle: impl Fn(S, I, &mut Vec<Action>) -> S,
) {
    for row in rows {
        assert!(states.contains(&row.0) && inputs.contains(&row.1), "{row:?} is never tried");
    }
    for &state in states {
        for &input in inputs {
            let mut actions = Vec::new();
            let next = handle(state, input, &mut actions);
            let (expected, expected_actions, section) = rows
                .iter()
                .find(|r| (r.0, r.1) == (state, input))
                .map_or((state, &[] as &[Action], quiet(state, input)), |r| (r.2, r.3, r.4));
            assert_eq!((next, actions.as_slice()), (expected, expected_actions), "{state:?} {input:?}: {section}");
            table.row(&[&state, &input, &next], &actions, section);
        }
    }
}

#[test]
fn invite_client() {
    use super::super::invite_client::{Input::*, InviteClient, State::*};
    const STOP3: [Action; 3] = [Stop(Timer::A), Stop(Timer::B), Stop(Timer::Cancel)];
    let (first, second) = (Calling { resend_after: T1 }, Calling { resend_after: T2 });
    let states = [first, second, Proceeding, Completed, Accepted, Terminated];
    let inputs =
        [Provisional, Success, Failure, CancelSent, TransportError, TimerA, TimerB, TimerD, TimerM, TimerCancel];
    const ONE_SECOND: Duration = Duration::from_secs(1);
    const EIGHT_SECONDS: Duration = Duration::from_secs(8);
    const ON_1XX: &[Action] = &[Stop(Timer::A), Stop(Timer::B), PassUp];
    const ON_2XX: &[Action] = &[STOP3[0], STOP3[1], STOP3[2], PassUp, Start(Timer::M, T1_64)];
    const FAIL_UDP: &[Action] = &[STOP3[0], STOP3[1], STOP3[2], SendAck, PassUp, Start(Timer::D, D32)];
    const FAIL_TCP: &[Action] = &[STOP3[0], STOP3[1], STOP3[2], SendAck, PassUp, Terminate];
    let mut table = Table::new("invite_client");
    for reliable in [false, true] {
        table.part(if reliable { "over a reliable transport" } else { "over UDP" });
        let (failed, on_failure) = if reliable { (Terminated, FAIL_TCP) } else { (Completed, FAIL_UDP) };
        let a = "RFC 3261 17.1.1.2: A doubles without bound";
        let failure = "RFC 3261 17.1.1.2: ACK, pass up, Timer D";
        let success = "RFC 6026 7.2: Accepted, Timer M";
        let rows: &[Row<_, _>] = &[
            (first, TimerA, Calling { resend_after: ONE_SECOND }, &[Send, Start(Timer::A, ONE_SECOND)], a),
            (second, TimerA, Calling { resend_after: EIGHT_SECONDS }, &[Send, Start(Timer::A, EIGHT_SECONDS)], a),
            (first, TimerB, Terminated, &[ReportTimeout, Terminate], "RFC 3261 17.1.1.2: Timer B"),
            (second, TimerB, Terminated, &[ReportTimeout, Terminate], "RFC 3261 17.1.1.2: Timer B"),
            (first, Provisional, Proceeding, ON_1XX, "RFC 3261 17.1.1.2: no retransmission any more"),
            (second, Provisional, Proceeding, ON_1XX, "RFC 3261 17.1.1.2: no retransmission any more"),
            (Proceeding, Provisional, Proceeding, &[PassUp], "RFC 3261 17.1.1.2: further 1xx"),
            (first, Success, Accepted, ON_2XX, success),
            (second, Success, Accepted, ON_2XX, success),
            (Proceeding, Success, Accepted, ON_2XX, success),
            (Accepted, Success, Accepted, &[PassUp], "RFC 6026 7.2: each 2xx goes up"),
            (Accepted, TimerM, Terminated, &[Terminate], "RFC 6026 7.2: Timer M"),
            (first, Failure, failed, on_failure, failure),
            (second, Failure, failed, on_failure, failure),
            (Proceeding, Failure, failed, on_failure, failure),
            (Completed, Failure, Completed, &[SendAck], "RFC 3261 17.1.1.2: ACK again, do not pass up"),
            (Completed, TimerD, Terminated, &[Terminate], "RFC 3261 17.1.1.2: Timer D"),
            (first, TransportError, Terminated, &[ReportTransportError, Terminate], "RFC 3261 17.1.4"),
            (second, TransportError, Terminated, &[ReportTransportError, Terminate], "RFC 3261 17.1.4"),
            (Completed, TransportError, Terminated, &[ReportTransportError, Terminate], "RFC 3261 17.1.1.2"),
            (Proceeding, CancelSent, Proceeding, &[Start(Timer::Cancel, T1_64)], "RFC 3261 9.1: 64*T1"),
            (Proceeding, TimerCancel, Terminated, &[ReportTimeout, Terminate], "RFC 3261 9.1: 64*T1"),
        ];
        let quiet = |state, input| match (state, input) {
            (Terminated, _) => "RFC 3261 17.1.1.2: destroyed",
            (_, TimerA | TimerB | TimerD | TimerM | TimerCancel) => {
                "RFC 3261 figure 5, RFC 6026 7.2: does not run here"
            }
            (Calling { .. }, CancelSent) => "RFC 3261 9.1: no CANCEL before a 1xx",
            (Completed | Accepted, CancelSent) => "RFC 3261 9.1: no effect after a final response",
            (Proceeding | Accepted, TransportError) => "RFC 3261 figure 5, RFC 6026 7.2: nothing of ours is under way",
            (Accepted, _) => "RFC 6026 7.2: only 2xx are passed up",
            _ => "RFC 3261 17.1.1.2: a final response was passed up already",
        };
        check(&mut table, (&states, &inputs), rows, quiet, |state, input, out| {
            let mut machine = InviteClient::start(reliable, &mut Vec::new());
            machine.state = state;
            machine.handle(input, out);
            machine.state
        });
        let mut out = Vec::new();
        assert_eq!(InviteClient::start(reliable, &mut out).state, first);
        let (a, b) = (Start(Timer::A, T1), Start(Timer::B, T1_64));
        assert_eq!(out, if reliable { vec![Send, b] } else { vec![Send, a, b] }, "RFC 3261 17.1.1.2");
    }
    table.finish();
}

#[test]
fn non_invite_client() {
    use super::super::non_invite_client::{Input::*, NonInviteClient, State::*};
    let (first, last) = (Trying { resend_after: T1 }, Trying { resend_after: T2 });
    let states = [first, last, Proceeding, Completed, Terminated];
    let inputs = [Provisional, Final, TransportError, TimerE, TimerF, TimerK];
    const ONE_SECOND: Duration = Duration::from_secs(1);
    const DONE_UDP: &[Action] = &[Stop(Timer::E), Stop(Timer::F), PassUp, Start(Timer::K, T4)];
    const DONE_TCP: &[Action] = &[Stop(Timer::E), Stop(Timer::F), PassUp, Terminate];
    const FAILED: &[Action] = &[ReportTransportError, Terminate];
    const TIMEOUT: &[Action] = &[ReportTimeout, Terminate];
    let mut table = Table::new("non_invite_client");
    for reliable in [false, true] {
        table.part(if reliable { "over a reliable transport" } else { "over UDP" });
        let (done, on_final) = if reliable { (Terminated, DONE_TCP) } else { (Completed, DONE_UDP) };
        let rows: &[Row<_, _>] = &[
            (
                first,
                TimerE,
                Trying { resend_after: ONE_SECOND },
                &[Send, Start(Timer::E, ONE_SECOND)],
                "RFC 3261 17.1.2.2: E doubles",
            ),
            (last, TimerE, last, &[Send, Start(Timer::E, T2)], "RFC 3261 17.1.2.2: E ends at T2"),
            (Proceeding, TimerE, Proceeding, &[Send, Start(Timer::E, T2)], "RFC 3261 17.1.2.2: T2 in Proceeding"),
            (first, TimerF, Terminated, TIMEOUT, "RFC 3261 17.1.2.2: Timer F"),
            (last, TimerF, Terminated, TIMEOUT, "RFC 3261 17.1.2.2: Timer F"),
            (Proceeding, TimerF, Terminated, TIMEOUT, "RFC 3261 17.1.2.2: Timer F"),
            (first, Provisional, Proceeding, &[PassUp], "RFC 3261 17.1.2.2"),
            (last, Provisional, Proceeding, &[PassUp], "RFC 3261 17.1.2.2"),
            (Proceeding, Provisional, Proceeding, &[PassUp], "RFC 3261 17.1.2.2"),
            (first, Final, done, on_final, "RFC 3261 17.1.2.2: Timer K"),
            (last, Final, done, on_final, "RFC 3261 17.1.2.2: Timer K"),
            (Proceeding, Final, done, on_final, "RFC 3261 17.1.2.2: Timer K"),
            (first, TransportError, Terminated, FAILED, "RFC 3261 17.1.4"),
            (last, TransportError, Terminated, FAILED, "RFC 3261 17.1.4"),
            (Proceeding, TransportError, Terminated, FAILED, "RFC 3261 17.1.4"),
            (Completed, TimerK, Terminated, &[Terminate], "RFC 3261 17.1.2.2: Timer K"),
        ];
        let quiet = |state, input| match (state, input) {
            (Terminated, _) => "RFC 3261 17.1.2.2: destroyed",
            (_, TimerE | TimerF | TimerK) => "RFC 3261 figure 6: does not run here",
            (_, TransportError) => "RFC 3261 figure 6: nothing of ours is under way",
            _ => "RFC 3261 17.1.2.2: Completed absorbs further responses",
        };
        check(&mut table, (&states, &inputs), rows, quiet, |state, input, out| {
            let mut machine = NonInviteClient::start(reliable, &mut Vec::new());
            machine.state = state;
            machine.handle(input, out);
            machine.state
        });
        let mut out = Vec::new();
        assert_eq!(NonInviteClient::start(reliable, &mut out).state, first);
        let (e, f) = (Start(Timer::E, T1), Start(Timer::F, T1_64));
        assert_eq!(out, if reliable { vec![Send, f] } else { vec![Send, e, f] }, "RFC 3261 17.1.2.2");
    }
    table.finish();
}

#[test]
fn invite_server() {
    use super::super::invite_server::{Input::*, InviteServer, State::*};
    const SOON: Duration = Duration::from_millis(200);
    const ONE_SECOND: Duration = Duration::from_secs(1);
    let (first, last) = (Completed { resend_after: T1 }, Completed { resend_after: T2 });
    let states = [Proceeding, first, last, Accepted, Confirmed, Terminated];
    let inputs =
        [Invite, Ack, Provisional, Success, Failure, TransportError, TimerG, TimerH, TimerI, TimerL, TimerTrying];
    const FAIL_UDP: &[Action] = &[Stop(Timer::Trying), Send, Start(Timer::G, T1), Start(Timer::H, T1_64)];
    const FAIL_TCP: &[Action] = &[Stop(Timer::Trying), Send, Start(Timer::H, T1_64)];
    const ACK_UDP: &[Action] = &[Stop(Timer::G), Stop(Timer::H), Start(Timer::I, T4)];
    const ACK_TCP: &[Action] = &[Stop(Timer::G), Stop(Timer::H), Terminate];
    const TIMEOUT: &[Action] = &[ReportTimeout, Terminate];
    let mut table = Table::new("invite_server");
    for reliable in [false, true] {
        table.part(if reliable { "over a reliable transport" } else { "over UDP" });
        let (confirmed, on_ack) = if reliable { (Terminated, ACK_TCP) } else { (Confirmed, ACK_UDP) };
        let on_failure = if reliable { FAIL_TCP } else { FAIL_UDP };
        let error = "RFC 6026 7.1: the user is told, the state stays";
        let rows: &[Row<_, _>] = &[
            (Proceeding, Invite, Proceeding, &[Send], "RFC 3261 17.2.1: the last 1xx again"),
            (Proceeding, TimerTrying, Proceeding, &[SendTrying], "RFC 3261 17.2.1: 100 within 200 ms"),
            (Proceeding, Provisional, Proceeding, &[Stop(Timer::Trying), Send], "RFC 3261 17.2.1"),
            (
                Proceeding,
                Success,
                Accepted,
                &[Stop(Timer::Trying), Send, Start(Timer::L, T1_64)],
                "RFC 6026 7.1: Accepted, Timer L",
            ),
            (Proceeding, Failure, first, on_failure, "RFC 3261 17.2.1: Timers G and H"),
            (Accepted, Success, Accepted, &[Send], "RFC 6026 7.1: the user repeats its 2xx"),
            (Accepted, Ack, Accepted, &[PassUp], "RFC 6026 7.1: ACK goes up"),
            (Accepted, TimerL, Terminated, &[Terminate], "RFC 6026 7.1: Timer L"),
            (first, Invite, first, &[Send], "RFC 3261 17.2.1: the response again"),
            (last, Invite, last, &[Send], "RFC 3261 17.2.1: the response again"),
            (
                first,
                TimerG,
                Completed { resend_after: ONE_SECOND },
                &[Send, Start(Timer::G, ONE_SECOND)],
                "RFC 3261 17.2.1: G doubles",
            ),
            (last, TimerG, last, &[Send, Start(Timer::G, T2)], "RFC 3261 17.2.1: G ends at T2"),
            (first, Ack, confirmed, on_ack, "RFC 3261 17.2.1: Timer I"),
            (last, Ack, confirmed, on_ack, "RFC 3261 17.2.1: Timer I"),
            (first, TimerH, Terminated, TIMEOUT, "RFC 3261 17.2.1: Timer H"),
            (last, TimerH, Terminated, TIMEOUT, "RFC 3261 17.2.1: Timer H"),
            (Confirmed, TimerI, Terminated, &[Terminate], "RFC 3261 17.2.1: Timer I"),
            (Proceeding, TransportError, Proceeding, &[ReportTransportError], error),
            (first, TransportError, first, &[ReportTransportError], error),
            (last, TransportError, last, &[ReportTransportError], error),
            (Accepted, TransportError, Accepted, &[ReportTransportError], error),
        ];
        let quiet = |state, input| match (state, input) {
            (Terminated, _) => "RFC 3261 17.2.1: destroyed",
            (_, TimerG | TimerH | TimerI | TimerL | TimerTrying) => {
                "RFC 3261 figure 7, RFC 6026 7.1: does not run here"
            }
            (Accepted, Invite) => "RFC 6026 7.1: absorbed, the user repeats its 2xx",
            (Proceeding, Ack) => "RFC 3261 figure 7: acknowledges nothing yet",
            (Confirmed, Ack | Invite) => "RFC 3261 17.2.1: absorbed",
            (Confirmed, TransportError) => "RFC 3261 figure 7: nothing of ours is under way",
            _ => "RFC 3261 17.2.1, RFC 6026 7.1: after a final response no other is sent",
        };
        check(&mut table, (&states, &inputs), rows, quiet, |state, input, out| {
            let mut machine = InviteServer::start(reliable, SOON, &mut Vec::new());
            machine.state = state;
            machine.handle(input, out);
            machine.state
        });
        for (trying_after, first_action) in [(SOON, Start(Timer::Trying, SOON)), (Duration::ZERO, SendTrying)] {
            let mut out = Vec::new();
            assert_eq!(InviteServer::start(reliable, trying_after, &mut out).state, Proceeding);
            assert_eq!(out, [first_action, PassUp], "RFC 3261 17.2.1");
        }
    }
    table.finish();
}

#[test]
fn non_invite_server() {
    use super::super::non_invite_server::{Input::*, NonInviteServer, State::*};
    let states = [Trying, Proceeding, Completed, Terminated];
    let inputs = [Request, Provisional, Final, TransportError, TimerJ, TimerUnanswered];
    const DONE_UDP: &[Action] = &[Stop(Timer::Unanswered), Send, Start(Timer::J, T1_64)];
    const DONE_TCP: &[Action] = &[Stop(Timer::Unanswered), Send, Terminate];
    const FAILED: &[Action] = &[ReportTransportError, Terminate];
    let mut table = Table::new("non_invite_server");
    for reliable in [false, true] {
        table.part(if reliable { "over a reliable transport" } else { "over UDP" });
        let (done, on_final) = if reliable { (Terminated, DONE_TCP) } else { (Completed, DONE_UDP) };
        let rows: &[Row<_, _>] = &[
            (Trying, Provisional, Proceeding, &[Send], "RFC 3261 17.2.2"),
            (Proceeding, Provisional, Proceeding, &[Send], "RFC 3261 17.2.2"),
            (Trying, Final, done, on_final, "RFC 3261 17.2.2: Timer J"),
            (Proceeding, Final, done, on_final, "RFC 3261 17.2.2: Timer J"),
            (Proceeding, Request, Proceeding, &[Send], "RFC 3261 17.2.2: the last 1xx again"),
            (Completed, Request, Completed, &[Send], "RFC 3261 17.2.2: the response again"),
            (Completed, TimerJ, Terminated, &[Terminate], "RFC 3261 17.2.2: Timer J"),
            (Trying, TimerUnanswered, Terminated, &[Terminate], "RFC 4320 4.2: too late to answer"),
            (Proceeding, TimerUnanswered, Terminated, &[Terminate], "RFC 4320 4.2: too late to answer"),
            (Trying, TransportError, Terminated, FAILED, "RFC 3261 17.2.4"),
            (Proceeding, TransportError, Terminated, FAILED, "RFC 3261 17.2.4"),
            (Completed, TransportError, Terminated, FAILED, "RFC 3261 17.2.4"),
        ];
        let quiet = |state, input| match (state, input) {
            (Terminated, _) => "RFC 3261 17.2.2: destroyed",
            (_, TimerJ | TimerUnanswered) => "RFC 3261 figure 8: does not run here",
            (Trying, _) => "RFC 3261 17.2.2: discarded, there is no response to repeat",
            _ => "RFC 3261 17.2.2: any further final response of the user is discarded",
        };
        check(&mut table, (&states, &inputs), rows, quiet, |state, input, out| {
            let mut machine = NonInviteServer::start(reliable, &mut Vec::new());
            machine.state = state;
            machine.handle(input, out);
            machine.state
        });
    }
    table.finish();
}

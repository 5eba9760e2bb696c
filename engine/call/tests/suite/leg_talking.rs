//! A leg within its dialog (RFC 3261 sections 12.2, 14 and 15; RFC 3311; RFC 3264 section 8).

use tandem_call::directory::DtmfMethod;
use tandem_call::leg::MediaPolicy;

use crate::rig::{Rig, spec};

fn talking() -> Rig {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
    ])
}

#[test]
fn hold_and_resume_follow_the_offered_direction() {
    talking().run(&[
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("ACK", ""),
        ("INVITE inactive", "configure Pcmu nowhere --; 200 inactive; renegotiated Pcmu"),
        ("ACK", ""),
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("ACK", ""),
        ("UPDATE fork", "configure Pcmu 203.0.113.77:7000 sr; 200 sendrecv; renegotiated Pcmu"),
    ]);
}

#[test]
fn a_reinvite_without_offer_gets_ours_and_takes_the_ack() {
    talking().run(&[
        ("INVITE", "200 sendrecv"),
        ("UPDATE sdp", "491"),
        ("ACK pcma", "configure Pcma 203.0.113.9:4000 sr; renegotiated Pcma"),
        ("UPDATE", "200"),
    ]);
}

#[test]
fn a_reinvite_before_the_ack_of_the_last_is_put_off() {
    talking().run(&[
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("INVITE sdp", "491"),
        ("ACK cseq=9", ""),
        ("ACK cseq=2", ""),
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
    ]);
}

#[test]
fn a_reoffer_that_does_not_suit_leaves_the_session_as_it_was() {
    talking().run(&[
        ("INVITE g729", "488"),
        ("INVITE junk", "400"),
        ("INVITE sdp isup", "415"),
        ("hangup", "ended 200 local; BYE 1; close"),
    ]);
}

#[test]
fn a_reinvites_2xx_repeats_and_ends_the_call_when_never_acknowledged() {
    talking().run(&[
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("+500", "200 sendrecv"),
        ("+32000", "ended 200 failure; BYE 1 [SIP;cause=408;text=\"No ACK\"]; close"),
    ]);
}

#[test]
fn forged_and_old_requests_do_not_touch_the_call() {
    talking().run(&[
        ("BYE tag=other", "481"),
        ("BYE call-id=other", "481"),
        ("BYE cseq=1", "500"),
        ("INFO", "200"),
        ("OPTIONS", "200"),
        ("REFER", "400"),
        ("MESSAGE", "405"),
        ("BYE", "200; ended 200 remote; close"),
    ]);
}

#[test]
fn media_that_stops_or_fails_ends_the_call() {
    let timeout = "ended 200 media-timeout; BYE 1 [Q.850;cause=41;text=\"RTP timeout\"]; close";
    talking().run(&[("rtp-timeout", timeout)]);
    let failed = "ended 200 failure; BYE 1 [SIP;cause=500;text=\"Media failed\"]";
    talking().run(&[("failed", failed), ("200 bye", "closed; stop")]);
}

#[test]
fn a_bye_nobody_answers_is_given_up() {
    talking().run(&[("hangup", "ended 200 local; BYE 1; close"), ("closed", ""), ("bye-timeout", "closed; stop")]);
    talking().run(&[("hangup", "ended 200 local; BYE 1; close"), ("+33000", "closed; stop")]);
}

#[test]
fn a_callees_reinvite_is_answered_like_a_callers() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("ACK", ""),
        ("BYE", "200; ended 200 remote; close"),
        ("closed", "closed; stop"),
    ]);
}

fn with_method(method: DtmfMethod, offer: &str) -> Rig {
    Rig::called_with(offer, MediaPolicy { dtmf: method, ..MediaPolicy::default() }).unwrap_or_else(|r| panic!("{r:?}"))
}

#[test]
fn a_digit_in_an_info_goes_to_media_and_malformed_ones_are_told_why() {
    let rig = talking().run(&[
        ("INFO signal=5", "200; hear-digit 5 160"),
        ("INFO signal=11", "200; hear-digit # 160"),
        ("INFO signal=flash", "200"),
        ("INFO", "200"),
        ("INFO signal=x", "400"),
        ("INFO signal=5 tag=other", "481"),
    ]);
    assert_eq!(rig.peer.last_response.as_ref().and_then(|r| r.status()), Some(481));
    let rig = rig.run(&[("INFO signal=5 plain", "415")]);
    let accept = rig.peer.last_response.as_ref().and_then(|r| r.header("Accept").map(str::to_owned));
    assert_eq!(accept.as_deref(), Some("application/dtmf-relay, application/dtmf"));
    let rig = rig.run(&[("INFO signal=5 Info-Package:foo", "469")]);
    assert_eq!(
        rig.peer.last_response.as_ref().and_then(|r| r.header("Recv-Info").map(str::to_owned)).as_deref(),
        Some("")
    );
}

#[test]
fn a_digit_in_an_info_before_the_answer_is_heard_too() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("INFO signal=7", "200; hear-digit 7 160"),
        ("INFO signal=7 tag=x", "481"),
    ]);
}

#[test]
fn digits_for_the_far_end_go_out_one_info_after_another() {
    let rig = with_method(DtmfMethod::Info, "sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr info; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
        ("digit-for-peer 5", "INFO 1 Signal=5 Duration=100"),
        ("digit-for-peer 6", ""),
        ("digit-for-peer #", ""),
        ("100 info", ""),
        ("200 info", "INFO 2 Signal=6 Duration=100"),
        // A refusal or silence loses its digit, not the ones behind it.
        ("488 info", "INFO 3 Signal=# Duration=100"),
        ("info-timeout", ""),
        ("digit-for-peer 1", "INFO 4 Signal=1 Duration=100"),
        ("BYE", "200; ended 200 remote; close"),
    ]);
    let spec = rig.peer.last_spec.expect("configured");
    assert_eq!((spec.dtmf, spec.dtmf_in_band), (None, false), "events are not agreed, the audio is not listened to");
}

#[test]
fn without_events_digits_go_as_info_where_allow_lists_it_and_as_tones_where_it_is_refused() {
    let rig = with_method(DtmfMethod::Auto, "notones Allow:INVITE,ACK,INFO").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr info; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
        ("digit-for-peer 5", "INFO 1 Signal=5 Duration=100"),
        ("digit-for-peer 6", ""),
        ("415 info", "configure Pcmu 203.0.113.9:4000 sr; press-digit 5 100; press-digit 6 100"),
        // A re-offer does not forget it.
        ("INVITE notones", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
    ]);
    assert!(rig.peer.last_spec.is_some_and(|spec| spec.dtmf_in_band), "and its audio is listened to");
}

#[test]
fn each_method_configures_media_in_its_way() {
    for (method, offer, events, in_band, info) in [
        (DtmfMethod::Auto, "sdp Allow:INFO", true, false, false),
        (DtmfMethod::Auto, "notones", false, true, false),
        (DtmfMethod::Auto, "notones Allow:INVITE,BYE", false, true, false),
        (DtmfMethod::Auto, "notones Allow:INFO", false, true, true),
        (DtmfMethod::Rfc4733, "sdp", true, false, false),
        (DtmfMethod::Rfc4733, "notones Allow:INFO", false, false, false),
        (DtmfMethod::Info, "sdp", false, false, true),
        (DtmfMethod::InBand, "sdp Allow:INFO", false, true, false),
    ] {
        let mut rig = with_method(method, offer);
        rig.effects();
        rig.step("opened");
        rig.step("answer");
        let spec = rig.peer.last_spec.expect("configured");
        let got = (spec.dtmf.is_some(), spec.dtmf_in_band, spec.dtmf_in_signalling);
        assert_eq!(got, (events, in_band, info), "{method:?} with {offer}");
    }
}

#[test]
fn a_callees_allow_counts_as_a_callers() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 notones Allow:INFO", "ACK 1; configure Pcmu 203.0.113.9:4000 sr info; answered Pcmu"),
        ("digit-for-peer 5", "INFO 2 Signal=5 Duration=100"),
    ]);
}

#[test]
fn a_key_that_comes_up_is_reported_with_its_length() {
    talking().run(&[("digit 5", "digit 5"), ("digit-ended 5", "digit-ended 5 100")]);
}

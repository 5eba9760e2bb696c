//! What a description says of RTCP: its port, one port for both, reduced size and extended reports.

mod support;

use support::*;
use tandem_sdp::*;

const ALL: RtcpXr = RtcpXr { voip_metrics: true, receiver_rtt: true };
const NONE: RtcpXr = RtcpXr { voip_metrics: false, receiver_rtt: false };

#[test]
fn extended_reports_are_read_among_formats_we_do_not_know() {
    for (line, wanted) in [
        ("rtcp-xr:voip-metrics", RtcpXr { voip_metrics: true, ..NONE }),
        ("rtcp-xr:pkt-loss-rle stat-summary=loss,dup,jitt,TTL voip-metrics rcvr-rtt=all:10", ALL),
        ("rtcp-xr:rcvr-rtt=sender", RtcpXr { receiver_rtt: true, ..NONE }),
        ("rtcp-xr:", NONE),
        ("rtcp-xr", NONE),
        ("rtcp-xr:voip-metricses =", NONE),
    ] {
        assert_eq!(audio("5000 RTP/AVP 0", &[line]).media[0].rtcp_xr, wanted, "{line}");
    }
}

#[test]
fn the_sessions_extended_reports_hold_for_lines_that_say_nothing() {
    let text = "v=0\nc=IN IP4 198.51.100.1\na=rtcp-xr:rcvr-rtt=all voip-metrics\nm=audio 5000 RTP/AVP 0\n\
                m=audio 5002 RTP/AVP 0\na=rtcp-xr:voip-metrics\n";
    let media = parse(text.as_bytes()).expect("the test's own text").media;
    assert_eq!(media[0].rtcp_xr, ALL);
    assert_eq!(media[1].rtcp_xr, RtcpXr { voip_metrics: true, ..NONE });
}

#[test]
fn an_answer_repeats_what_both_take_and_no_more() {
    let caps = capabilities(Encryption::Off);
    for (lines, expected, unexpected) in [
        (&["rtcp-mux", "rtcp-rsize", "rtcp-xr:voip-metrics"][..], "a=rtcp-xr:voip-metrics\r\n", "rcvr-rtt"),
        (&["rtcp-xr:rcvr-rtt=all"], "a=rtcp-xr:rcvr-rtt=all\r\n", "rsize"),
        (&[], "a=rtcp:20001\r\n", "rtcp-"),
    ] {
        let (text, agreement) = answered(&caps, &audio("5000 RTP/AVP 0", lines)).expect("PCMU");
        assert!(text.contains(expected) && !text.contains(unexpected), "{lines:?}: {text}");
        assert_eq!(agreement.rtcp_rsize, lines.contains(&"rtcp-rsize"));
        assert_eq!(agreement.rtcp_mux, lines.contains(&"rtcp-mux"));
        assert_eq!(text.contains("a=rtcp:"), !agreement.rtcp_mux, "{text}");
    }
}

#[test]
fn an_offer_says_what_we_take_and_the_answer_what_of_it_holds() {
    let ours = offer(&capabilities(Encryption::Off), &local(), &mut entropy());
    let text = String::from_utf8_lossy(&ours.text).into_owned();
    for line in ["a=rtcp-mux\r\n", "a=rtcp-rsize\r\n", "a=rtcp-xr:voip-metrics rcvr-rtt=all\r\n"] {
        assert!(text.contains(line), "{text}");
    }
    for (lines, rsize, xr) in [
        (&["rtcp-rsize", "rtcp-xr:rcvr-rtt=all:10 voip-metrics"][..], true, ALL),
        (&["rtcp-xr:voip-metrics"], false, RtcpXr { voip_metrics: true, ..NONE }),
        (&[], false, NONE),
    ] {
        let agreement = accept_answer(&ours, &audio("5000 RTP/AVP 0", lines)).expect("PCMU");
        assert_eq!((agreement.rtcp_rsize, agreement.rtcp_xr), (rsize, xr), "{lines:?}");
    }
}

/// RFC 5761 section 4.
#[test]
fn one_port_is_not_shared_when_a_payload_type_looks_like_rtcp() {
    for (number, shared) in [(63, true), (64, false), (72, false), (95, false), (96, true)] {
        let remote =
            audio(&format!("5000 RTP/AVP 0 {number}"), &[&format!("rtpmap:{number} opus/48000/2"), "rtcp-mux"]);
        let (text, agreement) = answered(&capabilities(Encryption::Off), &remote).expect("PCMU");
        assert_eq!(agreement.rtcp_mux, shared, "{number}");
        assert_eq!(text.contains("a=rtcp-mux"), shared);
        assert_eq!(agreement.remote_rtcp.map(|a| a.port()), Some(if shared { 5000 } else { 5001 }));
    }
}

#[test]
fn rtcp_goes_where_it_is_wanted() {
    for (line, port) in [("rtcp:6001", 6001), ("rtcp:6001 IN IP4 198.51.100.9", 6001), ("x", 5001), ("rtcp:0", 0)] {
        let (_, agreement) = answered(&capabilities(Encryption::Off), &audio("5000 RTP/AVP 0", &[line])).expect("PCMU");
        assert_eq!(agreement.remote_rtcp.map_or(0, |a| a.port()), port, "{line}");
    }
}

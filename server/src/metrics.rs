//! Numbers that other parts keep and `/metrics` asks for.

use std::sync::atomic::Ordering;
use tandem_actors::api::{Sample, SampleSource, SampleValue};
use tandem_actors::carrier::{CarrierSnapshot, Trunks};
use tandem_actors::media::{Lateness, MediaHandle, MediaSnapshot};
use tandem_actors::recording::RecordingService;
use tandem_actors::store::Store;
use tandem_actors::stream::StreamHub;
use tandem_actors::supervision;
use tandem_actors::transport::Transports;
use tandem_actors::webhook::StatusQueue;
use tandem_model::Transport;

fn counter(name: &'static str, help: &'static str, value: u64) -> Sample {
    Sample { name, help, value: SampleValue::Counter(value) }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, value: SampleValue::Gauge(value) }
}

pub fn media(handle: MediaHandle) -> SampleSource {
    Box::new(move || {
        let all = handle.snapshot();
        let sum = |f: fn(&MediaSnapshot) -> u64| all.iter().map(f).sum::<u64>();
        let late = all.iter().map(|s| s.tick_late_max.as_secs_f64()).fold(0.0, f64::max);
        let mut samples = vec![
            counter("media_packets_in", "RTP and RTCP packets received", sum(|s| s.packets_in)),
            counter("media_packets_out", "RTP and RTCP packets sent", sum(|s| s.packets_out)),
            counter("media_ticks", "Media ticks run", sum(|s| s.ticks)),
            counter("media_ticks_skipped", "Media ticks that came too late to run", sum(|s| s.ticks_skipped)),
            gauge("media_tick_late_seconds_max", "Largest lateness of a tick", late),
            Sample { name: "media_tick_late_seconds", help: "How late media ticks came", value: lateness(&all) },
            counter("media_kernel_drops", "Datagrams that found no room in an RTP socket", sum(|s| s.kernel_drops)),
            counter(
                "media_opens_refused",
                "Legs not opened for want of room on a media thread",
                sum(|s| s.opens_refused),
            ),
            Sample {
                name: "media_thread_load",
                help: "Share of the last seconds that a media thread worked",
                value: SampleValue::Gauges("thread", all.iter().map(|s| s.load).collect()),
            },
            counter("media_events_lost", "Media events no leg could take", sum(|s| s.events_lost)),
            gauge("media_legs", "Legs with open ports", sum(|s| s.legs) as f64),
            counter("media_legs_rebuilt", "Legs rebuilt after a panic in a media step", sum(|s| s.legs_rebuilt)),
            gauge("media_port_pairs_free", "RTP/RTCP port pairs not in use", sum(|s| s.port_pairs_free) as f64),
            counter("media_thread_restarts", "Media threads started again", sum(|s| s.restarts)),
        ];
        let dropped: u64 = all.iter().flat_map(|s| &s.drops).map(|(_, n)| n).sum();
        samples.push(counter("media_packets_dropped", "Packets that left the media path early", dropped));
        samples
    })
}

/// Of all threads together.
fn lateness(all: &[MediaSnapshot]) -> SampleValue {
    let mut late = Lateness::default();
    all.iter().for_each(|s| late.add(&s.tick_lateness));
    let buckets = late.buckets().map(|(bound, n)| (bound.map_or(f64::INFINITY, |b| b.as_secs_f64()), n)).collect();
    SampleValue::Histogram { buckets, count: late.count(), sum: late.sum().as_secs_f64() }
}

const STREAMS: [Transport; 4] = [Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

pub fn transports(transports: Transports) -> SampleSource {
    Box::new(move || {
        let c = transports.counters();
        let read = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
        vec![
            counter("sip_messages_received", "SIP messages received", read(&c.received)),
            counter("sip_messages_sent", "SIP messages sent", read(&c.sent)),
            counter("sip_messages_malformed", "SIP messages that could not be read", read(&c.malformed)),
            counter("sip_messages_refused", "SIP messages dropped by a full shard", read(&c.refused)),
            counter("sip_send_failed", "SIP messages that could not be sent", read(&c.send_failed)),
            gauge(
                "sip_connections",
                "Connections of all stream transports",
                STREAMS.map(|t| c.connections(t)).iter().sum::<u64>() as f64,
            ),
            gauge("sip_connections_tcp", "TCP connections", c.connections(Transport::Tcp) as f64),
            gauge("sip_connections_tls", "TLS connections", c.connections(Transport::Tls) as f64),
            gauge("sip_connections_ws", "WebSocket connections", c.connections(Transport::Ws) as f64),
            gauge("sip_connections_wss", "WebSocket connections over TLS", c.connections(Transport::Wss) as f64),
            counter("sip_connections_refused", "Connections there was no room for", read(&c.connections_refused)),
            counter("sip_handshakes_failed", "TLS and WebSocket handshakes that failed", read(&c.handshakes_failed)),
            counter("sip_slow_peers", "Connections dropped because the peer did not read", read(&c.slow_peers)),
            counter("sip_stun_answered", "STUN keep-alives answered", read(&c.stun_answered)),
        ]
    })
}

pub fn recordings(service: RecordingService) -> SampleSource {
    Box::new(move || {
        let s = service.stats();
        vec![
            gauge("recordings_active", "Recordings in the making", s.active as f64),
            counter("recordings_completed", "Recordings finished whole", s.completed),
            counter("recordings_absent", "Recordings of which nothing was to be kept", s.absent),
            counter("recordings_partial", "Recordings the disk cut short", s.partial),
            counter("recordings_failed", "Recordings without a file, against what was asked", s.failed),
            counter("recording_frames_lost", "Frames the recorder came too late for", s.frames_lost),
            counter("recording_bytes", "Bytes of finished recordings", s.bytes),
        ]
    })
}

pub fn streams(hub: StreamHub) -> SampleSource {
    Box::new(move || {
        let s = hub.stats();
        vec![
            gauge("streams_open", "Streams of calls' audio that are connected", s.open as f64),
            counter("streams_connected", "Streams that were connected", s.connected),
            counter("streams_failed", "Streams that did not come about, or broke", s.failed),
            counter("stream_ticks_lost", "Ticks of audio that a stream's server was too slow to read", s.ticks_lost),
            counter(
                "stream_messages_ignored",
                "Messages of streams' servers that nobody understood",
                s.messages_ignored,
            ),
            counter("stream_samples_lost", "Samples of streams' servers that found no room", s.samples_lost),
        ]
    })
}

pub fn carriers(trunks: Trunks) -> SampleSource {
    Box::new(move || {
        let all = trunks.snapshot();
        let each = |name, help, value: fn(&CarrierSnapshot) -> Option<f64>| {
            let labelled = all.iter().filter_map(|c| {
                let labels = vec![("carrier", c.name.clone()), ("id", c.id.to_string())];
                Some((labels, value(c)?))
            });
            Sample { name, help, value: SampleValue::Labelled(labelled.collect()) }
        };
        vec![
            each("carrier_up", "Whether a carrier takes calls", |c| Some(f64::from(u8::from(c.state.up)))),
            each("carrier_registered", "Whether this server is registered with a carrier", |c| {
                c.state.registration.as_ref().map(|r| f64::from(u8::from(r.state == "registered")))
            }),
            each("carrier_channels", "Calls of a carrier now", |c| Some(f64::from(c.state.channels))),
            each("carrier_refused", "Calls that a carrier's limits refused", |c| Some(c.state.refused as f64)),
        ]
    })
}

pub fn queues(status: StatusQueue, store: Store) -> SampleSource {
    Box::new(move || {
        let s = status.stats();
        vec![
            counter(
                "panics_caught",
                "Panics that ended a leg, a call or a step, and not the process",
                supervision::panics(),
            ),
            counter("mailbox_messages_lost", "Messages full mailboxes refused", supervision::overflows()),
            gauge("status_callbacks_queued", "Notifications waiting or under way", s.queued as f64),
            gauge("status_callbacks_asleep", "Of these, those whose server is down", s.asleep as f64),
            gauge("status_callbacks_stored", "Of these, those on disk", s.stored as f64),
            counter("status_callbacks_delivered", "Notifications delivered", s.delivered),
            counter("status_callbacks_retried", "Tries of notifications beyond the first", s.retried),
            counter("status_callbacks_failed", "Notifications given up", s.failed),
            counter("status_callbacks_dropped", "Notifications never tried", s.dropped),
            counter("webhook_log_lost", "Webhook log entries the disk was too slow for", store.webhooks_lost()),
        ]
    })
}

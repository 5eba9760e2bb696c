//! Every size in one place, with its reason; derived ones are computed and relations asserted.

use std::time::Duration;

/// Largest SIP message accepted, over any transport: a UDP datagram's bound, and enough for any real INVITE.
pub const SIP_MESSAGE_BYTES_MAX: usize = 65_535;
/// Header fields in one SIP message. RFC 4475's busiest has 25; carriers stay below 60.
pub const SIP_HEADERS_MAX: usize = 128;
/// Bytes one stream connection may buffer before a message is complete.
pub const SIP_STREAM_BUFFER_BYTES_MAX: usize = 128 * 1024;
/// Hops when a request carries no Max-Forwards, and what our own requests start with (RFC 3261 section 8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;
/// A request above this goes by TCP where it can (RFC 3261 section 18.1.1).
pub const SIP_UDP_REQUEST_BYTES_MAX: usize = 1_300;
/// Addresses one INVITE is tried at (RFC 3263 section 4.3).
pub const HOPS_MAX: usize = 8;
/// Addresses of one carrier that are remembered, the newest.
pub const CARRIER_ADDRESSES_MAX: usize = 2 * HOPS_MAX;
/// An INVITE that is not even answered with 100 by then goes to the next address, if there is one: Timer B cut short
/// (RFC 3263 section 4.3), after the INVITE was sent four times.
pub const HOP_WAIT: Duration = Duration::from_secs(6);
/// The same for TCP tried on account of a request's size, where the peer may have no TCP at all and drop what tries.
pub const HOP_WAIT_FOR_SIZE: Duration = Duration::from_secs(3);
/// Early dialogs that one INVITE of ours may have. Forks beyond it are heard, but not followed.
pub const FORKS_MAX: usize = 8;
/// Requests of ours within one dialog that wait for their answers and could be challenged.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 16;
/// Branches a call may have in all its forks together, where its INVITE does not say (RFC 5393 section 5.3.3).
pub const MAX_BREADTH: u16 = 60;
/// Contacts of 3xx responses that one run of dialling follows, all redirections together. A phone that forwards names one.
pub const REDIRECT_TARGETS_MAX: usize = 5;
/// Marks of servers that one call may carry (docs/adr/0010-loops.md): more are taken for a loop.
pub const HOP_MARKS_MAX: usize = 16;
/// Transactions one signalling shard holds; above it new requests get 503.
pub const TRANSACTIONS_MAX: usize = 65_536;
/// Sources of SIP that have proved nothing and are remembered one by one, twice over: a large flood of forged addresses, at 64 bytes each.
pub const STRANGERS_MAX: usize = 16_384;
/// Sources that have shown to be where they say, twice over: a phone each of a large installation.
pub const KNOWN_SOURCES_MAX: usize = 65_536;
/// Contacts one address-of-record may bind unless it is told otherwise, and what it may be told.
pub const CONTACTS_PER_AOR_DEFAULT: usize = 10;
pub const CONTACTS_PER_AOR_MAX: usize = 100;
/// Bytes of one contact URI, of an instance id, of a Path in all, and of what is kept of a User-Agent: a user with a password
/// must not fill the memory either.
pub const CONTACT_BYTES_MAX: usize = 1_024;
pub const PATH_BYTES_MAX: usize = 2_048;
pub const USER_AGENT_BYTES_MAX: usize = 256;
/// Contacts that did not answer this many times in a row are not tried while others are.
pub const KEEPALIVE_MISSES_MAX: u8 = 3;
/// Registration lifetime bounds, in seconds.
pub const REGISTER_EXPIRES_SECS_MIN: u32 = 60;
pub const REGISTER_EXPIRES_SECS_MAX: u32 = 3_600;
pub const REGISTER_EXPIRES_SECS_DEFAULT: u32 = 600;
/// The longest lifetime that a carrier's registrar may talk us into.
pub const CARRIER_EXPIRES_SECS_MAX: u32 = 86_400;
/// A caller that gives its call longer than this to be answered gives it for ever.
pub const INVITE_EXPIRES_SECS_MAX: u32 = 86_400;
/// How long a digest nonce is good.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Wrong passwords one user's name takes from one source before it is refused there, and how long one is held against it:
/// a person's typing, a phone with an old password that retries every half minute; 2,880 guesses a day.
pub const LOGIN_FAILURES_PER_USER: u32 = 10;
pub const LOGIN_FORGIVEN_USER_EVERY: Duration = Duration::from_secs(30);
/// The same for all names of one source: an office behind one address, of which some phones are set up wrong.
pub const LOGIN_FAILURES_PER_SOURCE: u32 = 100;
pub const LOGIN_FORGIVEN_SOURCE_EVERY: Duration = Duration::from_secs(1);
/// Sources, and users at sources, whose failures are remembered: some 2 MB. Beyond it the least guilty are forgotten.
pub const LOGIN_FAILURES_REMEMBERED: usize = 16_384;
/// How long a right password vouches for its user at a source that is refused as a whole, and for how many of them.
pub const LOGIN_PROVEN_FOR: Duration = Duration::from_secs(24 * 3_600);
pub const LOGINS_PROVEN_MAX: usize = 65_536;

/// Places one URI is tried at: three hosts with two addresses each, and some to spare. Each failure costs a caller seconds.
pub const SIP_HOPS_MAX: usize = 8;
/// Records read of one DNS answer.
pub const DNS_RECORDS_MAX: usize = 16;

/// SDP bytes read from one body. Real offers stay below 8 KiB.
pub const SDP_BYTES_MAX: usize = 16 * 1024;
/// Lines of a session description. Browsers with all their candidates write some hundreds.
pub const SDP_LINES_MAX: usize = 1_024;
/// m= lines read from one description.
pub const SDP_MEDIA_MAX: usize = 16;
/// Codecs read from one m= line.
pub const SDP_FORMATS_MAX: usize = 64;

/// A media frame lasts this long inside the engine, whatever the wire's ptime.
pub const TICK: Duration = Duration::from_millis(20);
/// Largest RTP packet handled: an Ethernet frame, less IP and UDP.
pub const RTP_PACKET_BYTES_MAX: usize = 1_500;
/// SSRCs followed on one leg at a time.
pub const SSRCS_PER_LEG_MAX: usize = 4;
/// Audio of a stream that waits to be played on one leg, and the pieces and marks it may come in: a minute of speech handed over
/// at once, as speech engines do, in pieces of 20 ms.
pub const STREAM_SECS_MAX: u32 = 60;
pub const STREAM_ITEMS_MAX: usize = 4_096;
/// Members of one mix: what one CPU mixes without a late tick, twice over.
pub const MIX_MEMBERS_MAX: usize = 250;
/// Clips played into one mix at a time: an announcement and some beeps.
pub const MIX_CLIPS_MAX: usize = 4;
/// Taps on one leg: recordings, streams, a recogniser and a detector.
pub const TAPS_PER_LEG_MAX: usize = 8;
/// Of these, for streams. The others are for recordings, recognisers and detectors.
pub const STREAMS_PER_LEG_MAX: usize = 4;
/// DNS, TCP, TLS and the upgrade of a stream's connection together.
pub const STREAM_CONNECT_WAIT: Duration = Duration::from_secs(5);
/// What a stream's server may send in one message: half a minute of L16 at 24 kHz.
pub const STREAM_MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What is read of a stream's server in a tick; the rest waits in the network. Many times what audio takes.
pub const STREAM_READ_BYTES_PER_TICK: usize = 64 * 1024;
/// Messages of a stream's server that cannot be read, before its connection is closed.
pub const STREAM_MESSAGES_IGNORED_MAX: u32 = 64;
/// Audio of a stream's server that waits to be played; what exceeds it is left out and counted.
pub const STREAM_BACKLOG_SECS_MAX: u32 = 120;
/// Marks of a stream's server that wait to be reached.
pub const STREAM_MARKS_MAX: usize = 1_024;
/// Ticks of audio that wait for a stream's server to read; the oldest is lost beyond.
pub const STREAM_TICKS_WAITING_MAX: usize = 50;
/// What a stream is told by its call and has not heard.
pub const STREAM_COMMANDS: usize = 64;
/// Streams that ended are shown by REST while the call lives, the last so many.
pub const STREAMS_REMEMBERED_PER_CALL: usize = 32;
/// SRTP keys of one crypto line that are kept ready; a line with more is not taken (RFC 4568 section 6.1 sets no bound).
pub const SRTP_KEYS_MAX: usize = 4;
/// Media silence that ends a call.
pub const RTP_TIMEOUT: Duration = Duration::from_secs(30);

/// LaML document size (error 11750 above it).
pub const LAML_DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Verbs and nouns in one document: 64 kB cannot hold a useful document with more.
pub const LAML_NODES_MAX: u32 = 2_000;
/// Redirects, actions and falls between documents within one call before it is taken for a loop.
pub const LAML_DOCUMENTS_PER_CALL_MAX: u32 = 1_000;
/// Webhook requests in flight to one host and in all, for instructions, notifications and media each: what half a second's answers of
/// the fullest machine's calls take.
pub const WEBHOOKS_PER_HOST_MAX: usize = 256;
pub const WEBHOOKS_IN_FLIGHT_MAX: usize = 2_048;
/// Requests that wait for a place: more than a host can serve before they give up by themselves.
pub const WEBHOOKS_WAITING_PER_HOST_MAX: usize = 4_096;
pub const WEBHOOKS_WAITING_MAX: usize = 16_384;
/// What a call's webhook log keeps of a response's body and headers, and of what was sent.
pub const WEBHOOK_LOG_BODY_BYTES_MAX: usize = 2_048;
pub const WEBHOOK_LOG_TEXT_BYTES_MAX: usize = 512;
pub const WEBHOOK_LOG_HEADERS_MAX: usize = 24;
pub const WEBHOOK_LOG_PARAMS_MAX: usize = 100;
/// Entries of that log on their way to disk.
pub const WEBHOOK_LOG_WAITING_MAX: usize = 16_384;
/// Nouns in one Dial.
pub const DIAL_TARGETS_MAX: usize = 10;

/// Queues at a time, those that documents name and those of REST together; unused ones of documents give way to new ones.
pub const QUEUES_MAX: usize = 1_000;
/// Calls waiting in one queue, whatever its own size says: the largest size the field knows (laml.md 1.12).
pub const QUEUE_MEMBERS_MAX: usize = 5_000;
/// Characters of a queue's name.
pub const QUEUE_NAME_CHARS_MAX: usize = 64;
/// A wait document that has ended begins again no sooner than this after it began: one that says nothing would be asked for without
/// end.
pub const QUEUE_WAIT_ROUND: Duration = Duration::from_secs(1);
/// Changes that REST takes in so long (laml.md 6). No program that makes calls comes near; one that runs away does.
pub const API_CHANGES_MAX: u32 = 13_800;
pub const API_CHANGES_WINDOW: Duration = Duration::from_secs(10);

/// Mailbox sizes (messages). A leg sees a handful of SIP messages and digits in its life.
pub const LEG_MAILBOX: usize = 64;
pub const CALL_MAILBOX: usize = 256;
/// To the actor of all conferences: a few messages a second of each call in one.
pub const ROOMS_MAILBOX: usize = 8_192;
/// Conferences at a time: half as many as legs that a large machine mixes.
pub const CONFERENCES_MAX: usize = 10_000;
pub const SHARD_MAILBOX: usize = 8_192;
pub const REGISTRAR_MAILBOX: usize = 4_096;
/// One message for each failed call to a carrier: more are lost, and say the same.
pub const CARRIER_MAILBOX: usize = 1_024;
/// What all calls that wait ask within a moment, at the end of an announcement they heard together.
pub const QUEUES_MAILBOX: usize = 16_384;
pub const STORE_MAILBOX: usize = 4_096;
pub const TRANSPORT_QUEUE: usize = 4_096;
/// Messages, and their bytes, that may come for one stream connection before its task has its turn: what a busy proxy is sent at once.
pub const STREAM_SEND_QUEUE: usize = 1_024;
pub const STREAM_SEND_BURST_BYTES_MAX: usize = 512 * 1024;
/// Bytes that wait for a peer that does not take them; a single message may be larger. With the framer's buffer this
/// keeps such a connection below 256 KiB.
pub const STREAM_SEND_BYTES_MAX: usize = 64 * 1024;
/// Keep-alives taken from one connection in [`STREAM_PINGS_WINDOW`]; RFC 5626 section 4.4.1 has one in two minutes.
pub const STREAM_PINGS_MAX: u32 = 64;
pub const STREAM_PINGS_WINDOW: Duration = Duration::from_secs(10);
/// Messages in a row that cannot be read, after which a connection is closed.
pub const STREAM_MALFORMED_MAX: u32 = 16;
/// Aliases of one connection (RFC 5923): the names and ports its certificate proved.
pub const STREAM_ALIASES_MAX: usize = 4;
/// Next hops whose wish to be sent less is kept in mind: far more than a server has carriers and proxies.
pub const OVERLOADED_HOPS_MAX: usize = 1_024;
/// Names of TLS peers that are told apart at a time.
pub const HOST_NAMES_MAX: usize = 4_095;
/// Commands to, and events from, one media thread.
pub const MEDIA_COMMANDS: usize = 8_192;
pub const MEDIA_EVENTS: usize = 16_384;
/// Commands that wait while the legs of one call go from one media thread to another, which takes milliseconds.
pub const MOVE_COMMANDS_MAX: usize = 256;

/// Restart intensity: this many failures within the window end the service above.
pub const RESTARTS_PER_SERVICE: usize = 5;
pub const RESTART_WINDOW: Duration = Duration::from_secs(30);

const _: () =
    assert!(SIP_MESSAGE_BYTES_MAX < SIP_STREAM_BUFFER_BYTES_MAX, "a whole message must fit the stream buffer");
const _: () = assert!(SIP_STREAM_BUFFER_BYTES_MAX + STREAM_SEND_BYTES_MAX < 256 * 1024, "promised of a connection");
const _: () = assert!(HOST_NAMES_MAX < 1 << 12, "a host's place has 12 bits of its number");
const _: () = assert!(REGISTER_EXPIRES_SECS_MIN < REGISTER_EXPIRES_SECS_DEFAULT);
const _: () = assert!(REGISTER_EXPIRES_SECS_DEFAULT < REGISTER_EXPIRES_SECS_MAX);

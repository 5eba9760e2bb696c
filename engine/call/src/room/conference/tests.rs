//! Conferences by themselves: calls say something in a line, what the conference does comes out in lines.

use std::sync::Arc;
use std::time::Duration;

use tandem_laml::Dialect;
use tandem_laml::instruction::{
    Beep, Conference, ConferenceCallback, ConferenceEvents, ConferenceRecordingCallback, Document, Method, Prompt,
    Stream, StreamCodec, StreamFault, Track, WaitMusic,
};
use tandem_media::control::{Clip, Command, MixId, MoveFailed};
use tandem_model::{CallSid, LegId, SampleRate, SeedEntropy, Sid, Timestamp, WallTime};

use super::contract::*;
use super::{Room, Sounds};
use crate::call::{ApiDocument, StreamProblem};

struct Rig {
    room: Room,
    now: Timestamp,
    told: Vec<Vec<(String, String)>>,
}

fn sid(n: u64) -> CallSid {
    Sid::ordered(WallTime(1_000), &mut SeedEntropy::new(n))
}

fn wall(now: Timestamp) -> WallTime {
    WallTime(1_700_000_000_000 + now.since(Timestamp::ZERO).as_millis() as i64)
}

fn said() -> Conference {
    Conference {
        name: "standup".into(),
        muted: false,
        beep: Beep::Never,
        start_on_enter: true,
        end_on_exit: false,
        max_participants: 250,
        wait: WaitMusic::BuiltIn,
        record: false,
        trim: true,
        coach: None,
        label: None,
        status_callback: None,
        recording_callback: None,
        event_callback: None,
        stream: None,
    }
}

fn told(events: &str) -> Option<ConferenceCallback> {
    let mut all = ConferenceEvents::default();
    events.split(' ').for_each(|event| *all.slot(event, true).unwrap() = true);
    Some(ConferenceCallback { url: "http://app/events".into(), method: Method::Post, events: all })
}

const ALL: &str = "start end join leave mute hold speaker modify announcement";

impl Rig {
    fn new(dialect: Dialect) -> Self {
        let clip = || Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![0; 800] });
        let sounds = Sounds { enter: clip(), exit: clip(), music: clip() };
        let spec =
            RoomSpec { sid: sid(1_000), name: "standup".into(), account: "acc".into(), dialect, mix: MixId(5), sounds };
        let now = Timestamp::from_secs(10);
        Rig { room: Room::new(spec, now, wall(now)), now, told: Vec::new() }
    }

    fn say(&mut self, command: ConferenceCommand) -> Vec<String> {
        self.room.handle(self.now, wall(self.now), command);
        self.lines()
    }

    fn join(&mut self, n: u64, conference: Conference) -> Vec<String> {
        self.say(ConferenceCommand::Join(Box::new(Joining { leg: LegId(n), sid: sid(n), conference })))
    }

    /// Comes in and is brought beside the others.
    fn enter(&mut self, n: u64, conference: Conference) -> Vec<String> {
        let mut lines = self.join(n, conference);
        if lines.iter().any(|line| line.contains("move")) {
            lines = self.say(ConferenceCommand::Moved { leg: LegId(n), result: Ok(()) });
        }
        lines
    }

    fn leave(&mut self, n: u64) -> Vec<String> {
        self.say(ConferenceCommand::Leave { leg: LegId(n) })
    }

    fn change(&mut self, n: u64, change: MemberChange) -> Vec<String> {
        self.room.change(self.now, wall(self.now), sid(n), change).unwrap();
        self.lines()
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        self.now = self.now + time;
        self.room.expire(self.now, wall(self.now));
        self.lines()
    }

    fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(effect) = self.room.poll() {
            lines.extend(self.line(effect));
        }
        lines
    }

    fn line(&mut self, effect: RoomEffect) -> Option<String> {
        Some(match effect {
            RoomEffect::Tell { leg, event } => match event {
                ConferenceEvent::Refused(why) => format!("{} refused {why:?}", leg.0),
                ConferenceEvent::Move { beside } => format!("{} move beside {}", leg.0, beside.0),
                ConferenceEvent::Wait { document, .. } => format!("{} waits with {document:?}", leg.0),
                ConferenceEvent::StopWait => format!("{} stop waiting", leg.0),
                ConferenceEvent::Announce { document, .. } => format!("{} hears {document:?}", leg.0),
                ConferenceEvent::Ended => format!("{} ended", leg.0),
            },
            RoomEffect::Media(command) => match command {
                Command::Join { leg, seat, .. } => {
                    let coaches = seat.coaches.map(|leg| format!(" coaches {}", leg.0)).unwrap_or_default();
                    let can = match (seat.speaks, seat.hears) {
                        (true, true) => "talks",
                        (false, true) => "listens",
                        (true, false) => "speaks only",
                        (false, false) => "on hold",
                    };
                    format!("{} {can}{coaches}", leg.0)
                }
                Command::Unbridge { leg } => format!("{} out of the mix", leg.0),
                Command::Play { leg, .. } => format!("{} music", leg.0),
                Command::StopPlay { leg, .. } => format!("{} quiet", leg.0),
                Command::PlayMix { .. } => "all hear".to_owned(),
                Command::StopPlayMix { .. } => "all quiet".to_owned(),
                other => format!("{other:?}"),
            },
            RoomEffect::Notify { url, params, .. } => {
                let value = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                let what = value("StatusCallbackEvent")
                    .or(value("RecordingStatus"))
                    .or(value("StreamEvent"))
                    .unwrap_or_default();
                let line = format!("tell {} {what}", url.trim_start_matches("http://app/"));
                self.told.push(params);
                line
            }
            RoomEffect::Fetch { url, .. } => format!("fetch {url}"),
            RoomEffect::LoadPrompt { id, what } => match what {
                Prompt::Url(url) => format!("load {id} {url}"),
                other => format!("load {id} {other:?}"),
            },
            RoomEffect::Warn { code, .. } => format!("warn {code}"),
            RoomEffect::StartRecording { trim } => format!("record trim={trim}"),
            RoomEffect::OpenStream(stream) => format!("stream to {}", stream.url),
            RoomEffect::CloseStream => "stream closed".to_owned(),
            RoomEffect::SteerRecording(steer) => format!("recording {steer:?}"),
            RoomEffect::Changed => return None,
            RoomEffect::Over => "over".to_owned(),
        })
    }

    /// What the last callback said of these.
    fn last(&self, names: &[&str]) -> String {
        let params = self.told.last().unwrap();
        let value = |name: &&str| params.iter().find(|(n, _)| n == name).map(|(n, v)| format!("{n}={v}"));
        names.iter().filter_map(value).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_first_waits_with_music_and_the_second_starts_the_conference() {
    let mut rig = Rig::new(Dialect::SignalWire);
    assert_eq!(rig.enter(1, said()), ["1 music"]);
    assert_eq!(rig.room.view().status, RoomStatus::Init);
    assert_eq!(rig.join(2, said()), ["2 move beside 1"]);
    assert_eq!(rig.room.members().len(), 1, "who is on its way is not there");
    let moved = rig.say(ConferenceCommand::Moved { leg: LegId(2), result: Ok(()) });
    assert_eq!(moved, ["1 quiet", "1 talks", "2 talks"]);
    assert_eq!(rig.room.view().status, RoomStatus::InProgress);
    // One who leaves leaves the other alone, not the conference.
    assert_eq!(rig.leave(1), ["1 out of the mix"]);
    assert_eq!(rig.room.view().status, RoomStatus::InProgress);
    assert_eq!(rig.leave(2), ["2 out of the mix", "over"]);
    assert_eq!(rig.room.view().reason, Some(EndReason::LastLeft));
}

#[test]
fn nobody_starts_it_who_is_not_to() {
    let mut rig = Rig::new(Dialect::SignalWire);
    let quiet = || Conference { start_on_enter: false, ..said() };
    rig.enter(1, quiet());
    assert_eq!(rig.enter(2, quiet()), ["2 music"]);
    assert_eq!(rig.enter(3, said()), ["1 quiet", "1 talks", "2 quiet", "2 talks", "3 talks"]);
}

#[test]
fn the_end_of_one_may_be_the_end_of_all() {
    let mut rig = Rig::new(Dialect::Twilio);
    let callback = Conference { status_callback: told("leave end"), ..said() };
    rig.enter(1, callback);
    rig.enter(2, Conference { end_on_exit: true, ..said() });
    rig.enter(3, said());
    let end = rig.leave(2);
    let expected = [
        "2 out of the mix",
        "tell events participant-leave",
        "1 out of the mix",
        "tell events participant-leave",
        "1 ended",
        "3 out of the mix",
        "tell events participant-leave",
        "3 ended",
        "tell events conference-end",
        "over",
    ];
    assert_eq!(end, expected);
    assert_eq!(
        rig.last(&["ReasonConferenceEnded", "CallSidEndingConference", "Duration", "SequenceNumber"]),
        format!(
            "ReasonConferenceEnded=participant-with-end-conference-on-exit-left CallSidEndingConference={} Duration=0 SequenceNumber=4",
            sid(2)
        )
    );
    // Whoever comes now is too late for this one.
    assert_eq!(rig.join(4, said()), ["4 refused Unavailable"]);
}

#[test]
fn a_full_conference_takes_nobody() {
    let mut rig = Rig::new(Dialect::SignalWire);
    let small = || Conference { max_participants: 2, ..said() };
    rig.enter(1, small());
    rig.enter(2, small());
    assert_eq!(rig.join(3, small()), ["3 refused Full"]);
    assert_eq!(rig.room.members().len(), 2);
    rig.leave(2);
    assert_eq!(rig.join(3, small()), ["3 move beside 1"]);
    assert_eq!(
        rig.say(ConferenceCommand::Moved { leg: LegId(3), result: Err(MoveFailed::Overloaded) }),
        ["3 refused Media(Overloaded)"]
    );
}

#[test]
fn a_coach_is_heard_by_whom_it_coaches_and_needs_somebody_to_coach() {
    let mut rig = Rig::new(Dialect::SignalWire);
    let coach = |n: u64| Conference { coach: Some(sid(n).to_string()), ..said() };
    assert_eq!(rig.join(3, coach(1)), ["3 refused Coach", "over"]);
    let mut rig = Rig::new(Dialect::Twilio);
    rig.enter(1, Conference { status_callback: told("modify"), ..said() });
    rig.enter(2, said());
    assert_eq!(rig.join(3, Conference { coach: Some("nonsense".into()), ..said() }), ["3 refused Coach"]);
    assert_eq!(rig.enter(3, coach(1)), ["3 talks coaches 1"]);
    let other = MemberChange { coaching: Some(Some(sid(2))), ..MemberChange::default() };
    assert_eq!(rig.change(3, other), ["3 talks coaches 2", "tell events participant-modify"]);
    assert_eq!(rig.last(&["Coaching", "CallSidToCoach"]), format!("Coaching=true CallSidToCoach={}", sid(2)));
    // Without whom it coached it is heard by nobody, until it coaches nobody.
    assert_eq!(rig.leave(2), ["2 out of the mix", "3 listens"]);
    let nobody = MemberChange { coaching: Some(None), ..MemberChange::default() };
    assert_eq!(rig.change(3, nobody), ["3 talks", "tell events participant-modify"]);
    let itself = MemberChange { coaching: Some(Some(sid(3))), ..MemberChange::default() };
    assert_eq!(rig.room.change(rig.now, wall(rig.now), sid(3), itself), Err(ChangeRefused::NoCoached));
}

#[test]
fn muting_and_holding_change_the_seat_and_are_told() {
    let mut rig = Rig::new(Dialect::SignalWire);
    rig.enter(1, Conference { status_callback: told("mute hold"), muted: true, ..said() });
    assert_eq!(rig.enter(2, said()), ["1 quiet", "1 listens", "2 talks"]);
    let muted = |muted| MemberChange { muted: Some(muted), ..MemberChange::default() };
    let hold = |hold| MemberChange { hold: Some(hold), ..MemberChange::default() };
    assert_eq!(rig.change(1, muted(false)), ["1 talks", "tell events participant-unmute"]);
    assert_eq!(rig.change(1, muted(false)), [""; 0]);
    assert_eq!(rig.change(2, hold(true)), ["2 music", "2 on hold", "tell events participant-hold"]);
    assert_eq!(rig.last(&["Muted", "Hold", "CallSid"]), format!("Muted=false Hold=true CallSid={}", sid(2)));
    let other = MemberChange {
        hold: Some(true),
        hold_music: Some(WaitMusic::Document("http://app/hold".into(), Method::Get)),
        ..MemberChange::default()
    };
    assert_eq!(rig.change(2, other), ["2 quiet", "2 waits with Url(\"http://app/hold\", Get)"]);
    // A document that cannot be had gives way to music.
    assert_eq!(rig.say(ConferenceCommand::WaitFailed { leg: LegId(2) }), ["2 music"]);
    assert_eq!(rig.change(2, muted(true)), ["2 on hold", "tell events participant-mute"]);
    assert_eq!(rig.change(2, hold(false)), ["2 quiet", "2 listens", "tell events participant-unhold"]);
}

#[test]
fn what_is_waited_with_is_music_silence_a_document_or_a_file_over_and_over() {
    for (wait, expected) in [
        (WaitMusic::Silence, vec![]),
        (WaitMusic::BuiltIn, vec!["1 music"]),
        (
            WaitMusic::Document("http://app/wait".into(), Method::Post),
            vec!["1 waits with Url(\"http://app/wait\", Post)"],
        ),
        (
            WaitMusic::Document("http://app/a.MP3?x=1&y=2".into(), Method::Get),
            vec![
                "1 waits with Inline(\"<Response><Play loop=\\\"0\\\">http://app/a.MP3?x=1&amp;y=2</Play></Response>\")",
            ],
        ),
    ] {
        let mut rig = Rig::new(Dialect::SignalWire);
        let has_music = !expected.is_empty();
        assert_eq!(rig.enter(1, Conference { wait, ..said() }), expected);
        let lines = rig.enter(2, said());
        assert_eq!(lines.len(), if has_music { 3 } else { 2 }, "{lines:?}");
    }
}

#[test]
fn beeps_sound_for_those_who_want_them() {
    for (beep, entering, leaving) in
        [(Beep::Both, true, true), (Beep::Enter, true, false), (Beep::Exit, false, true), (Beep::Never, false, false)]
    {
        let mut rig = Rig::new(Dialect::SignalWire);
        rig.enter(1, said());
        let heard = |lines: Vec<String>| lines.iter().any(|line| line == "all hear");
        assert_eq!(heard(rig.enter(2, Conference { beep, ..said() })), entering, "{beep:?}");
        assert_eq!(heard(rig.leave(2)), leaving, "{beep:?}");
        assert!(!heard(rig.leave(1)), "nobody is left to hear it");
    }
}

#[test]
fn the_recording_begins_with_the_conference_and_its_end_is_waited_for() {
    let mut rig = Rig::new(Dialect::Twilio);
    let callback = ConferenceRecordingCallback {
        url: "http://app/recording".into(),
        method: Method::Post,
        in_progress: true,
        completed: true,
        failed: true,
    };
    let recorded = Conference {
        record: true,
        trim: false,
        status_callback: told("end"),
        recording_callback: Some(callback),
        event_callback: Some("http://app/ended".into()),
        ..said()
    };
    assert_eq!(rig.enter(1, recorded), ["1 music"]);
    assert_eq!(rig.enter(2, said()), ["1 quiet", "1 talks", "2 talks", "record trim=false"]);
    let named = (sid(77), "http://x/Recordings/77".to_owned());
    rig.room.recording_began(rig.now, wall(rig.now), Some(named.clone()));
    assert_eq!(rig.lines(), ["tell recording in-progress"]);
    rig.pass(Duration::from_secs(63));
    assert!(rig.room.steer_recording(rig.now, wall(rig.now), named.0, Steer::Pause));
    assert!(!rig.room.steer_recording(rig.now, wall(rig.now), sid(78), Steer::Pause));
    assert_eq!(rig.lines(), ["recording Pause"]);
    rig.leave(1);
    assert_eq!(rig.leave(2), ["2 out of the mix", "recording Stop"]);
    let file = RecordingFile { duration_secs: 62, bytes: 992_044, channels: 1 };
    let facts = RecordingFacts { sid: named.0, url: named.1, file: Some(file) };
    rig.room.recording_over(rig.now, wall(rig.now), facts, false);
    assert_eq!(
        rig.lines(),
        ["tell recording completed", "tell events conference-end", "tell ended conference-end", "over"]
    );
    assert_eq!(
        rig.last(&["Duration", "RecordingUrl", "RecordingFileSize", "ReasonConferenceEnded"]),
        "Duration=63 RecordingUrl=http://x/Recordings/77 RecordingFileSize=992044 ReasonConferenceEnded=last-participant-left"
    );
    assert_eq!(rig.room.deadline(), None);
}

#[test]
fn a_recording_that_is_never_finished_holds_the_last_words_up_for_a_while_only() {
    let mut rig = Rig::new(Dialect::SignalWire);
    rig.enter(1, Conference { record: true, status_callback: told("end"), ..said() });
    rig.enter(2, said());
    // The end comes before it is known to have begun: it is stopped when it has.
    rig.leave(1);
    rig.leave(2);
    rig.room.recording_began(rig.now, wall(rig.now), Some((sid(77), String::new())));
    assert_eq!(rig.lines(), ["recording Stop"]);
    assert_eq!(rig.pass(Duration::from_secs(9)), [""; 0]);
    assert_eq!(rig.pass(Duration::from_secs(1)), ["tell events conference-end", "over"]);
    assert_eq!(rig.pass(Duration::from_secs(100)), [""; 0]);
}

#[test]
fn each_event_is_told_with_its_parameters_and_the_first_members_url_wins() {
    let mut rig = Rig::new(Dialect::SignalWire);
    rig.enter(1, Conference { status_callback: told(ALL), ..said() });
    let other = told(ALL).map(|callback| ConferenceCallback { url: "http://other".into(), ..callback });
    assert_eq!(
        rig.enter(2, Conference { status_callback: other, ..said() }),
        ["tell events participant-join", "tell events conference-start", "1 quiet", "1 talks", "2 talks"]
    );
    let names: Vec<&str> = rig.told[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "ConferenceSid",
            "FriendlyName",
            "AccountSid",
            "StatusCallbackEvent",
            "EventName",
            "Timestamp",
            "CallSid",
            "Muted",
            "Hold",
            "StartConferenceOnEnter",
            "EndConferenceOnExit"
        ]
    );
    assert_eq!(rig.told[0][5].1, "Tue, 14 Nov 2023 22:13:30 +0000");
    rig.room.speaking(rig.now, wall(rig.now), LegId(2), true);
    rig.room.speaking(rig.now, wall(rig.now), LegId(2), false);
    rig.room.speaking(rig.now, wall(rig.now), LegId(9), true);
    assert_eq!(rig.lines(), ["tell events participant-speech-start", "tell events participant-speech-stop"]);
}

#[test]
fn rest_takes_members_out_and_ends_the_conference() {
    let mut rig = Rig::new(Dialect::Twilio);
    rig.enter(1, Conference { status_callback: told("end"), ..said() });
    rig.enter(2, Conference { end_on_exit: true, ..said() });
    assert!(!rig.room.kick(rig.now, wall(rig.now), sid(9)));
    assert!(rig.room.kick(rig.now, wall(rig.now), sid(2)));
    assert_eq!(rig.lines()[..2], ["2 ended", "2 out of the mix"]);
    assert_eq!(
        rig.last(&["ReasonConferenceEnded"]),
        "ReasonConferenceEnded=participant-with-end-conference-on-exit-kicked"
    );
    let mut rig = Rig::new(Dialect::Twilio);
    rig.enter(1, Conference { status_callback: told("end"), ..said() });
    rig.room.complete(rig.now, wall(rig.now), EndReason::Api);
    assert_eq!(rig.lines(), ["1 quiet", "1 ended", "tell events conference-end", "over"]);
    assert_eq!(rig.last(&["ReasonConferenceEnded"]), "ReasonConferenceEnded=conference-ended-via-api");
}

#[test]
fn an_announcement_is_a_document_that_all_hear_and_its_end_is_told() {
    let mut rig = Rig::new(Dialect::Twilio);
    rig.enter(1, Conference { status_callback: told("announcement"), ..said() });
    rig.enter(2, said());
    rig.room.announce(rig.now, wall(rig.now), "http://app/say".into(), Method::Post);
    assert_eq!(rig.lines(), ["fetch http://app/say"]);
    let body = b"<Response><Dial>+1</Dial><Play>http://app/gong.wav</Play></Response>".to_vec();
    let document = Document { url: "http://app/say".into(), content_type: Some("text/xml".into()), body };
    rig.room.fetched(rig.now, wall(rig.now), Ok(document));
    let lines = rig.lines();
    assert_eq!(lines[0], "warn 13238", "who announces dials nobody");
    let id: u64 = lines[1].split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(lines[1], format!("load {id} http://app/gong.wav"));
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![0; 24_000] });
    rig.room.prompt_loaded(rig.now, wall(rig.now), id + 1, Ok(clip.clone()));
    assert_eq!(rig.lines(), [""; 0], "that of another is not played");
    rig.room.prompt_loaded(rig.now, wall(rig.now), id, Ok(clip));
    assert_eq!(rig.lines(), ["all hear"]);
    assert_eq!(rig.pass(Duration::from_millis(2_900)), [""; 0]);
    let ended = rig.pass(Duration::from_millis(100));
    assert_eq!(ended, ["all quiet", "tell events announcement-end"][1..], "it ended by itself");
    assert_eq!(rig.last(&["AnnounceUrl"]), "AnnounceUrl=http://app/say");
    // One that cannot be had has failed.
    rig.room.announce(rig.now, wall(rig.now), "http://app/gone".into(), Method::Get);
    rig.lines();
    let failure = tandem_laml::instruction::FetchFailure { code: 11_200, message: "gone".into() };
    rig.room.fetched(rig.now, wall(rig.now), Err(failure));
    assert!(rig.lines().contains(&"tell events announcement-fail".to_owned()));
}

#[test]
fn an_announcement_to_one_is_heard_by_it_alone_and_the_music_goes_on_after_it() {
    let mut rig = Rig::new(Dialect::Twilio);
    rig.enter(1, Conference { status_callback: told("announcement"), ..said() });
    let announce = MemberChange { announce: Some(("http://app/hi".into(), Method::Post)), ..MemberChange::default() };
    assert_eq!(rig.change(1, announce), ["1 quiet", "1 hears Url(\"http://app/hi\", Post)"]);
    let over = ConferenceCommand::Announced { leg: LegId(1), completed: true };
    assert_eq!(rig.say(over), ["tell events announcement-end", "1 music"]);
    assert_eq!(rig.last(&["CallSid", "AnnounceUrl"]), format!("CallSid={} AnnounceUrl=http://app/hi", sid(1)));
}

#[test]
fn whatever_is_said_in_whatever_order_each_member_hears_one_end_and_the_room_ends_empty() {
    use tandem_model::Entropy;
    for seed in 0..400 {
        let mut chance = SeedEntropy::new(seed);
        let mut draw = |below: u8| {
            let mut byte = [0];
            chance.fill(&mut byte);
            byte[0] % below
        };
        let mut rig = Rig::new(Dialect::Twilio);
        let mut inside = std::collections::BTreeSet::new();
        let mut log = Vec::new();
        for _ in 0..60 {
            let n = u64::from(draw(5)) + 1;
            let lines = match draw(9) {
                0..=2 if !inside.contains(&n) && !rig.room.is_over() => {
                    inside.insert(n);
                    rig.join(n, Conference { end_on_exit: draw(8) == 0, record: draw(2) == 0, ..said() })
                }
                3 | 4 => rig.say(ConferenceCommand::Moved { leg: LegId(n), result: Ok(()) }),
                5 => rig.say(ConferenceCommand::Moved { leg: LegId(n), result: Err(MoveFailed::Busy) }),
                6 => {
                    inside.remove(&n);
                    rig.leave(n)
                }
                7 => {
                    let change =
                        MemberChange { hold: Some(draw(2) == 0), muted: Some(draw(2) == 0), ..MemberChange::default() };
                    let _ = rig.room.change(rig.now, wall(rig.now), sid(n), change);
                    rig.lines()
                }
                _ => rig.pass(Duration::from_secs(1)),
            };
            for line in &lines {
                let mut words = line.split(' ');
                if let (Some(n), Some("ended" | "refused")) = (words.next().and_then(|n| n.parse().ok()), words.next())
                {
                    assert!(inside.remove(&n), "seed {seed}: {n} was out already: {log:?} {line}");
                }
            }
            log.extend(lines);
        }
        for n in inside {
            log.extend(rig.leave(n));
        }
        log.extend(rig.pass(Duration::from_secs(60)));
        let overs = log.iter().filter(|line| *line == "over").count();
        let began = log.iter().any(|line| line.contains("music"));
        assert_eq!(overs, usize::from(began || overs == 1), "seed {seed}: {log:?}");
    }
}

/// The document of an inline wait is one the script can read.
#[test]
fn the_document_made_of_an_audio_url_is_well_formed() {
    let mut rig = Rig::new(Dialect::SignalWire);
    let wait = WaitMusic::Document("http://app/a.wav?a=1&b=<2>".into(), Method::Get);
    rig.room.handle(
        rig.now,
        wall(rig.now),
        ConferenceCommand::Join(Box::new(Joining {
            leg: LegId(1),
            sid: sid(1),
            conference: Conference { wait, ..said() },
        })),
    );
    let xml = std::iter::from_fn(|| rig.room.poll()).find_map(|effect| match effect {
        RoomEffect::Tell { event: ConferenceEvent::Wait { document: ApiDocument::Inline(xml), .. }, .. } => Some(xml),
        _ => None,
    });
    let mut script = tandem_laml::Script::new(tandem_laml::ScriptConfig::default());
    script.start_document(rig.now, &xml.unwrap());
    let plays = std::iter::from_fn(|| script.poll()).any(|said| {
        matches!(said, tandem_laml::instruction::Instruction::Prompt { what: Prompt::Url(url), .. } if url.contains("a=1&b="))
    });
    assert!(plays);
}

fn streamed() -> Box<Stream> {
    Box::new(Stream {
        url: "wss://ears.example/room".into(),
        name: None,
        track: Track::Inbound,
        codec: StreamCodec::Pcmu,
        realtime: false,
        bearer_token: None,
        status_callback: Some(("http://app/stream".into(), Method::Post)),
        parameters: vec![],
        fault: None,
    })
}

#[test]
fn a_conference_is_copied_from_its_start_to_its_end_and_the_first_to_ask_counts() {
    let mut rig = Rig::new(Dialect::SignalWire);
    rig.enter(1, Conference { stream: Some(streamed()), ..said() });
    let other = Box::new(Stream { url: "wss://other.example/".into(), ..*streamed() });
    let begun = rig.enter(2, Conference { stream: Some(other), ..said() });
    assert_eq!(begun, ["1 quiet", "1 talks", "2 talks", "stream to wss://ears.example/room"]);
    rig.room.stream_began(sid(77));
    assert!(rig.room.stream_opened(rig.now, wall(rig.now)));
    assert_eq!(rig.lines(), ["tell stream stream-started"]);
    let exact = "AccountSid=acc ConferenceSid={} StreamSid={} StreamName={} StreamTrack=inbound_track Unique-ID={}";
    let [room, stream] = [sid(1_000).to_string(), sid(77).to_string()];
    let values = [&room, &stream, &stream, &room];
    let expected = values.iter().fold(exact.to_owned(), |text, value| text.replacen("{}", value, 1));
    let names = ["AccountSid", "ConferenceSid", "StreamSid", "StreamName", "StreamTrack", "Unique-ID"];
    assert_eq!(rig.last(&names), expected);
    rig.leave(1);
    assert_eq!(rig.leave(2), ["2 out of the mix", "tell stream stream-stopped", "stream closed", "over"]);
    assert!(!rig.room.stream_opened(rig.now, wall(rig.now)), "it is over");
}

#[test]
fn a_stream_that_breaks_or_cannot_be_is_told_once_and_the_conference_goes_on() {
    let mut rig = Rig::new(Dialect::SignalWire);
    rig.enter(1, Conference { stream: Some(streamed()), ..said() });
    rig.enter(2, said());
    rig.room.stream_began(sid(77));
    let problem = StreamProblem { fault: StreamFault::Refused, code: 31_000, message: "no".into() };
    rig.room.stream_ended(rig.now, wall(rig.now), Some(problem));
    assert_eq!(rig.lines(), ["tell stream stream-error", "stream closed"]);
    assert_eq!(rig.last(&["StreamError"]), "StreamError=connection_refused");
    assert_eq!(rig.room.view().status, RoomStatus::InProgress);
    assert_eq!(rig.leave(2), ["2 out of the mix"]);

    let mut rig = Rig::new(Dialect::SignalWire);
    let void = Box::new(Stream { fault: Some(StreamFault::InvalidUrl), ..*streamed() });
    rig.enter(1, Conference { stream: Some(void), ..said() });
    assert_eq!(rig.enter(2, said()), ["1 quiet", "1 talks", "2 talks", "tell stream stream-error"]);
}

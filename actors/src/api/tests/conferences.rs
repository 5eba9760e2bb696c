use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tandem_call::room::conference::{MemberChange, MemberView, RoomStatus, RoomView, Steer};
use tandem_laml::Dialect;
use tandem_laml::instruction::{Method, WaitMusic};
use tandem_model::{CallSid, Sid, WallTime};

use super::{Api, PROJECT, sid};
use crate::api::{CallControlError, CallDocument, ConferenceControl, ConferenceView};
use crate::store::{
    ConferenceRecord, ConferenceStatus, ProjectChoices, RecordingRecord, RecordingSource, RecordingStatus,
};

/// Conferences that are made up: what is asked of them is written down.
#[derive(Default)]
pub(in crate::api) struct FakeConferences {
    pub members: Mutex<Vec<MemberView>>,
    pub asked: Mutex<Vec<String>>,
    pub changes: Mutex<Vec<MemberChange>>,
}

impl FakeConferences {
    fn answer(&self, conference: Sid, asked: String) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.asked.lock().unwrap().push(asked);
        let room = RoomView {
            sid: conference,
            name: "standup".into(),
            status: RoomStatus::InProgress,
            created: WallTime(0),
            updated: WallTime(0),
            reason: None,
            ended_by: None,
            recording: Some(sid(40)),
        };
        let view = ConferenceView { room, members: self.members.lock().unwrap().clone() };
        Box::pin(async move { Ok(view) })
    }
}

impl ConferenceControl for FakeConferences {
    fn view(&self, conference: Sid) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.answer(conference, "view".into())
    }

    fn change(
        &self,
        conference: Sid,
        call: CallSid,
        change: MemberChange,
    ) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        if !self.members.lock().unwrap().iter().any(|m| m.call == call) {
            return Box::pin(async { Err(CallControlError::new(404, 20_404, "nobody")) });
        }
        self.changes.lock().unwrap().push(change);
        self.answer(conference, "change".into())
    }

    fn kick(&self, conference: Sid, call: CallSid) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.answer(conference, format!("kick {call}"))
    }

    fn complete(&self, conference: Sid) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.answer(conference, "complete".into())
    }

    fn announce(
        &self,
        conference: Sid,
        url: String,
        method: Method,
    ) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.answer(conference, format!("announce {url} {method:?}"))
    }

    fn steer(
        &self,
        conference: Sid,
        recording: Sid,
        steer: Steer,
    ) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.answer(conference, format!("{steer:?} {recording}"))
    }
}

fn member(n: u8, muted: bool) -> MemberView {
    MemberView {
        call: sid(n),
        label: Some("the chair".into()),
        muted,
        hold: false,
        coaching: None,
        start_on_enter: true,
        end_on_exit: false,
        created: WallTime(1_000),
        updated: WallTime(1_000),
    }
}

/// Two conferences that are over, one a day, and one in progress.
async fn api() -> Api {
    let api = Api::new().await;
    for (n, status) in
        [(1, ConferenceStatus::Completed), (2, ConferenceStatus::Completed), (3, ConferenceStatus::InProgress)]
    {
        let day = WallTime(1_700_000_000_000 + i64::from(n) * 86_400_000);
        api.state.store.put_conference(ConferenceRecord {
            sid: sid(n),
            friendly_name: if n == 2 { "planning".into() } else { "standup".into() },
            status,
            created: day,
            updated: day,
            reason_ended: (n == 1).then(|| "last-participant-left".to_owned()),
            call_sid_ending: (n == 1).then(|| sid(9)),
        });
    }
    *api.conferences.members.lock().unwrap() = vec![member(10, false), member(11, true)];
    api
}

fn path(below: &str) -> String {
    format!("/api/laml/2010-04-01/Accounts/{PROJECT}/Conferences{below}")
}

fn sids(body: &Value, key: &str, field: &str) -> Vec<String> {
    body[key].as_array().unwrap().iter().map(|c| c[field].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn conferences_are_listed_newest_first_by_name_status_and_date() {
    let api = api().await;
    let all = [sid(3), sid(2), sid(1)].map(|sid| sid.to_string());
    for (query, expected) in [
        ("", vec![0, 1, 2]),
        ("?Status=completed", vec![1, 2]),
        ("?FriendlyName=standup", vec![0, 2]),
        ("?DateCreated=2023-11-16", vec![1]),
        ("?DateCreated%3E=2023-11-16", vec![0, 1]),
        ("?DateUpdated%3C=2023-11-15", vec![2]),
        ("?Status=init", vec![]),
    ] {
        let reply = api.get(&path(query)).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text);
        let expected: Vec<String> = expected.into_iter().map(|n: usize| all[n].clone()).collect();
        assert_eq!(sids(&reply.json(), "conferences", "sid"), expected, "{query}");
    }
    assert_eq!(api.get(&path("?Status=gone")).await.json()["code"], 21475);
    let first = api.get(&path(".json?PageSize=2")).await.json();
    let next = api.get(first["next_page_uri"].as_str().unwrap()).await.json();
    assert_eq!(sids(&next, "conferences", "sid"), [sid(1).to_string()]);
}

#[actix_web::test]
async fn a_conference_shows_what_is_documented() {
    let api = api().await;
    let reply = api.get(&path(&format!("/{}", sid(1)))).await.json();
    let base = path(&format!("/{}", sid(1)));
    let expected = json!({
        "sid": sid(1).to_string(), "account_sid": PROJECT, "friendly_name": "standup", "status": "completed", "region": null,
        "api_version": "2010-04-01", "date_created": "Wed, 15 Nov 2023 22:13:20 +0000",
        "date_updated": "Wed, 15 Nov 2023 22:13:20 +0000", "uri": base,
        "subresource_uris": {"participants": format!("{base}/Participants"), "recordings": format!("{base}/Recordings")},
    });
    assert_eq!(reply, expected);
    for missing in [sid(99).to_string(), "nonsense".to_owned()] {
        assert_eq!(api.get(&path(&format!("/{missing}"))).await.status, 404);
    }
}

#[actix_web::test]
async fn a_conference_is_ended_and_announced_to_while_it_lives() {
    let api = api().await;
    let live = path(&format!("/{}", sid(3)));
    assert_eq!(api.form(&live, "Status=completed").await.status, 200);
    assert_eq!(api.form(&live, "AnnounceUrl=http%3A%2F%2Fapp%2Fa&AnnounceMethod=GET").await.status, 200);
    assert_eq!(*api.conferences.asked.lock().unwrap(), ["complete", "announce http://app/a Get"]);
    assert_eq!(api.form(&live, "Status=in-progress").await.json()["code"], 21475);
    assert_eq!(api.form(&live, "AnnounceUrl=nonsense").await.json()["code"], 21402);
    assert_eq!(api.form(&path(&format!("/{}", sid(1))), "Status=completed").await.json()["code"], 10000);
}

#[actix_web::test]
async fn participants_are_listed_shown_changed_and_removed() {
    let api = api().await;
    let below = path(&format!("/{}/Participants", sid(3)));
    let all = api.get(&below).await.json();
    assert_eq!(sids(&all, "participants", "call_sid"), [sid(11).to_string(), sid(10).to_string()]);
    let muted = api.get(&format!("{below}?Muted=true")).await.json();
    assert_eq!(sids(&muted, "participants", "call_sid"), [sid(11).to_string()]);
    let one = format!("{below}/{}", sid(10));
    let expected = json!({
        "account_sid": PROJECT, "call_sid": sid(10).to_string(), "conference_sid": sid(3).to_string(), "call_sid_to_coach": null,
        "coaching": false, "muted": false, "hold": false, "status": "in-progress", "start_conference_on_enter": true,
        "end_conference_on_exit": false, "date_created": "Thu, 01 Jan 1970 00:00:01 +0000",
        "date_updated": "Thu, 01 Jan 1970 00:00:01 +0000", "uri": one,
    });
    assert_eq!(api.get(&one).await.json(), expected);
    let body = format!(
        "Muted=True&Hold=true&HoldUrl=http%3A%2F%2Fapp%2Fh&WaitUrl=&AnnounceUrl=http%3A%2F%2Fapp%2Fa&Coaching=true&CallSidToCoach={}",
        sid(11)
    );
    assert_eq!(api.form(&one, &body).await.status, 200);
    let change = MemberChange {
        muted: Some(true),
        hold: Some(true),
        hold_music: Some(WaitMusic::Document("http://app/h".into(), Method::Get)),
        wait: Some(WaitMusic::Silence),
        announce: Some(("http://app/a".into(), Method::Post)),
        coaching: Some(Some(sid(11))),
        end_on_exit: None,
        beep: None,
    };
    assert_eq!(*api.conferences.changes.lock().unwrap(), [change]);
    for (bad, code) in
        [("Muted=maybe", 20422), ("Coaching=true", 13240), ("HoldUrl=x", 21402), ("HoldMethod=PUT", 21209)]
    {
        assert_eq!(api.form(&one, bad).await.json()["code"], code, "{bad}");
    }
    assert_eq!(api.form(&format!("{below}/{}", sid(12)), "Muted=true").await.status, 404);
    assert_eq!(api.delete(&one).await.status, 204);
    assert_eq!(api.conferences.asked.lock().unwrap().last(), Some(&format!("kick {}", sid(10))));
    // Nobody is in a conference that is over.
    let over = api.get(&path(&format!("/{}/Participants", sid(1)))).await.json();
    assert_eq!(over["participants"], json!([]));
}

#[actix_web::test]
async fn a_participant_is_called_with_the_twilio_dialect_alone() {
    let api = api().await;
    let below = path(&format!("/{}/Participants", sid(3)));
    let body = "To=sip%3Aa%40example.com&From=bob&Muted=true&Label=chair&EarlyMedia=true&ConferenceStatusCallback=http%3A%2F%2Fapp%2Fe\
                &ConferenceStatusCallbackEvent=start+end";
    assert_eq!(api.form(&below, body).await.status, 404);
    let choices =
        ProjectChoices { dialect: Dialect::Twilio, media_protected: api.state.store.catalog().media_protected };
    api.state.store.put_choices(choices).await.unwrap();
    let reply = api.form(&below, body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!((&reply.json()["status"], &reply.json()["label"]), (&json!("queued"), &json!("chair")));
    assert_eq!(reply.json()["conference_sid"], json!(sid(3).to_string()));
    let created = api.calls.created.lock().unwrap();
    let CallDocument::Inline(document) = &created[0].document else { panic!("inline") };
    assert_eq!(
        document,
        "<Response><Dial><Conference participantLabel=\"chair\" muted=\"true\" statusCallback=\"http://app/e\" \
         statusCallbackEvent=\"start end\">standup</Conference></Dial></Response>"
    );
}

#[actix_web::test]
async fn recordings_of_a_conference_are_its_own() {
    let api = api().await;
    let mut record = RecordingRecord::new(sid(40), RecordingSource::Conference, WallTime(1_000));
    record.conference_sid = Some(sid(3));
    record.status = RecordingStatus::InProgress;
    api.state.store.upsert_recording(record.clone());
    api.state.store.upsert_recording(RecordingRecord { sid: sid(41), conference_sid: Some(sid(1)), ..record });
    let below = path(&format!("/{}/Recordings", sid(3)));
    assert_eq!(sids(&api.get(&below).await.json(), "recordings", "sid"), [sid(40).to_string()]);
    let one = format!("{below}/{}", sid(40));
    assert_eq!(api.get(&one).await.json()["conference_sid"], json!(sid(3).to_string()));
    assert_eq!(api.get(&format!("{below}/{}", sid(41))).await.status, 404);
    assert_eq!(api.form(&one, "Status=paused&PauseBehavior=skip").await.status, 200);
    assert_eq!(api.form(&format!("{below}/Twilio.CURRENT"), "Status=stopped").await.status, 200);
    assert_eq!(api.form(&one, "Status=gone").await.json()["code"], 20422);
    let asked = api.conferences.asked.lock().unwrap().clone();
    let expected = [format!("PauseSkipping {}", sid(40)), "view".to_owned(), format!("Stop {}", sid(40))];
    assert_eq!(asked, expected);
    assert_eq!(api.delete(&one).await.json()["code"], 20009);
}

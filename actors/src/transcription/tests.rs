use tandem_call::call::PartialSpeech;
use tandem_laml::instruction::Utterance;
use tokio::sync::mpsc;

use super::*;
use crate::listen::RecogniseFuture;
use crate::store::tests::{TempDir, settings};
use crate::webhook::StatusQueueLimits;
use crate::webhook::test_server::{Reply, TestServer, local_client};

/// Tells how many samples it was given.
struct Counting;

impl Recogniser for Counting {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_16000
    }

    fn recognise<'a>(
        &'a self,
        how: &'a Listening,
        mut audio: mpsc::Receiver<Vec<i16>>,
        _: mpsc::Sender<PartialSpeech>,
    ) -> RecogniseFuture<'a> {
        Box::pin(async move {
            let mut samples = 0;
            while let Some(more) = audio.recv().await {
                samples += more.len();
            }
            if how.language == "xx" {
                return Err("no such language".to_owned());
            }
            Ok(Utterance { text: format!("{} of {samples}", how.language), confidence: None })
        })
    }
}

fn wav(dir: &TempDir, samples: usize) -> PathBuf {
    let path = dir.path().join("recording.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..samples * 2 {
        writer.write_sample((n % 100) as i16 * 100).unwrap();
    }
    writer.finalize().unwrap();
    path
}

async fn told(
    recogniser: Option<Arc<dyn Recogniser>>,
    language: &str,
    file: bool,
) -> (Vec<(String, String)>, Store, Sid) {
    let server = TestServer::start(|_, _| Reply::status("204 No Content")).await;
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let status = StatusQueue::start(local_client(|_| {}), StatusQueueLimits::default());
    let clock = Clock::new();
    let transcriber = Transcriber::new(recogniser, store.clone(), status, clock, "https://switch.example".to_owned());
    let sid = transcriber.transcribe(TranscriptionJob {
        recording_sid: Sid::from_bytes([5; 16]),
        call: Some((Sid::from_bytes([6; 16]), "1".to_owned())),
        wav: if file { wav(&dir, 4_000) } else { dir.path().join("missing.wav") },
        duration: Duration::from_millis(500),
        language: language.to_owned(),
        callback: Some((server.url("/transcribed"), Method::Post)),
    });
    let request = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Some(request) = server.requests().into_iter().next() {
                return request;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    (request.await.unwrap().form(), store, sid)
}

#[tokio::test]
async fn a_recording_becomes_text_and_whoever_asked_is_told() {
    let (params, store, sid) = told(Some(Arc::new(Counting)), "en-US", true).await;
    let account = store.project().project.id.clone();
    let api = format!("https://switch.example/api/laml/2010-04-01/Accounts/{account}");
    let recording = Sid::from_bytes([5; 16]);
    let text = params.iter().find(|(n, _)| n == "TranscriptionText").unwrap().1.clone();
    // Both channels as one, at the recogniser's rate.
    let samples: usize = text.strip_prefix("en-US of ").unwrap().parse().unwrap();
    assert!((7_900..=8_000).contains(&samples), "{text}");
    let expected = [
        ("TranscriptionSid", sid.to_string()),
        ("TranscriptionText", text.clone()),
        ("TranscriptionStatus", "completed".to_owned()),
        ("TranscriptionUrl", format!("{api}/Transcriptions/{sid}")),
        ("RecordingSid", recording.to_string()),
        ("RecordingUrl", format!("{api}/Recordings/{recording}")),
        ("AccountSid", account),
        ("CallSid", Sid::from_bytes([6; 16]).to_string()),
    ];
    assert_eq!(params, expected.map(|(n, v)| (n.to_owned(), v)));
    let kept = store.transcription(sid).await.unwrap().unwrap();
    assert_eq!((kept.status, kept.text, kept.duration_secs), (TranscriptionStatus::Completed, text, 1));
}

#[tokio::test]
async fn one_that_fails_is_told_of_as_failed_and_kept() {
    for (recogniser, language, file) in [
        (None, "en-US", true),
        (Some(Arc::new(Counting) as Arc<dyn Recogniser>), "xx", true),
        (Some(Arc::new(Counting) as Arc<dyn Recogniser>), "en-US", false),
    ] {
        let (params, store, sid) = told(recogniser, language, file).await;
        let value = |name: &str| params.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!((value("TranscriptionStatus").as_str(), value("TranscriptionText").as_str()), ("failed", ""));
        assert_eq!(store.transcription(sid).await.unwrap().unwrap().status, TranscriptionStatus::Failed);
    }
}

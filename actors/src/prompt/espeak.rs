use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tandem_laml::instruction::PromptFailure;
use tandem_media::control::Clip;
use tandem_media::file;
use tandem_model::SampleRate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::cache::ClipCache;
use super::flight::SingleFlight;
use super::markup;
use super::rendering::{Rendering, render};
use super::speech::{SpeechEngine, SpeechFuture};
use super::voice::Voices;
use super::{code, fail};

/// Speech by the espeak-ng program, one process for each text not spoken lately. Clones share the cache.
#[derive(Clone)]
pub struct EspeakEngine {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
pub struct EspeakConfig {
    /// A path, or a name to look for in PATH.
    pub program: PathBuf,
    /// One text's time; the process is killed after it.
    pub timeout: Duration,
    /// Bytes of WAV one text may give: the default holds twelve minutes.
    pub output_bytes_max: usize,
    /// Processes at a time.
    pub processes_max: usize,
    /// Longer texts are refused; LaML allows 4,096 (laml.md 1.9).
    pub text_chars_max: usize,
    pub cache_bytes_max: usize,
    /// How soon a missing program is looked for again.
    pub recheck: Duration,
}

impl Default for EspeakConfig {
    fn default() -> Self {
        EspeakConfig {
            program: PathBuf::from("espeak-ng"),
            timeout: Duration::from_secs(10),
            output_bytes_max: 32 << 20,
            processes_max: 2,
            text_chars_max: 4_096,
            cache_bytes_max: 64 << 20,
            recheck: Duration::from_secs(10),
        }
    }
}

impl EspeakEngine {
    /// Looks for the program and logs when it is missing; each text asks again, at most every `recheck`.
    pub async fn start(config: EspeakConfig) -> EspeakEngine {
        let inner = Inner {
            processes: Semaphore::new(config.processes_max.clamp(1, Semaphore::MAX_PERMITS)),
            cache: Mutex::new(ClipCache::new(config.cache_bytes_max)),
            flights: SingleFlight::new(),
            detection: tokio::sync::Mutex::new(Detection::default()),
            config,
        };
        if let Err(failure) = inner.voices().await {
            tracing::warn!(reason = %failure.message, "Say will fail until the speech engine is there");
        }
        EspeakEngine { inner: Arc::new(inner) }
    }

    /// Whether the program was there when last looked for.
    pub async fn is_available(&self) -> bool {
        self.inner.voices().await.is_ok()
    }

    async fn speak(&self, text: &str, voice: &str, language: &str) -> Result<Arc<Clip>, PromptFailure> {
        if markup::plain(text).chars().count() > self.inner.config.text_chars_max {
            let reason = format!("the text has more than {} characters", self.inner.config.text_chars_max);
            return Err(fail(code::TEXT, reason));
        }
        let voices = self.inner.voices().await?;
        let rendering = render(text, language, &|tag| voices.choose_speaking(voice, tag));
        if rendering.ssml.is_empty() {
            return Ok(Arc::new(silence(rendering.lead_ms.max(20))));
        }
        let key = (voices.choose(voice, language), rendering);
        if let Some((clip, ())) = self.inner.cache().get(&key) {
            return Ok(clip);
        }
        let inner = Arc::clone(&self.inner);
        self.inner.flights.join(key.clone(), || Box::pin(async move { inner.make(key).await })).await
    }
}

impl SpeechEngine for EspeakEngine {
    fn synth<'a>(&'a self, text: &'a str, voice: &'a str, language: &'a str) -> SpeechFuture<'a> {
        Box::pin(self.speak(text, voice, language))
    }

    fn remark(&self, voice: &str, language: &str) -> Option<String> {
        let detection = self.inner.detection.try_lock().ok()?;
        detection.voices.as_ref()?.remark(voice, language)
    }
}

/// Voice argument, and what it reads.
type Key = (String, Rendering);

fn silence(ms: u32) -> Clip {
    Clip { rate: SampleRate::HZ_8000, samples: vec![0; ms as usize * 8] }
}

struct Inner {
    config: EspeakConfig,
    processes: Semaphore,
    /// Held for one look-up, never across a wait.
    cache: Mutex<ClipCache<Key, ()>>,
    flights: SingleFlight<Key>,
    /// Held while the program is looked for, so that it is looked for once.
    detection: tokio::sync::Mutex<Detection>,
}

#[derive(Default)]
struct Detection {
    voices: Option<Arc<Voices>>,
    missing: Option<(Instant, PromptFailure)>,
}

impl Inner {
    fn cache(&self) -> MutexGuard<'_, ClipCache<Key, ()>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn voices(&self) -> Result<Arc<Voices>, PromptFailure> {
        let mut detection = self.detection.lock().await;
        if let Some(voices) = &detection.voices {
            return Ok(Arc::clone(voices));
        }
        if let Some((at, failure)) = &detection.missing
            && at.elapsed() < self.config.recheck
        {
            return Err(failure.clone());
        }
        let listed = self.run(&["--voices"], "").await.and_then(|table| {
            let voices = Voices::parse(&String::from_utf8_lossy(&table));
            if voices.is_empty() { Err(self.failed("it lists no voices")) } else { Ok(Arc::new(voices)) }
        });
        match &listed {
            Ok(voices) => *detection = Detection { voices: Some(Arc::clone(voices)), missing: None },
            Err(failure) => detection.missing = Some((Instant::now(), failure.clone())),
        }
        listed
    }

    async fn make(&self, key: Key) -> Result<Arc<Clip>, PromptFailure> {
        let wav = {
            let _permit = self.processes.acquire().await.map_err(|_| self.failed("it has been shut down"))?;
            let (voice, rendering) = &key;
            self.run(&["--stdin", "--stdout", "-b", "1", "-m", "-v", voice], &rendering.ssml).await
        };
        let wav = match wav {
            Ok(wav) => wav,
            Err(failure) => {
                // Perhaps the program has gone: let the next text look for it.
                *self.detection.lock().await = Detection::default();
                return Err(failure);
            }
        };
        let read = tokio::task::spawn_blocking(move || file::decode(Some("audio/wav"), &wav)).await;
        let clip = read.map_err(|_| self.failed("its output cannot be read"))?;
        let mut clip = clip.map_err(|reason| self.failed(&format!("its output is {reason}")))?;
        let lead = (u64::from(key.1.lead_ms) * u64::from(clip.rate.0) / 1_000) as usize;
        clip.samples.splice(0..0, std::iter::repeat_n(0, lead));
        let clip = Arc::new(clip);
        self.cache().put(key, Arc::clone(&clip), ());
        Ok(clip)
    }

    /// Runs the program to its end. The text goes by its standard input alone; no shell is involved.
    async fn run(&self, arguments: &[&str], text: &str) -> Result<Vec<u8>, PromptFailure> {
        let mut child = Command::new(&self.config.program)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => self.failed("it is not installed"),
                _ => self.failed(&error.to_string()),
            })?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(self.failed("it has no standard streams"));
        };
        let limit = self.config.output_bytes_max;
        let work = async {
            let write = async move {
                // A program that ends early shows in its exit status.
                let _ = stdin.write_all(text.as_bytes()).await;
                drop(stdin);
            };
            let mut output = Vec::new();
            let mut limited = stdout.take(limit as u64 + 1);
            let ((), read) = tokio::join!(write, limited.read_to_end(&mut output));
            read.map_err(|error| self.failed(&error.to_string()))?;
            if output.len() > limit {
                return Err(self.failed(&format!("it gave more than {limit} bytes")));
            }
            let status = child.wait().await.map_err(|error| self.failed(&error.to_string()))?;
            if status.success() { Ok(output) } else { Err(self.failed(&format!("it ended with {status}"))) }
        };
        let timeout = self.config.timeout;
        tokio::time::timeout(timeout, work)
            .await
            .unwrap_or_else(|_| Err(self.failed(&format!("it took longer than {timeout:?}"))))
    }

    fn failed(&self, reason: &str) -> PromptFailure {
        let program = self.config.program.display();
        fail(code::INTERNAL, format!("the speech engine espeak-ng ({program}) failed: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// None, with the reason printed, where the real program is not installed.
    async fn real() -> Option<EspeakEngine> {
        let engine = EspeakEngine::start(EspeakConfig::default()).await;
        if engine.is_available().await {
            return Some(engine);
        }
        println!("skipped: espeak-ng is not installed");
        None
    }

    fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        let whole = format!(
            "#!/bin/sh\nif [ \"$1\" = --voices ]; then printf 'head\\n 5 en-us x y z\\n'; exit 0; fi\n{text}\n"
        );
        // Another process writes the program: what is open for writing cannot be run, and a process that another test forks
        // meanwhile has whatever this one has open.
        let draft = directory.join(format!("{name}.draft"));
        std::fs::write(&draft, whole).unwrap();
        let installed = std::process::Command::new("install").args([&draft, &path]).status();
        assert!(installed.unwrap().success());
        path
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tandem-espeak-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[tokio::test]
    async fn text_becomes_audible_speech_and_is_kept() {
        let Some(engine) = real().await else { return };
        let first = engine.synth("Hello, this is a test.", "woman", "en-US").await.unwrap();
        let seconds = first.samples.len() as f64 / f64::from(first.rate.0);
        assert!((0.8..4.0).contains(&seconds), "{seconds} s at {:?}", first.rate);
        let loud = first.samples.iter().filter(|s| s.unsigned_abs() > 1_000).count();
        assert!(loud > first.samples.len() / 10, "{loud} of {}", first.samples.len());
        let again = engine.synth("Hello, this is a test.", "woman", "en-US").await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let man = engine.synth("Hello, this is a test.", "man", "en-US").await.unwrap();
        assert_ne!(man.samples, first.samples);
        let german = engine.synth("Hello, this is a test.", "woman", "de-DE").await.unwrap();
        assert_ne!(german.samples, first.samples);
    }

    #[tokio::test]
    async fn a_text_that_looks_like_options_or_shell_is_only_spoken() {
        let Some(engine) = real().await else { return };
        let target = directory("options").join("written.wav");
        for text in [format!("-w {}", target.display()), format!("\"; touch {}; \"", target.display())] {
            assert!(engine.synth(&text, "-w", "--help").await.unwrap().samples.len() > 1_000);
            assert!(!target.exists());
        }
        assert!(engine.synth(" \u{1}\n", "woman", "en-US").await.unwrap().samples.iter().all(|s| *s == 0));
        let long = engine.synth(&"a".repeat(4_097), "woman", "en-US").await.unwrap_err();
        assert_eq!(long.code, code::TEXT);
    }

    #[tokio::test]
    async fn a_missing_program_is_named_and_found_once_it_is_there() {
        let directory = directory("missing");
        let program = directory.join("speaker");
        let _ = std::fs::remove_file(&program);
        let config = EspeakConfig { program, recheck: Duration::from_millis(50), ..EspeakConfig::default() };
        let engine = EspeakEngine::start(config).await;
        assert!(!engine.is_available().await);
        let failure = engine.synth("hello", "woman", "en-US").await.unwrap_err();
        assert_eq!(failure.code, code::INTERNAL);
        assert!(failure.message.contains("espeak-ng") && failure.message.contains("not installed"), "{failure:?}");
        script(&directory, "speaker", "cat >/dev/null; exit 3");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let failure = engine.synth("hello", "woman", "en-US").await.unwrap_err();
        assert!(failure.message.contains("exit status: 3"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_or_floods_or_babbles_is_stopped_with_a_reason() {
        let directory = directory("bad");
        for (name, text, reason) in [
            ("hang", "exec sleep 60", "longer than"),
            ("flood", "exec cat /dev/zero", "more than"),
            ("babble", "cat >/dev/null; echo hello", "not a WAV"),
        ] {
            let program = script(&directory, name, text);
            let config = EspeakConfig {
                program,
                timeout: Duration::from_millis(1_500),
                output_bytes_max: 1 << 20,
                ..EspeakConfig::default()
            };
            let engine = EspeakEngine::start(config).await;
            let started = Instant::now();
            let failure = engine.synth("hello", "woman", "en-US").await.unwrap_err();
            assert!(failure.message.contains(reason), "{name}: {failure:?}");
            assert!(started.elapsed() < Duration::from_secs(5));
        }
    }

    #[tokio::test]
    async fn giving_a_text_up_kills_its_process() {
        let directory = directory("dropped");
        let pid_file = directory.join("pid");
        let program = script(&directory, "hang", &format!("echo $$ > {}; exec sleep 60", pid_file.display()));
        let engine = EspeakEngine::start(EspeakConfig { program, ..EspeakConfig::default() }).await;
        let waiting = tokio::time::timeout(Duration::from_millis(700), engine.synth("hello", "woman", "en-US"));
        let early = waiting.await.map(|ended| ended.err());
        assert!(early.is_err(), "{early:?}");
        let process = PathBuf::from("/proc").join(std::fs::read_to_string(&pid_file).unwrap().trim()).join("cmdline");
        for _ in 0..100 {
            // A process that has ended but was not reaped yet has an empty command line.
            if std::fs::read(&process).map_or(true, |line| line.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the process still runs");
    }

    #[tokio::test]
    async fn ssml_is_heard() {
        let Some(engine) = real().await else { return };
        let length = async |text: &str| {
            let clip = engine.synth(text, "woman", "en-US").await.unwrap();
            (clip.samples.len() as f64 / f64::from(clip.rate.0), loudness(&clip))
        };
        let (plain, loud) = length("hello world").await;
        for (text, longer) in [
            (r#"hello <break time="2000"/> world"#, 2.0),
            (r#"<break time="1500"/> hello world"#, 1.5),
            (r#"hello <break strength="x-strong"/> world"#, 0.9),
            (r#"<prosody rate="50%">hello world</prosody>"#, 0.5),
            ("<p>hello</p><p>world</p>", 0.3),
        ] {
            let (found, _) = length(text).await;
            assert!((longer - 0.3..longer + 1.0).contains(&(found - plain)), "{text}: {found} s for {plain}");
        }
        assert!(length(r#"<prosody rate="200%">hello world</prosody>"#).await.0 < plain - 0.2);
        assert!(length(r#"<prosody volume="+6db">hello world</prosody>"#).await.1 > loud * 1.5);
        assert!(length(r#"<prosody volume="-6db">hello world</prosody>"#).await.1 < loud / 1.5);
        assert!(length(r#"<prosody volume="silent">hello world</prosody>"#).await.1 < 1.0);
        assert!(length(r#"<emphasis level="strong">hello world</emphasis>"#).await.1 > loud * 1.1);
        // "a hundred and twenty-three" and "one two three".
        assert!(length(r#"<say-as as="digits">123</say-as>"#).await.0 < length("123").await.0);
        assert_ne!(length(r#"<lang tag="fr-FR">bonjour mes amis</lang>"#).await, length("bonjour mes amis").await);
        let clip = engine.synth(r#"<break time="300"/>"#, "woman", "en-US").await.unwrap();
        assert!(clip.samples.len() == 2_400 && clip.samples.iter().all(|s| *s == 0));
        let said =
            engine.synth(r#"<phoneme alphabet="ipa" ph="həˈloʊ">xyz</phoneme>"#, "woman", "en-US").await.unwrap();
        let meant =
            engine.synth(r#"<phoneme alphabet="x-sampa" ph="h@&quot;loU">other</phoneme>"#, "woman", "en-US").await;
        assert_eq!(said.samples, meant.unwrap().samples);
    }

    fn loudness(clip: &Clip) -> f64 {
        (clip.samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / clip.samples.len() as f64).sqrt()
    }

    #[tokio::test]
    async fn what_no_voice_can_do_is_remarked_upon() {
        let Some(engine) = real().await else { return };
        assert_eq!(engine.remark("Polly.Joanna-Neural", "en-US"), None);
        assert_eq!(engine.remark("gcloud.de-DE-Wavenet-B", "en-US"), None);
        assert!(engine.remark("Polly.Nobody", "en-US").unwrap().contains("Polly.Nobody"));
        assert!(engine.remark("woman", "xx-YY").unwrap().contains("xx-YY"));
    }
}

use std::collections::VecDeque;

use tandem_model::{Timestamp, limits};

use crate::instruction::{Input, Instruction, Method};

/// What a script has to know of the leg it runs on.
#[derive(Clone, Debug)]
pub struct ScriptConfig {
    /// The leg is answered already (a call we placed, a whisper): no [`Instruction::Answer`] is ever given.
    pub answered: bool,
    /// The document of a `<Number>` or `<Sip>` `url`, run on the callee before the bridge: `Dial` is refused in it.
    pub whisper: bool,
    /// Documents one script may load before it is taken for a loop.
    pub documents_max: u32,
}

impl Default for ScriptConfig {
    fn default() -> Self {
        ScriptConfig { answered: false, whisper: false, documents_max: limits::LAML_DOCUMENTS_PER_CALL_MAX }
    }
}

/// One LaML script on one leg, from its first document to its end.
///
/// Call [`start_fetch`](Script::start_fetch) or [`start_document`](Script::start_document) once; then, after every
/// `start_*`, `handle` and `expire`, [`poll`](Script::poll) until it gives None and arm a timer for
/// [`deadline`](Script::deadline).
#[derive(Debug)]
pub struct Script {
    config: ScriptConfig,
    out: VecDeque<Instruction>,
    finished: bool,
}

impl Script {
    pub fn new(config: ScriptConfig) -> Self {
        Script { config, out: VecDeque::new(), finished: false }
    }

    /// Begin with the document at an absolute `url`. A fetch that fails, now or later in the call, is tried once at
    /// `fallback`.
    pub fn start_fetch(&mut self, url: String, method: Method, fallback: Option<(String, Method)>) {
        let _ = (fallback, &self.config);
        self.out.push_back(Instruction::Fetch { url, method, params: Vec::new() });
    }

    /// Begin with an inline document. It has no URL, so relative URLs in it are refused.
    pub fn start_document(&mut self, now: Timestamp, xml: String) {
        self.handle(now, Input::Replace { xml });
    }

    /// Tell the script what happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        let _ = now;
        if input == Input::HungUp {
            self.out.clear();
            self.finished = true;
        }
    }

    /// What to do next, in order; None when the script waits.
    pub fn poll(&mut self) -> Option<Instruction> {
        self.out.pop_front()
    }

    /// When [`expire`](Script::expire) is to be called at the latest.
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Time has reached the deadline. Nothing when it has not.
    pub fn expire(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// No instruction will follow those still to be polled.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

use std::collections::VecDeque;

use crate::instruction::{
    ConnectId, Instruction, ListenCommand, ListenId, Listening, Prompt, PromptId, RecordingId, Repeat,
};

/// Warnings one document may log; a call's log is not a place a document may fill.
pub(crate) const WARNINGS_PER_DOCUMENT_MAX: u32 = 100;

/// What verbs may cause, and the little they need to know of what was caused before.
#[derive(Debug)]
pub(crate) struct Effects {
    out: VecDeque<Instruction>,
    /// The leg is answered, or told to be.
    pub answered: bool,
    /// A `Dial` with `answerOnBridge` left the leg ringing: its own failure is what the caller should hear of.
    pub ringing_through: bool,
    /// Dials given up whose `DialEnded` is still to come.
    pub dials_given_up: u32,
    /// Refers given up whose `ReferEnded` is still to come.
    pub refers_given_up: u32,
    prompts: u64,
    recordings: u64,
    /// Listening to speech has turned out to be in vain: there is no recogniser.
    pub no_recogniser: bool,
    listenings: u64,
    connects: u64,
    warnings: u32,
}

impl Effects {
    pub fn new(answered: bool) -> Self {
        let out = VecDeque::new();
        Effects {
            out,
            answered,
            ringing_through: false,
            dials_given_up: 0,
            refers_given_up: 0,
            no_recogniser: false,
            prompts: 0,
            listenings: 0,
            recordings: 0,
            connects: 0,
            warnings: 0,
        }
    }

    pub fn push(&mut self, instruction: Instruction) {
        self.out.push_back(instruction);
    }

    pub fn pop(&mut self) -> Option<Instruction> {
        self.out.pop_front()
    }

    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// Answer the leg, unless that is done.
    pub fn answer(&mut self) {
        if !self.answered {
            self.answered = true;
            self.push(Instruction::Answer);
        }
    }

    pub fn prompt(&mut self, what: Prompt, repeat: Repeat) -> PromptId {
        self.prompts += 1;
        let id = PromptId(self.prompts);
        self.push(Instruction::Prompt { id, what, repeat });
        id
    }

    pub fn recording(&mut self) -> RecordingId {
        self.recordings += 1;
        RecordingId(self.recordings)
    }

    pub fn listen(&mut self, how: Listening) -> ListenId {
        self.listenings += 1;
        let id = ListenId(self.listenings);
        self.push(Instruction::Listen(ListenCommand::Start { id, how: Box::new(how) }));
        id
    }

    pub fn connect_id(&mut self) -> ConnectId {
        self.connects += 1;
        ConnectId(self.connects)
    }

    pub fn warn(&mut self, code: u32, line: Option<u32>, message: impl Into<String>) {
        self.warnings = self.warnings.saturating_add(1);
        if self.warnings > WARNINGS_PER_DOCUMENT_MAX {
            return;
        }
        let mut message = message.into();
        if self.warnings == WARNINGS_PER_DOCUMENT_MAX {
            message.push_str(" (further warnings of this document are not shown)");
        }
        self.push(Instruction::Warn { code, message, line });
    }

    /// A new document begins: its warnings are counted anew.
    pub fn new_document(&mut self) {
        self.warnings = 0;
    }
}

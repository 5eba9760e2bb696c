//! What members hear who wait, or are on hold.

use tandem_laml::instruction::{Method, WaitMusic};
use tandem_media::control::{Command, Repeat};
use tandem_model::LegId;

use super::Room;
use super::contract::ConferenceEvent;
use super::member::Music;
use crate::call::ApiDocument;

impl Room {
    pub(super) fn play_wait(&mut self, at: usize) {
        let what = self.members[at].wait.clone();
        self.play_music(at, what);
    }

    pub(super) fn play_hold(&mut self, at: usize) {
        let what = self.members[at].hold_music.clone();
        self.play_music(at, what);
    }

    /// Without its document it hears what all hear who have none.
    pub(super) fn wait_failed(&mut self, leg: LegId) {
        if let Some(at) = self.at(leg).filter(|&at| self.members[at].music == Some(Music::Document)) {
            self.members[at].music = None;
            self.play_music(at, WaitMusic::BuiltIn);
        }
    }

    fn play_music(&mut self, at: usize, what: WaitMusic) {
        self.stop_music(at);
        let leg = self.members[at].leg;
        self.members[at].music = match what {
            WaitMusic::Silence => None,
            WaitMusic::BuiltIn => {
                let play = self.next_play();
                let clip = self.spec.sounds.music.clone();
                self.media(Command::Play { leg, play, clip, repeat: Repeat::Forever });
                Some(Music::Clip(play))
            }
            WaitMusic::Document(url, method) => {
                let params = self.own_params();
                self.tell(leg, ConferenceEvent::Wait { document: document(url, method), params });
                Some(Music::Document)
            }
        };
    }

    pub(super) fn stop_music(&mut self, at: usize) {
        let leg = self.members[at].leg;
        match self.members[at].music.take() {
            None => {}
            Some(Music::Clip(play)) => self.media(Command::StopPlay { leg, play }),
            Some(Music::Document) => self.tell(leg, ConferenceEvent::StopWait),
        }
    }
}

/// A URL that names audio is played over and over; any other is asked for a document.
fn document(url: String, method: Method) -> ApiDocument {
    const AUDIO: [&str; 10] = [".wav", ".mp3", ".aif", ".aiff", ".aifc", ".gsm", ".ul", ".ulaw", ".au", ".al"];
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    if AUDIO.iter().any(|ending| path.ends_with(ending)) {
        let escaped = url.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        return ApiDocument::Inline(format!("<Response><Play loop=\"0\">{escaped}</Play></Response>"));
    }
    ApiDocument::Url(url, method)
}

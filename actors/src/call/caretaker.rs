//! Ends legs whose actor died: politely towards the peer, and with nothing left behind here.

use tandem_call::leg::{LegRecord, RecordStage, RequestId};
use tandem_media::control::Command;
use tandem_model::{Entropy, hex_token};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message as SipMessage, Method};

use super::message::LegDied;
use super::services::{Services, call_number};
use crate::signalling::FromLeg;
use crate::supervision::{Mailbox, Overflow};

/// Sends BYE, CANCEL or 500, whichever the leg's stage takes, and gives its port back.
pub(super) fn settle_leg(services: &Services, died: &LegDied, entropy: &mut dyn Entropy) {
    let LegRecord { leg, stage, .. } = &died.record;
    let last_word = match stage {
        RecordStage::Over => None,
        RecordStage::Incoming { key, invite, source, local_tag } => {
            let message = SipMessage::response(invite, source.addr, 500, None).to_tag(local_tag).build();
            Some(FromLeg::Respond { key: *key, message })
        }
        RecordStage::Outgoing { id } => Some(FromLeg::Cancel { leg: *leg, id: *id, reason: None }),
        RecordStage::Confirmed { dialog, destination } => {
            let mut dialog = Dialog::restore((**dialog).clone());
            let transport = destination.transport;
            let via = format!(
                "SIP/2.0/{transport} {};rport;branch=z9hG4bK{}",
                services.env.sent_by.towards(*destination),
                hex_token(entropy, 8)
            );
            let message = dialog
                .request(Method::Bye)
                .header("Via", &via)
                .header("Reason", "SIP;cause=500;text=\"Internal error\"")
                .build();
            // Nobody waits for the answer; the transaction repeats it as the leg would have.
            let id = RequestId(u64::MAX);
            Some(FromLeg::Request { leg: *leg, id, message, destination: *destination, owner: None })
        }
    };
    if let Some(word) = last_word {
        died.shard.offer(word, Overflow::Warn);
    }
    if services.media.thread_for(call_number(*leg)).send(Command::Close { leg: *leg }).is_err() {
        tracing::warn!(%leg, "port of a crashed leg not given back: media thread takes no commands");
    }
}

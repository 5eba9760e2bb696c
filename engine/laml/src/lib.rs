//! LaML: from an XML document to a script that tells a call what to do next.
//! It knows no SIP and no media, fetches nothing and keeps no clock.
//! Start at [`instruction`], the contract with a call, then [`Script`], the machine that keeps it.
//!
//! ```
//! use tandem_laml::instruction::{Document, Input, Instruction, Method, RejectReason};
//! use tandem_laml::{Script, ScriptConfig};
//! use tandem_model::Timestamp;
//!
//! let now = Timestamp::ZERO;
//! let url = "https://app.example/voice".to_owned();
//! let mut script = Script::new(ScriptConfig::default());
//! script.start_fetch(now, url.clone(), Method::Post, None);
//! assert!(matches!(script.poll(), Some(Instruction::Fetch { .. })));
//!
//! let content_type = Some("application/xml".to_owned());
//! let body = b"<Response><Reject reason=\"busy\"/></Response>".to_vec();
//! script.handle(now, Input::Document(Ok(Document { url, content_type, body })));
//! assert_eq!(script.poll(), Some(Instruction::Reject { reason: RejectReason::Busy }));
//! assert!(script.poll().is_none() && script.is_finished());
//! ```

mod address;
mod attributes;
mod code;
mod document;
mod effects;
pub mod instruction;
mod nouns;
mod reference;
mod role;
mod script;
mod verbs;

pub use address::without_secrets;
pub use nouns::sip_address;
pub use nouns::stream::{is_token, stream_address};
pub use reference::reference_tables;
pub use role::{Dialect, Role};
pub use script::{APOLOGY_TEXT, Script, ScriptConfig};

//! LaML: from an XML document to a script that tells a call what to do next.
//! It knows no SIP and no media, fetches nothing and keeps no clock.
//! Start at [`instruction`], the contract with a call, then [`Script`], the machine that keeps it.

mod address;
mod attributes;
mod code;
mod document;
mod effects;
pub mod instruction;
mod nouns;
mod reference;
mod script;
mod verbs;

pub use reference::reference_tables;
pub use script::{APOLOGY_TEXT, Script, ScriptConfig};

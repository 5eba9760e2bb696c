//! LaML: from an XML document to a script that tells a call what to do next.
//! It knows no SIP and no media, fetches nothing and keeps no clock.
//! Start at [`instruction`], the contract with a call, then [`Script`], the machine that keeps it.

pub mod instruction;
mod script;

pub use script::{Script, ScriptConfig};

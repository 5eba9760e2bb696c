//! Attacks on real servers from outside: nobody gets in, nothing falls over. A file for each class of attack; each ends
//! with the server unharmed: same process, no panic, memory bounded, and a call that works ([`target::Target::unharmed`]).
//!
//! Sized for every run of the tests. `HOSTILE=soak` makes the counts large (`make soak`); `HOSTILE_SEED=n` changes the
//! inputs drawn. What fails prints the seed of its input. Start at [`target::Target`] and [`stranger::Stranger`].

#[path = "../e2e/common/mod.rs"]
mod common;

mod mutant;
mod proof;
mod size;
mod statistics;
mod stranger;
mod stream;
mod target;
mod together;
mod websocket;

mod row_01_parser;
mod row_01_websocket_frames;
mod row_02_framing;
mod row_03_slow_reader;
mod row_04_floods;
mod row_05_authentication;
mod row_06_toll_fraud;
mod row_07_redirection;
mod row_08_loops;
mod row_09_digest;
mod row_10_enumeration;
mod row_11_digest_leak;
mod row_12_forged_in_dialog;
mod row_17_reflection;
mod row_18_ssrf;
mod row_19_xml;
mod row_23_webhook_trust;

mod overload;
mod sessions;

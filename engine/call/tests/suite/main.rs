//! The leg and call machines from outside: text in, text out. No actor, socket or clock.
//!
//! `peer` is the far end of one leg, `world` a call with its legs and a media engine that always does as it is told.

mod call_amd;
mod call_api;
mod call_conference;
mod call_connect;
mod call_dial;
mod call_dial_more;
mod call_hold;
mod call_hold_model;
mod call_identity;
mod call_queue;
mod call_redirect;
mod call_replace;
mod call_script;
mod call_speech;
mod call_stream;
mod call_transfer;
mod carriers;
mod leg_challenge;
mod leg_failover;
mod leg_families;
mod leg_forks;
mod leg_hold;
mod leg_incoming;
mod leg_outgoing;
mod leg_refer;
mod leg_referring;
mod leg_rekey;
mod leg_reliable;
mod leg_reoffer;
mod leg_session_timer;
mod leg_talking;
mod peer;
mod random;
mod rig;
mod routes;
mod two_party;
mod world;

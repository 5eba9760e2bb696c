//! The server from outside: real processes, real sockets, real clients.

mod carrier;
mod click_to_call;
mod common;
mod conference;
mod demo;
mod devices;
mod domain_app;
mod endpoints;
mod faults;
mod forwarding;
mod hold;
mod ivr;
mod operations;
mod phones;
mod queue;
mod registration;
mod resources;
mod rest_clients;
mod streams;
mod transfers;
mod transports;
mod voicemail;
mod webhooks;

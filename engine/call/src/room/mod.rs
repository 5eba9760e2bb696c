//! What several calls share: the machines of rooms. Each is driven by one actor; calls know of it what it tells them.

pub mod conference;
pub mod queue;

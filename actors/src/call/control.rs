//! What REST may ask of calls: the switchboard behind the API's contract.

use std::sync::{Arc, RwLock};

use actix::prelude::*;
use futures_util::future::BoxFuture;
use std::sync::atomic::Ordering;
use tandem_model::{CallSid, OwnMap, Sid};

use super::message::{Change, Create, FaultAt, InjectFault};
use super::recordings::{BeginRecording, SteerRecording};
use super::switchboard::Switchboard;
use crate::api::{
    CallControl, CallControlError, CallView, CreateCall, FaultPlace, Faults, RecordingChange, RecordingName,
    StartRecording, UpdateCall,
};
use crate::signalling::Gate;
use crate::store::RecordingRecord;

/// A copy of the live rows for readers; each call alone writes its own (I2).
#[derive(Clone, Default)]
pub struct LiveCalls(Arc<RwLock<OwnMap<CallSid, Arc<CallView>>>>);

impl LiveCalls {
    /// True when it was not there before.
    pub(super) fn put(&self, view: Arc<CallView>) -> bool {
        self.0.write().is_ok_and(|mut all| all.insert(view.sid, view).is_none())
    }

    /// True when it was there.
    pub(super) fn remove(&self, sid: CallSid) -> bool {
        self.0.write().is_ok_and(|mut all| all.remove(&sid).is_some())
    }

    pub(super) fn contains(&self, sid: CallSid) -> bool {
        self.0.read().is_ok_and(|all| all.contains_key(&sid))
    }

    pub(super) fn get(&self, sid: CallSid) -> Option<Arc<CallView>> {
        self.0.read().ok()?.get(&sid).cloned()
    }

    fn all(&self) -> Vec<CallView> {
        self.0.read().map(|all| all.values().map(|view| CallView::clone(view)).collect()).unwrap_or_default()
    }
}

/// The switchboard as the API sees it.
#[derive(Clone)]
pub struct SwitchboardControl {
    switchboard: Addr<Switchboard>,
    live: LiveCalls,
    gate: Arc<Gate>,
}

impl SwitchboardControl {
    pub fn new(switchboard: Addr<Switchboard>, live: LiveCalls, gate: Arc<Gate>) -> Self {
        SwitchboardControl { switchboard, live, gate }
    }

    pub(super) fn switchboard(&self) -> &Addr<Switchboard> {
        &self.switchboard
    }
}

impl CallControl for SwitchboardControl {
    fn create(&self, call: CreateCall) -> BoxFuture<'_, Result<CallView, CallControlError>> {
        Box::pin(async move { self.switchboard.send(Create(call)).await.unwrap_or_else(|_| Err(unavailable())) })
    }

    fn update(&self, sid: Sid, change: UpdateCall) -> BoxFuture<'_, Result<CallView, CallControlError>> {
        Box::pin(
            async move { self.switchboard.send(Change { sid, change }).await.unwrap_or_else(|_| Err(unavailable())) },
        )
    }

    fn start_recording(
        &self,
        call: Sid,
        what: StartRecording,
    ) -> BoxFuture<'_, Result<RecordingRecord, CallControlError>> {
        Box::pin(async move {
            self.switchboard.send(BeginRecording { call, what }).await.unwrap_or_else(|_| Err(unavailable()))
        })
    }

    fn update_recording(
        &self,
        call: Sid,
        name: RecordingName,
        change: RecordingChange,
    ) -> BoxFuture<'_, Result<RecordingRecord, CallControlError>> {
        Box::pin(async move {
            self.switchboard.send(SteerRecording { call, name, change }).await.unwrap_or_else(|_| Err(unavailable()))
        })
    }

    fn live(&self, sid: Sid) -> Option<CallView> {
        self.live.get(sid).map(Arc::unwrap_or_clone)
    }

    fn live_all(&self) -> Vec<CallView> {
        self.live.all()
    }

    fn draining(&self) -> bool {
        self.gate.draining.load(Ordering::Relaxed)
    }
}

impl Faults for SwitchboardControl {
    fn inject(&self, sid: Sid, place: FaultPlace) -> BoxFuture<'_, bool> {
        let at = match place {
            FaultPlace::Leg => FaultAt::Leg,
            FaultPlace::Call => FaultAt::Call,
            FaultPlace::Media => FaultAt::Media,
        };
        Box::pin(async move { self.switchboard.send(InjectFault { sid, at }).await.unwrap_or(false) })
    }
}

fn unavailable() -> CallControlError {
    CallControlError::new(503, 20_504, "Call processing is not available")
}

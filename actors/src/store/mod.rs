//! What must outlive the process: the project, its configuration, registrations and call records.
//! One writer applies every change in group commits; everybody else reads copies or queries. It knows no telephony
//! rules. Start at [`Store`].

mod application;
mod binding;
mod call;
mod carrier;
mod carrier_policy;
mod catalog;
mod conference;
mod domain_app;
mod endpoint;
mod error;
mod handler;
mod laml_bin;
mod pending;
mod pending_hooks;
mod phone_number;
mod profile;
mod project;
mod queue;
mod recording;
mod secrets;
mod serial;
mod sqlite;
mod transcription;
mod webhook;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use application::{ApplicationRecord, SmsFields, VoiceFields};
pub use binding::{BindingChange, BindingRow};
pub use call::{
    CallDirection, CallEvent, CallFilter, CallMedia, CallPage, CallQuality, CallRecord, CallStatus, EventLevel,
    TimeBound,
};
pub use carrier::CarrierRecord;
pub use carrier_policy::{CarrierPolicy, NumberRule};
pub use catalog::{Catalog, Table};
pub use conference::{ConferenceFilter, ConferenceRecord, ConferenceStatus};
pub use domain_app::DomainAppRecord;
pub use endpoint::EndpointRecord;
pub use error::StoreError;
pub use handler::HandlerFields;
pub use laml_bin::{BinUse, LamlBinRecord};
pub use phone_number::{NUMBER_RINGS_ENDPOINT, PhoneNumberRecord};
pub use profile::SipProfileRecord;
pub use project::{ProjectChoices, ProjectSettings, ProjectState};
pub use recording::{RecordingFilter, RecordingRecord, RecordingSource, RecordingStatus, RecordingTrack};
pub use secrets::{digest_secrets, random_sid, random_token, secrets_equal};
pub use transcription::{TranscriptionRecord, TranscriptionStatus};
pub use webhook::{
    NotificationFilter, NotificationRecord, StatusJobRow, WebhookEntry, WebhookError, WebhookKind, WebhookLogBounds,
    WebhookTimings,
};

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_call::directory::Directory;
use tandem_model::{Sid, WallTime};
use tokio::sync::watch;

use pending::Pending;
use writer::{Change, Writer};

/// A handle to the store; clones share it. Dropping the last one stops the writer once it has written what is due.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: sqlite::Sqlite,
    project: Arc<ProjectState>,
    catalog: watch::Receiver<Arc<Catalog>>,
    directory: watch::Receiver<Arc<Directory>>,
    writer: Writer,
    pending: Arc<Pending>,
}

impl Store {
    /// Opens `url` (`sqlite:path`), creating and migrating the database as needed, and starts its writer on the
    /// current tokio runtime.
    ///
    /// # Errors
    /// When the database cannot be opened, is newer than this program, or belongs to another project.
    pub async fn open(url: &str, settings: ProjectSettings) -> Result<Store, StoreError> {
        let path = sqlite::path_of(url)?;
        let db = sqlite::Sqlite::open(&path).await?;
        let sealer = secrets::Sealer::open_or_create(&secrets::key_path(&path))?;
        let project = Arc::new(db.ensure_project(settings, &sealer).await?);
        let catalog = db.load_catalog(&project, &sealer).await?;
        let (writer, catalog, directory, pending) = writer::start(db.clone(), sealer, catalog);
        Ok(Store { inner: Arc::new(Inner { db, project, catalog, directory, writer, pending }) })
    }

    pub fn project(&self) -> &Arc<ProjectState> {
        &self.inner.project
    }

    /// The read copy of all configuration for call processing, replaced whole after each committed change.
    pub fn directory(&self) -> watch::Receiver<Arc<Directory>> {
        self.inner.directory.clone()
    }

    /// The same configuration as REST sees it.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog.borrow().clone()
    }

    /// Creates or replaces; `revision` must be the stored one (0 for a new record), else [`StoreError::Stale`].
    pub async fn put_endpoint(&self, record: EndpointRecord) -> Result<Arc<EndpointRecord>, StoreError> {
        let id = record.id;
        self.inner.writer.submit(Change::PutEndpoint(Box::new(record))).await?;
        self.catalog().endpoints.get(id).cloned().ok_or(StoreError::NotFound)
    }

    pub async fn delete_endpoint(&self, id: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteEndpoint(id)).await
    }

    pub async fn put_profile(&self, record: SipProfileRecord) -> Result<Arc<SipProfileRecord>, StoreError> {
        self.inner.writer.submit(Change::PutProfile(Box::new(record))).await?;
        Ok(self.catalog().profile.clone())
    }

    pub async fn put_domain_app(&self, record: DomainAppRecord) -> Result<Arc<DomainAppRecord>, StoreError> {
        let id = record.id;
        self.inner.writer.submit(Change::PutDomainApp(Box::new(record))).await?;
        self.catalog().domain_apps.get(id).cloned().ok_or(StoreError::NotFound)
    }

    pub async fn delete_domain_app(&self, id: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteDomainApp(id)).await
    }

    pub async fn put_carrier(&self, record: CarrierRecord) -> Result<Arc<CarrierRecord>, StoreError> {
        let id = record.id;
        self.inner.writer.submit(Change::PutCarrier(Box::new(record))).await?;
        self.catalog().carriers.get(id).cloned().ok_or(StoreError::NotFound)
    }

    pub async fn delete_carrier(&self, id: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteCarrier(id)).await
    }

    pub async fn put_choices(&self, choices: ProjectChoices) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::PutChoices(choices)).await
    }

    /// As [`Store::put_endpoint`]; so are those below.
    pub async fn put_application(&self, record: ApplicationRecord) -> Result<Arc<ApplicationRecord>, StoreError> {
        let id = record.id;
        self.inner.writer.submit(Change::PutApplication(Box::new(record))).await?;
        self.catalog().applications.get(id).cloned().ok_or(StoreError::NotFound)
    }

    pub async fn delete_application(&self, id: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteApplication(id)).await
    }

    pub async fn put_laml_bin(&self, record: LamlBinRecord) -> Result<Arc<LamlBinRecord>, StoreError> {
        let id = record.id;
        self.inner.writer.submit(Change::PutLamlBin(Box::new(record))).await?;
        self.catalog().laml_bins.get(id).cloned().ok_or(StoreError::NotFound)
    }

    pub async fn delete_laml_bin(&self, id: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteLamlBin(id)).await
    }

    /// Counts one use of a bin that exists; written when there is time.
    pub fn count_bin(&self, id: Sid, now: WallTime) {
        self.inner.pending.count_bin(id, now);
    }

    /// How often each bin was asked for, to the last one.
    pub async fn bin_uses(&self) -> Result<BTreeMap<Sid, BinUse>, StoreError> {
        if self.calls_pending() > 0 {
            self.flush().await?;
        }
        self.inner.db.bin_uses().await
    }

    pub async fn put_phone_number(&self, record: PhoneNumberRecord) -> Result<Arc<PhoneNumberRecord>, StoreError> {
        let id = record.id;
        self.inner.writer.submit(Change::PutPhoneNumber(Box::new(record))).await?;
        self.catalog().numbers.get(id).cloned().ok_or(StoreError::NotFound)
    }

    pub async fn delete_phone_number(&self, id: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeletePhoneNumber(id)).await
    }

    /// Durable when it returns `Ok`: many callers share one commit. All of `changes` succeed or none.
    pub async fn put_bindings(&self, changes: Vec<BindingChange>) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::Bindings(changes)).await
    }

    /// Bindings that have not expired at `now`, for the registrar at start.
    pub async fn bindings(&self, now: WallTime) -> Result<Vec<BindingRow>, StoreError> {
        self.inner.db.bindings(now).await
    }

    /// Hands over a call record and returns at once. A later record of the same call replaces one not yet written.
    /// Returns false, and counts, when too many calls wait for a disk that does not write.
    pub fn upsert_call(&self, record: impl Into<Arc<CallRecord>>) -> bool {
        self.inner.pending.put_call(record.into())
    }

    /// Hands over a line for a call's log and returns at once; false as for [`Store::upsert_call`].
    pub fn log_event(&self, event: CallEvent) -> bool {
        self.inner.pending.put_event(event)
    }

    /// Keeps a transcription that is new, or what has become of one; one that was deleted meanwhile stays so.
    pub async fn put_transcription(&self, record: TranscriptionRecord, is_new: bool) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::PutTranscription(Box::new(record), is_new)).await
    }

    pub async fn transcription(&self, sid: Sid) -> Result<Option<TranscriptionRecord>, StoreError> {
        self.inner.db.transcription(sid).await
    }

    /// Newest first, those after a certain one.
    pub async fn transcriptions(
        &self,
        recording: Option<Sid>,
        after: Option<(WallTime, Sid)>,
        limit: u32,
    ) -> Result<Vec<TranscriptionRecord>, StoreError> {
        self.inner.db.transcriptions(recording, after, limit).await
    }

    pub async fn delete_transcription(&self, sid: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteTranscription(sid)).await
    }

    /// Waits until all that was handed over before is on disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::Flush).await
    }

    /// Call records that were refused since start because too many waited.
    pub fn calls_lost(&self) -> u64 {
        self.inner.pending.lost()
    }

    /// Records and events waiting to be written.
    pub fn calls_pending(&self) -> usize {
        self.inner.pending.len()
    }

    pub async fn call(&self, sid: Sid) -> Result<Option<CallRecord>, StoreError> {
        if let Some(waiting) = self.inner.pending.call(sid) {
            return Ok(Some(CallRecord::clone(&waiting)));
        }
        self.inner.db.call(sid).await
    }

    /// Newest first. What waits for the disk is written first, so that no call is missing between two places.
    pub async fn calls(&self, filter: &CallFilter, page: CallPage) -> Result<Vec<CallRecord>, StoreError> {
        if self.calls_pending() > 0 {
            self.flush().await?;
        }
        self.inner.db.calls(filter, page).await
    }

    pub async fn call_events(&self, sid: Sid) -> Result<Vec<CallEvent>, StoreError> {
        self.inner.db.call_events(sid).await
    }

    /// Hands over how a recording stands now and returns at once, as [`Store::upsert_call`] does.
    pub fn upsert_recording(&self, record: impl Into<Arc<RecordingRecord>>) -> bool {
        self.inner.pending.put_recording(record.into())
    }

    pub async fn recording(&self, sid: Sid) -> Result<Option<RecordingRecord>, StoreError> {
        if let Some(waiting) = self.inner.pending.recording(sid) {
            return Ok(Some(RecordingRecord::clone(&waiting)));
        }
        self.inner.db.recording(sid).await
    }

    /// As [`Store::calls`]: newest first, what waits included.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        page: CallPage,
    ) -> Result<Vec<RecordingRecord>, StoreError> {
        if self.calls_pending() > 0 {
            self.flush().await?;
        }
        self.inner.db.recordings(filter, page).await
    }

    /// Removes a recording's record. A late one of it is ignored. The file is not the store's.
    pub async fn delete_recording(&self, sid: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteRecording(sid)).await
    }

    /// How much of the log of webhooks is kept. Until this is called, nothing of it.
    pub fn keep_webhooks(&self, bounds: WebhookLogBounds) {
        self.inner.pending.hooks.set_bounds(bounds);
    }

    /// Hands over an entry for the log of webhooks and returns at once; false when it is not kept.
    pub fn log_webhook(&self, entry: WebhookEntry) -> bool {
        let kept = self.inner.pending.hooks.put_entry(entry);
        if kept {
            self.inner.pending.arrived.notify_one();
        }
        kept
    }

    /// Entries of the log of webhooks that were refused since start because too many waited.
    pub fn webhooks_lost(&self) -> u64 {
        self.inner.pending.hooks.lost()
    }

    /// The log of a call's webhooks, oldest first.
    pub async fn webhooks(&self, call: Sid) -> Result<Vec<WebhookEntry>, StoreError> {
        self.hooks_written().await?;
        self.inner.db.webhooks(call).await
    }

    /// Warnings and errors of calls with the requests they are about, newest first.
    pub async fn notifications(&self, filter: &NotificationFilter) -> Result<Vec<NotificationRecord>, StoreError> {
        self.hooks_written().await?;
        self.inner.db.notifications(filter).await
    }

    pub async fn notification(&self, seq: i64) -> Result<Option<NotificationRecord>, StoreError> {
        self.inner.db.notification(seq).await
    }

    /// Hands over a notification and returns at once. It is on disk with the next commit, unless it was removed before.
    pub fn put_status_job(&self, row: StatusJobRow) {
        self.inner.pending.hooks.put_job(row);
        self.inner.pending.arrived.notify_one();
    }

    /// It was delivered, or given up.
    pub fn remove_status_job(&self, id: i64) {
        if self.inner.pending.hooks.remove_job(id) {
            self.inner.pending.arrived.notify_one();
        }
    }

    /// Notifications the last process did not deliver, in the order of their acceptance.
    pub async fn status_jobs(&self) -> Result<Vec<StatusJobRow>, StoreError> {
        let rows = self.inner.db.status_jobs().await?;
        self.inner.pending.hooks.found(rows.len());
        Ok(rows)
    }

    /// Notifications that are on disk now.
    pub fn status_jobs_stored(&self) -> u64 {
        self.inner.pending.hooks.stored()
    }

    async fn hooks_written(&self) -> Result<(), StoreError> {
        if !self.inner.pending.hooks.is_empty() || self.calls_pending() > 0 {
            self.flush().await?;
        }
        Ok(())
    }

    /// Hands over how a conference stands now and returns at once. False when it is lost: the store does not keep up.
    pub fn put_conference(&self, record: ConferenceRecord) -> bool {
        self.inner.writer.post(Change::PutConference(Box::new(record)))
    }

    pub async fn conference(&self, sid: Sid) -> Result<Option<ConferenceRecord>, StoreError> {
        self.flush().await?;
        self.inner.db.conference(sid).await
    }

    /// As [`Store::calls`]: newest first, what waits included.
    pub async fn conferences(
        &self,
        filter: &ConferenceFilter,
        page: CallPage,
    ) -> Result<Vec<ConferenceRecord>, StoreError> {
        self.flush().await?;
        self.inner.db.conferences(filter, page).await
    }

    /// At start: ends the conferences a killed process left open.
    pub async fn close_orphaned_conferences(&self, now: WallTime) -> Result<usize, StoreError> {
        let orphans = self.inner.db.unfinished_conferences().await?;
        for orphan in &orphans {
            self.put_conference(orphan.clone().cut_by_restart(now));
        }
        self.flush().await?;
        Ok(orphans.len())
    }

    /// Removes a finished call and its log. A late record of it is ignored.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Unfinished`] while its status is not final.
    pub async fn delete_call(&self, sid: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteCall(sid)).await
    }

    /// At start: ends the recordings a killed process left open, with the length that `finished` knows of their files.
    /// Those it does not know have no file.
    pub async fn close_orphaned_recordings(
        &self,
        now: WallTime,
        finished: impl Fn(Sid) -> Option<std::time::Duration>,
    ) -> Result<usize, StoreError> {
        let orphans = self.inner.db.unfinished_recordings().await?;
        for orphan in &orphans {
            self.upsert_recording(orphan.clone().cut_by_restart(now, finished(orphan.sid)));
        }
        self.flush().await?;
        Ok(orphans.len())
    }

    /// At start, before calls are taken: ends the calls a killed process left open, with end reason
    /// "server restart" and a duration up to their last record. Returns them, for their status callbacks.
    pub async fn close_orphans(&self) -> Result<Vec<CallRecord>, StoreError> {
        let orphans = self.inner.db.unfinished_calls().await?;
        let closed: Vec<CallRecord> = orphans.into_iter().map(CallRecord::cut_by_restart).collect();
        for record in &closed {
            self.upsert_call(record.clone());
        }
        self.flush().await?;
        Ok(closed)
    }
}

//! The one writer. It takes all that waits, applies it in one transaction, commits once, and answers each:
//!
//! ```text
//! submit ──► queue ──┐
//!                    ├──► batch ──► COMMIT (fsync) ──► publish copies ──► answer each
//! upsert_call ► pending ┘     └─ failed: answer with the error, call records go back and are tried again
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tandem_call::directory::Directory;
use tandem_call::room::queue::QueueRecord;
use tandem_model::{Sid, limits};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::pending::Pending;
use super::secrets::Sealer;
use super::sqlite::{Batch, BindingName, Sqlite};
use super::{
    ApplicationRecord, BindingChange, BindingRow, CarrierRecord, Catalog, ConferenceRecord, DomainAppRecord,
    EndpointRecord, LamlBinRecord, PhoneNumberRecord, ProjectChoices, SipProfileRecord, StoreError,
    TranscriptionRecord,
};

/// Changes one commit takes at most.
const BATCH_CHANGES_MAX: usize = 1_024;
/// Call records one commit takes at most.
const BATCH_CALLS_MAX: usize = 2_048;
/// Wait after a failed commit before call records are tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Call records may wait this long for company: nobody waits for them. Most of what a call tells of its beginning is told in this time,
/// and is one write.
const CALLS_LINGER: Duration = Duration::from_millis(100);
/// Registrations too: a phone does not notice, and a commit costs the same for one as for forty. Far below the 500 ms
/// after which it would send again.
const BINDINGS_LINGER: Duration = Duration::from_millis(40);

pub(super) enum Change {
    PutProfile(Box<SipProfileRecord>),
    PutEndpoint(Box<EndpointRecord>),
    DeleteEndpoint(Sid),
    PutDomainApp(Box<DomainAppRecord>),
    DeleteDomainApp(Sid),
    PutCarrier(Box<CarrierRecord>),
    DeleteCarrier(Sid),
    PutQueue(QueueRecord),
    DeleteQueue(Sid),
    PutChoices(ProjectChoices),
    PutApplication(Box<ApplicationRecord>),
    DeleteApplication(Sid),
    PutLamlBin(Box<LamlBinRecord>),
    DeleteLamlBin(Sid),
    PutPhoneNumber(Box<PhoneNumberRecord>),
    DeletePhoneNumber(Sid),
    Bindings(Vec<BindingChange>),
    DeleteCall(Sid),
    DeleteRecording(Sid),
    PutConference(Box<ConferenceRecord>),
    PutTranscription(Box<TranscriptionRecord>, bool),
    DeleteTranscription(Sid),
    Flush,
}

type Answer = oneshot::Sender<Result<(), StoreError>>;

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<(Change, Answer)>,
}

impl Writer {
    /// Queues a change whose end nobody waits for, in its order. False when it is lost.
    pub fn post(&self, change: Change) -> bool {
        let (answer, _) = oneshot::channel();
        self.queue.try_send((change, answer)).is_ok()
    }

    /// Resolves once the change is on disk, or known not to be. A full queue refuses at once.
    pub async fn submit(&self, change: Change) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((change, answer)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }
}

pub(super) type Started = (Writer, watch::Receiver<Arc<Catalog>>, watch::Receiver<Arc<Directory>>, Arc<Pending>);

pub(super) fn start(db: Sqlite, sealer: Sealer, catalog: Catalog) -> Started {
    let (queue, incoming) = mpsc::channel(limits::STORE_MAILBOX);
    let directory = Arc::new(catalog.directory(None));
    let (directory_out, directory_in) = watch::channel(directory);
    let (catalog_out, catalog_in) = watch::channel(Arc::new(catalog));
    let pending = Arc::new(Pending::default());
    let task = Task { db, sealer, incoming, pending: pending.clone(), catalog_out, directory_out };
    tokio::spawn(task.run());
    (Writer { queue }, catalog_in, directory_in, pending)
}

/// Whether call records that waited when a commit began still wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

struct Task {
    db: Sqlite,
    sealer: Sealer,
    incoming: mpsc::Receiver<(Change, Answer)>,
    pending: Arc<Pending>,
    catalog_out: watch::Sender<Arc<Catalog>>,
    directory_out: watch::Sender<Arc<Directory>>,
}

impl Task {
    async fn run(mut self) {
        let pending = self.pending.clone();
        let mut changes = Vec::new();
        let mut failed = false;
        // When call records that nobody waits for are written at the latest.
        let mut due: Option<Instant> = None;
        loop {
            let open = tokio::select! {
                n = self.incoming.recv_many(&mut changes, BATCH_CHANGES_MAX) => n > 0,
                () = pending.arrived.notified(), if due.is_none() && !failed => {
                    due = Some(Instant::now() + CALLS_LINGER);
                    continue;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => true,
                () = tokio::time::sleep(RETRY_AFTER), if failed => true,
            };
            due = None;
            if !changes.is_empty() && changes.iter().all(|(c, _)| matches!(c, Change::Bindings(_))) {
                tokio::time::sleep(BINDINGS_LINGER).await;
            }
            while let Ok(more) = self.incoming.try_recv() {
                changes.push(more);
                if changes.len() >= BATCH_CHANGES_MAX {
                    break;
                }
            }
            failed = !self.settle(std::mem::take(&mut changes)).await;
            if !open {
                break;
            }
        }
    }

    /// One commit, and as many more as the call records need that waited when it began. False when the store does not write.
    async fn settle(&mut self, changes: Vec<(Change, Answer)>) -> bool {
        let (flushes, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(c, _)| matches!(c, Change::Flush));
        let (changes, answers): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let mut outcome = self.commit(&changes, answers).await;
        while let Ok(Left::More) = outcome {
            outcome = self.commit(&[], Vec::new()).await;
        }
        let outcome = outcome.map(|_| ());
        for (_, answer) in flushes {
            let _ = answer.send(outcome.clone());
        }
        outcome.is_ok()
    }

    async fn commit(&mut self, changes: &[Change], answers: Vec<Answer>) -> Result<Left, StoreError> {
        let taken = self.pending.take(BATCH_CALLS_MAX);
        let hooks = self.pending.hooks.take(BATCH_CALLS_MAX);
        if taken.is_empty() && hooks.is_empty() && changes.is_empty() {
            return Ok(Left::Nothing);
        }
        let all = taken.is_all(BATCH_CALLS_MAX) && !hooks.fill(BATCH_CALLS_MAX);
        let left = if all { Left::Nothing } else { Left::More };
        let mut staged =
            Staged { catalog: None, results: Vec::with_capacity(changes.len()), bindings: BTreeMap::new() };
        let outcome = async {
            let mut batch = self.db.begin().await?;
            let work = async {
                batch.put_calls(&taken.calls).await?;
                for event in &taken.events {
                    batch.put_event(event).await?;
                }
                for recording in &taken.recordings {
                    batch.put_recording(recording).await?;
                }
                for (bin, used) in &taken.bins {
                    batch.count_bin(*bin, *used).await?;
                }
                batch.put_hooks(&hooks, self.pending.hooks.bounds()).await?;
                for change in changes {
                    staged.apply(change, &mut batch, self).await?;
                }
                staged.write_bindings(&mut batch).await?;
                Ok::<(), StoreError>(())
            };
            match work.await {
                Ok(()) => batch.commit().await,
                Err(e) => {
                    batch.abandon().await;
                    Err(e)
                }
            }
        }
        .await;
        match &outcome {
            Ok(()) => {
                self.pending.written();
                self.pending.hooks.written(&hooks);
            }
            Err(e) => {
                tracing::error!(error = %e, calls = taken.calls.len(), changes = changes.len(), "a commit failed");
                self.pending.give_back(taken.events);
                self.pending.hooks.give_back(hooks);
            }
        }
        if let (Ok(()), Some(catalog)) = (&outcome, staged.catalog) {
            self.publish(catalog);
        }
        for (answer, result) in answers.into_iter().zip(results(&outcome, staged.results, changes.len())) {
            let _ = answer.send(result);
        }
        outcome.map(|()| left)
    }

    fn publish(&self, catalog: Catalog) {
        let last = (self.catalog_out.borrow().clone(), self.directory_out.borrow().clone());
        let directory = catalog.directory(Some((&last.0, &last.1)));
        self.catalog_out.send_replace(Arc::new(catalog));
        self.directory_out.send_replace(Arc::new(directory));
    }
}

fn results(
    outcome: &Result<(), StoreError>,
    each: Vec<Result<(), StoreError>>,
    count: usize,
) -> Vec<Result<(), StoreError>> {
    match outcome {
        Ok(()) => each,
        Err(e) => vec![Err(e.clone()); count],
    }
}

/// What a batch will have done once it is committed.
struct Staged<'c> {
    catalog: Option<Catalog>,
    results: Vec<Result<(), StoreError>>,
    /// The last word on each binding, not written yet. None removes it.
    bindings: BTreeMap<BindingName<'c>, Option<&'c BindingRow>>,
}

impl<'c> Staged<'c> {
    /// Checks a change against what the batch has done so far and writes it. An `Err` is the database's and ends the
    /// batch; a refusal goes to `results` alone.
    async fn apply(&mut self, change: &'c Change, batch: &mut Batch, task: &Task) -> Result<(), StoreError> {
        let result = match self.write(change, batch, task).await {
            Err(e @ StoreError::Failed(_)) => return Err(e),
            other => other,
        };
        self.results.push(result);
        Ok(())
    }

    /// All bindings so far, in one statement for those that are put and one for those that go.
    async fn write_bindings(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let all = std::mem::take(&mut self.bindings);
        let put: Vec<&BindingRow> = all.values().flatten().copied().collect();
        let gone: Vec<BindingName<'_>> = all.iter().filter(|(_, row)| row.is_none()).map(|(name, _)| *name).collect();
        if !put.is_empty() {
            batch.put_bindings(&put).await?;
        }
        if !gone.is_empty() {
            batch.remove_bindings(&gone).await?;
        }
        Ok(())
    }

    async fn stage_binding(&mut self, change: &'c BindingChange, batch: &mut Batch) -> Result<(), StoreError> {
        match change {
            BindingChange::Put(row) => {
                self.bindings.insert((&row.aor, &row.contact, &row.flow), Some(row));
            }
            BindingChange::Remove { aor, contact, flow } => {
                self.bindings.insert((aor, contact, flow), None);
            }
            BindingChange::RemoveAll { aor } => {
                self.write_bindings(batch).await?;
                batch.remove_all_bindings(aor).await?;
            }
            BindingChange::RemoveExpired { before } => {
                self.write_bindings(batch).await?;
                batch.remove_expired_bindings(*before).await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, change: &'c Change, batch: &mut Batch, task: &Task) -> Result<(), StoreError> {
        if let Change::Bindings(bindings) = change {
            for binding in bindings {
                self.stage_binding(binding, batch).await?;
            }
            return Ok(());
        }
        // An endpoint takes its bindings with it: those that came before.
        self.write_bindings(batch).await?;
        if let Change::DeleteCall(sid) = change {
            let status = match task.pending.call(*sid) {
                Some(waiting) => Some(waiting.status),
                None => batch.call_status(*sid).await?,
            };
            return match status {
                None => Err(StoreError::NotFound),
                Some(status) if !status.is_final() => Err(StoreError::Unfinished),
                Some(_) => {
                    task.pending.forget_call(*sid);
                    task.pending.hooks.forget_call(*sid);
                    batch.delete_call(*sid).await
                }
            };
        }
        if let Change::PutTranscription(record, is_new) = change {
            // Deleted meanwhile: nobody wants to know.
            return batch.put_transcription(record, *is_new).await.map(|_| ());
        }
        if let Change::DeleteTranscription(sid) = change {
            let known = batch.delete_transcription(*sid).await?;
            return if known { Ok(()) } else { Err(StoreError::NotFound) };
        }
        if let Change::DeleteRecording(sid) = change {
            let known = task.pending.recording(*sid).is_some() || batch.has_recording(*sid).await?;
            if !known {
                return Err(StoreError::NotFound);
            }
            task.pending.forget_recording(*sid);
            return batch.delete_recording(*sid).await;
        }
        match change {
            Change::PutQueue(queue) => return batch.put_queue(queue).await,
            Change::DeleteQueue(sid) => return batch.delete_queue(*sid).await,
            Change::PutConference(record) => return batch.put_conference(record).await,
            _ => {}
        }
        let catalog = self.catalog.get_or_insert_with(|| Catalog::clone(&task.catalog_out.borrow()));
        match change {
            Change::PutProfile(record) => {
                let mut record = SipProfileRecord::clone(record);
                record.revision = next_revision(Some(catalog.profile.revision), record.revision)?;
                batch.put_profile(&record).await?;
                catalog.profile = Arc::new(record);
            }
            Change::PutEndpoint(record) => {
                let mut record = EndpointRecord::clone(record);
                let old = catalog.endpoints.get(record.id).map(|r| r.revision);
                record.revision = next_revision(old, record.revision)?;
                if catalog.endpoint_by_username(&record.username).is_some_and(|other| other.id != record.id) {
                    return Err(StoreError::Taken { field: "username" });
                }
                batch.put_endpoint(&record).await?;
                catalog.put_endpoint(record);
            }
            Change::PutDomainApp(record) => {
                let mut record = DomainAppRecord::clone(record);
                let old = catalog.domain_apps.get(record.id).map(|r| r.revision);
                record.revision = next_revision(old, record.revision)?;
                let same = |other: &&Arc<DomainAppRecord>| {
                    other.id != record.id
                        && other.identifier.eq_ignore_ascii_case(&record.identifier)
                        && other.user == record.user
                };
                if catalog.domain_apps.newest_first().any(|other| same(&other)) {
                    return Err(StoreError::Taken { field: "identifier" });
                }
                batch.put_domain_app(&record).await?;
                catalog.domain_apps.put(record.id, record);
            }
            Change::PutCarrier(record) => {
                let mut record = CarrierRecord::clone(record);
                let old = catalog.carriers.get(record.id).map(|r| r.revision);
                record.revision = next_revision(old, record.revision)?;
                if catalog.carriers.newest_first().any(|c| c.id != record.id && c.name == record.name) {
                    return Err(StoreError::Taken { field: "name" });
                }
                batch.put_carrier(&record, &task.sealer).await?;
                catalog.carriers.put(record.id, record);
            }
            Change::PutChoices(choices) => {
                batch.put_choices(choices).await?;
                catalog.project.dialect = choices.dialect;
                catalog.media_protected = choices.media_protected;
            }
            Change::PutApplication(record) => {
                let mut record = ApplicationRecord::clone(record);
                let old = catalog.applications.get(record.id).map(|r| r.revision);
                record.revision = next_revision(old, record.revision)?;
                batch.put_application(&record).await?;
                catalog.applications.put(record.id, record);
            }
            Change::PutLamlBin(record) => {
                let mut record = LamlBinRecord::clone(record);
                let old = catalog.laml_bins.get(record.id).map(|r| r.revision);
                record.revision = next_revision(old, record.revision)?;
                batch.put_laml_bin(&record).await?;
                catalog.laml_bins.put(record.id, record);
            }
            Change::PutPhoneNumber(record) => {
                let mut record = PhoneNumberRecord::clone(record);
                let old = catalog.numbers.get(record.id).map(|r| r.revision);
                record.revision = next_revision(old, record.revision)?;
                if catalog.number(&record.number).is_some_and(|other| other.id != record.id) {
                    return Err(StoreError::Taken { field: "number" });
                }
                batch.put_phone_number(&record).await?;
                catalog.numbers.put(record.id, record);
            }
            Change::DeleteApplication(id) => {
                catalog.applications.get(*id).ok_or(StoreError::NotFound)?;
                batch.delete_application(*id).await?;
                catalog.applications.remove(*id);
            }
            Change::DeleteLamlBin(id) => {
                catalog.laml_bins.get(*id).ok_or(StoreError::NotFound)?;
                batch.delete_laml_bin(*id).await?;
                catalog.laml_bins.remove(*id);
            }
            Change::DeletePhoneNumber(id) => {
                catalog.numbers.get(*id).ok_or(StoreError::NotFound)?;
                batch.delete_phone_number(*id).await?;
                catalog.numbers.remove(*id);
            }
            Change::DeleteEndpoint(id) => {
                let old = catalog.endpoints.get(*id).cloned().ok_or(StoreError::NotFound)?;
                batch.delete_endpoint(*id, &old.username).await?;
                catalog.remove_endpoint(*id);
            }
            Change::DeleteDomainApp(id) => {
                catalog.domain_apps.get(*id).ok_or(StoreError::NotFound)?;
                batch.delete_domain_app(*id).await?;
                catalog.domain_apps.remove(*id);
            }
            Change::DeleteCarrier(id) => {
                catalog.carriers.get(*id).ok_or(StoreError::NotFound)?;
                batch.delete_carrier(*id).await?;
                catalog.carriers.remove(*id);
            }
            Change::PutConference(_)
            | Change::PutQueue(_)
            | Change::DeleteQueue(_)
            | Change::Bindings(_)
            | Change::DeleteCall(_)
            | Change::DeleteRecording(_)
            | Change::PutTranscription(..)
            | Change::DeleteTranscription(_)
            | Change::Flush => {}
        }
        Ok(())
    }
}

/// The revision to store: one more than the stored one, which the writer must have read. A record that is gone
/// cannot be changed, and one that is there cannot be made again.
fn next_revision(stored: Option<i64>, read: i64) -> Result<i64, StoreError> {
    match stored {
        Some(stored) if stored == read => Ok(stored + 1),
        None if read == 0 => Ok(1),
        None => Err(StoreError::NotFound),
        Some(_) => Err(StoreError::Stale),
    }
}

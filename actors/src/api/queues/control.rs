use futures_util::future::BoxFuture;
use tandem_call::room::queue::{DeskError, MemberView, QueueView, Whom};
use tandem_laml::instruction::Method;
use tandem_model::Sid;

/// The queues in use, and those that are kept.
pub trait QueueControl: Send + Sync {
    /// Newest first.
    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueView>, QueueControlError>>;

    fn queue(&self, sid: Sid) -> BoxFuture<'_, Result<QueueView, QueueControlError>>;

    fn create(&self, name: String, size_max: Option<u32>) -> BoxFuture<'_, Result<QueueView, QueueControlError>>;

    /// None leaves as is.
    fn change(
        &self,
        sid: Sid,
        name: Option<String>,
        size_max: Option<u32>,
    ) -> BoxFuture<'_, Result<QueueView, QueueControlError>>;

    fn remove(&self, sid: Sid) -> BoxFuture<'_, Result<(), QueueControlError>>;

    /// In the order they are served.
    fn members(&self, sid: Sid) -> BoxFuture<'_, Result<Vec<MemberView>, QueueControlError>>;

    fn member(&self, sid: Sid, whom: Whom) -> BoxFuture<'_, Result<MemberView, QueueControlError>>;

    /// Takes a member out and has it run the document at `url`. The member as it was.
    fn redirect(
        &self,
        sid: Sid,
        whom: Whom,
        url: String,
        method: Method,
    ) -> BoxFuture<'_, Result<MemberView, QueueControlError>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueControlError {
    Refused(DeskError),
    /// Nothing was done; it may be tried again.
    Unavailable,
}

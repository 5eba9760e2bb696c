use futures_util::future::BoxFuture;
use tandem_call::room::conference::{MemberChange, MemberView, RoomView, Steer};
use tandem_laml::instruction::Method;
use tandem_model::{CallSid, Sid};

use crate::api::CallControlError;

/// A conference in progress and who is in it.
#[derive(Clone, Debug)]
pub struct ConferenceView {
    pub room: RoomView,
    pub members: Vec<MemberView>,
}

type Answer<'a> = BoxFuture<'a, Result<ConferenceView, CallControlError>>;

/// What REST asks of conferences in progress. Each is answered with how the conference stands after it; 404 when it is over.
pub trait ConferenceControl: Send + Sync {
    fn view(&self, conference: Sid) -> Answer<'_>;

    fn change(&self, conference: Sid, call: CallSid, change: MemberChange) -> Answer<'_>;

    /// Takes a member out: its call goes on with what follows its Dial.
    fn kick(&self, conference: Sid, call: CallSid) -> Answer<'_>;

    fn complete(&self, conference: Sid) -> Answer<'_>;

    fn announce(&self, conference: Sid, url: String, method: Method) -> Answer<'_>;

    fn steer(&self, conference: Sid, recording: Sid, steer: Steer) -> Answer<'_>;
}

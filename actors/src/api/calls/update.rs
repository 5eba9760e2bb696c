use super::create;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::{CallView, EndCall, UpdateCall};
use crate::store::CallStatus;

pub(super) fn parse(form: &Form) -> Result<UpdateCall, LamlError> {
    let end = match form.get("Status") {
        None => None,
        Some("canceled") => Some(EndCall::Cancel),
        Some("completed") => Some(EndCall::Complete),
        Some(_) => return Err(LamlError::bad(10000, "'Status' must be canceled or completed")),
    };
    Ok(UpdateCall {
        document: create::document(form)?,
        end,
        fallback: create::fallback(form)?,
        status_callback: create::status_callback(form)?,
    })
}

/// Whether the call's state allows the change. The call itself looks again: it may have gone on meanwhile.
pub(super) fn check(change: &UpdateCall, view: &CallView) -> Result<(), LamlError> {
    if change.document.is_some() && view.status != CallStatus::InProgress {
        return Err(LamlError::bad(21220, "The call is not in progress: it cannot be redirected"));
    }
    if view.status.is_final() {
        return Err(LamlError::bad(10000, "The call is over: it cannot be changed"));
    }
    if change.end == Some(EndCall::Cancel) && view.status == CallStatus::InProgress {
        return Err(LamlError::bad(10000, "The call is in progress: it can be completed, not canceled"));
    }
    Ok(())
}

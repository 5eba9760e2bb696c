//! Changes to records that others may change meanwhile.

use super::ApiState;
use crate::store::{Catalog, StoreError};

const TRIES_MAX: usize = 8;

/// Stores what `edit` makes of the catalog, anew each time somebody else was faster. Errors: those of `edit` at once, and those of `put`;
/// [`StoreError::Stale`] after eight tries.
pub(super) async fn revise<R, S, E: From<StoreError>>(
    state: &ApiState,
    edit: impl Fn(&Catalog) -> Result<R, E>,
    put: impl AsyncFn(R) -> Result<S, StoreError>,
) -> Result<S, E> {
    for _ in 0..TRIES_MAX {
        let changed = edit(&state.store.catalog())?;
        match put(changed).await {
            Err(StoreError::Stale) => continue,
            done => return Ok(done?),
        }
    }
    Err(StoreError::Stale.into())
}

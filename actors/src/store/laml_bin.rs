use serde::{Deserialize, Serialize};
use tandem_model::{Sid, WallTime};

use super::serial;

/// A document that this server hosts (laml.md 2.8).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LamlBinRecord {
    #[serde(with = "serial::sid")]
    pub id: Sid,
    /// 0 until stored; see [`super::Store::put_laml_bin`].
    #[serde(skip)]
    pub revision: i64,
    pub name: String,
    /// A template.
    pub contents: String,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

impl LamlBinRecord {
    pub fn new(id: Sid, now: WallTime) -> Self {
        LamlBinRecord { id, revision: 0, name: String::new(), contents: String::new(), created: now, updated: now }
    }
}

/// How often a bin was asked for, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinUse {
    pub requests: u64,
    pub last: Option<WallTime>,
}

impl BinUse {
    /// Both together.
    pub(super) fn and(self, other: BinUse) -> BinUse {
        BinUse { requests: self.requests + other.requests, last: self.last.max(other.last) }
    }
}

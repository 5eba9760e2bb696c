use tandem_model::Entropy;

/// One SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// A name; `.` says that the service is decidedly not there.
    pub target: String,
}

impl Srv {
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.target.as_str(), "" | ".")
    }
}

/// The order to try them in: by priority, and within one by chance in proportion to the weights (RFC 2782, "Weight").
pub(super) fn ordered(mut records: Vec<Srv>, entropy: &mut dyn Entropy) -> Vec<Srv> {
    // Weight 0 comes first, so that it is chosen by the number 0 alone: seldom, and not never.
    records.sort_by_key(|r| (r.priority, r.weight));
    let mut order = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let same = records.iter().take_while(|r| r.priority == first.priority).count();
        let sum: u64 = records[..same].iter().map(|r| u64::from(r.weight)).sum();
        let drawn = entropy.next_u64() % (sum + 1);
        let mut running = 0;
        let chosen = records[..same].iter().position(|r| {
            running += u64::from(r.weight);
            running >= drawn
        });
        order.push(records.remove(chosen.unwrap_or(0)));
    }
    order
}

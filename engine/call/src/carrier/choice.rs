use std::sync::Arc;

use tandem_model::Entropy;

use crate::directory::Carrier;

/// Whether a carrier may be sent a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Up,
    Down,
    /// It asked for that, for a while (RFC 3261 section 21.5.4).
    LeftAlone,
}

/// Those of `carriers` to try for one call, in order: lower priorities first, those of one priority shared by weight as
/// RFC 2782 shares servers. Those that are down come last, in the same order, because a probe may be wrong; those that
/// are left alone not at all.
pub fn choose(
    carriers: &[Arc<Carrier>],
    mut standing: impl FnMut(&Carrier) -> Availability,
    entropy: &mut dyn Entropy,
) -> Vec<Arc<Carrier>> {
    let (mut up, mut down) = (Vec::with_capacity(carriers.len()), Vec::new());
    for carrier in carriers {
        match standing(carrier) {
            Availability::Up => up.push(carrier.clone()),
            Availability::Down => down.push(carrier.clone()),
            Availability::LeftAlone => {}
        }
    }
    let mut order = Vec::with_capacity(carriers.len());
    for mut group in [up, down] {
        // Stable: what nothing tells apart stays in the order it was made in.
        group.sort_by_key(|c| c.priority);
        while !group.is_empty() {
            let priority = group[0].priority;
            let tier = group.iter().take_while(|c| c.priority == priority).count();
            let at = pick(&group[..tier], entropy);
            order.push(group.remove(at));
        }
    }
    order
}

/// One of a tier: each as likely as its weight says; those of weight 0 only when no other is left.
fn pick(tier: &[Arc<Carrier>], entropy: &mut dyn Entropy) -> usize {
    let total: u64 = tier.iter().map(|c| u64::from(c.weight)).sum();
    if tier.len() == 1 || total == 0 {
        return 0;
    }
    // 65,535 carriers of weight 65,535 stay far below 2^64: the remainder favours nobody that could be measured.
    let mut drawn = entropy.next_u64() % total;
    tier.iter()
        .position(|c| {
            let weight = u64::from(c.weight);
            let here = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            here
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Availability::{Down, LeftAlone, Up};
    use super::*;
    use tandem_model::{SeedEntropy, Sid};

    fn carrier(name: &str, priority: i32, weight: u16) -> Arc<Carrier> {
        let id = Sid::from_bytes([name.as_bytes()[0]; 16]);
        Arc::new(Carrier { priority, weight, ..Carrier::new(id, name, "sip:x") })
    }

    fn names(order: &[Arc<Carrier>]) -> String {
        order.iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn priorities_go_before_weights_and_what_is_down_comes_last() {
        let all = [carrier("c", 2, 1), carrier("a", 1, 5), carrier("d", 3, 9), carrier("b", 1, 0)];
        let mut entropy = SeedEntropy::new(1);
        assert_eq!(names(&choose(&all, |_| Up, &mut entropy)), "abcd");
        assert_eq!(names(&choose(&all, |c| if c.name == "a" { Down } else { Up }, &mut entropy)), "bcda");
        assert_eq!(names(&choose(&all, |_| Down, &mut entropy)), "abcd", "all down: all are tried");
        assert!(choose(&[], |_| Up, &mut entropy).is_empty());
    }

    #[test]
    fn who_is_left_alone_gets_nothing_even_when_no_other_is_left() {
        let all = [carrier("a", 1, 1), carrier("b", 2, 1)];
        let mut entropy = SeedEntropy::new(1);
        let standing = |c: &Carrier| if c.name == "a" { LeftAlone } else { Down };
        assert_eq!(names(&choose(&all, standing, &mut entropy)), "b");
        assert!(choose(&all, |_| LeftAlone, &mut entropy).is_empty());
    }

    #[test]
    fn carriers_of_one_priority_share_by_weight() {
        let all = [carrier("a", 1, 70), carrier("b", 1, 20), carrier("c", 1, 10)];
        let mut entropy = SeedEntropy::new(42);
        let mut first = [0u32; 3];
        for _ in 0..10_000 {
            let order = choose(&all, |_| Up, &mut entropy);
            assert_eq!(order.len(), 3);
            first[usize::from(order[0].name.as_bytes()[0] - b'a')] += 1;
        }
        for (got, want) in first.into_iter().zip([7_000, 2_000, 1_000]) {
            assert!(got.abs_diff(want) < 200, "{first:?}");
        }
    }

    #[test]
    fn carriers_without_weights_keep_their_order() {
        let all = [carrier("a", 1, 0), carrier("b", 1, 0)];
        assert_eq!(names(&choose(&all, |_| Up, &mut SeedEntropy::new(3))), "ab");
    }
}

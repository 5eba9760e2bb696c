//! Who is whose peer.

/// One callee for each caller. A pair that signalling did not tell is the first that is heard, and holds from then on: so
/// whoever hears two parties, or a party that somebody else hears, is found.
#[derive(Debug, Default)]
pub struct Pairing {
    /// By side, then by call: the other side's call.
    peers: [Vec<Option<usize>>; 2],
}

impl Pairing {
    /// Room for `calls` on each side.
    pub fn grow(&mut self, calls: usize) {
        self.peers.iter_mut().for_each(|side| side.resize(side.len().max(calls), None));
    }

    /// Whether `caller` and `callee` may hear each other. Two that are free become a pair.
    pub fn allows(&mut self, caller: usize, callee: usize) -> bool {
        let [callers, callees] = &mut self.peers;
        let (Some(of_caller), Some(of_callee)) = (callers.get_mut(caller), callees.get_mut(callee)) else {
            return false;
        };
        if of_caller.is_none() && of_callee.is_none() {
            (*of_caller, *of_callee) = (Some(callee), Some(caller));
        }
        *of_caller == Some(callee) && *of_callee == Some(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_heard_is_the_peer_and_everybody_else_is_a_stranger() {
        let mut pairing = Pairing::default();
        pairing.grow(3);
        assert!(pairing.allows(0, 2) && pairing.allows(0, 2));
        assert!(!pairing.allows(0, 1), "a second voice for the caller");
        assert!(!pairing.allows(1, 2), "a second ear for the callee");
        assert!(pairing.allows(1, 1));
        assert!(!pairing.allows(3, 0), "a call that was never made");
    }
}

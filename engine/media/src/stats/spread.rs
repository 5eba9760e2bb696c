/// Smallest, largest and mean of what was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    pub min: f32,
    pub max: f32,
    pub mean: f32,
}

/// Gathers a [`Spread`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Spreading {
    spread: Option<Spread>,
    measured: u32,
}

impl Spreading {
    pub fn push(&mut self, value: f32) {
        self.measured = self.measured.saturating_add(1);
        let spread = self.spread.get_or_insert(Spread { min: value, max: value, mean: value });
        spread.min = spread.min.min(value);
        spread.max = spread.max.max(value);
        spread.mean += (value - spread.mean) / self.measured as f32;
    }

    pub fn get(&self) -> Option<Spread> {
        self.spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_all_that_was_measured() {
        let mut spreading = Spreading::default();
        assert_eq!(spreading.get(), None);
        [4.0, 1.0, 7.0].into_iter().for_each(|value| spreading.push(value));
        assert_eq!(spreading.get(), Some(Spread { min: 1.0, max: 7.0, mean: 4.0 }));
    }
}

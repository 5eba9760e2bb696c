/// Sums kept side by side, so that the compiler may use the width of the machine.
const LANES: usize = 8;

/// Mean square of a signal; 0 for none.
pub fn energy(pcm: &[i16]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let chunks = pcm.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|&s| f32::from(s).powi(2)).sum();
    for chunk in chunks {
        for (sum, &s) in sums.iter_mut().zip(chunk) {
            *sum += f32::from(s) * f32::from(s);
        }
    }
    (sums.iter().sum::<f32>() + rest) / pcm.len().max(1) as f32
}

/// Normalised cross-correlation of two signals of one length: 1 for the same shape, 0 for none, whatever their
/// loudness. Every `stride`-th sample is looked at.
pub fn likeness(a: &[i16], b: &[i16], stride: usize) -> f32 {
    let (mut product, mut energy_a, mut energy_b) = (1e-3_f32, 1.0_f32, 1.0_f32);
    if stride > 1 {
        for (&a, &b) in a.iter().step_by(stride).zip(b.iter().step_by(stride)) {
            let (a, b) = (f32::from(a), f32::from(b));
            product += a * b;
            energy_a += a * a;
            energy_b += b * b;
        }
        return product / (energy_a * energy_b).sqrt();
    }
    let (mut products, mut energies_a, mut energies_b) = ([0.0_f32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for n in 0..LANES {
            let (a, b) = (f32::from(a[n]), f32::from(b[n]));
            products[n] += a * b;
            energies_a[n] += a * a;
            energies_b[n] += b * b;
        }
    }
    product += products.iter().sum::<f32>();
    energy_a += energies_a.iter().sum::<f32>();
    energy_b += energies_b.iter().sum::<f32>();
    product / (energy_a * energy_b).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_of_shape_and_not_of_loudness() {
        let wave = |gain: f32, phase: f32| -> Vec<i16> {
            (0..160).map(|n| ((n as f32 * 0.2 + phase).sin() * gain) as i16).collect()
        };
        for stride in [1, 2, 5] {
            assert!(likeness(&wave(10_000.0, 0.0), &wave(3_000.0, 0.0), stride) > 0.999);
            assert!(likeness(&wave(10_000.0, 0.0), &wave(3_000.0, std::f32::consts::PI), stride) < -0.999);
            assert!(likeness(&wave(10_000.0, 0.0), &wave(3_000.0, std::f32::consts::FRAC_PI_2), stride).abs() < 0.1);
        }
        assert!(likeness(&[0; 80], &[0; 80], 1).abs() < 0.01);
        assert!(likeness(&[], &[], 1).abs() < 0.01);
    }

    #[test]
    fn energy_is_the_mean_square() {
        assert_eq!(energy(&[3; 17]), 9.0);
        assert_eq!(energy(&[]), 0.0);
        assert_eq!(energy(&[i16::MIN; 8]), 32_768.0 * 32_768.0);
    }
}

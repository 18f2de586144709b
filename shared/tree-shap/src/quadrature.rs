//! Gauss's rule for integrals from 0 to 1.

/// Numbers of points for which there is a kernel. A rule of more points than needed is exact too.
pub const SIZES: [usize; 21] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32, 48, 64, 128, 256, 512];

/// The rule: a polynomial of a degree below twice the number of points is integrated exactly.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Where the integrand is taken: between 0 and 1, neither included.
    pub points: Vec<f64>,
    /// What each point counts.
    pub weights: Vec<f64>,
}

impl Rule {
    /// The rule of this many points: the zeros of Legendre's polynomial of this degree, found by Newton's method.
    pub fn new(count: usize) -> Self {
        let n = count as f64;
        let (mut points, mut weights) = (vec![0.0; count], vec![0.0; count]);
        for index in 0..count {
            let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (value, before) = legendre(count, x);
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() <= f64::EPSILON {
                    break;
                }
            }
            points[index] = (1.0 - x) / 2.0;
            weights[index] = 1.0 / ((1.0 - x * x) * slope * slope);
        }
        Self { points, weights }
    }
}

/// Legendre's polynomials of this degree and of the degree before it.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=degree {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_every_power_below_twice_its_points() {
        for count in SIZES {
            let rule = Rule::new(count);
            for power in (0..2 * count).step_by(1 + count / 8).chain([2 * count - 1]) {
                let pairs = rule.points.iter().zip(&rule.weights);
                let sum: f64 = pairs.map(|(point, weight)| weight * point.powi(power as i32)).sum();
                assert!((sum * (power as f64 + 1.0) - 1.0).abs() < 1e-11, "{count} points, power {power}: {sum}");
            }
            assert!(rule.points.iter().all(|point| 0.0 < *point && *point < 1.0));
        }
    }
}

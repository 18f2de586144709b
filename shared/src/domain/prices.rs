//! What a deployment costs, by what AWS publishes.

/// When the prices were looked up.
pub const AS_OF: &str = "2026-11-21";
/// The region whose prices they are. Others differ by some percent.
pub const REGION: &str = "us-east-1";

/// AWS's list prices in US dollars, without free tiers and discounts. Sources: aws.amazon.com/lambda/pricing (x86, first tier;
/// requests; provisioned concurrency), aws.amazon.com/ecr/pricing, aws.amazon.com/ec2/pricing/on-demand (data transfer out).
mod list {
    /// A second of a function with one gigabyte of memory.
    pub const GIGABYTE_SECOND: f64 = 0.000_016_666_7;
    /// A million requests.
    pub const MILLION_REQUESTS: f64 = 0.20;
    /// A second of one gigabyte kept warm (`min_instances`).
    pub const WARM_GIGABYTE_SECOND: f64 = 0.000_004_166_7;
    /// A gigabyte of image layers for a month.
    pub const IMAGE_GIGABYTE_MONTH: f64 = 0.10;
    /// A gigabyte that leaves AWS.
    pub const GIGABYTE_OUT: f64 = 0.09;
}

/// Seconds of the month by which storage is billed: 730 hours.
const MONTH: f64 = 730.0 * 3600.0;

/// What a deployment used over a period.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// The period's length in seconds.
    pub seconds: f64,
    /// Requests.
    pub requests: u64,
    /// Megabytes of memory times milliseconds.
    pub megabyte_ms: u64,
    /// Megabytes of memory that are kept warm all the time.
    pub warm_megabytes: u64,
    /// Bytes of the layers of the image that is live.
    pub image_bytes: u64,
    /// Bytes of the answers.
    pub response_bytes: u64,
}

/// What that costs, in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Requests and the memory that they took for their time.
    pub compute: f64,
    /// Keeping the image.
    pub storage: f64,
    /// Answers on their way out.
    pub network: f64,
}

impl Cost {
    /// The cost of some usage.
    pub fn of(usage: &Usage) -> Self {
        let busy = usage.megabyte_ms as f64 / 1024.0 / 1000.0 * list::GIGABYTE_SECOND;
        let warm = usage.warm_megabytes as f64 / 1024.0 * usage.seconds * list::WARM_GIGABYTE_SECOND;
        Self {
            compute: busy + warm + usage.requests as f64 / 1e6 * list::MILLION_REQUESTS,
            storage: usage.image_bytes as f64 / 1e9 * usage.seconds / MONTH * list::IMAGE_GIGABYTE_MONTH,
            network: usage.response_bytes as f64 / 1e9 * list::GIGABYTE_OUT,
        }
    }

    /// All of it.
    pub fn total(&self) -> f64 {
        self.compute + self.storage + self.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_of_awss_own_example_costs_what_aws_says() {
        // Three million requests of 120 ms with 1536 MB are 540,000 GB-s.
        let usage = Usage { requests: 3_000_000, megabyte_ms: 3_000_000 * 120 * 1536, seconds: MONTH, ..Usage::default() };
        let cost = Cost::of(&usage);
        assert!((cost.compute - (540_000.0 * 0.000_016_666_7 + 0.6)).abs() < 1e-6, "{cost:?}");
        let usage = Usage { image_bytes: 1_000_000_000, response_bytes: 1_000_000_000, seconds: MONTH, ..Usage::default() };
        let cost = Cost::of(&usage);
        assert!((cost.storage - 0.10).abs() < 1e-9 && (cost.network - 0.09).abs() < 1e-9 && cost.compute == 0.0, "{cost:?}");
    }
}

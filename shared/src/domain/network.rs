//! Which addresses the platform may send a webhook to. A user names the receiver, so a name that leads into the platform's
//! own surroundings must not be followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::{Error, Result};

/// Where webhooks may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Networks {
    /// Public addresses, by HTTPS.
    Public,
    /// Private and loopback addresses too, by HTTP too: for a platform on a laptop. Never link-local or metadata addresses.
    Any,
}

/// What sort of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's.
    Public,
    /// Of this machine or of a private network.
    Private,
    /// Nothing that a webhook is sent to: link-local (cloud metadata among them), multicast, unspecified.
    Never,
}

impl Networks {
    /// What the platform's configuration says.
    ///
    /// # Errors
    /// `Internal` when it says neither of the two.
    pub fn from_config(config: Config) -> Result<Self> {
        match config.get(config::WEBHOOK_NETWORKS)?.as_str() {
            "public" => Ok(Networks::Public),
            "any" => Ok(Networks::Any),
            other => Err(Error::broken(format!("WEBHOOK_NETWORKS must be public or any, not {other:?}"))),
        }
    }

    /// Whether a webhook may be sent to an address.
    pub fn allow(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self == Networks::Any,
            Reach::Never => false,
        }
    }

    /// Whether a webhook may be sent by a URL's scheme.
    pub fn allow_scheme(self, scheme: &str) -> bool {
        scheme == "https" || (self == Networks::Any && scheme == "http")
    }
}

/// What sort of address it is; an address within another is judged by the inner one.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_of_v4(address),
        IpAddr::V6(address) => reach_of_v6(address),
    }
}

fn reach_of_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // This host, link-local (169.254.169.254 is where clouds keep credentials), multicast, broadcast; 192.0.0.192 and
        // 168.63.129.16 are other clouds' metadata, 100.100.100.200 too.
        (0, ..) | (169, 254, ..) | (224..=239, ..) | (255, 255, 255, 255) | (192, 0, 0, _) | (168, 63, 129, 16) => Reach::Never,
        (100, 100, 100, 200) => Reach::Never,
        (10 | 127, ..) | (172, 16..=31, ..) | (192, 168, ..) | (100, 64..=127, ..) | (198, 18..=19, ..) => Reach::Private,
        // Documentation, the old 6to4 relay, reserved.
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) | (192, 88, 99, _) | (240..=255, ..) => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_of_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    let [high, low] = [segments[6], segments[7]];
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // Mapped, compatible, translated: an address of the old kind within.
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => reach_of_v4(inner(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => reach_of_v4(inner(high, low)),
        [0x64, 0xff9b, 1, ..] => Reach::Private,
        [0x2002, high, low, ..] => reach_of_v4(inner(high, low)),
        // Teredo: whom it leads to, nobody can tell.
        [0x2001, 0, ..] => Reach::Never,
        // AWS's metadata, and its other services inside of a machine.
        [0xfd00, 0xec2, ..] => Reach::Never,
        [first, ..] if first & 0xffc0 == 0xfe80 => Reach::Never,
        [first, ..] if first & 0xff00 == 0xff00 => Reach::Never,
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Reach::Private,
        [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Private,
        // What is given out to the public begins with 001.
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Private,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_leads_into_the_platforms_surroundings() {
        for (addresses, expected) in [
            (
                &["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"][..],
                Reach::Public,
            ),
            (
                &[
                    "127.0.0.1",
                    "127.255.0.1",
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "100.64.0.1",
                    "198.18.0.1",
                    "240.0.0.1",
                    "::1",
                    "fd12::1",
                    "fec0::1",
                    "::ffff:127.0.0.1",
                    "::ffff:10.0.0.1",
                    "::127.0.0.1",
                    "64:ff9b::a00:1",
                    "2002:a00:1::",
                    "2001:db8::1",
                    "64:ff9b:1::1",
                ],
                Reach::Private,
            ),
            (
                &[
                    "169.254.169.254",
                    "169.254.170.2",
                    "169.254.0.1",
                    "0.0.0.0",
                    "0.1.2.3",
                    "224.0.0.1",
                    "255.255.255.255",
                    "100.100.100.200",
                    "192.0.0.192",
                    "168.63.129.16",
                    "::",
                    "fe80::1",
                    "febf::1",
                    "ff02::1",
                    "fd00:ec2::254",
                    "::ffff:169.254.169.254",
                    "::ffff:0.0.0.0",
                    "64:ff9b::a9fe:a9fe",
                    "2002:a9fe:a9fe::",
                    "2001::1",
                ],
                Reach::Never,
            ),
        ] {
            for address in addresses {
                let address: IpAddr = address.parse().unwrap();
                assert_eq!(reach(address), expected, "{address}");
                assert_eq!(Networks::Public.allow(address), expected == Reach::Public, "{address}");
                assert_eq!(Networks::Any.allow(address), expected != Reach::Never, "{address}");
            }
        }
    }
}

//! Networks: an address, and how many of its leading bits count.

use std::io;
use std::net::IpAddr;

use if_addrs::{IfAddr, get_if_addrs};

/// The addresses whose leading bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    mask: u128,
}

impl Network {
    /// `10.0.0.0/8`, `fe80::/10`.
    pub(super) fn with_length(address: IpAddr, length: &str) -> Option<Self> {
        let (width, all) = width(address);
        let length: u32 = length.parse().ok().filter(|&length| length <= width)?;
        // A shift by the whole width is none that there is.
        let mask = all.checked_shl(width - length).unwrap_or_default() & all;
        Some(Self { address, mask })
    }

    /// `10.0.0.0` and `255.0.0.0`. As in PostgreSQL, the mask may have gaps.
    pub(super) fn with_mask(address: IpAddr, mask: IpAddr) -> Option<Self> {
        (address.is_ipv4() == mask.is_ipv4()).then(|| Self { address, mask: bits(mask) })
    }

    /// The network of one of our own addresses. As in PostgreSQL, a mask that is not known
    /// leaves the address alone: else everybody would be in it.
    pub(super) fn of_interface(address: IpAddr, mask: IpAddr) -> Self {
        let (_, all) = width(address);
        let mask = if mask.is_unspecified() { all } else { bits(mask) };
        Self { address, mask }
    }

    /// Whether it is the very address that the network was made from.
    pub(super) fn is_of(&self, address: IpAddr) -> bool {
        address.to_canonical() == self.address
    }

    /// Whether the address is one of them. IPv4 in IPv6's clothes is IPv4.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && bits(address) & self.mask == bits(self.address) & self.mask
    }
}

/// The networks that this machine is in, each by its own address there.
pub(super) fn own_networks() -> io::Result<Vec<Network>> {
    let network = |address: IfAddr| {
        let mask = match &address {
            IfAddr::V4(address) => address.netmask.into(),
            IfAddr::V6(address) => address.netmask.into(),
        };
        Network::of_interface(address.ip(), mask)
    };
    Ok(get_if_addrs()?.into_iter().map(|interface| network(interface.addr)).collect())
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// How many bits an address of this kind has, and all of them set.
fn width(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(_) => (u32::BITS, u128::from(u32::MAX)),
        IpAddr::V6(_) => (u128::BITS, u128::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let check = |network: &str, address: &str, inside: bool| {
            let (base, length) = network.split_once('/').unwrap();
            let base: IpAddr = base.parse().unwrap();
            let network = match length.parse() {
                Ok(mask) => Network::with_mask(base, mask),
                Err(_) => Network::with_length(base, length),
            };
            assert_eq!(network.unwrap().contains(address.parse().unwrap()), inside, "{address}");
        };
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.1.2.3/8", "10.255.1.2", true);
        check("10.1.2.3/32", "10.1.2.3", true);
        check("10.1.2.3/32", "10.1.2.2", false);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "::1", true);
        check("::/0", "1.2.3.4", false);
        check("::1/128", "::1", true);
        check("::1/128", "::2", false);
        check("fe80::/10", "fe90::1", true);
        check("fe80::/10", "fec0::1", false);
        check("127.0.0.1/32", "::ffff:127.0.0.1", true);
        check("192.168.0.0/255.255.0.0", "192.168.9.9", true);
        check("192.168.0.0/255.255.0.0", "192.169.9.9", false);
        check("10.0.0.1/255.0.0.255", "10.9.9.1", true);
    }

    #[test]
    fn own_addresses() {
        let check = |own: &str, mask: &str, address: &str, same: (bool, bool)| {
            let network = Network::of_interface(own.parse().unwrap(), mask.parse().unwrap());
            let address = address.parse().unwrap();
            let found = (network.is_of(address), network.contains(address));
            assert_eq!(found, same, "{address} beside {own}");
        };
        check("10.1.2.3", "255.255.255.0", "10.1.2.3", (true, true));
        check("10.1.2.3", "255.255.255.0", "::ffff:10.1.2.3", (true, true));
        check("10.1.2.3", "255.255.255.0", "10.1.2.9", (false, true));
        check("10.1.2.3", "255.255.255.0", "10.1.3.3", (false, false));
        check("10.1.2.3", "0.0.0.0", "10.1.2.3", (true, true));
        check("10.1.2.3", "0.0.0.0", "10.1.2.4", (false, false));
        check("fd00::1", "ffff:ffff::", "fd00::2", (false, true));
        check("fd00::1", "::", "fd00::2", (false, false));
        check("fd00::1", "ffff:ffff::", "10.1.2.3", (false, false));
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(own_networks().unwrap().iter().any(|network| network.is_of(local)));
    }

    #[test]
    fn what_is_no_network() {
        let (four, six) = ("10.0.0.0".parse().unwrap(), "::".parse().unwrap());
        for length in ["33", "-1", "x", "", "8 "] {
            assert_eq!(Network::with_length(four, length), None, "{length}");
        }
        assert_eq!(Network::with_length(six, "129"), None);
        assert_eq!(Network::with_mask(four, six), None);
    }
}

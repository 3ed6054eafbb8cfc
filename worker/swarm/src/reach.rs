//! From where an address can be dialled.

use libp2p::multiaddr::{Multiaddr, Protocol};
use std::net::{Ipv4Addr, Ipv6Addr};

/// From where an address can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
	/// From nowhere: unspecified, multicast, or not an address of a host.
	Nowhere,
	/// From this machine.
	Machine,
	/// From this machine's network: private, shared, link-local or unique local addresses.
	Network,
	/// From everywhere, as far as the address tells. Names count as such.
	Everywhere,
}

/// An address that others could not dial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
	"{address} can be dialled from {whence} only, and whoever cannot reach this miner lets it be slashed: \
	 give the address that the world dials with --announce /ip4/ADDRESS/tcp/PORT and listen on \
	 /ip4/0.0.0.0/tcp/PORT, or say that this is a private grid with --allow-local"
)]
pub struct Unannounceable {
	/// The address.
	pub address: String,
	/// From where it can be dialled.
	whence: &'static str,
}

impl Reach {
	/// From where the multiaddress `address` can be dialled; [`Reach::Nowhere`] for what is none.
	pub fn of(address: &str) -> Self {
		let Ok(address) = address.parse::<Multiaddr>() else {
			return Self::Nowhere;
		};
		Self::of_host(&address)
	}

	pub(crate) fn of_host(address: &Multiaddr) -> Self {
		match address.iter().next() {
			Some(Protocol::Ip4(ip)) => Self::of_v4(ip),
			Some(Protocol::Ip6(ip)) => Self::of_v6(ip),
			Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => {
				match name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost") {
					true => Self::Machine,
					false => Self::Everywhere,
				}
			}
			_ => Self::Nowhere,
		}
	}

	fn of_v4(ip: Ipv4Addr) -> Self {
		let [a, b, ..] = ip.octets();
		if ip.is_loopback() {
			Self::Machine
		} else if ip.is_unspecified()
			|| ip.is_multicast()
			|| ip.is_broadcast()
			|| a == 0 || a >= 240
		{
			Self::Nowhere
		} else if ip.is_private() || ip.is_link_local() || (a == 100 && (64..128).contains(&b)) {
			Self::Network
		} else {
			Self::Everywhere
		}
	}

	fn of_v6(ip: Ipv6Addr) -> Self {
		if let Some(ip) = ip.to_ipv4_mapped() {
			return Self::of_v4(ip);
		}
		let first = ip.segments()[0];
		if ip.is_loopback() {
			Self::Machine
		} else if ip.is_unspecified() || ip.is_multicast() {
			Self::Nowhere
		} else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 {
			Self::Network
		} else {
			Self::Everywhere
		}
	}

	/// Whether others can be told to dial `address`.
	pub fn announceable(address: &str, allow_local: bool) -> Result<(), Unannounceable> {
		let whence = match Self::of(address) {
			Self::Everywhere => return Ok(()),
			Self::Machine | Self::Network if allow_local => return Ok(()),
			Self::Machine => "this machine",
			Self::Network => "this network",
			Self::Nowhere => "nowhere",
		};
		Err(Unannounceable {
			address: address.to_owned(),
			whence,
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn addresses_are_told_apart() {
		for (address, reach) in [
			("/ip4/127.0.0.1/tcp/1", Reach::Machine),
			("/ip4/127.9.9.9/tcp/1", Reach::Machine),
			("/ip6/::1/tcp/1", Reach::Machine),
			("/ip6/::ffff:127.0.0.1/tcp/1", Reach::Machine),
			("/dns/localhost/tcp/1", Reach::Machine),
			("/ip4/10.1.2.3/tcp/1", Reach::Network),
			("/ip4/172.31.0.1/tcp/1", Reach::Network),
			("/ip4/192.168.0.1/tcp/1", Reach::Network),
			("/ip4/169.254.1.1/tcp/1", Reach::Network),
			("/ip4/100.64.0.1/tcp/1", Reach::Network),
			("/ip6/fd00::1/tcp/1", Reach::Network),
			("/ip6/fe80::1/tcp/1", Reach::Network),
			("/ip4/0.0.0.0/tcp/1", Reach::Nowhere),
			("/ip6/::/tcp/1", Reach::Nowhere),
			("/ip4/224.0.0.1/tcp/1", Reach::Nowhere),
			("/ip4/255.255.255.255/tcp/1", Reach::Nowhere),
			("not an address", Reach::Nowhere),
			("/tcp/1", Reach::Nowhere),
			("/ip4/100.128.0.1/tcp/1", Reach::Everywhere),
			("/ip4/172.32.0.1/tcp/1", Reach::Everywhere),
			("/ip6/2001:db8::1/tcp/1", Reach::Everywhere),
			("/dns4/miner.example/tcp/1", Reach::Everywhere),
		] {
			assert_eq!(Reach::of(address), reach, "{address}");
		}
	}

	#[test]
	fn local_addresses_are_announced_only_if_that_is_meant() {
		let refused = Reach::announceable("/ip4/127.0.0.1/tcp/1", false).unwrap_err();
		let told = refused.to_string();
		assert!(
			told.contains("--allow-local") && told.contains("--announce"),
			"{told}"
		);
		assert!(Reach::announceable("/ip4/192.168.1.1/tcp/1", false).is_err());
		assert!(Reach::announceable("/ip4/192.168.1.1/tcp/1", true).is_ok());
		assert!(Reach::announceable("/ip4/0.0.0.0/tcp/1", true).is_err());
		assert!(Reach::announceable("/ip4/8.8.8.8/tcp/1", false).is_ok());
	}
}

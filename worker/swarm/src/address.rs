//! From where an address can be dialled, and which addresses are dialled and announced.

use crate::identity::AddressError;
use libp2p::multiaddr::{Multiaddr, Protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

impl Reach {
	/// From where the multiaddress `address` can be dialled; [`Reach::Nowhere`] for what is none.
	pub fn of(address: &str) -> Self {
		let Ok(address) = address.parse::<Multiaddr>() else {
			return Self::Nowhere;
		};
		Self::of_host(&address)
	}

	fn of_host(address: &Multiaddr) -> Self {
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
		} else if ip.is_multicast() || a == 0 || a >= 240 {
			Self::Nowhere
		} else if ip.is_private()
			|| ip.is_link_local()
			|| (a == 100 && (64..128).contains(&b))
			|| (a == 198 && (18..20).contains(&b))
		{
			Self::Network
		} else {
			Self::Everywhere
		}
	}

	fn of_v6(ip: Ipv6Addr) -> Self {
		let first = ip.segments()[0];
		if ip.is_loopback() {
			Self::Machine
		} else if ip.is_unspecified() || ip.is_multicast() {
			Self::Nowhere
		} else if let Some(inner) = embedded_v4(ip) {
			Self::of_v4(inner)
		} else if first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80 {
			Self::Network
		} else {
			Self::Everywhere
		}
	}
}

/// The IPv4 address to which packets for `ip` go in the end: mapped, compatible, NAT64 and 6to4.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
	let low = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
	match ip.segments() {
		[0, 0, 0, 0, 0, 0 | 0xffff, a, b] => Some(low(a, b)),
		[0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(low(a, b)),
		[0x2002, a, b, ..] => Some(low(a, b)),
		_ => None,
	}
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

/// Which addresses are dialled and announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
	/// Whether addresses of this machine and of private networks are, as on a private grid. Without
	/// it nobody can make this node knock at a neighbour's door.
	pub allow_local: bool,
}

impl AddressPolicy {
	fn admits(self, reach: Reach) -> bool {
		match reach {
			Reach::Everywhere => true,
			Reach::Machine | Reach::Network => self.allow_local,
			Reach::Nowhere => false,
		}
	}

	/// Whether others can be told to dial the multiaddress `address`.
	pub fn announce(self, address: &str) -> Result<(), Unannounceable> {
		let reach = Reach::of(address);
		if self.admits(reach) {
			return Ok(());
		}
		let whence = match reach {
			Reach::Machine => "this machine",
			Reach::Network => "this network",
			Reach::Nowhere | Reach::Everywhere => "nowhere",
		};
		Err(Unannounceable {
			address: address.to_owned(),
			whence,
		})
	}

	/// The one of `addresses` that most can dial; the first of several. An empty list is as good as an
	/// address of nowhere.
	pub fn choose(self, addresses: &[String]) -> Result<String, Unannounceable> {
		let best = addresses
			.iter()
			.rev()
			.max_by_key(|address| Reach::of(address));
		let best = best.map_or("no address", String::as_str);
		self.announce(best).map(|()| best.to_owned())
	}

	/// Whether this node dials `address`.
	pub(crate) fn dial(self, address: &Multiaddr) -> Result<(), AddressError> {
		match self.admits(Reach::of_host(address)) {
			true => Ok(()),
			false => Err(AddressError::Local(address.to_string())),
		}
	}
}

/// The IP address of a multiaddress' host.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
	match address.iter().next() {
		Some(Protocol::Ip4(ip)) => Some(ip.into()),
		Some(Protocol::Ip6(ip)) => Some(ip.to_canonical()),
		_ => None,
	}
}

/// What one party is given: an IPv4 address or an IPv6 network of 64 bits. None is a peer without
/// either, which this network does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Site(Option<IpAddr>);

impl Site {
	pub(crate) fn of(ip: Option<IpAddr>) -> Self {
		Self(ip.map(|ip| match ip {
			IpAddr::V4(ip) => ip.into(),
			IpAddr::V6(ip) => {
				let [a, b, c, d, ..] = ip.segments();
				Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
			}
		}))
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
			("/ip6/64:ff9b::7f00:1/tcp/1", Reach::Machine),
			("/ip6/2002:7f00:1::/tcp/1", Reach::Machine),
			("/dns/localhost/tcp/1", Reach::Machine),
			("/ip4/10.1.2.3/tcp/1", Reach::Network),
			("/ip4/172.31.0.1/tcp/1", Reach::Network),
			("/ip4/192.168.0.1/tcp/1", Reach::Network),
			("/ip4/169.254.1.1/tcp/1", Reach::Network),
			("/ip4/100.64.0.1/tcp/1", Reach::Network),
			("/ip4/198.18.0.1/tcp/1", Reach::Network),
			("/ip6/fd00::1/tcp/1", Reach::Network),
			("/ip6/fe80::1/tcp/1", Reach::Network),
			("/ip6/fec0::1/tcp/1", Reach::Network),
			("/ip6/::ffff:10.0.0.1/tcp/1", Reach::Network),
			("/ip6/::10.0.0.1/tcp/1", Reach::Network),
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

	const PUBLIC: AddressPolicy = AddressPolicy { allow_local: false };
	const PRIVATE: AddressPolicy = AddressPolicy { allow_local: true };

	#[test]
	fn local_addresses_are_announced_only_if_that_is_meant() {
		let refused = PUBLIC.announce("/ip4/127.0.0.1/tcp/1").unwrap_err();
		let told = refused.to_string();
		assert!(
			told.contains("--allow-local") && told.contains("--announce"),
			"{told}"
		);
		assert!(PUBLIC.announce("/ip4/192.168.1.1/tcp/1").is_err());
		assert!(PRIVATE.announce("/ip4/192.168.1.1/tcp/1").is_ok());
		assert!(PRIVATE.announce("/ip4/0.0.0.0/tcp/1").is_err());
		assert!(PUBLIC.announce("/ip4/8.8.8.8/tcp/1").is_ok());
	}

	#[test]
	fn of_several_addresses_the_widest_is_announced() {
		let addresses = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
		let all = addresses(&[
			"/ip4/127.0.0.1/tcp/1",
			"/ip4/10.0.0.1/tcp/1",
			"/ip4/8.8.8.8/tcp/1",
			"/ip4/9.9.9.9/tcp/1",
		]);
		assert_eq!(PUBLIC.choose(&all).unwrap(), all[2]);
		assert_eq!(PRIVATE.choose(&all[..2]).unwrap(), all[1]);
		let refused = PUBLIC.choose(&all[..2]).unwrap_err();
		assert_eq!(refused.address, all[1]);
		assert!(PRIVATE.choose(&[]).is_err());
	}

	#[test]
	fn nobody_makes_us_dial_a_neighbour() {
		for (address, policy, dialled) in [
			("/ip4/127.0.0.1/tcp/9944", PUBLIC, false),
			("/ip4/10.0.0.1/tcp/80", PUBLIC, false),
			("/ip6/::ffff:127.0.0.1/tcp/80", PUBLIC, false),
			("/ip4/8.8.8.8/tcp/80", PUBLIC, true),
			("/ip4/127.0.0.1/tcp/9944", PRIVATE, true),
			("/ip4/0.0.0.0/tcp/80", PRIVATE, false),
		] {
			let parsed = address.parse().unwrap();
			assert_eq!(policy.dial(&parsed).is_ok(), dialled, "{address}");
		}
	}

	#[test]
	fn an_ipv6_customer_is_one_site_whatever_its_address() {
		let site = |ip: &str| Site::of(Some(ip.parse().unwrap()));
		assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:2:ffff::9"));
		assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:1:3::1"));
		assert_ne!(site("192.0.2.1"), site("192.0.2.2"));
	}
}

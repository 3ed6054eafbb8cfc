//! Who a peer is and where it is found, without the network library's types.

use libp2p::{Multiaddr, identity::Keypair, multiaddr::Protocol};
use std::{fmt, str::FromStr};

/// The ed25519 secret from which a node's peer id follows.
#[derive(Clone)]
pub struct NodeSecret([u8; 32]);

impl NodeSecret {
	/// Wraps 32 secret bytes.
	pub fn new(bytes: [u8; 32]) -> Self {
		Self(bytes)
	}

	/// The peer id of a node with this secret.
	pub fn peer_id(&self) -> Option<PeerId> {
		Some(PeerId(self.keypair()?.public().to_peer_id()))
	}

	pub(crate) fn keypair(&self) -> Option<Keypair> {
		Keypair::ed25519_from_bytes(self.0).ok()
	}
}

impl fmt::Debug for NodeSecret {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("NodeSecret(redacted)")
	}
}

/// The identity of a peer: a hash of its public key. Shown and parsed in base 58.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub(crate) libp2p::PeerId);

/// Not a peer id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a peer id")]
pub struct InvalidPeerId;

impl PeerId {
	/// Parses the binary form, as it stands in an offer on chain.
	pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPeerId> {
		libp2p::PeerId::from_bytes(bytes)
			.map(Self)
			.map_err(|_| InvalidPeerId)
	}

	/// The binary form: at most 64 bytes, 38 for an ed25519 key.
	pub fn to_bytes(self) -> Vec<u8> {
		self.0.to_bytes()
	}
}

impl fmt::Display for PeerId {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		self.0.fmt(f)
	}
}

impl fmt::Debug for PeerId {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "PeerId({})", self.0)
	}
}

impl FromStr for PeerId {
	type Err = InvalidPeerId;

	fn from_str(text: &str) -> Result<Self, InvalidPeerId> {
		text.parse().map(Self).map_err(|_| InvalidPeerId)
	}
}

/// A peer and an address at which it listens, such as `/ip4/192.0.2.7/tcp/4001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
	/// The peer.
	pub peer: PeerId,
	/// A multiaddress of the form `/ip4/…/tcp/…` or `/ip6/…/tcp/…`; a trailing `/p2p/…` must name
	/// the same peer.
	pub address: String,
}

impl PeerAddress {
	/// The peer and the address of an offer, in the bytes in which they stand on chain.
	pub fn from_bytes(peer: &[u8], address: &[u8]) -> Result<Self, InvalidPeerId> {
		Ok(Self {
			peer: PeerId::from_bytes(peer)?,
			address: String::from_utf8_lossy(address).into_owned(),
		})
	}
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
	/// It is not a multiaddress.
	#[error("`{0}` is not a multiaddress; write for instance /ip4/127.0.0.1/tcp/4001")]
	Syntax(String),
	/// It is of a kind that this network does not use.
	#[error("`{0}` is not of the form /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT")]
	Unsupported(String),
	/// It is an address of this machine or of a private network, where strangers send nobody.
	#[error(
		"`{0}` is an address of this machine or of a private network: on a private grid, allow them with \
		 --allow-local"
	)]
	Local(String),
	/// It names another peer than expected.
	#[error("`{0}` names another peer")]
	OtherPeer(String),
}

impl PeerAddress {
	/// The address to dial, without the peer.
	pub(crate) fn parse(&self) -> Result<Multiaddr, AddressError> {
		let (address, named) = split(&self.address)?;
		match named {
			Some(peer) if peer != self.peer => Err(AddressError::OtherPeer(self.address.clone())),
			_ => Ok(address),
		}
	}
}

/// An address to listen on.
pub(crate) fn parse_listen(text: &str) -> Result<Multiaddr, AddressError> {
	match split(text)? {
		(address, None) => Ok(address),
		(_, Some(_)) => Err(AddressError::Unsupported(text.into())),
	}
}

fn split(text: &str) -> Result<(Multiaddr, Option<PeerId>), AddressError> {
	let address: Multiaddr = text
		.parse()
		.map_err(|_| AddressError::Syntax(text.into()))?;
	let mut parts = address.iter();
	let host = parts.next();
	let port = parts.next();
	let peer = parts.next();
	let (Some(host @ (Protocol::Ip4(_) | Protocol::Ip6(_))), Some(port @ Protocol::Tcp(_)), None) =
		(host, port, parts.next())
	else {
		return Err(AddressError::Unsupported(text.into()));
	};
	let base = Multiaddr::empty().with(host).with(port);
	match peer {
		None => Ok((base, None)),
		Some(Protocol::P2p(peer)) => Ok((base, Some(PeerId(peer)))),
		Some(_) => Err(AddressError::Unsupported(text.into())),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const PEER: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

	fn address(text: &str) -> PeerAddress {
		PeerAddress {
			peer: PEER.parse().unwrap(),
			address: text.into(),
		}
	}

	/// Peer ids as other implementations write them: Alice's well-known development key.
	#[test]
	fn peer_id_round_trips_through_text_and_bytes() {
		let peer: PeerId = PEER.parse().unwrap();
		assert_eq!(peer.to_string(), PEER);
		let bytes = peer.to_bytes();
		assert_eq!(bytes.len(), 38);
		assert_eq!(bytes[..6], [0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
		assert_eq!(PeerId::from_bytes(&bytes), Ok(peer));
	}

	#[test]
	fn a_secret_has_the_peer_id_that_substrate_nodes_give_it() {
		let mut secret = [0; 32];
		secret[31] = 1;
		assert_eq!(NodeSecret::new(secret).peer_id().unwrap().to_string(), PEER);
	}

	#[test]
	fn garbage_is_no_peer_id() {
		assert_eq!(PeerId::from_bytes(&[]), Err(InvalidPeerId));
		assert_eq!(PeerId::from_bytes(&[0xff; 38]), Err(InvalidPeerId));
		assert!("12D3".parse::<PeerId>().is_err());
	}

	#[test]
	fn addresses_are_host_and_port_and_at_most_the_peer() {
		assert!(address("/ip4/127.0.0.1/tcp/4001").parse().is_ok());
		assert!(address("/ip6/::1/tcp/4001").parse().is_ok());
		let with_peer = address(&format!("/ip4/127.0.0.1/tcp/4001/p2p/{PEER}"))
			.parse()
			.unwrap();
		assert_eq!(with_peer.to_string(), "/ip4/127.0.0.1/tcp/4001");
		for (text, error) in [
			("", AddressError::Unsupported("".into())),
			(
				"127.0.0.1:4001",
				AddressError::Syntax("127.0.0.1:4001".into()),
			),
			(
				"/ip4/127.0.0.1",
				AddressError::Unsupported("/ip4/127.0.0.1".into()),
			),
			(
				"/ip4/127.0.0.1/udp/4001",
				AddressError::Unsupported("/ip4/127.0.0.1/udp/4001".into()),
			),
			(
				"/ip4/127.0.0.1/tcp/1/tcp/2/tcp/3",
				AddressError::Unsupported("/ip4/127.0.0.1/tcp/1/tcp/2/tcp/3".into()),
			),
		] {
			assert_eq!(address(text).parse(), Err(error), "{text}");
		}
		let other =
			"/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWHdiAxVd8uMQR1hGWXccidmfCwLqcMpGwR6QcTP6QRMuD";
		assert_eq!(
			address(other).parse(),
			Err(AddressError::OtherPeer(other.into()))
		);
	}

	#[test]
	fn the_secret_is_not_shown() {
		assert_eq!(
			format!("{:?}", NodeSecret::new([7; 32])),
			"NodeSecret(redacted)"
		);
	}
}

//! `dial-back`: a peer dials an address that this node wants to announce, and tells who answered.
//!
//! It dials nothing but the address from which the question came, and rarely, so that nobody can be
//! made to knock elsewhere, or to do more than was done to ask. The connection is made with an
//! identity of its own, which counts towards nobody's connections.

use crate::{
	AddressError, AddressPolicy, CallError, PeerAddress, PeerId, SwarmHandle,
	address::ip,
	admission::{Origin, lock},
	frame::Message,
	identity::parse_listen,
	protocol::{Door, DoorLimits, End, Handler, Inbound, Refusal, send},
};
use async_trait::async_trait;
use codec::{Decode, Encode};
use futures::AsyncWriteExt;
use libp2p::{
	Multiaddr, Transport,
	core::{
		Endpoint,
		transport::{DialOpts, PortUse},
		upgrade::Version,
	},
	identity::Keypair,
	noise, tcp, yamux,
};
use std::{
	collections::VecDeque,
	fmt,
	net::{IpAddr, Ipv6Addr},
	sync::Mutex,
	time::{Duration, Instant},
};
use tokio::time::timeout;

const NAME: &str = "dial-back";

/// How long an address may take to answer.
const DIAL: Duration = Duration::from_secs(5);

/// How long the asking side waits: for the dial, and for the question's way there and back.
const REPLY: Duration = Duration::from_secs(10);

/// How long a reply may take to be read.
const WRITE: Duration = Duration::from_secs(5);

const DOOR: DoorLimits = DoorLimits {
	requests: 16,
	per_site: 8,
	arrival: Duration::from_secs(5),
	authorisation: DIAL,
};

/// Dials in a minute: in all, for one site and for one peer.
const PER_MINUTE: usize = 60;
const SITE_PER_MINUTE: usize = 20;
const PEER_PER_MINUTE: usize = 4;

/// The address to dial, in text.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct DialBackRequest(Vec<u8>);

impl Message for DialBackRequest {
	const MAX_BYTES: usize = 256;
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum DialBackReply {
	/// Nothing was done, and why.
	#[codec(index = 0)]
	Refused(Refusal),
	/// The asking peer is seen at an address, IPv4 mapped into IPv6, and the address to dial is another.
	#[codec(index = 1)]
	Elsewhere([u8; 16]),
	/// The address was dialled.
	#[codec(index = 2)]
	Dialled([u8; 16], Dialled),
}

impl Message for DialBackReply {
	const MAX_BYTES: usize = 64;
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum Dialled {
	#[codec(index = 0)]
	RightPeer,
	#[codec(index = 1)]
	OtherPeer,
	#[codec(index = 2)]
	Nobody,
}

/// Why it is not known that this node can be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreachable {
	/// The address cannot be used.
	#[error(transparent)]
	Address(#[from] AddressError),
	/// The peer could not be asked, or does not dial now: another one may.
	#[error("the peer does not dial back: {0}")]
	Unasked(#[from] CallError),
	/// The peer sees this node at another address, and dials no other.
	#[error("the peer sees this node at {observed}, so it did not try {address}")]
	Elsewhere {
		/// The address to dial.
		address: String,
		/// Where the peer sees this node.
		observed: IpAddr,
	},
	/// Nobody answers at the address.
	#[error(
		"nobody answers at {address} from outside: open the port in the firewall and forward it in the \
		 router, or give the address that the world dials with --announce"
	)]
	NoAnswer {
		/// The address.
		address: String,
	},
	/// Somebody else answers at the address.
	#[error("another node answers at {address}: give this node's own address with --announce")]
	OtherPeer {
		/// The address.
		address: String,
	},
}

impl Unreachable {
	/// Whether it was tried, and failed: whoever is sent there does not find this node. Otherwise it
	/// is only unknown whether the address is good.
	pub fn is_proven(&self) -> bool {
		match self {
			Self::NoAnswer { .. } | Self::OtherPeer { .. } => true,
			Self::Address(_) | Self::Unasked(_) | Self::Elsewhere { .. } => false,
		}
	}
}

impl SwarmHandle {
	/// Asks the peer `via` to dial the multiaddress `address`, and succeeds if this node answers there.
	pub async fn check_reachable(
		&self,
		via: &PeerAddress,
		address: &str,
	) -> Result<(), Unreachable> {
		parse_listen(address)?;
		let address = address.to_owned();
		let request = DialBackRequest(address.clone().into_bytes());
		let reply: DialBackReply = self.ask(via, NAME, &request, REPLY).await?;
		match reply {
			DialBackReply::Refused(refusal) => Err(CallError::Refused(refusal).into()),
			DialBackReply::Elsewhere(observed) => {
				let observed = self.saw(observed);
				Err(Unreachable::Elsewhere { address, observed })
			}
			DialBackReply::Dialled(observed, dialled) => {
				self.saw(observed);
				match dialled {
					Dialled::RightPeer => Ok(()),
					Dialled::OtherPeer => Err(Unreachable::OtherPeer { address }),
					Dialled::Nobody => Err(Unreachable::NoAnswer { address }),
				}
			}
		}
	}

	fn saw(&self, observed: [u8; 16]) -> IpAddr {
		let observed = Ipv6Addr::from(observed).to_canonical();
		self.observed.send_if_modified(|last| {
			let changed = *last != Some(observed);
			*last = Some(observed);
			changed
		});
		observed
	}
}

/// Serves `dial-back`.
pub struct DialBackHandler {
	policy: AddressPolicy,
	identity: Keypair,
	door: Door,
	recent: Mutex<Recent>,
}

impl fmt::Debug for DialBackHandler {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("DialBackHandler")
			.field("policy", &self.policy)
			.finish_non_exhaustive()
	}
}

impl DialBackHandler {
	/// A handler that dials what `policy` lets it.
	pub fn new(policy: AddressPolicy) -> Self {
		Self {
			policy,
			identity: Keypair::generate_ed25519(),
			door: Door::new(DOOR),
			recent: Mutex::default(),
		}
	}

	async fn reply(&self, stream: &mut Inbound) -> Result<(), End> {
		let (request, guest) = self.door.receive::<DialBackRequest>(stream).await?;
		let observed = stream.ip.ok_or(Refusal::Unavailable)?;
		let seen = match observed {
			IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
			IpAddr::V6(ip) => ip.octets(),
		};
		let reply = match self.target(&request, observed)? {
			None => DialBackReply::Elsewhere(seen),
			Some(address) => {
				if !lock(&self.recent).admit(stream.origin(), Instant::now()) {
					return Err(Refusal::Busy.into());
				}
				let dialled = match guest.within(DIAL, self.dial(address)).await {
					Ok(Some(peer)) if peer == stream.peer => Dialled::RightPeer,
					Ok(Some(_)) => Dialled::OtherPeer,
					Ok(None) | Err(End::Late) => Dialled::Nobody,
					Err(end) => return Err(end),
				};
				DialBackReply::Dialled(seen, dialled)
			}
		};
		send(stream, &reply, WRITE).await?;
		let _ = timeout(WRITE, stream.close()).await;
		Ok(())
	}

	/// The address to dial, if it is the one from which the question came.
	fn target(
		&self,
		request: &DialBackRequest,
		observed: IpAddr,
	) -> Result<Option<Multiaddr>, Refusal> {
		let text = std::str::from_utf8(&request.0).map_err(|_| Refusal::Malformed)?;
		let address = parse_listen(text).map_err(|_| Refusal::Malformed)?;
		let own = ip(&address) == Some(observed) && self.policy.dial(&address).is_ok();
		Ok(own.then_some(address))
	}

	/// Who answers at `address`.
	async fn dial(&self, address: Multiaddr) -> Option<PeerId> {
		let noise = noise::Config::new(&self.identity).ok()?;
		let mut transport = tcp::tokio::Transport::new(tcp::Config::default())
			.upgrade(Version::V1)
			.authenticate(noise)
			.multiplex(yamux::Config::default())
			.boxed();
		let how = DialOpts {
			role: Endpoint::Dialer,
			port_use: PortUse::New,
		};
		let (peer, _connection) = transport.dial(address, how).ok()?.await.ok()?;
		Some(PeerId(peer))
	}
}

#[async_trait]
impl Handler for DialBackHandler {
	fn name(&self) -> &'static str {
		NAME
	}

	async fn serve(&self, mut stream: Inbound) {
		if let Err(end) = self.reply(&mut stream).await {
			self.door.dismiss(stream, end, DialBackReply::Refused).await;
		}
	}

	async fn shutdown(&self) {
		self.door.closing.cancel();
	}
}

/// The dials of the last minute.
#[derive(Debug, Default)]
struct Recent(VecDeque<(Instant, Origin)>);

impl Recent {
	/// Whether one more may be done for `origin`; then it counts.
	fn admit(&mut self, origin: Origin, now: Instant) -> bool {
		let past = |at: &Instant| now.saturating_duration_since(*at) >= Duration::from_secs(60);
		while self.0.front().is_some_and(|(at, _)| past(at)) {
			self.0.pop_front();
		}
		let count = |alike: &dyn Fn(&Origin) -> bool| {
			self.0.iter().filter(|(_, other)| alike(other)).count()
		};
		if self.0.len() >= PER_MINUTE
			|| count(&|other| other.site == origin.site) >= SITE_PER_MINUTE
			|| count(&|other| other.peer == origin.peer) >= PEER_PER_MINUTE
		{
			return false;
		}
		self.0.push_back((now, origin));
		true
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{NodeSecret, address::Site};

	#[test]
	fn dials_are_rare_in_all_for_a_site_and_for_a_peer() {
		let from = |site: u8, peer: u8| Origin {
			site: Site::of(Some([192, 0, 2, site].into())),
			peer: NodeSecret::new([peer; 32]).peer_id().unwrap(),
		};
		let start = Instant::now();
		let mut recent = Recent::default();
		let admitted = |recent: &mut Recent, now, from: &dyn Fn(u8) -> Origin| {
			(0..100).filter(|n| recent.admit(from(*n), now)).count()
		};
		assert_eq!(admitted(&mut recent, start, &|site| from(site, 1)), 4);
		assert_eq!(
			admitted(&mut recent, start, &|peer| from(200, peer + 2)),
			20
		);
		assert_eq!(admitted(&mut recent, start, &|n| from(n, n + 2)), 36);
		let later = start + Duration::from_secs(59);
		assert_eq!(admitted(&mut recent, later, &|n| from(n, n + 2)), 0);
		let later = start + Duration::from_secs(60);
		assert_eq!(admitted(&mut recent, later, &|n| from(n, n + 2)), 60);
	}

	#[test]
	fn nothing_is_dialled_but_the_address_from_which_the_question_comes() {
		let target = |allow_local, address: &str, observed: &str| {
			let handler = DialBackHandler::new(AddressPolicy { allow_local });
			let request = DialBackRequest(address.as_bytes().to_vec());
			handler
				.target(&request, observed.parse().unwrap())
				.map(|address| address.map(|address| address.to_string()))
		};
		let public = "/ip4/203.0.113.7/tcp/4001";
		assert_eq!(
			target(false, public, "203.0.113.7"),
			Ok(Some(public.into()))
		);
		assert_eq!(target(false, public, "203.0.113.8"), Ok(None));
		let mapped = "/ip6/::ffff:203.0.113.7/tcp/4001";
		assert!(target(false, mapped, "203.0.113.7").unwrap().is_some());
		let local = "/ip4/127.0.0.1/tcp/9944";
		assert_eq!(target(false, local, "127.0.0.1"), Ok(None));
		assert_eq!(target(true, local, "127.0.0.1"), Ok(Some(local.into())));
		for bad in [
			"",
			"203.0.113.7",
			"/dns4/a.example/tcp/1",
			"/ip4/1.2.3.4/udp/1",
		] {
			assert_eq!(
				target(true, bad, "203.0.113.7"),
				Err(Refusal::Malformed),
				"{bad}"
			);
		}
	}
}

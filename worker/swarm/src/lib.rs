//! The workers' network: prompts and answers between gateways and miners, openings between miners
//! and verifiers.
//!
//! Peers speak libp2p over TCP, Noise and Yamux. Each protocol is one request on a stream of its own:
//! `infer` (one [`InferRequest`], a sequence of [`InferFrame`]s), `opening` (one [`OpeningRequest`],
//! one [`OpeningReply`]), and `dial-back`, by which a node finds out whether it can be reached
//! ([`SwarmHandle::check_reachable`]). The genesis hash is part of the protocols' names, so peers of
//! different chains cannot talk to each other. Every message is a [`frame`]: bounded, parsed strictly,
//! refused with a reason.
//!
//! [`Swarm::builder`] takes a [`Handler`] for each protocol that is offered; [`Builder::start`] gives a
//! [`SwarmHandle`], which may be cloned and opens requests, and a [`Swarm`], which owns every task and
//! ends them in order. Miners answer through [`Answers`] and [`Openings`].
//!
//! # Strangers
//! Connections and requests cost nothing to make, so nothing that nobody vouches for is worth keeping.
//! - *Connections* are bounded in all, for each site (an IPv4 address, or an IPv6 network of 64 bits)
//!   and for each peer, and so are those that are not negotiated yet. In a full house newcomers get in:
//!   the oldest connection of the site with the most is closed, first of those on which nothing was
//!   ever authorised; one on which authorised work goes on is never closed.
//! - *Requests* that are not complete, or whose sender is not known yet, are bounded in number and time
//!   and give way in the same manner. Those on connections on which something was authorised before
//!   have a room of their own.
//! - *Answers and openings* have places that are counted by whom the service finds to be asking: the
//!   payer of a task that is known here, or a drawn verifier. Strangers get none; payers and verifiers
//!   have theirs apart, so that neither keeps the other out. A request for a task that is not known yet
//!   waits a few seconds in a small room.
//!
//! A stream that the client closes before the answer is complete cancels the work behind it: the
//! future of [`Answers::infer`] is dropped. A service whose work must outlive the client runs it in
//! a task of its own and only forwards frames here.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod address;
mod admission;
mod config;
mod connections;
mod error;
pub mod frame;
mod halves;
mod handle;
mod identity;
mod node;
mod protocol;
mod standing;
mod streams;
mod swarm;
#[cfg(test)]
mod tests;

pub use address::{AddressPolicy, Reach, Unannounceable};
pub use config::{Limits, SwarmConfig, Timeouts};
pub use error::{CallError, InferError, OpeningError, Phase, StartError, Violation};
pub use handle::SwarmHandle;
pub use identity::{AddressError, InvalidPeerId, NodeSecret, PeerAddress, PeerId};
pub use protocol::{
	DoorLimits, Handler, Inbound, Refusal,
	dial_back::{DialBackHandler, Unreachable},
	infer::{
		Answer, Answers, FrameSender, InferFrame, InferHandler, InferLimits, InferRequest,
		InferStream, PeerGone,
	},
	opening::{OpeningHandler, OpeningLimits, OpeningReply, OpeningRequest, Openings},
};
pub use swarm::{Builder, Swarm};

//! The workers' network: prompts and answers between gateways and miners, openings between miners
//! and verifiers.
//!
//! Peers speak libp2p over TCP, Noise and Yamux. Two protocols, each one request on a stream of its
//! own: `infer` (one [`InferRequest`], a sequence of [`InferFrame`]s) and `opening` (one
//! [`OpeningRequest`], one [`OpeningReply`]). The genesis hash is part of both protocol names, so
//! peers of different chains cannot talk to each other. Every message is a [`frame`]: bounded,
//! parsed strictly, refused with a reason.
//!
//! [`Swarm::start`] gives a [`SwarmHandle`], which may be cloned and opens requests, and a
//! [`Swarm`], which owns every task and ends them in order. Miners answer through [`Service`].
//!
//! A stream that the client closes before the answer is complete cancels the work behind it: the
//! future of [`Service::infer`] is dropped. A service whose work must outlive the client runs it in
//! a task of its own and only forwards frames here.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod admission;
mod client;
mod config;
mod error;
pub mod frame;
mod identity;
mod message;
mod node;
mod reach;
mod server;
mod strangers;
mod streams;
#[cfg(test)]
mod tests;

pub use client::{Answer, InferStream, SwarmHandle};
pub use config::{Limits, SwarmConfig, Timeouts};
pub use error::{CallError, InferError, OpeningError, Phase, StartError, Violation};
pub use identity::{AddressError, InvalidPeerId, NodeSecret, PeerAddress, PeerId};
pub use message::{InferFrame, InferRequest, OpeningReply, OpeningRequest, Refusal};
pub use node::Swarm;
pub use reach::{Reach, Unannounceable};
pub use server::{Caller, FrameSender, PeerGone, Service};

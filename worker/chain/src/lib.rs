//! The chain as workers see it.
//!
//! [`Chain`] is a connection to one of several endpoints that follows finalized blocks; [`View`] is
//! the state after one block, read into the types of `infergrid-primitives`; a [`Submitter`] gets
//! [`Call`]s of one [`Key`] into the chain and tells what became of them. Nothing here acts on a
//! block that is not finalized.
//!
//! Types are matched to the chain's metadata by the names of fields and arguments, so that a
//! runtime upgrade which adds or moves them needs no new worker. Every error says whether to retry,
//! to skip or to die ([`Advice`]).

mod alarm;
mod amount;
mod backoff;
mod block;
mod calls;
mod client;
mod dispatch;
mod error;
mod events;
pub mod fake;
mod follow;
mod health;
mod hints;
mod names;
mod pairing;
mod preflight;
mod profiles;
mod publish;
mod records;
mod standing;
mod submit;
#[cfg(test)]
mod tests;
mod transport;
mod view;

pub use amount::{ait, parse_ait};
pub use block::BlockId;
pub use calls::{Call, TaskInput, TaskOrder};
pub use client::{Blocks, Chain};
pub use error::{Advice, ConnectError, ReadError, Refusal, SubmitError, legible};
pub use events::{Event, event};
pub use follow::{Follower, Step, Walk, in_time, persist, persist_latest};
pub use health::{ChainHealth, Trouble};
pub use infergrid_keys::{Key, KeyError, address, parse_address, verify};
pub use pairing::{PairingError, operator, pair_worker};
pub use profiles::{ProfileError, Served, find_profile, parse_hash};
pub use publish::{DEFAULT_ROYALTY, Difference, PublishError, Published, Registration, publish};
pub use records::{
	Audit, Bond, Duty, Earnings, Funds, Model, ModelInfo, Offer, OfferTerms, Owed, Phase,
	RefundReason, Task, TaskRules, TaskStatus, Unlock,
};
pub use standing::{Complaint, Standing};
pub use submit::{Included, MORTALITY, Pending, Submitter};
pub use transport::Options;
pub use view::View;

//! What can go wrong, and what the caller should do about it.

use crate::{hints::hint, submit::Pending};
use infergrid_primitives::BlockNumber;

/// What an error asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
	/// It may pass: try the same again later.
	Retry,
	/// The matter at hand is lost or settled; go on with the next.
	Skip,
	/// Nothing will help: stop and tell the operator.
	Die,
}

/// Why no endpoint could be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
	/// No endpoint was given.
	#[error("no node endpoint given: pass at least one ws:// URL")]
	NoEndpoint,
	/// None answered in time.
	#[error("no node answered within {seconds} s (last tried {url}: {reason})")]
	Unreachable {
		/// The last endpoint tried.
		url: String,
		/// What it said.
		reason: String,
		/// The whole time given.
		seconds: u64,
	},
	/// The endpoint speaks, but what it says cannot be used.
	#[error("the node cannot be used: {0}")]
	Unusable(#[source] Box<subxt::Error>),
	/// The chain lacks what workers need.
	#[error("the chain is not an infergrid chain: it has no pallet named {0}")]
	WrongChain(&'static str),
}

/// Why something could not be read from the chain.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
	/// No endpoint answered in time.
	#[error("the node does not answer: {0}")]
	Transport(#[source] Box<subxt::Error>),
	/// The endpoint does not know the block: it was pruned, or is on a fork.
	#[error("the node does not know block {0}")]
	UnknownBlock(BlockNumber),
	/// The endpoint has forgotten the state of the block.
	#[error(
		"the node has forgotten that state: {0}. A node started with --state-pruning archive keeps all"
	)]
	Pruned(#[source] Box<subxt::Error>),
	/// A record that this version does not know how to decode; others may be well.
	#[error(
		"{item} holds a record, {key}, that this version cannot read ({source}): upgrade infergrid to \
		 the version that fits the runtime"
	)]
	Undecodable {
		/// `Pallet.Entry`.
		item: String,
		/// Its key: a number, or hexadecimal digits.
		key: String,
		/// What is wrong.
		#[source]
		source: Box<subxt::Error>,
	},
	/// The chain's types are not what this worker expects.
	#[error("the chain and this worker disagree about {what}: {source}. Run matching versions")]
	Incompatible {
		/// What was read.
		what: String,
		/// The difference.
		#[source]
		source: Box<subxt::Error>,
	},
	/// The task that follows finalized blocks has ended.
	#[error("the connection to the chain has been closed")]
	Closed,
	/// No finalized block came before the deadline.
	#[error("finality did not reach block {wanted} in {seconds} s; it is at block {reached}")]
	Stalled {
		/// The block waited for.
		wanted: BlockNumber,
		/// The last finalized block.
		reached: BlockNumber,
		/// The time waited.
		seconds: u64,
	},
}

impl ReadError {
	/// What to do.
	pub fn advice(&self) -> Advice {
		match self {
			Self::Transport(_) | Self::UnknownBlock(_) | Self::Stalled { .. } => Advice::Retry,
			Self::Pruned(_) | Self::Undecodable { .. } => Advice::Skip,
			Self::Incompatible { .. } | Self::Closed => Advice::Die,
		}
	}

	/// Sorts a library error met while reading `what`.
	pub(crate) fn from_subxt(what: impl Into<String>, error: impl Into<subxt::Error>) -> Self {
		let error = Box::new(error.into());
		// The node has no code of its own for it.
		if error.to_string().contains("State already discarded") {
			Self::Pruned(error)
		} else if is_transport(&error) {
			Self::Transport(error)
		} else {
			Self::Incompatible {
				what: what.into(),
				source: error,
			}
		}
	}
}

impl ReadError {
	/// A record of `item` at `key`, which is SCALE-encoded, that cannot be decoded.
	pub(crate) fn undecodable(item: String, key: &[u8], error: impl Into<subxt::Error>) -> Self {
		let number = <[u8; 8]>::try_from(key).map(u64::from_le_bytes);
		Self::Undecodable {
			item,
			key: number.map_or_else(|_| hex::encode(key), |number| number.to_string()),
			source: Box::new(error.into()),
		}
	}
}

/// Whether an error comes from the connection and not from what was said over it.
fn is_transport(error: &subxt::Error) -> bool {
	use subxt::error::{
		AccountNonceError, BlocksError, EventsError, ExtrinsicError, OnlineClientAtBlockError,
		StorageError,
	};
	match error {
		subxt::Error::OnlineClientAtBlockError(e) => !matches!(
			e,
			OnlineClientAtBlockError::CannotDecodeSpecVersion { .. }
				| OnlineClientAtBlockError::UnsupportedMetadataVersion { .. }
				| OnlineClientAtBlockError::MissingLegacyTypes
				| OnlineClientAtBlockError::CannotConvertModernMetadata { .. }
				| OnlineClientAtBlockError::CannotConvertLegacyMetadata { .. }
		),
		subxt::Error::StorageError(e) => matches!(
			e,
			StorageError::CannotFetchValue(_)
				| StorageError::CannotIterateValues(_)
				| StorageError::StreamFailure(_)
		),
		subxt::Error::BackendError(_) | subxt::Error::BlockError(_) => true,
		subxt::Error::OtherRpcClientError(e) => !matches!(
			e,
			subxt::rpcs::Error::Deserialization(_) | subxt::rpcs::Error::Decode(_)
		),
		subxt::Error::EventsError(e) => matches!(e, EventsError::CannotFetchEventBytes(_)),
		subxt::Error::ExtrinsicError(e) => match e {
			ExtrinsicError::CannotGetBlockBody(_)
			| ExtrinsicError::ErrorSubmittingTransaction(_)
			| ExtrinsicError::CannotGetValidationInfo(_) => true,
			ExtrinsicError::AccountNonceError { reason, .. } => {
				matches!(reason, AccountNonceError::CouldNotRetrieve(_))
			}
			_ => false,
		},
		subxt::Error::BlocksError(e) => {
			matches!(
				e,
				BlocksError::CannotGetBlockHeader(_) | BlocksError::CannotGetBlockHeaderStream(_)
			)
		}
		_ => false,
	}
}

/// What happened to a call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
	/// The call was included and failed.
	#[error("{call} failed in block {block}: {error}{}", remedy(error))]
	Dispatch {
		/// `Pallet.call`.
		call: String,
		/// Where it is.
		block: BlockNumber,
		/// `Pallet::Error`, or the name of a general error.
		error: String,
	},
	/// The call was included, and the node has forgotten how it ended.
	#[error(
		"{call} is in block {block}, and the node has forgotten how it ended: look at what it should have \
		 changed"
	)]
	Forgotten {
		/// `Pallet.call`.
		call: String,
		/// Where it is.
		block: BlockNumber,
	},
	/// The call was sent, and then the chain could not be read: it may still come.
	/// [`Submitter::settle`](crate::Submitter::settle) finds out what became of it.
	#[error("{call} was sent and may come until block {}, but the chain cannot be read: {source}", pending.until())]
	Unknown {
		/// `Pallet.call`.
		call: String,
		/// What tells it in a block.
		pending: Box<Pending>,
		/// What is wrong.
		#[source]
		source: ReadError,
	},
	/// The node refuses the extrinsic, or it was refused before it was sent.
	#[error("{call} from {account} is refused: {reason}")]
	Refused {
		/// `Pallet.call`.
		call: String,
		/// The signer in SS58.
		account: String,
		/// Why.
		reason: Refusal,
	},
	/// The call was not included before the block that the caller named.
	#[error("{call} was not included by block {by}")]
	TooLate {
		/// `Pallet.call`.
		call: String,
		/// The last block that would have done.
		by: BlockNumber,
	},
	/// The call could not be encoded for this chain.
	#[error(
		"the chain does not take {call} as this worker makes it: {source}. Run matching versions"
	)]
	Encode {
		/// `Pallet.call`.
		call: String,
		/// The difference.
		#[source]
		source: Box<subxt::Error>,
	},
	/// The chain could not be read.
	#[error(transparent)]
	Read(#[from] ReadError),
}

fn remedy(error: &str) -> String {
	hint(error).map_or_else(String::new, |hint| format!(": {hint}"))
}

fn circumstances(detail: &str) -> String {
	match detail {
		"" => String::new(),
		detail => format!(" ({detail})"),
	}
}

/// Why an extrinsic is refused, by the node or before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
	/// The account cannot pay the fee.
	#[error("the account cannot pay the fee; send it some AIT")]
	Payment,
	/// The call would fail. It was not sent, and no fee was paid.
	#[error("it would fail with {error}{}{}", circumstances(detail), remedy(error))]
	WouldFail {
		/// `Pallet::Error`.
		error: &'static str,
		/// What else is to be said, or nothing.
		detail: String,
	},
	/// The runtime's word.
	#[error("invalid transaction ({0})")]
	Invalid(String),
	/// The runtime stops on the extrinsic, which it does if it cannot decode it.
	#[error(
		"the chain cannot decode it: an argument is longer than the chain allows, or chain and \
		 worker are of different versions"
	)]
	Undecodable,
	/// The node's word.
	#[error("the node does not take it ({0})")]
	Node(String),
	/// An inline prompt is longer than the chain takes. It was not sent.
	#[error(
		"an inline prompt of {bytes} bytes, and the chain takes at most {limit}: shorten it, or put \
		 its commitment on chain and send the prompt to the miner, as a gateway does"
	)]
	PromptTooLong {
		/// Of the prompt.
		bytes: usize,
		/// The most.
		limit: usize,
	},
}

impl SubmitError {
	/// What to do.
	pub fn advice(&self) -> Advice {
		match self {
			Self::Dispatch { .. } | Self::Forgotten { .. } | Self::TooLate { .. } => Advice::Skip,
			Self::Unknown { .. } => Advice::Retry,
			// Money may come, and a full pool empties.
			Self::Refused {
				reason: Refusal::Payment | Refusal::Node(_),
				..
			} => Advice::Retry,
			Self::Refused { .. } => Advice::Skip,
			Self::Encode { .. } => Advice::Die,
			Self::Read(error) => error.advice(),
		}
	}

	/// Whether the call may have succeeded, or may still do so.
	pub fn is_uncertain(&self) -> bool {
		matches!(
			self,
			Self::Read(_) | Self::Unknown { .. } | Self::Forgotten { .. }
		)
	}

	/// The name of the dispatch error that it ended with, or would have.
	pub fn dispatch_error(&self) -> Option<&str> {
		match self {
			Self::Dispatch { error, .. } => Some(error),
			Self::Refused {
				reason: Refusal::WouldFail { error, .. },
				..
			} => Some(error),
			_ => None,
		}
	}
}

/// What was read; None, and a word in the log, for a record that this version cannot read.
pub fn legible<T>(read: Result<Option<T>, ReadError>) -> Result<Option<T>, ReadError> {
	match read {
		Err(error @ ReadError::Undecodable { .. }) => {
			tracing::error!(%error, "going on without that record");
			Ok(None)
		}
		read => read,
	}
}

//! Making sure that a worker key acts for its operator.

use crate::{Call, Chain, ReadError, SubmitError, Submitter, View};
use infergrid_keys::{Key, KeyError, KeySource, address};
use infergrid_primitives::{AccountBytes, BlockNumber, request::Consent};

/// How long a consent holds from the last finalized block on, in blocks: longer than finality lags and
/// a crowded block waits, and too short for anybody to find one and use it later.
const CONSENT_BLOCKS: BlockNumber = 300;

/// Why a worker key acts for nobody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairingError {
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// The operator's key cannot be had.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// The chain does not pair them.
	#[error(transparent)]
	Submit(#[from] SubmitError),
	/// It acts for somebody else.
	#[error(
		"the worker key {worker} acts for {operator}, not for {wanted}: use another worker key, or \
		 unpair this one first"
	)]
	Taken {
		/// The worker key.
		worker: String,
		/// For whom it acts.
		operator: String,
		/// For whom it should.
		wanted: String,
	},
	/// It is not paired, and the operator's key is not at hand.
	#[error(
		"the worker key {worker} acts for nobody: give the operator's key with --operator-key-file once, \
		 to pair it"
	)]
	Unpaired {
		/// The worker key.
		worker: String,
	},
}

/// The call by which `operator` lets `worker` act for it, with the key's consent: to be sent soon.
pub async fn pair_worker(
	chain: &Chain,
	view: &View,
	worker: &Key,
	operator: &AccountBytes,
) -> Result<Call, ReadError> {
	let consent = Consent {
		operator: *operator,
		counter: view.consent_counter(&worker.public()).await?,
		valid_until: view.block().number.saturating_add(CONSENT_BLOCKS),
	};
	let signature = worker.sign_consent(&chain.genesis(), &consent);
	Ok(Call::pair_worker(&worker.public(), &consent, &signature))
}

/// The operator for whom `worker` acts. Pairs the key first if it is not paired and the operator's
/// key is at hand.
pub async fn operator(
	chain: &Chain,
	worker: &Key,
	operator_key: Option<&KeySource>,
) -> Result<AccountBytes, PairingError> {
	let view = chain.latest().await?;
	let paired = view.operator_of(&worker.public()).await?;
	let operator_key = operator_key.map(KeySource::key).transpose()?;
	match (paired, operator_key) {
		(Some(operator), Some(key)) if key.public() != operator => Err(PairingError::Taken {
			worker: worker.address(),
			operator: address(&operator),
			wanted: key.address(),
		}),
		(Some(operator), _) => Ok(operator),
		(None, Some(key)) => {
			let operator = key.public();
			let call = pair_worker(chain, &view, worker, &operator).await?;
			let submitter = Submitter::new(chain.clone(), key);
			submitter.submit_checked(&call).await?;
			tracing::info!(worker = %worker.address(), operator = %address(&operator), "paired the worker key");
			Ok(operator)
		}
		(None, None) => Err(PairingError::Unpaired {
			worker: worker.address(),
		}),
	}
}

//! Making sure that a worker key acts for its operator.

use crate::failure::Failure;
use anyhow::anyhow;
use infergrid_chain::{Call, Chain, Key, Submitter, address};
use infergrid_keys::KeySource;
use infergrid_primitives::AccountBytes;

/// The operator for whom `worker` acts. Pairs the key first if it is not paired and the operator's
/// key is at hand.
pub(crate) async fn operator(
	chain: &Chain,
	worker: &Key,
	operator_key: Option<&KeySource>,
) -> Result<AccountBytes, Failure> {
	let paired = chain.latest().await?.operator_of(&worker.public()).await?;
	let operator_key = operator_key
		.map(KeySource::key)
		.transpose()
		.map_err(Failure::config)?;
	match (paired, operator_key) {
		(Some(operator), Some(key)) if key.public() != operator => Err(Failure::config(anyhow!(
			"the worker key {} acts for {}, not for {}",
			worker.address(),
			address(&operator),
			key.address()
		))
		.hint("use another worker key, or unpair this one first")),
		(Some(operator), _) => Ok(operator),
		(None, Some(key)) => {
			let operator = key.public();
			let signature = worker.sign_pairing(&chain.genesis(), &operator);
			let call = Call::pair_worker(&worker.public(), &signature);
			Submitter::new(chain.clone(), key)
				.submit(&call, None)
				.await?;
			tracing::info!(worker = %worker.address(), operator = %address(&operator), "paired the worker key");
			Ok(operator)
		}
		(None, None) => Err(Failure::config(anyhow!(
			"the worker key {} acts for nobody",
			worker.address()
		))
		.hint("give the operator's key with --operator-key-file once, to pair it")),
	}
}

//! The test network: the local one with more people in it.

use crate::{
	keys::{Operator, PAYERS},
	process::output_of,
};
use anyhow::{Context, Result};
use infergrid_chain::Key;
use infergrid_primitives::{AIT, Balance};
use serde_json::{Value, json};
use std::path::Path;
use tokio::{process::Command, sync::OnceCell};

/// What a stranger bonds as a miner.
pub const STRANGER_BOND: Balance = 10_000 * AIT;
/// Strangers who are bonded at genesis. Without an offer they take no part.
pub const STRANGERS: usize = 7;
/// What every test account owns.
const ENDOWMENT: Balance = 1_000_000 * AIT;

/// The raw specification, computed once: for it the node compiles the runtime twice.
static RAW: OnceCell<Vec<u8>> = OnceCell::const_new();

/// The raw specification that `node` makes.
pub(crate) async fn raw(node: &Path) -> Result<&'static [u8]> {
	let spec = RAW.get_or_try_init(|| compute(node)).await?;
	Ok(spec)
}

async fn compute(node: &Path) -> Result<Vec<u8>> {
	let mut spec: Value = serde_json::from_slice(&build(node, &["--chain", "local"]).await?)?;
	let genesis = spec
		.pointer_mut("/genesis/runtimeGenesis/patch")
		.context("the specification has no genesis patch")?;
	let strangers: Vec<_> = (0..STRANGERS).map(Operator::stranger).collect();
	let balances = list(genesis, "/balances/balances")?;
	for uri in PAYERS {
		balances.push(json!([Key::from_uri(uri)?.address(), number(ENDOWMENT)?]));
	}
	for stranger in &strangers {
		for key in [stranger.operator_key()?, stranger.worker_key()?] {
			balances.push(json!([key.address(), number(ENDOWMENT)?]));
		}
	}
	let bonds = list(genesis, "/roleStaking/bonds")?;
	for stranger in &strangers {
		let operator = stranger.operator_key()?.address();
		bonds.push(json!([operator, "Miner", number(STRANGER_BOND)?]));
	}
	let plain = tempfile::NamedTempFile::new()?;
	std::fs::write(&plain, serde_json::to_vec(&spec)?)?;
	let path = plain.path().to_str();
	let path = path.context("the directory's name is not UTF-8")?;
	build(node, &["--raw", "--chain", path]).await
}

fn list<'a>(genesis: &'a mut Value, place: &str) -> Result<&'a mut Vec<Value>> {
	genesis
		.pointer_mut(place)
		.and_then(Value::as_array_mut)
		.with_context(|| format!("the genesis has no list {place}"))
}

/// Plancks as the JSON number that the genesis builder expects.
fn number(plancks: Balance) -> Result<u64> {
	Ok(u64::try_from(plancks)?)
}

async fn build(node: &Path, args: &[&str]) -> Result<Vec<u8>> {
	let mut command = Command::new(node);
	command.arg("build-spec").args(args);
	output_of(command).await
}

//! The chain's specification, with its genesis computed.
//!
//! To compute a genesis the node compiles the runtime, which takes longer than all else. It follows
//! from the executable and from what is changed about the local network, so it is computed once for
//! each and kept.

use crate::{
	error::SpawnError,
	plan::{Bond, Operator, Plan, VALIDATORS, key},
	programs::run,
};
use infergrid_primitives::{AIT, Balance, market::Role};
use serde_json::{Map, Value, json};
use std::{
	fs::{self, File},
	io::{self, Write},
	path::{Path, PathBuf},
	time::{Duration, SystemTime},
};
use tokio::time::sleep;

const NETWORK: &str = "local";
/// Specifications that are kept, for as many pairs of an executable and a change.
const KEPT: usize = 16;
/// How often to look whether another grid has computed what this one needs.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Validators, miners and verifiers of the local network.
const LOCAL_VALIDATORS: usize = 2;
const LOCAL_MINERS: usize = 2;
const LOCAL_VERIFIERS: usize = 3;
const VALIDATOR_BOND: Balance = 20_000 * AIT;
const MINER_BOND: Balance = 10_000 * AIT;
const VERIFIER_BOND: Balance = 5_000 * AIT;
/// What a planned operator and its worker key own.
const ENDOWMENT: Balance = 1_000_000 * AIT;

/// Writes the specification for `plan` and gives its path. A grid that goes on keeps its own.
pub(crate) async fn write(plan: &Plan) -> Result<PathBuf, SpawnError> {
	let spec = plan.directory.join("chain.json");
	if spec.is_file() {
		return Ok(spec);
	}
	let change = Change::of(plan)?;
	let node = plan.programs.node.clone();
	let wanted = change.fingerprint();
	let hash = tokio::task::spawn_blocking(move || hash(&node, &wanted));
	let hash = hash.await.map_err(io::Error::other).flatten();
	let hash = hash.map_err(|source| SpawnError::Start {
		path: plan.programs.node.clone(),
		source,
	})?;
	let Some(cache) = &plan.cache else {
		compute(plan, &change, &spec).await?;
		return Ok(spec);
	};
	let kept = cache
		.join("specifications")
		.join(format!("{}.json", hash.to_hex()));
	let _turn = turn(&kept).await;
	if fs::copy(&kept, &spec).is_err() {
		tracing::info!("computing the genesis, once for this node");
		compute(plan, &change, &spec).await?;
		if let Err(error) = keep(&spec, &kept) {
			tracing::debug!(%error, "the genesis is not kept for the next time");
		}
	}
	Ok(spec)
}

/// What is different from the local network.
#[derive(Debug, PartialEq)]
struct Change {
	validators: usize,
	balances: Vec<(String, Balance)>,
	bonds: Vec<(String, Role, Balance)>,
	patch: Value,
}

impl Change {
	fn of(plan: &Plan) -> Result<Self, SpawnError> {
		let mut change = Self {
			validators: plan.validators,
			balances: Vec::new(),
			bonds: Vec::new(),
			patch: plan.genesis.clone(),
		};
		let known: Vec<_> = (0..LOCAL_MINERS)
			.map(Operator::miner)
			.chain((0..LOCAL_VERIFIERS).map(Operator::verifier))
			.map(|who| who.operator)
			.collect();
		let miners = plan.miners.iter().map(|part| (&part.who, Role::Miner));
		let verifiers = plan
			.verifiers
			.iter()
			.map(|part| (&part.who, Role::Verifier));
		for (who, role) in miners.chain(verifiers) {
			let planned = |bond: &Bond| bond.operator == who.operator && bond.role == role;
			if known.contains(&who.operator) || plan.bonds.iter().any(planned) {
				continue;
			}
			for uri in [&who.operator, &who.worker] {
				change.balances.push((address(uri)?, ENDOWMENT));
			}
			let bond = match role {
				Role::Verifier => VERIFIER_BOND,
				_ => MINER_BOND,
			};
			change.bonds.push((address(&who.operator)?, role, bond));
		}
		for account in &plan.accounts {
			change
				.balances
				.push((address(&account.uri)?, account.balance));
		}
		for bond in &plan.bonds {
			change
				.bonds
				.push((address(&bond.operator)?, bond.role, bond.amount));
		}
		Ok(change)
	}

	fn is_nothing(&self) -> bool {
		self.validators == LOCAL_VALIDATORS
			&& self.balances.is_empty()
			&& self.bonds.is_empty()
			&& self.patch.is_null()
	}

	fn fingerprint(&self) -> String {
		format!("{self:?}")
	}

	/// Changes the genesis patch of the local network. `keys` are those of validators that it lacks.
	fn apply(&self, genesis: &mut Value, keys: &[(String, Value)]) -> Result<(), &'static str> {
		let balances = list(genesis, "/balances/balances")?;
		for (account, balance) in &self.balances {
			balances.retain(|known| known[0] != **account);
			balances.push(json!([account, number(*balance)?]));
		}
		let bonds = list(genesis, "/roleStaking/bonds")?;
		for (operator, role, amount) in &self.bonds {
			let role = format!("{role:?}");
			bonds.retain(|known| known[0] != **operator || known[1] != *role);
			bonds.push(json!([operator, role, number(*amount)?]));
		}
		for (operator, _) in keys {
			bonds.push(json!([operator, "Validator", number(VALIDATOR_BOND)?]));
		}
		let sessions = list(genesis, "/session/keys")?;
		let gone: Vec<_> = sessions
			.drain(self.validators.min(sessions.len())..)
			.map(|session| session[0].clone())
			.collect();
		for (operator, keys) in keys {
			sessions.push(json!([operator, operator, keys]));
		}
		list(genesis, "/roleStaking/bonds")?
			.retain(|bond| bond[1] != "Validator" || !gone.contains(&bond[0]));
		merge(genesis, &self.patch);
		Ok(())
	}
}

fn address(uri: &str) -> Result<String, SpawnError> {
	Ok(key(uri)?.address())
}

/// Plancks as the JSON number that the genesis builder expects.
fn number(plancks: Balance) -> Result<u64, &'static str> {
	u64::try_from(plancks).map_err(|_| "more money than a JSON number holds")
}

fn list<'a>(genesis: &'a mut Value, place: &str) -> Result<&'a mut Vec<Value>, &'static str> {
	genesis
		.pointer_mut(place)
		.and_then(Value::as_array_mut)
		.ok_or("the genesis lacks a list of balances, bonds or session keys")
}

/// A JSON merge patch, RFC 7396.
fn merge(value: &mut Value, patch: &Value) {
	match patch {
		Value::Null => {}
		Value::Object(fields) => {
			if !value.is_object() {
				*value = Value::Object(Map::new());
			}
			let Some(object) = value.as_object_mut() else {
				return;
			};
			for (name, field) in fields {
				if field.is_null() {
					object.remove(name);
				} else {
					merge(object.entry(name).or_insert(Value::Null), field);
				}
			}
		}
		other => *value = other.clone(),
	}
}

fn hash(node: &Path, change: &str) -> io::Result<blake3::Hash> {
	let mut hasher = blake3::Hasher::new();
	io::copy(&mut File::open(node)?, &mut hasher)?;
	hasher.update(change.as_bytes());
	Ok(hasher.finalize())
}

/// Waits until no other grid computes what is to be kept at `kept`. None where there are no locks.
async fn turn(kept: &Path) -> Option<File> {
	let parent = kept.parent()?;
	fs::create_dir_all(parent).ok()?;
	let lock = File::create(parent.join("lock")).ok()?;
	loop {
		match lock.try_lock() {
			Ok(()) => return Some(lock),
			Err(fs::TryLockError::WouldBlock) => sleep(LOOK_AGAIN).await,
			Err(fs::TryLockError::Error(_)) => return None,
		}
	}
}

fn keep(spec: &Path, kept: &Path) -> io::Result<()> {
	// Whole files only.
	let temporary = kept.with_extension("tmp");
	fs::copy(spec, &temporary)?;
	fs::rename(&temporary, kept)?;
	let Some(parent) = kept.parent() else {
		return Ok(());
	};
	let mut files = Vec::new();
	for entry in fs::read_dir(parent)? {
		let entry = entry?;
		if entry.path().extension().is_some_and(|end| end == "json") {
			let age = entry
				.metadata()?
				.modified()
				.unwrap_or(SystemTime::UNIX_EPOCH);
			files.push((age, entry.path()));
		}
	}
	files.sort_unstable();
	let excess = files.len().saturating_sub(KEPT);
	files
		.iter()
		.take(excess)
		.try_for_each(|(_, path)| fs::remove_file(path))
}

async fn compute(plan: &Plan, change: &Change, spec: &Path) -> Result<(), SpawnError> {
	let plain = plan.directory.join("chain.plain.json");
	let network = if change.is_nothing() {
		NETWORK.to_owned()
	} else {
		let text = export(plan, &[NETWORK]).await?;
		let changed = changed(plan, change, &text).await?;
		write_whole(&plain, &changed)?;
		plain.display().to_string()
	};
	let raw = export(plan, &[&network, "--raw"]).await?;
	let _ = fs::remove_file(&plain);
	write_whole(spec, &raw)
}

/// The specification `text` with the change made.
async fn changed(plan: &Plan, change: &Change, text: &[u8]) -> Result<Vec<u8>, SpawnError> {
	let odd = |how: String| SpawnError::Preparation {
		task: "changing the genesis".into(),
		how,
		output: String::new(),
	};
	let mut keys = Vec::new();
	for name in VALIDATORS
		.iter()
		.take(plan.validators)
		.skip(LOCAL_VALIDATORS)
	{
		keys.push(session_keys(plan, name).await?);
	}
	let mut spec: Value = serde_json::from_slice(text).map_err(|error| odd(error.to_string()))?;
	let genesis = spec
		.pointer_mut("/genesis/runtimeGenesis/patch")
		.ok_or_else(|| odd("the specification has no genesis patch".into()))?;
	change
		.apply(genesis, &keys)
		.map_err(|flaw| odd(flaw.to_owned()))?;
	serde_json::to_vec(&spec).map_err(|error| odd(error.to_string()))
}

/// The operator and the session keys of a validator whose node runs on the keys of `name`.
async fn session_keys(plan: &Plan, name: &str) -> Result<(String, Value), SpawnError> {
	let mut uri = format!("//{name}");
	if let Some(first) = uri.get_mut(2..3) {
		first.make_ascii_uppercase();
	}
	let args = [
		"key",
		"inspect",
		"--scheme",
		"ed25519",
		"--output-type",
		"json",
		&uri,
	];
	let told = run(plan, &plan.programs.node, "inspecting a key", &args).await?;
	let told: Value = serde_json::from_slice(&told).unwrap_or_default();
	let keys = json!({"babe": address(&uri)?, "grandpa": told["ss58PublicKey"]});
	Ok((address(&format!("{uri}//stash"))?, keys))
}

async fn export(plan: &Plan, args: &[&str]) -> Result<Vec<u8>, SpawnError> {
	let args = [&["export-chain-spec", "--chain"], args].concat();
	run(plan, &plan.programs.node, "computing the genesis", &args).await
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SpawnError> {
	let write = || -> io::Result<()> {
		let temporary = path.with_extension("tmp");
		File::create(&temporary)?.write_all(bytes)?;
		fs::rename(&temporary, path)
	};
	write().map_err(|source| SpawnError::Directory {
		path: path.to_path_buf(),
		source,
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::plan::{Account, Miner, Programs};

	fn plan() -> Plan {
		let programs = Programs {
			node: "node".into(),
			worker: "worker".into(),
		};
		Plan::new(programs, "grid".into()).with_workers(2, 3)
	}

	fn local() -> Value {
		let alice = address("//Alice//stash").unwrap();
		let bob = address("//Bob//stash").unwrap();
		json!({
			"balances": {"balances": [[alice, 5], [bob, 6]]},
			"roleStaking": {"bonds": [[alice, "Validator", 1], [alice, "Miner", 2], [bob, "Validator", 3]]},
			"session": {"keys": [[alice, alice, {}], [bob, bob, {}]]},
			"audits": {"auditRate": 1_000_000_000},
		})
	}

	#[test]
	fn the_usual_grid_is_the_local_network() {
		assert!(Change::of(&plan()).unwrap().is_nothing());
	}

	#[test]
	fn a_third_miner_is_endowed_and_bonded_unless_the_plan_does_it() {
		let mut plan = plan();
		plan.miners.push(Miner::number(2));
		let change = Change::of(&plan).unwrap();
		let operator = address("//Miner2").unwrap();
		assert_eq!(change.bonds, [(operator.clone(), Role::Miner, MINER_BOND)]);
		assert_eq!(change.balances.len(), 2);
		plan.bonds.push(Bond {
			operator: "//Miner2".into(),
			role: Role::Miner,
			amount: 7,
		});
		let change = Change::of(&plan).unwrap();
		assert_eq!(change.bonds, [(operator, Role::Miner, 7)]);
	}

	#[test]
	fn balances_and_bonds_replace_those_of_the_network() {
		let mut plan = plan();
		plan.accounts.push(Account {
			uri: "//Alice//stash".into(),
			balance: 9,
		});
		plan.bonds.push(Bond {
			operator: "//Alice//stash".into(),
			role: Role::Miner,
			amount: 8,
		});
		plan.genesis = json!({"audits": {"auditRate": 3}});
		let mut genesis = local();
		let change = Change::of(&plan).unwrap();
		change.apply(&mut genesis, &[]).unwrap();
		let alice = address("//Alice//stash").unwrap();
		let bob = address("//Bob//stash").unwrap();
		assert_eq!(
			genesis["balances"]["balances"],
			json!([[bob, 6], [alice, 9]])
		);
		let bonds = json!([
			[alice, "Validator", 1],
			[bob, "Validator", 3],
			[alice, "Miner", 8]
		]);
		assert_eq!(genesis["roleStaking"]["bonds"], bonds);
		assert_eq!(genesis["audits"]["auditRate"], 3);
	}

	#[test]
	fn validators_come_and_go_with_their_bonds() {
		let mut plan = plan();
		plan.validators = 1;
		let mut genesis = local();
		let change = Change::of(&plan).unwrap();
		assert!(!change.is_nothing());
		change.apply(&mut genesis, &[]).unwrap();
		let bob = address("//Bob//stash").unwrap();
		assert_eq!(genesis["session"]["keys"].as_array().unwrap().len(), 1);
		assert!(!genesis["roleStaking"]["bonds"].to_string().contains(&bob));

		plan.validators = 3;
		let mut genesis = local();
		let keys = [("charlie".to_owned(), json!({"babe": "b"}))];
		let change = Change::of(&plan).unwrap();
		change.apply(&mut genesis, &keys).unwrap();
		assert_eq!(
			genesis["session"]["keys"][2],
			json!(["charlie", "charlie", {"babe": "b"}])
		);
		assert_eq!(genesis["roleStaking"]["bonds"][3][1], "Validator");
	}

	#[test]
	fn a_merge_patch_adds_replaces_and_removes() {
		// The example of RFC 7396, section 3.
		let mut value = json!({"title": "Goodbye!", "author": {"givenName": "John", "familyName": "Doe"},
			"tags": ["example", "sample"], "content": "This will be unchanged"});
		let patch = json!({"title": "Hello!", "phoneNumber": "+01-123-456-7890",
			"author": {"familyName": null}, "tags": ["example"]});
		merge(&mut value, &patch);
		let merged = json!({"title": "Hello!", "author": {"givenName": "John"}, "tags": ["example"],
			"content": "This will be unchanged", "phoneNumber": "+01-123-456-7890"});
		assert_eq!(value, merged);
	}

	#[test]
	fn few_specifications_are_kept() {
		let directory = tempfile::tempdir().unwrap();
		let spec = directory.path().join("spec");
		fs::write(&spec, "{}").unwrap();
		let kept = directory.path().join("kept");
		fs::create_dir(&kept).unwrap();
		for number in 0..KEPT + 4 {
			keep(&spec, &kept.join(format!("{number}.json"))).unwrap();
		}
		assert_eq!(fs::read_dir(&kept).unwrap().count(), KEPT);
		assert!(kept.join(format!("{}.json", KEPT + 3)).is_file());
	}
}

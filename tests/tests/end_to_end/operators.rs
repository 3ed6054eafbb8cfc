//! What operators do by hand on a grid that works: look how they stand, bond more, rotate a key.

use anyhow::{Context, Result, ensure};
use infergrid_chain::Key;
use infergrid_primitives::{AIT, Balance};
use infergrid_tests::{
	grid::Grid,
	process::{output_of, worker},
};
use serde_json::Value;
use std::{
	fs,
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	time::Duration,
};
use tokio::{process::Command, time::sleep};

const NEW_KEY: &str = "//Rotated";
const MORE: &str = "10";
/// Until the votes of a verifier that was stopped are not owed any more.
const LOOKS: u32 = 120;

/// Goes through the commands.
pub(crate) async fn work(grid: &Grid) -> Result<()> {
	let plan = grid.handle.plan();
	let (miner, verifier) = (&plan.miners[0].who, &plan.verifiers[0].who);

	let shown = status(grid, &miner.operator).await?;
	ensure!(
		shown["roles"]["miner"]["bond"]["active"] == (10_000 * AIT).to_string(),
		"{shown}"
	);
	ensure!(
		shown["offers"].as_array().map(Vec::len) == Some(1) && shown["safe_to_stop"] == false,
		"{shown}"
	);
	let worker = Key::from_uri(&miner.worker)?.address();
	ensure!(shown["workers"] == Value::from(vec![worker]), "{shown}");

	let shown = status(grid, &verifier.operator).await?;
	let profile = format!("0x{}", hex::encode(grid.profile));
	ensure!(
		shown["stands_for"] == Value::from(vec![profile]) && shown["safe_to_stop"] == false,
		"{shown}"
	);

	let before = bonded(&shown)?;

	let keys = tempfile::tempdir()?;
	let operator = key_file(keys.path(), "operator.key", &verifier.operator)?;
	let mut bond = command(grid)?;
	bond.args(["stake", "bond", "verifier", MORE, "--operator-key-file"]);
	bond.arg(&operator);
	output_of(bond).await?;
	let after = bonded(&status(grid, &verifier.operator).await?)?;
	ensure!(after == before + 10 * AIT, "{before}, then {after} plancks");

	grid.handle.stop(&verifier.name).await?;
	for _ in 0..LOOKS {
		let owed = status(grid, &verifier.operator).await?["votes_owed"].clone();
		if owed.as_array().is_some_and(Vec::is_empty) {
			break;
		}
		sleep(Duration::from_secs(1)).await;
	}
	let mut rotate = command(grid)?;
	rotate.args(["rotate-key", "--data"]);
	rotate.arg(grid.handle.directory().join("workers").join(&verifier.name));
	rotate.arg("--operator-key-file").arg(&operator);
	rotate.arg("--key-file");
	rotate.arg(key_file(keys.path(), "old.key", &verifier.worker)?);
	rotate.arg("--new-key-file");
	rotate.arg(key_file(keys.path(), "new.key", NEW_KEY)?);
	output_of(rotate).await?;
	let shown = status(grid, &verifier.operator).await?;
	let rotated = Key::from_uri(NEW_KEY)?.address();
	ensure!(shown["workers"] == Value::from(vec![rotated]), "{shown}");
	Ok(())
}

fn command(grid: &Grid) -> Result<Command> {
	let mut command = Command::new(worker()?);
	command.args(["--node", &grid.handle.rpc().join(",")]);
	Ok(command)
}

async fn status(grid: &Grid, operator: &str) -> Result<Value> {
	let mut command = command(grid)?;
	command.args(["status", &Key::from_uri(operator)?.address(), "--json"]);
	serde_json::from_slice(&output_of(command).await?).context("status")
}

/// What is bonded for verifying, whether it counts already or not.
fn bonded(shown: &Value) -> Result<Balance> {
	let active = &shown["roles"]["verifier"]["bond"]["active"];
	Ok(active.as_str().context("no bond")?.parse()?)
}

/// A file that only its owner reads.
fn key_file(directory: &Path, name: &str, uri: &str) -> Result<PathBuf> {
	let path = directory.join(name);
	fs::write(&path, uri)?;
	fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
	Ok(path)
}

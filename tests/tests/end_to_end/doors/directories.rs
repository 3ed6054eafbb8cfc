//! What programs refuse at their start: the data directory of a worker that runs, a chain that there is
//! not.

use anyhow::{Context, Result, ensure};
use infergrid_tests::{
	demo_model,
	grid::Grid,
	process::{node, worker},
};
use std::{fs, path::Path, process::Stdio};
use tokio::process::Command;

const WRONG_SETTINGS: i32 = 3;

/// Nobody can begin to work in the directory of a worker that runs.
pub(crate) async fn refuse(grid: &Grid) -> Result<()> {
	let mut tried = 0;
	for entry in fs::read_dir(grid.handle.directory().join("workers"))? {
		let directory = entry?.path();
		if directory.join("lock").exists() {
			tried += 1;
			refuses(&directory)
				.await
				.with_context(|| directory.display().to_string())?;
		}
	}
	ensure!(tried > 2, "only {tried} directories of workers were found");
	refuses_an_unknown_chain().await
}

async fn refuses_an_unknown_chain() -> Result<()> {
	let output = Command::new(node()?)
		.args(["--chain", "staging", "--tmp"])
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await?;
	let told = String::from_utf8_lossy(&output.stderr);
	ensure!(
		!output.status.success() && told.contains("give --chain dev, local, or the path"),
		"{told}"
	);
	Ok(())
}

async fn refuses(directory: &Path) -> Result<()> {
	let output = Command::new(worker()?)
		.args(["mine", "--key", "//Alice//worker", "--model"])
		.arg(demo_model())
		.arg("--data")
		.arg(directory)
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await?;
	let told = String::from_utf8_lossy(&output.stderr);
	ensure!(
		output.status.code() == Some(WRONG_SETTINGS),
		"{}: {told}",
		output.status
	);
	ensure!(
		told.contains("in use by another infergrid process"),
		"{told}"
	);
	Ok(())
}

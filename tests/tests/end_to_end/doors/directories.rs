//! The data directories of workers that run.

use anyhow::{Context, Result, ensure};
use infergrid_tests::{demo_model, grid::Grid, process::worker};
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

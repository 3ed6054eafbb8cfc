//! Programs of this workspace, and programs that run to their end.

use anyhow::{Context, Result, bail, ensure};
use std::{
	fs,
	path::{Path, PathBuf},
	process::Stdio,
};

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 30;

/// A program of this workspace: from the environment variable `variable`, or beside the running
/// test, where cargo puts both.
pub fn program(name: &str, variable: &str) -> Result<PathBuf> {
	if let Some(path) = std::env::var_os(variable) {
		return Ok(path.into());
	}
	let test = std::env::current_exe()?;
	let path = test
		.parent()
		.and_then(std::path::Path::parent)
		.context("cargo's directories")?
		.join(name);
	if !path.is_file() {
		bail!(
			"{} is missing: run `scripts/test` or `scripts/demo` first, which build it, or name the program in \
			 {variable}",
			path.display()
		);
	}
	Ok(path)
}

/// The worker.
pub fn worker() -> Result<PathBuf> {
	program("infergrid", "INFERGRID_PROGRAM")
}

/// The node.
pub fn node() -> Result<PathBuf> {
	program("infergrid-node", "INFERGRID_NODE_PROGRAM")
}

/// Runs a program to its end and gives what it wrote to its standard output; fails with its whole
/// output if it fails. It ends with the future.
pub async fn output_of(mut command: tokio::process::Command) -> Result<Vec<u8>> {
	let output = command
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await
		.with_context(|| format!("{command:?}"))?;
	ensure!(
		output.status.success(),
		"{command:?} failed ({}):\n{}\n{}",
		output.status,
		String::from_utf8_lossy(&output.stdout),
		String::from_utf8_lossy(&output.stderr)
	);
	Ok(output.stdout)
}

/// `npm ci` in `directory`, unless that was done. Tests that need it at once wait for each other.
pub async fn install_node_modules(directory: &Path) -> Result<()> {
	let lock = fs::File::open(directory.join("package.json"))?;
	let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
	let _lock = lock.await??;
	if directory.join("node_modules").is_dir() {
		return Ok(());
	}
	let mut npm = tokio::process::Command::new("npm");
	npm.args(["ci", "--no-audit", "--no-fund"])
		.current_dir(directory);
	output_of(npm).await.map(drop)
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
	let text = fs::read_to_string(log).unwrap_or_default();
	let lines: Vec<_> = text.lines().collect();
	let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
	format!("--- {}\n{}", log.display(), tail.join("\n"))
}

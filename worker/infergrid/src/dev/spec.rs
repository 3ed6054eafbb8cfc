//! The chain's specification with its genesis computed.
//!
//! A node that is given the name of a network compiles the runtime to compute the genesis, and again
//! to run it. The genesis follows from the executable, so it is computed once for each and kept.

use super::process::tail;
use crate::{blocking, failure::Failure};
use anyhow::{Context, anyhow};
use std::{
	fs::{self, File},
	io,
	path::{Path, PathBuf},
	process::Stdio,
	time::Duration,
};
use tokio::{process::Command, time::timeout};

const NETWORK: &str = "local";
/// On two busy cores it takes a minute.
const LIMIT: Duration = Duration::from_secs(300);

/// Writes the specification for `node` into `directory` and gives its path.
pub(super) async fn write(node: &Path, directory: &Path) -> Result<PathBuf, Failure> {
	let spec = directory.join("chain.json");
	let kept = kept(node).await?;
	if let Some(kept) = &kept
		&& fs::copy(kept, &spec).is_ok()
	{
		return Ok(spec);
	}
	tracing::info!("computing the genesis, once for this node");
	compute(node, directory, &spec).await?;
	if let Some(kept) = &kept
		&& let Err(error) = keep(&spec, kept)
	{
		tracing::debug!(%error, "the genesis is not kept for the next time");
	}
	Ok(spec)
}

/// Where the specification of this very executable is kept.
async fn kept(node: &Path) -> Result<Option<PathBuf>, Failure> {
	let Some(cache) = super::cache() else {
		return Ok(None);
	};
	let node = node.to_path_buf();
	let hash = blocking(move || -> io::Result<blake3::Hash> {
		let mut hasher = blake3::Hasher::new();
		io::copy(&mut File::open(&node)?, &mut hasher)?;
		Ok(hasher.finalize())
	});
	let hash = hash
		.await?
		.context("cannot read the node's executable")
		.map_err(Failure::config)?;
	let name = format!("{}-{NETWORK}.json", hash.to_hex());
	Ok(Some(cache.join("infergrid/specifications").join(name)))
}

fn keep(spec: &Path, kept: &Path) -> io::Result<()> {
	if let Some(parent) = kept.parent() {
		fs::create_dir_all(parent)?;
	}
	// Another grid may do the same now: whole files only.
	let temporary = kept.with_extension(format!("{}.tmp", std::process::id()));
	fs::copy(spec, &temporary)?;
	fs::rename(&temporary, kept)
}

async fn compute(node: &Path, directory: &Path, spec: &Path) -> Result<(), Failure> {
	let log = directory.join("logs").join("genesis.log");
	let open = |path: &Path| {
		File::create(path)
			.with_context(|| format!("cannot write {}", path.display()))
			.map_err(Failure::outside)
	};
	let unfinished = directory.join("chain.json.tmp");
	let child = Command::new(node)
		.args(["export-chain-spec", "--chain", NETWORK, "--raw"])
		.stdin(Stdio::null())
		.stdout(open(&unfinished)?)
		.stderr(open(&log)?)
		.kill_on_drop(true)
		.status();
	let status = timeout(LIMIT, child)
		.await
		.map_err(|_| Failure::outside(anyhow!("the node did not write its genesis in time")))?
		.with_context(|| format!("cannot start {}", node.display()))
		.map_err(Failure::outside)?;
	if !status.success() {
		return Err(Failure::outside(anyhow!(
			"the node cannot write its genesis ({status}):\n{}",
			tail(&log)
		)));
	}
	fs::rename(&unfinished, spec).map_err(Failure::outside)
}

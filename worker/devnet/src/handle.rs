//! A grid that stands.

use crate::{
	describe::{self, Whole},
	error::{Death, SpawnError},
	part::Part,
	plan::Plan,
	served::Served,
};
use futures::future::{join_all, select_all};
use infergrid_chain::Chain;
use std::path::{Path, PathBuf};

/// A running grid. Dropping it kills every process and gives every port back; [`Handle::shutdown`]
/// asks first.
#[derive(Debug)]
pub struct Handle {
	pub(crate) plan: Plan,
	pub(crate) chain: Chain,
	pub(crate) rpc: Vec<String>,
	pub(crate) gateways: Vec<String>,
	pub(crate) served: Vec<Served>,
	pub(crate) parts: Parts,
}

impl Handle {
	/// A connection to the chain through the first node that answers.
	pub fn chain(&self) -> &Chain {
		&self.chain
	}

	/// WebSocket addresses of the nodes.
	pub fn rpc(&self) -> &[String] {
		&self.rpc
	}

	/// HTTP addresses of the gateways.
	pub fn gateways(&self) -> &[String] {
		&self.gateways
	}

	/// The models, in the order of the plan.
	pub fn served(&self) -> &[Served] {
		&self.served
	}

	/// What it was built after.
	pub fn plan(&self) -> &Plan {
		&self.plan
	}

	/// The grid's directory.
	pub fn directory(&self) -> &Path {
		&self.plan.directory
	}

	/// The logs of all parts, by name.
	pub fn logs(&self) -> impl Iterator<Item = (&str, &Path)> {
		let parts = self.parts.0.iter();
		parts.map(|part| (part.program.name.as_str(), part.program.log.as_path()))
	}

	/// The content of `grid.json`.
	pub fn description(&self) -> String {
		describe::describe(&self.plan, &self.parts.0, Some(&self.whole()))
	}

	/// Waits until a part dies without being asked to. Cancelling loses nothing.
	pub async fn died(&self) -> Death {
		self.parts.died().await
	}

	/// Fails if a part has died without being asked to.
	pub async fn check(&self) -> Result<(), Death> {
		tokio::select! {
			biased;
			death = self.died() => Err(death),
			_ = std::future::ready(()) => Ok(()),
		}
	}

	/// Asks the part `name` to end, and kills it if it does not. Nothing if it is down.
	pub async fn stop(&self, name: &str) -> Result<(), SpawnError> {
		self.parts.named(name)?.stop().await;
		self.write_description()
	}

	/// Kills the part `name` without warning and waits until it is gone. Nothing if it is down.
	pub async fn crash(&self, name: &str) -> Result<(), SpawnError> {
		self.parts.named(name)?.crash().await;
		self.write_description()
	}

	/// Starts the part `name` again, which is down or dead, with the same arguments and ports. Does
	/// not wait until it is ready.
	pub fn restart(&self, name: &str) -> Result<(), SpawnError> {
		self.parts.named(name)?.restart()?;
		self.write_description()
	}

	/// Asks every part to end, those that need others before those, and kills who does not.
	pub async fn shutdown(self) {
		self.parts.stop().await;
	}

	fn whole(&self) -> Whole<'_> {
		Whole {
			genesis: self.chain.genesis(),
			rpc: &self.rpc,
			gateways: &self.gateways,
			served: &self.served,
		}
	}

	pub(crate) fn write_description(&self) -> Result<(), SpawnError> {
		write(&self.plan.directory, &self.description())
	}
}

/// Writes `grid.json`, whole or not at all.
pub(crate) fn write(directory: &Path, description: &str) -> Result<(), SpawnError> {
	let path: PathBuf = directory.join("grid.json");
	let temporary = directory.join("grid.json.tmp");
	std::fs::write(&temporary, description)
		.and_then(|()| std::fs::rename(&temporary, &path))
		.map_err(|source| SpawnError::Directory { path, source })
}

/// The parts in the order of their start. Dropping them kills all of them.
#[derive(Debug, Default)]
pub(crate) struct Parts(pub(crate) Vec<Part>);

impl Parts {
	pub(crate) async fn died(&self) -> Death {
		if self.0.is_empty() {
			return std::future::pending().await;
		}
		let deaths = self.0.iter().map(|part| Box::pin(part.died()));
		select_all(deaths).await.0
	}

	fn named(&self, name: &str) -> Result<&Part, SpawnError> {
		let mut parts = self.0.iter();
		parts
			.find(|part| part.program.name == name)
			.ok_or_else(|| SpawnError::NoPart(name.to_owned()))
	}

	/// Stops role after role, the last one first; within a role all at once.
	async fn stop(&self) {
		for tier in self.0.chunk_by(|a, b| a.role == b.role).rev() {
			join_all(tier.iter().map(Part::stop)).await;
		}
	}
}

impl Drop for Parts {
	fn drop(&mut self) {
		// All at once; each is waited for when it is dropped itself.
		self.0.iter().for_each(Part::condemn);
	}
}

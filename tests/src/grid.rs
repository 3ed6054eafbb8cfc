//! The private grid of a test, and what is to be read if the test fails.

use crate::{
	demo_model,
	keys::{CREATOR, ENDOWMENT, PAYERS, STRANGER_BOND, stranger},
	process::{node, tail, worker},
};
use anyhow::{Context, Result};
use infergrid_chain::{Chain, Key, Submitter};
use infergrid_checkpoint::{Checkpoint, manifest_of};
use infergrid_devnet::{Account, Bond, Handle, INHERITED, Model, Plan, Programs, spawn};
use infergrid_primitives::{
	AIT, Hash,
	market::{Price, Role},
	model::{Arithmetic, Profile, ProofParams, model_id},
};
use std::{
	ffi::OsString,
	fs,
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

/// For everything to stand; several grids may start at once on two cores.
const START: Duration = Duration::from_secs(600);
/// The name under which the demo model is registered.
pub const MODEL_NAME: &str = "infergrid-demo";
const LEAST_SPEED: u32 = 20;
const PRICE: Price = Price {
	input: AIT / 10,
	output: AIT / 5,
};

/// What a grid consists of.
#[derive(Clone, Debug)]
pub struct Setup {
	/// Honest miners.
	pub miners: usize,
	/// Tasks that each of them takes at the same time, if not what it finds right.
	pub capacity: Option<u32>,
	/// Verifiers.
	pub verifiers: usize,
	/// Whether there is a gateway.
	pub gateway: bool,
	/// Dishonest operators who are bonded at genesis, and whose miners run inside the test. Without
	/// an offer they take no part.
	pub strangers: usize,
}

impl Default for Setup {
	fn default() -> Self {
		Self {
			miners: 2,
			capacity: None,
			verifiers: 3,
			gateway: true,
			strangers: 0,
		}
	}
}

impl Setup {
	/// The plan of such a grid with the demo model, in `directory`.
	pub fn plan(&self, directory: PathBuf) -> Result<Plan> {
		let programs = Programs {
			node: node()?,
			worker: worker()?,
		};
		let mut plan = Plan::new(programs, directory).with_workers(self.miners, self.verifiers);
		if !self.gateway {
			plan.gateways.clear();
		}
		for miner in &mut plan.miners {
			miner.capacity = self.capacity;
		}
		plan.cache = cache();
		plan.environment = INHERITED
			.iter()
			.filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
			.collect();
		plan.deadline = START;
		plan.models = vec![Model {
			directory: demo_model(),
			name: MODEL_NAME.into(),
			creator: CREATOR.into(),
			royalty: 20,
			price: PRICE,
			licence: "Apache-2.0".into(),
			min_tokens_per_second: LEAST_SPEED,
			context: None,
		}];
		let strangers: Vec<_> = (0..self.strangers).map(stranger).collect();
		let keys = strangers
			.iter()
			.flat_map(|who| [&who.operator, &who.worker]);
		let payers = PAYERS.map(str::to_owned);
		plan.accounts = keys
			.chain(&payers)
			.map(|uri| Account {
				uri: uri.clone(),
				balance: ENDOWMENT,
			})
			.collect();
		plan.bonds = strangers
			.into_iter()
			.map(|who| Bond {
				operator: who.operator,
				role: Role::Miner,
				amount: STRANGER_BOND,
			})
			.collect();
		Ok(plan)
	}
}

/// A running grid. Dropping it ends every process.
#[derive(Debug)]
pub struct Grid {
	/// Its processes.
	pub handle: Handle,
	/// The profile of the demo model.
	pub profile: Hash,
	/// What it says.
	pub terms: Profile,
	name: String,
	started: Instant,
	directory: Directory,
}

/// Where a grid keeps everything, deleted if nothing failed.
#[derive(Debug)]
struct Directory {
	path: PathBuf,
	keep: bool,
}

impl Grid {
	/// Starts a grid and waits until every part is ready. `name` tells it from others in what is
	/// printed.
	pub async fn start(name: &str, setup: &Setup) -> Result<Self> {
		Self::with(name, |directory| setup.plan(directory)).await
	}

	/// Starts the grid that `plan` makes for a directory.
	pub async fn with(name: &str, plan: impl FnOnce(PathBuf) -> Result<Plan>) -> Result<Self> {
		let started = Instant::now();
		let path = tempfile::Builder::new()
			.prefix(&format!("infergrid-test-{name}-"))
			.tempdir()?
			.keep();
		let mut directory = Directory { path, keep: true };
		let handle = spawn(plan(directory.path.clone())?).await?;
		let profile = handle.served().first().context("a model")?.profile;
		let view = handle.chain().latest().await?;
		let terms = view.profile(&profile).await?;
		directory.keep = false;
		let grid = Self {
			profile,
			terms: terms.context("the profile is not on chain")?,
			handle,
			name: name.into(),
			started,
			directory,
		};
		grid.say("the grid is ready");
		Ok(grid)
	}

	/// The gateway's address; empty where there is none.
	pub fn gateway_url(&self) -> &str {
		self.handle.gateways().first().map_or("", String::as_str)
	}

	/// A connection to the chain.
	pub fn chain(&self) -> &Chain {
		self.handle.chain()
	}

	/// Submits calls of the key `uri`, which nobody else may use.
	pub fn submitter(&self, uri: &str) -> Result<Submitter> {
		Ok(Submitter::new(self.chain().clone(), Key::from_uri(uri)?))
	}

	/// Prints what has happened, and when.
	pub fn say(&self, what: &str) {
		println!(
			"{:>5.0} s  {}: {what}",
			self.started.elapsed().as_secs_f64(),
			self.name
		);
	}

	/// Ends the grid with the result of a test on it: an error carries the ends of all logs, which
	/// stay. A process that has ended by itself is an error.
	pub async fn end(mut self, result: Result<()>) -> Result<()> {
		let alive = self.handle.check().await.map_err(anyhow::Error::from);
		let Err(error) = result.and(alive) else {
			self.say("passed");
			return Ok(());
		};
		self.say("failed");
		self.directory.keep = true;
		let tails: Vec<_> = self.handle.logs().map(|(_, log)| tail(log)).collect();
		Err(error.context(tails.join("\n")))
	}
}

impl Drop for Directory {
	fn drop(&mut self) {
		if self.keep {
			println!("the grid's logs are in {}", self.path.display());
		} else {
			let _ = fs::remove_dir_all(&self.path);
		}
	}
}

/// What can be computed again, shared with `infergrid dev`.
pub fn cache() -> Option<PathBuf> {
	let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
	std::env::var_os("XDG_CACHE_HOME")
		.map(PathBuf::from)
		.or_else(home)
		.map(|cache| cache.join("infergrid"))
}

/// The demo model's profile in the test grid, for tests without one.
pub fn profile(model: &Path) -> Result<Profile> {
	let config = Checkpoint::open(model)?.config;
	let manifest = manifest_of(model, &config, "unknown")?;
	Ok(Profile {
		model: model_id(&Key::from_uri(CREATOR)?.public(), &manifest.id()),
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::F32,
		calibration: ProofParams::F32.uncalibrated(),
		context: config.context as u32,
		min_tokens_per_second: LEAST_SPEED,
		reference_input: PRICE.input,
		reference_output: PRICE.output,
	})
}

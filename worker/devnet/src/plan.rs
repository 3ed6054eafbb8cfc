//! What a grid consists of.

use crate::error::SpawnError;
use infergrid_chain::Key;
use infergrid_primitives::{
	Balance,
	market::{Price, Role},
};
use serde_json::Value;
use std::{collections::HashSet, ffi::OsString, path::PathBuf, time::Duration};

/// Of the caller's environment, parts of a grid need these and no more.
pub const INHERITED: [&str; 8] = [
	"PATH",
	"HOME",
	"LANG",
	"TMPDIR",
	"LD_LIBRARY_PATH",
	"CUDA_VISIBLE_DEVICES",
	"RUST_BACKTRACE",
	"RAYON_NUM_THREADS",
];

/// Validators that the node's command line knows by name.
pub(crate) const VALIDATORS: [&str; 6] = ["alice", "bob", "charlie", "dave", "eve", "ferdie"];

/// A whole grid. [`Plan::new`] gives one without workers; fill in what is wanted.
#[derive(Clone, Debug)]
pub struct Plan {
	/// What to run.
	pub programs: Programs,
	/// Everything of the grid: logs, data, `grid.json`. Kept; a second grid in it goes on with the
	/// chain of the first.
	pub directory: PathBuf,
	/// What can be computed again, shared with other grids: chain specifications and claims on ports.
	pub cache: Option<PathBuf>,
	/// The environment of every part.
	pub environment: Vec<(OsString, OsString)>,
	/// What the workers log.
	pub log: String,
	/// Which ports to use.
	pub ports: PortChoice,
	/// How long the whole grid may take until it stands.
	pub deadline: Duration,
	/// Nodes that make blocks, 1 to 6. All are needed for finality if there are fewer than 4.
	pub validators: usize,
	/// Accounts that own something at genesis, besides those that the local network knows.
	pub accounts: Vec<Account>,
	/// Bonds at genesis, besides those of the local network and of the planned operators. An operator
	/// that is bonded here needs no process.
	pub bonds: Vec<Bond>,
	/// What else the genesis says: a JSON merge patch on that of the local network. A null removes.
	pub genesis: Value,
	/// What is served.
	pub models: Vec<Model>,
	/// Who answers.
	pub miners: Vec<Miner>,
	/// Who checks.
	pub verifiers: Vec<Verifier>,
	/// Who pays.
	pub gateways: Vec<Gateway>,
}

/// The executables.
#[derive(Clone, Debug)]
pub struct Programs {
	/// `infergrid-node`.
	pub node: PathBuf,
	/// `infergrid`.
	pub worker: PathBuf,
}

/// Which ports to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChoice {
	/// The usual ones, each replaced by a free one where it is taken.
	Usual,
	/// These from the first one upwards; taken ones are an error.
	From(u16),
	/// Any free ones.
	Free,
}

/// An account at genesis.
#[derive(Clone, Debug)]
pub struct Account {
	/// Its secret URI.
	pub uri: String,
	/// What it owns, in plancks.
	pub balance: Balance,
}

/// A bond at genesis.
#[derive(Clone, Debug)]
pub struct Bond {
	/// The operator's secret URI.
	pub operator: String,
	/// For what.
	pub role: Role,
	/// How much, in plancks.
	pub amount: Balance,
}

/// A model and the profile under which it is published.
#[derive(Clone, Debug)]
pub struct Model {
	/// Its directory.
	pub directory: PathBuf,
	/// The name by which clients ask for it.
	pub name: String,
	/// Its creator's secret URI.
	pub creator: String,
	/// Percent of each fee for the creator.
	pub royalty: u8,
	/// The reference price, in plancks per 1,000 tokens.
	pub price: Price,
	/// SPDX identifier.
	pub licence: String,
	/// Tokens per second that a miner must reach; deadlines follow from it.
	pub min_tokens_per_second: u32,
	/// Longest prompt plus answer in tokens, if not the model's context.
	pub context: Option<u32>,
}

/// Who is behind a worker, as secret URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
	/// Names the part, its log and its directory.
	pub name: String,
	/// The key that holds the bond.
	pub operator: String,
	/// The key that acts for it.
	pub worker: String,
}

/// What a part is given beyond what every grid gives it.
#[derive(Clone, Debug, Default)]
pub struct Extra {
	/// Flags.
	pub args: Vec<String>,
	/// Variables.
	pub environment: Vec<(OsString, OsString)>,
}

/// A miner.
#[derive(Clone, Debug)]
pub struct Miner {
	/// Who runs it.
	pub who: Operator,
	/// Which of [`Plan::models`] it serves.
	pub model: usize,
	/// Its price, if not the reference price.
	pub price: Option<Price>,
	/// Tasks that it takes at a time, if not what it finds right.
	pub capacity: Option<u32>,
	/// What else.
	pub extra: Extra,
}

/// A verifier.
#[derive(Clone, Debug)]
pub struct Verifier {
	/// Who runs it.
	pub who: Operator,
	/// Which of [`Plan::models`] it stands for.
	pub model: usize,
	/// What else.
	pub extra: Extra,
}

/// A gateway. It serves every model.
#[derive(Clone, Debug)]
pub struct Gateway {
	/// Names the part, its log and its directory.
	pub name: String,
	/// The payer's secret URI.
	pub payer: String,
	/// What else.
	pub extra: Extra,
}

impl Plan {
	/// Two validators and nothing else, in `directory`.
	pub fn new(programs: Programs, directory: PathBuf) -> Self {
		Self {
			programs,
			directory,
			cache: None,
			environment: Vec::new(),
			log: "warn,infergrid=info".into(),
			ports: PortChoice::Free,
			deadline: Duration::from_secs(600),
			validators: 2,
			accounts: Vec::new(),
			bonds: Vec::new(),
			genesis: Value::Null,
			models: Vec::new(),
			miners: Vec::new(),
			verifiers: Vec::new(),
			gateways: Vec::new(),
		}
	}

	/// Adds `miners` miners and `verifiers` verifiers of the first model, and a gateway.
	pub fn with_workers(mut self, miners: usize, verifiers: usize) -> Self {
		self.miners = (0..miners).map(Miner::number).collect();
		self.verifiers = (0..verifiers).map(Verifier::number).collect();
		self.gateways = vec![Gateway::named("gateway")];
		self
	}

	/// Whether the plan can be carried out at all.
	pub(crate) fn check(&self) -> Result<(), SpawnError> {
		let flaw = |flaw: String| Err(SpawnError::Plan(flaw));
		if !(1..=VALIDATORS.len()).contains(&self.validators) {
			let most = VALIDATORS.len();
			return flaw(format!("{} validators; take 1 to {most}", self.validators));
		}
		for program in [&self.programs.node, &self.programs.worker] {
			if !program.is_file() {
				return Err(SpawnError::NoProgram {
					path: program.clone(),
				});
			}
		}
		let models = self.miners.iter().map(|miner| (&miner.who, miner.model));
		let models = models.chain(self.verifiers.iter().map(|part| (&part.who, part.model)));
		for (who, model) in models {
			if model >= self.models.len() {
				return flaw(format!("{} serves a model that is not planned", who.name));
			}
		}
		if !self.gateways.is_empty() && self.models.is_empty() {
			return flaw("a gateway without a model".into());
		}
		let mut names = HashSet::new();
		for name in self.names() {
			if !names.insert(name) {
				return flaw(format!("two parts are named {name}"));
			}
		}
		Ok(())
	}

	fn names(&self) -> impl Iterator<Item = &str> {
		let validators = VALIDATORS.iter().copied().take(self.validators);
		let miners = self.miners.iter().map(|miner| miner.who.name.as_str());
		let verifiers = self.verifiers.iter().map(|part| part.who.name.as_str());
		let gateways = self.gateways.iter().map(|gateway| gateway.name.as_str());
		validators.chain(miners).chain(verifiers).chain(gateways)
	}
}

/// The key of a secret URI in the plan.
pub(crate) fn key(uri: &str) -> Result<Key, SpawnError> {
	Key::from_uri(uri).map_err(|source| SpawnError::Key {
		uri: uri.to_owned(),
		source,
	})
}

impl Operator {
	/// The operator of miner `number`, from 0. The first two have their bonds from the local network.
	pub fn miner(number: usize) -> Self {
		let (operator, worker) = match number {
			0 => ("//Alice//stash".into(), "//Alice//worker".into()),
			1 => ("//Bob//stash".into(), "//Bob//worker".into()),
			_ => (
				format!("//Miner{number}"),
				format!("//Miner{number}//worker"),
			),
		};
		Self {
			name: format!("miner-{}", number + 1),
			operator,
			worker,
		}
	}

	/// The operator of verifier `number`, from 0. The first three have their bonds from the local
	/// network.
	pub fn verifier(number: usize) -> Self {
		let operator = match ["//Charlie", "//Dave", "//Eve"].get(number) {
			Some(name) => (*name).into(),
			None => format!("//Verifier{number}"),
		};
		Self {
			name: format!("verifier-{}", number + 1),
			worker: format!("{operator}//worker"),
			operator,
		}
	}
}

impl Miner {
	/// Miner `number` of the first model.
	pub fn number(number: usize) -> Self {
		Self {
			who: Operator::miner(number),
			model: 0,
			price: None,
			capacity: None,
			extra: Extra::default(),
		}
	}
}

impl Verifier {
	/// Verifier `number` of the first model.
	pub fn number(number: usize) -> Self {
		Self {
			who: Operator::verifier(number),
			model: 0,
			extra: Extra::default(),
		}
	}
}

impl Gateway {
	/// The gateway that the local network's `//Gateway` pays for.
	pub fn named(name: &str) -> Self {
		Self {
			name: name.into(),
			payer: "//Gateway".into(),
			extra: Extra::default(),
		}
	}
}

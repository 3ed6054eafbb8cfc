//! What each subcommand does.

use crate::{
	chain_spec,
	cli::{Cli, Subcommand},
	service, types,
	watch::{Disk, Full},
};
use infergrid_runtime::opaque::Block;
use polkadot_sdk::{
	sc_cli::{self, SubstrateCli},
	sc_consensus_babe, sc_consensus_grandpa,
	sc_network::config::NetworkBackendType,
	sc_service::ChainSpec,
	*,
};
use std::{
	path::{Path, PathBuf},
	process::ExitCode,
};

/// Why the program ends otherwise than in success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
	/// The disk has no space. Another try may find some.
	#[error(transparent)]
	Full(#[from] Full),
	#[error(transparent)]
	Other(#[from] sc_cli::Error),
}

impl Failure {
	/// What the process ends with: 75, a temporary failure in `sysexits.h`, or 1.
	pub(crate) fn exit_code(&self) -> ExitCode {
		ExitCode::from(match self {
			Self::Full(_) => 75,
			Self::Other(_) => 1,
		})
	}
}

/// What `--chain` takes.
const CHAINS: &str = "give --chain dev, local, or the path of a chain specification";

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"Infergrid Node".into()
	}

	fn impl_version() -> String {
		env!("SUBSTRATE_CLI_IMPL_VERSION").into()
	}

	fn description() -> String {
		env!("CARGO_PKG_DESCRIPTION").into()
	}

	fn author() -> String {
		env!("CARGO_PKG_AUTHORS").into()
	}

	fn support_url() -> String {
		String::new()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
		Ok(match id {
			"dev" => Box::new(chain_spec::development()?),
			"local" => Box::new(chain_spec::local()?),
			chain_spec::LIVE => Box::new(chain_spec::live()?),
			"" => return Err(format!("which chain? {CHAINS}")),
			path if Path::new(path).exists() => {
				Box::new(chain_spec::ChainSpec::from_json_file(PathBuf::from(path))?)
			}
			unknown => {
				return Err(format!(
					"there is no chain and no file `{unknown}`: {CHAINS}"
				));
			}
		})
	}
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> Result<(), Failure> {
	let cli = Cli::from_args();
	match &cli.subcommand {
		None => run_node(&cli),
		Some(subcommand) => Ok(run_subcommand(&cli, subcommand)?),
	}
}

fn run_subcommand(cli: &Cli, subcommand: &Subcommand) -> sc_cli::Result<()> {
	match subcommand {
		Subcommand::Key(cmd) => cmd.run(cli),
		#[allow(deprecated)]
		Subcommand::BuildSpec(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.sync_run(|config| cmd.run(config.chain_spec, config.network))
		}
		Subcommand::ExportChainSpec(cmd) => cmd.run(cli.load_spec(&cmd.chain)?),
		Subcommand::CheckBlock(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.async_run(|config| {
				let parts = service::new_partial(&config)?;
				Ok((
					cmd.run(parts.client, parts.import_queue),
					parts.task_manager,
				))
			})
		}
		Subcommand::ExportBlocks(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.async_run(|config| {
				let parts = service::new_client(&config)?;
				Ok((cmd.run(parts.client, config.database), parts.task_manager))
			})
		}
		Subcommand::ExportState(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.async_run(|config| {
				let parts = service::new_client(&config)?;
				Ok((cmd.run(parts.client, config.chain_spec), parts.task_manager))
			})
		}
		Subcommand::ImportBlocks(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.async_run(|config| {
				let parts = service::new_partial(&config)?;
				Ok((
					cmd.run(parts.client, parts.import_queue),
					parts.task_manager,
				))
			})
		}
		Subcommand::PurgeChain(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.sync_run(|config| cmd.run(config.database))
		}
		Subcommand::Revert(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.async_run(|config| {
				let parts = service::new_client(&config)?;
				let consensus_state =
					Box::new(|client: std::sync::Arc<types::Client>, backend, blocks| {
						sc_consensus_babe::revert(client.clone(), backend, blocks)?;
						sc_consensus_grandpa::revert(client, blocks)?;
						Ok(())
					});
				Ok((
					cmd.run(parts.client, parts.backend, Some(consensus_state)),
					parts.task_manager,
				))
			})
		}
		Subcommand::ChainInfo(cmd) => {
			let runner = cli.create_runner(cmd)?;
			runner.sync_run(|config| cmd.run::<Block>(&config))
		}
		#[cfg(feature = "runtime-benchmarks")]
		Subcommand::Benchmark(cmd) => benchmark(cli, cmd),
	}
}

fn run_node(cli: &Cli) -> Result<(), Failure> {
	if cli.run.shared_params.chain.as_deref() == Some(chain_spec::LIVE) {
		return Err(Failure::Other(
			"`live` is a template without validators: write it to a file by `export-chain-spec --chain live`, \
		            put accounts, bonds, session keys and a sudo key in, and run --chain with that file"
				.into(),
		));
	}
	let runner = cli.create_runner(&cli.run)?;
	let disk = Disk::new(runner.config().base_path.path(), cli.disk_reserve);
	disk.check()?;
	let watched = disk.clone();
	let ended = runner.run_node_until_exit(|config| async move {
		match config.network.network_backend {
			NetworkBackendType::Libp2p => service::new_full::<
				sc_network::NetworkWorker<Block, <Block as sp_runtime::traits::Block>::Hash>,
			>(config, watched),
			NetworkBackendType::Litep2p => {
				service::new_full::<sc_network::Litep2pNetworkBackend>(config, watched)
			}
		}
		.map_err(sc_cli::Error::Service)
	});
	// A disk that is full ends the node in many ways, of which none names it.
	ended.map_err(|error| disk.check().err().map_or(error.into(), Failure::Full))
}

#[cfg(feature = "runtime-benchmarks")]
fn benchmark(cli: &Cli, cmd: &frame_benchmarking_cli::BenchmarkCmd) -> sc_cli::Result<()> {
	use frame_benchmarking_cli::{BenchmarkCmd, SUBSTRATE_REFERENCE_HARDWARE};
	use sp_runtime::traits::HashingFor;

	let runner = cli.create_runner(cmd)?;
	runner.sync_run(|config| match cmd {
		BenchmarkCmd::Pallet(cmd) => {
			cmd.run_with_spec::<HashingFor<Block>, sp_io::SubstrateHostFunctions>(Some(config.chain_spec))
		},
		BenchmarkCmd::Machine(cmd) => cmd.run(&config, SUBSTRATE_REFERENCE_HARDWARE.clone()),
		BenchmarkCmd::Block(_)
		| BenchmarkCmd::Storage(_)
		| BenchmarkCmd::Overhead(_)
		| BenchmarkCmd::Extrinsic(_) => Err(
			"this node benchmarks pallets and machines only: use `benchmark pallet` or `benchmark machine`".into(),
		),
	})
}

//! The command line.

use clap::{Arg, Command};
use polkadot_sdk::sc_cli;

const CHAIN_HELP: &str = "Chain to be part of: the path of a chain specification; dev or local for a private one; live for the \
	 template of a public one, which can only be exported";

fn chain_help(chain: Arg) -> Arg {
	chain.help(CHAIN_HELP).long_help(CHAIN_HELP)
}

fn with_chain_help(command: Command) -> Command {
	let named = |command: &Command| command.get_arguments().any(|arg| arg.get_id() == "chain");
	if named(&command) {
		command.mut_arg("chain", chain_help)
	} else {
		command
	}
}

/// Arguments of the binary: a subcommand, or those of a running node.
#[derive(Debug, clap::Parser)]
// The library's own help names a chain that there is not.
#[command(mut_arg("chain", chain_help), mut_subcommands(with_chain_help))]
pub(crate) struct Cli {
	#[command(subcommand)]
	pub(crate) subcommand: Option<Subcommand>,

	#[clap(flatten)]
	pub(crate) run: sc_cli::RunCmd,

	/// The space that stays free on the database's disk: with less a node ends, and does not start;
	/// with less than four times as much it says so. 0 does not look.
	#[arg(long, value_name = "MiB", default_value_t = 256)]
	pub(crate) disk_reserve: u64,
}

/// What the binary does besides running a node.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
	/// Generate, inspect and insert keys.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

	/// Write the chain specification of a network; `export-chain-spec` is its successor.
	BuildSpec(sc_cli::BuildSpecCmd),

	/// Write the chain specification of a network.
	ExportChainSpec(sc_cli::ExportChainSpecCmd),

	/// Validate blocks of the database again.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Export blocks.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Import blocks.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Export the state of a block as a chain specification.
	ExportState(sc_cli::ExportStateCmd),

	/// Remove the whole chain.
	PurgeChain(sc_cli::PurgeChainCmd),

	/// Revert the chain to an earlier state.
	Revert(sc_cli::RevertCmd),

	/// Show the chain's meta data.
	ChainInfo(sc_cli::ChainInfoCmd),

	/// Measure the runtime's pallets and the machine.
	#[cfg(feature = "runtime-benchmarks")]
	#[command(subcommand)]
	Benchmark(polkadot_sdk::frame_benchmarking_cli::BenchmarkCmd),
}

//! The command line.

use polkadot_sdk::sc_cli;

/// The library's own text names a network that this program does not know.
const CHAIN_HELP: &str =
	"Network to join: `dev`, `local` (the default), or the path of a chain specification";

/// Arguments of the binary: a subcommand, or those of a running node.
#[derive(Debug, clap::Parser)]
#[command(mut_arg("chain", |chain| chain.help(CHAIN_HELP).long_help(CHAIN_HELP)))]
pub(crate) struct Cli {
	#[command(subcommand)]
	pub(crate) subcommand: Option<Subcommand>,

	#[clap(flatten)]
	pub(crate) run: sc_cli::RunCmd,
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

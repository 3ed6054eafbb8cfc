//! `infergrid-node`: makes, finalizes and serves the blocks of the Infergrid chain.

mod chain_spec;
mod cli;
mod command;
mod rpc;
mod service;

fn main() -> polkadot_sdk::sc_cli::Result<()> {
	command::run()
}

//! `infergrid-node`: makes, finalizes and serves the blocks of the Infergrid chain.

#![allow(
	clippy::result_large_err,
	reason = "the SDK's errors, one at most in a process's life"
)]

mod chain_spec;
mod cli;
mod command;
mod rpc;
mod service;
mod types;

fn main() -> polkadot_sdk::sc_cli::Result<()> {
	command::run()
}

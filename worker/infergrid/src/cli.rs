//! The command line itself.

use crate::{
	bench, chat,
	context::Context,
	dev,
	failure::Failure,
	gateway, mine, model, rotate_key,
	settings::{Common, CommonArgs, File, LogFormat},
	stake, status, verify,
};
use anyhow::anyhow;
use clap::{Parser, Subcommand};
use infergrid_telemetry::start_logs;
use std::{ffi::OsString, future::Future, process::ExitCode, time::Duration};
use tokio::signal;
use tokio_util::sync::CancellationToken;

const EXAMPLES: &str = "\
Examples:
  infergrid dev                         a whole private grid on this machine
  infergrid dev --once                  ask one question, wait for settlement and audit
  infergrid chat --url http://127.0.0.1:8080
  infergrid model check DIR --reference DIR/reference.safetensors
  infergrid mine --key-file worker.key --operator-key-file operator.key --model DIR

Exit codes: 0 done, 1 something outside failed, 2 wrong usage, 3 wrong settings,
4 the answer is no, 70 a bug, 130 cut off by a second Ctrl-C";

/// An open market for AI inference.
#[derive(Debug, Parser)]
#[command(name = "infergrid", version, after_help = EXAMPLES)]
struct Cli {
	#[command(flatten)]
	common: CommonArgs,
	#[command(subcommand)]
	command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
	/// Compute answers for money
	Mine(mine::MineArgs),
	/// Check other miners' answers
	Verify(verify::VerifyArgs),
	/// Serve the OpenAI API and pay miners for it
	Gateway(gateway::GatewayArgs),
	/// Talk to a model through a gateway
	Chat(chat::ChatArgs),
	/// Look at a model, check it, publish it
	Model(model::ModelArgs),
	/// Bond, unbond, pair worker keys, show what is bonded
	Stake(stake::StakeArgs),
	/// Show how an operator stands, and whether it is safe to stop
	Status(status::StatusArgs),
	/// Give a stopped worker another key
	RotateKey(rotate_key::RotateArgs),
	/// Run a whole private grid on this machine
	Dev(dev::DevArgs),
	/// Measure this machine
	Bench(bench::BenchArgs),
}

/// Runs the command line `args` and gives its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
	let cli = match Cli::try_parse_from(args) {
		Ok(cli) => cli,
		Err(error) => {
			let code = u8::try_from(error.exit_code()).unwrap_or(2);
			let _ = error.print();
			return ExitCode::from(code);
		}
	};
	match start(cli) {
		Ok(()) => ExitCode::SUCCESS,
		Err(failure) => {
			use std::io::Write;
			let _ = writeln!(std::io::stderr(), "error: {failure}");
			failure.code()
		}
	}
}

fn start(cli: Cli) -> Result<(), Failure> {
	let file = File::read(cli.common.config.as_deref())?;
	let mut common = Common::merge(&cli.common, &file);
	if let Command::Bench(_) = &cli.command {
		// Its own gateway's requests would bury the table.
		common.log.push_str(",infergrid_gateway=warn");
	}
	start_logs(&common.log, common.log_format == LogFormat::Json).map_err(Failure::config)?;
	let context = Context {
		common,
		file,
		show_settings: cli.common.show_settings,
		stop: CancellationToken::new(),
	};
	let runtime = tokio::runtime::Builder::new_multi_thread()
		.enable_all()
		.build()
		.map_err(|error| Failure::internal(anyhow!(error).context("cannot start the runtime")))?;
	let result = runtime.block_on(async {
		let stop = context.stop.clone();
		tokio::select! {
			result = dispatch(cli.command, context) => result,
			failure = on_signals(stop) => Err(failure),
		}
	});
	// Threads that a library keeps busy may not hold the process back.
	runtime.shutdown_timeout(Duration::from_secs(2));
	result
}

async fn dispatch(command: Command, context: Context) -> Result<(), Failure> {
	let stop = context.stop.clone();
	match command {
		Command::Mine(args) => mine::run(args, context).await,
		Command::Verify(args) => verify::run(args, context).await,
		Command::Gateway(args) => gateway::run(args, context).await,
		Command::Chat(args) => chat::run(args, context).await,
		Command::Model(args) => or_interrupted(stop, model::run(args, context)).await,
		Command::Stake(args) => or_interrupted(stop, stake::run(args, context)).await,
		Command::Status(args) => or_interrupted(stop, status::run(args, context)).await,
		Command::RotateKey(args) => or_interrupted(stop, rotate_key::run(args, context)).await,
		Command::Dev(args) => dev::run(args, context).await,
		Command::Bench(args) => or_interrupted(stop, bench::run(args, context)).await,
	}
}

/// Runs a command that has nothing to tidy up until it ends or a signal comes.
async fn or_interrupted(
	stop: CancellationToken,
	command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
	tokio::select! {
		result = command => result,
		_ = stop.cancelled() => Err(Failure::outside(anyhow!("interrupted"))),
	}
}

/// The first signal asks the command to stop; the second ends the process at once. Ends only if
/// signals cannot be received.
async fn on_signals(stop: CancellationToken) -> Failure {
	if let Err(error) = signalled().await {
		return Failure::internal(anyhow!(error).context("cannot receive signals"));
	}
	tracing::info!("stopping; press Ctrl-C again to cut off");
	stop.cancel();
	match signalled().await {
		Err(error) => Failure::internal(anyhow!(error).context("cannot receive signals")),
		Ok(()) => {
			infergrid_devnet::kill_leftovers();
			#[expect(
				clippy::exit,
				reason = "told twice to stop: nothing else is waited for"
			)]
			std::process::exit(130)
		}
	}
}

#[cfg(unix)]
async fn signalled() -> std::io::Result<()> {
	let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
	tokio::select! {
		result = signal::ctrl_c() => result,
		_ = terminate.recv() => Ok(()),
	}
}

#[cfg(not(unix))]
async fn signalled() -> std::io::Result<()> {
	signal::ctrl_c().await
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::CommandFactory;

	#[test]
	fn the_command_line_is_consistent() {
		Cli::command().debug_assert();
	}
}

//! The command line of infergrid: `mine`, `verify`, `gateway`, `chat`, `model`, `dev`, `bench`.
//!
//! The library joins the crates that do the work; each command is a module with its flags, its
//! settings and a `run`. The standard output carries a command's result, the standard error its
//! logs. Exit codes: 0 done, 1 something outside failed, 2 wrong usage, 3 wrong settings, 4 the
//! answer is no, 70 a bug in this program, 130 cut off by a second Ctrl-C.

mod bench;
mod chat;
mod cli;
mod context;
mod dev;
mod engine;
mod failure;

mod gateway;

mod market;
mod mine;
mod model;
mod output;

mod rotate_key;
mod settings;
mod stake;
mod status;
mod verify;
mod worker;

pub use cli::run;

/// Runs long computation off the threads that serve everything else.
async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, failure::Failure> {
	tokio::task::spawn_blocking(work).await.map_err(|error| {
		failure::Failure::internal(anyhow::anyhow!("a computation crashed: {error}"))
	})
}

//! The journal from async code: off its threads, and patient with a disk that is full.

use crate::{Journal, JournalError};
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Journal {
	/// Does `work` on a thread that may block. As long as the disk refuses, and may not refuse for
	/// good, it is done again, without an end: who cannot wait drops the future, which leaves at most
	/// the try that is under way.
	pub async fn run<T: Send + 'static>(
		&self,
		work: impl Fn(&Self) -> Result<T, JournalError> + Clone + Send + 'static,
	) -> Result<T, JournalError> {
		let mut pause = FIRST_PAUSE;
		loop {
			let (journal, attempt) = (self.clone(), work.clone());
			let done = tokio::task::spawn_blocking(move || attempt(&journal)).await;
			match done.unwrap_or(Err(JournalError::Crashed)) {
				Err(error) if error.may_pass() => {
					tracing::error!(%error, "nothing can be recorded, trying again: is the disk full?");
					tokio::time::sleep(pause).await;
					pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
				}
				result => return result,
			}
		}
	}
}

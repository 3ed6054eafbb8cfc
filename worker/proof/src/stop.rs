//! When an answer ends. Miners and verifiers use the same rule.

use crate::{ComputeError, Facts};
use infergrid_checkpoint::StopMatcher;
use infergrid_primitives::{
	TokenId,
	request::{Finish, SamplingParams},
};

/// The rule for one answer.
#[derive(Debug)]
pub(crate) struct StopRule<'a> {
	eos: &'a [TokenId],
	matcher: Option<StopMatcher>,
	longest: usize,
}

impl<'a> StopRule<'a> {
	/// For an answer to `prompt` tokens, where a profile allows `context` tokens for both.
	pub(crate) fn new(
		facts: &Facts<'a>,
		params: &SamplingParams,
		prompt: usize,
		context: u32,
	) -> Result<Self, ComputeError> {
		params.validate().map_err(ComputeError::Params)?;
		let context = (context as usize).min(facts.context);
		let room = context.saturating_sub(prompt);
		if room == 0 {
			return Err(ComputeError::ContextFull {
				tokens: prompt + 1,
				context,
			});
		}
		let matcher = match (facts.tokenizer, params.stop.is_empty()) {
			(_, true) => None,
			(None, false) => return Err(ComputeError::NoTokenizer),
			(Some(tokenizer), false) => {
				let stops = params.stop.iter();
				let text = |stop: &_| String::from_utf8_lossy(stop).into_owned();
				Some(StopMatcher::new(
					tokenizer,
					stops.map(|stop| text(&stop[..])),
				))
			}
		};
		Ok(Self {
			eos: facts.eos,
			matcher,
			longest: (params.max_tokens as usize).min(room),
		})
	}

	/// Whether the answer ends with `token`, which makes it `length` tokens long.
	pub(crate) fn after(
		&mut self,
		token: TokenId,
		length: usize,
	) -> Result<Option<Finish>, ComputeError> {
		if self.eos.binary_search(&token).is_ok() {
			return Ok(Some(Finish::EndOfSequence));
		}
		if let Some(matcher) = &mut self.matcher
			&& matcher.push(token)?
		{
			return Ok(Some(Finish::StopString));
		}
		Ok((length >= self.longest).then_some(Finish::Length))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const FACTS: Facts<'_> = Facts {
		vocab: 10,
		hidden: 4,
		context: 8,
		eos: &[2, 7],
		tokenizer: None,
	};

	fn rule(max_tokens: u32, prompt: usize, context: u32) -> StopRule<'static> {
		StopRule::new(&FACTS, &SamplingParams::greedy(max_tokens), prompt, context).unwrap()
	}

	#[test]
	fn an_end_token_comes_before_the_length() {
		let mut rule = rule(3, 2, 8);
		assert_eq!(rule.after(5, 1).unwrap(), None);
		assert_eq!(rule.after(7, 2).unwrap(), Some(Finish::EndOfSequence));
		assert_eq!(rule.after(2, 3).unwrap(), Some(Finish::EndOfSequence));
		assert_eq!(rule.after(5, 3).unwrap(), Some(Finish::Length));
	}

	#[test]
	fn the_smallest_of_request_profile_and_model_is_the_longest_answer() {
		for (max_tokens, prompt, context, longest) in
			[(3, 2, 8, 3), (9, 2, 8, 6), (9, 2, 5, 3), (9, 2, 100, 6)]
		{
			let mut rule = rule(max_tokens, prompt, context);
			assert_eq!(rule.after(5, longest - 1).unwrap(), None);
			assert_eq!(rule.after(5, longest).unwrap(), Some(Finish::Length));
		}
	}

	#[test]
	fn requests_that_no_answer_can_follow_are_refused() {
		let greedy = SamplingParams::greedy(1);
		assert!(matches!(
			StopRule::new(&FACTS, &greedy, 5, 5),
			Err(ComputeError::ContextFull {
				tokens: 6,
				context: 5
			})
		));
		assert!(matches!(
			StopRule::new(&FACTS, &SamplingParams::greedy(0), 1, 5),
			Err(ComputeError::Params(_))
		));
		let mut stop = greedy;
		stop.stop
			.try_push(b"x".to_vec().try_into().unwrap())
			.unwrap();
		assert!(matches!(
			StopRule::new(&FACTS, &stop, 1, 5),
			Err(ComputeError::NoTokenizer)
		));
	}
}
